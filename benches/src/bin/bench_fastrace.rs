//! fastrace with a reporter that drops; `disabled` has no local root.

use fastrace::{
    collector::{Config, Reporter, SpanRecord},
    prelude::*,
};
use todo_otel_benches::{black_box, cases, functions, mode, run};

functions!(plain = [#[trace]], three = [#[trace(properties = { "a": "{a}", "b": "{b}", "c": "{c}" })]], arguments = a b c);

struct Dropping;

impl Reporter for Dropping {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        drop(black_box(spans));
    }
}

fn under_root(calls: &dyn Fn()) {
    let root = Span::root("root", SpanContext::random().sampled(mode_is_sampled()));
    let _guard = root.set_local_parent();
    calls();
}

fn mode_is_sampled() -> bool {
    static SAMPLED: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| mode() != "unsampled");
    *SAMPLED
}

fn main() {
    fastrace::set_reporter(Dropping, Config::default());
    if mode() == "disabled" {
        run("fastrace", cases!(|calls: &dyn Fn()| calls(), |_| ()), || ());
    } else {
        run("fastrace", cases!(under_root, |_| under_root(&|| ())), fastrace::flush);
    }
}
