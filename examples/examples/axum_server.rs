//! An HTTP server: the caller's context comes in with the headers and goes out with the request it makes itself.
//! `cargo run -p todo-otel-examples --example axum_server`

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{Path, State},
    http::HeaderMap,
    routing::get,
};
use todo_otel_runtime::{
    Config, Role,
    config::Flags,
    propagation::{RemoteContext, extract_headers, inject_headers},
    red_metrics, traced,
};
use tokio::net::TcpListener;

#[derive(Clone)]
struct Shop {
    client: reqwest::Client,
    stock: SocketAddr,
}

/// Context in: two lines, the same for every handler.
fn caller(headers: &HeaderMap) -> Option<RemoteContext> {
    extract_headers(|name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>())
}

#[traced(
    name = "GET /orders/{id}", kind = server, parent = caller(&headers),
    attributes(http.request.method = "GET", http.route = "/orders/{id}", order.id = id)
)]
#[red_metrics(name = "shop.http", labels(http.route = "/orders/{id}"))]
async fn order(headers: HeaderMap, State(shop): State<Shop>, Path(id): Path<u64>) -> Result<String, String> {
    let left = shop.left(id).await.map_err(|error| error.to_string())?;
    Ok(format!("order {id}: {left} left"))
}

impl Shop {
    #[traced(name = "GET", kind = client, attributes(http.request.method = "GET", server.address = "127.0.0.1"))]
    async fn left(&self, id: u64) -> Result<String, reqwest::Error> {
        // Context out: only to loopback and the hosts the configuration names.
        let mut headers = HeaderMap::new();
        inject_headers("127.0.0.1", |name, value| {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        });
        self.client.get(format!("http://{}/stock/{id}", self.stock)).headers(headers).send().await?.text().await
    }
}

/// Somebody else's service: says what context it was given.
async fn stock(headers: HeaderMap) -> String {
    println!("stock was asked with {:?}", headers["traceparent"]);
    "7".to_owned()
}

async fn serve(router: Router) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async { axum::serve(listener, router).await });
    Ok(address)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags { trace: true, ..Flags::default() };
    let telemetry = todo_otel_runtime::init(Config::for_app("shop", Role::Service).flags(flags).resolve())?;
    // One TLS provider for reqwest and the exporters.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build()?;
    let stock = serve(Router::new().route("/stock/{id}", get(stock))).await?;
    let shop = Router::new().route("/orders/{id}", get(order)).with_state(Shop { client: client.clone(), stock });
    let shop = serve(shop).await?;

    let request = client.get(format!("http://{shop}/orders/42"));
    let request = request.header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    println!("{}", request.send().await?.text().await?);
    telemetry.shutdown();
    Ok(())
}
