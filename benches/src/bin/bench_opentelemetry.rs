//! The plain OpenTelemetry API over the SDK's own tracer type; `disabled` is the global no-op provider.

macro_rules! over_tracer {
    ($module:ident, $tracer:ty) => {
        mod $module {
            use std::sync::OnceLock;

            use opentelemetry::{
                Context, ContextGuard, KeyValue,
                trace::{FutureExt, TraceContextExt, Tracer},
            };
            use todo_otel_benches::{Yield, black_box, body, body3, cases, run};

            static TRACER: OnceLock<$tracer> = OnceLock::new();

            fn tracer() -> &'static $tracer {
                TRACER.get().expect("set before the first call")
            }

            fn context(name: &'static str) -> Context {
                Context::current_with_span(tracer().start(name))
            }

            fn context3(name: &'static str, a: i64, b: &str, c: bool) -> Context {
                let attributes = vec![KeyValue::new("a", a), KeyValue::new("b", b.to_owned()), KeyValue::new("c", c)];
                Context::current_with_span(tracer().span_builder(name).with_attributes(attributes).start(tracer()))
            }

            #[inline(never)]
            fn f0(x: u64) -> u64 {
                let _guard = context("f0").attach();
                body(x)
            }

            #[inline(never)]
            fn f3(a: i64, b: &str, c: bool) -> u64 {
                let _guard = context3("f3", a, b, c).attach();
                body3(a, b, c)
            }

            #[inline(never)]
            async fn a0(x: u64) -> u64 {
                async move { body(x) }.with_context(context("a0")).await
            }

            #[inline(never)]
            async fn a1(x: u64) -> u64 {
                let suspended = async move {
                    Yield(false).await;
                    body(x)
                };
                suspended.with_context(context("a1")).await
            }

            #[inline(never)]
            async fn a3(a: i64, b: &str, c: bool) -> u64 {
                let context = context3("a3", a, b, c);
                async move { body3(a, b, c) }.with_context(context).await
            }

            #[inline(never)]
            fn n1(x: u64) -> u64 {
                fn nest(depth: u32, x: u64) -> u64 {
                    let _guard: ContextGuard = context("n").attach();
                    if depth == 1 { body(x) } else { black_box(nest as fn(u32, u64) -> u64)(depth - 1, body(x)) }
                }
                nest(10, x)
            }

            fn under_root(calls: &dyn Fn()) {
                let _guard = context("root").attach();
                calls();
            }

            pub fn measure(tracer: $tracer, flush: impl Fn()) {
                assert!(TRACER.set(tracer).is_ok(), "one tracer per process");
                run("opentelemetry", cases!(under_root, |_| under_root(&|| ())), flush);
            }
        }
    };
}

over_tracer!(sdk, opentelemetry_sdk::trace::SdkTracer);
over_tracer!(no_op, opentelemetry::global::BoxedTracer);

fn main() {
    use opentelemetry::trace::TracerProvider;

    if todo_otel_benches::mode() == "disabled" {
        no_op::measure(opentelemetry::global::tracer("bench"), || ());
        return;
    }
    let provider = todo_otel_benches::dropping::provider();
    sdk::measure(provider.tracer("bench"), || {
        provider.force_flush().expect("the dropping exporter accepts everything");
    });
}
