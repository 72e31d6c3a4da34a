//! autometrics over its OpenTelemetry backend: metrics only, no span.

use autometrics::autometrics;
use autometrics_opentelemetry as opentelemetry;
use autometrics_opentelemetry_sdk::metrics::{ManualReader, SdkMeterProvider};
use todo_otel_benches::{cases, functions, run};

functions!(plain = [#[autometrics]], three = [#[autometrics]], arguments = a b c);

#[autometrics]
#[inline(never)]
fn under_root(calls: &dyn Fn()) {
    calls();
}

fn main() {
    opentelemetry::global::set_meter_provider(
        SdkMeterProvider::builder().with_reader(ManualReader::builder().build()).build(),
    );
    run("autometrics", cases!(under_root, |_| under_root(&|| ())), || ());
}
