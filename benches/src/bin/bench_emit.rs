//! emit with an emitter that drops; `unsampled` is a filter that says no, `disabled` is never set up.

use todo_otel_benches::{black_box, cases, functions, mode, run};

functions!(plain = [#[emit::span("call")]], three = [#[emit::span("call", a, b, c)]], arguments = a b c);

#[emit::span("root")]
#[inline(never)]
fn under_root(calls: &dyn Fn()) {
    calls();
}

fn main() {
    let dropping = emit::emitter::from_fn(|event| {
        black_box(&event);
    });
    match mode().as_str() {
        "disabled" => (),
        "unsampled" => {
            let _ = emit::setup().emit_when(emit::filter::from_fn(|_| false)).emit_to(dropping).init();
        }
        _ => {
            let _ = emit::setup().emit_to(dropping).init();
        }
    }
    run("emit", cases!(under_root, |_| under_root(&|| ())), || ());
}
