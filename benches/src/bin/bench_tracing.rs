//! `tracing::instrument`; `disabled` has no subscriber, the others go through tracing-opentelemetry to the SDK.

use opentelemetry::trace::TracerProvider;
use todo_otel_benches::{cases, dropping, functions, mode, run};
use tracing_subscriber::prelude::*;

functions!(plain = [#[tracing::instrument(skip_all)]], three = [#[tracing::instrument]], arguments = a b c);

#[tracing::instrument(skip_all)]
#[inline(never)]
fn under_root(calls: &dyn Fn()) {
    calls();
}

fn main() {
    let provider = dropping::provider();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
    let registry = tracing_subscriber::registry();
    match mode().as_str() {
        "disabled" => (),
        "lean" => registry.with(layer.with_location(false).with_threads(false).with_tracked_inactivity(false)).init(),
        _ => registry.with(layer).init(),
    }
    run("tracing", cases!(under_root, |_| under_root(&|| ())), || {
        provider.force_flush().expect("the dropping exporter accepts everything");
    });
}
