//! The up-down counter of running calls, in the role that keeps one: back at zero however a call ends.

use std::panic::{AssertUnwindSafe, catch_unwind};

use todo_otel_runtime::{
    Config, Role, Telemetry,
    metrics::model::{Data, Num},
    red_metrics,
};

#[derive(Clone, Copy)]
enum Way {
    Ok,
    Broken,
    Panic,
}

fn leave(way: Way) -> Result<u32, String> {
    match way {
        Way::Ok => Ok(1),
        Way::Broken => Err(String::from("broken")),
        Way::Panic => panic!("inside"),
    }
}

fn block<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// How many calls run right now, in the whole process.
fn running(name: &str) -> Option<i64> {
    let snapshot = todo_otel_runtime::metrics::snapshot();
    let metric = snapshot.scopes.iter().flat_map(|scope| &scope.metrics).find(|metric| &*metric.name == name)?;
    let Data::Sum { points, .. } = &metric.data else { panic!("{metric:?}") };
    points.iter().map(|point| if let Num::Int(n) = point.value { Some(n) } else { None }).sum()
}

#[test]
fn the_gauge_counts_calls_that_run_and_is_back_at_zero_after_every_exit_path() {
    #[red_metrics(name = "proof.gauge", in_flight)]
    fn measured(look: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        look()
    }
    #[red_metrics(name = "proof.gauge.future", in_flight)]
    async fn future(way: Way) -> Result<u32, String> {
        tokio::task::yield_now().await;
        assert_eq!(running("proof.gauge.future.active"), Some(1));
        leave(way)
    }
    let env = [("OTEL_METRICS_EXPORTER", "prometheus")];
    let config = Config::for_app("acme", Role::Service).env(env).no_file().resolve();
    let telemetry = Telemetry::builder(config).init().expect("starts");
    std::panic::set_hook(Box::new(|panic| {
        if panic.payload_as_str() != Some("inside") {
            eprintln!("{panic}");
        }
    }));
    let look = || assert_eq!(running("proof.gauge.active"), Some(1));
    let calls: [&dyn Fn() -> Result<(), String>; 3] = [
        &|| {
            look();
            Ok(())
        },
        &|| {
            look();
            Err(String::from("broken"))
        },
        &|| {
            look();
            panic!("inside")
        },
    ];
    for call in calls {
        let _ = catch_unwind(AssertUnwindSafe(|| measured(call)));
        assert_eq!(running("proof.gauge.active"), Some(0));
    }
    for way in [Way::Ok, Way::Broken, Way::Panic] {
        let _ = catch_unwind(|| block(future(way)));
        assert_eq!(running("proof.gauge.future.active"), Some(0));
    }
    block(async {
        let mut cancelled = std::pin::pin!(future(Way::Ok));
        std::future::poll_fn(|cx| {
            assert!(cancelled.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        assert_eq!(running("proof.gauge.future.active"), Some(1));
    });
    drop(future(Way::Ok));
    assert_eq!(running("proof.gauge.future.active"), Some(0));
    drop(telemetry);
}
