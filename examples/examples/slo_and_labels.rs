//! Labels of bounded variety, a service level objective beside the code it is about, and the page Prometheus reads.
//! `cargo run -p todo-otel-examples --example slo_and_labels`

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use todo_otel_runtime::{
    Config, Label, Role,
    catalogue::{Format, render},
    metrics::counter,
    red_metrics,
};

#[derive(Clone, Copy, Label)]
enum Payment {
    Card,
    #[label("on_account")]
    Account,
}

counter! {
    /// A business figure beside the calls.
    static ITEMS_SOLD: u64 = "shop.items.sold", unit = "{item}", labels = { "shop.payment": Payment };
}

// 99.5 % succeed, 95 % within one second; each limit is a bound of the histogram.
#[red_metrics(
    name = "shop.checkout", labels(shop.payment = payment), buckets(0.1, 0.5, 1.0, 5.0),
    objective(success = 99.5, latency = "1s" @ 95)
)]
fn checkout(items: u64, payment: Payment) -> Result<(), &'static str> {
    if items == 0 {
        return Err("nothing to sell");
    }
    ITEMS_SOLD.add(items, (payment,));
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The port that is free; by default 9464.
    let settings = [("OTEL_METRICS_EXPORTER", "prometheus"), ("OTEL_EXPORTER_PROMETHEUS_PORT", "0")];
    let config = Config::for_app("shop", Role::Service).env(settings).no_file().resolve();
    let telemetry = todo_otel_runtime::init(config)?;
    let _ = (checkout(2, Payment::Card), checkout(5, Payment::Account), checkout(0, Payment::Card));

    let mut scrape = TcpStream::connect(telemetry.serve()?)?;
    scrape.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    scrape.read_to_string(&mut page)?;
    for line in page.lines().filter(|line| line.starts_with("shop_") && !line.contains("_sum") && !line.contains("le="))
    {
        println!("{line}");
    }
    println!("the objective in the catalogue, from which alerts are made:");
    let figures = ["success_percent", "latency_percent", "latency_seconds"];
    for line in render(Format::Json).lines().filter(|line| figures.iter().any(|figure| line.contains(figure))) {
        println!("{}", line.trim());
    }
    telemetry.shutdown();
    Ok(())
}
