use todo_otel_macros::traced;

#[traced(output(n = |v| 1))]
fn ids() -> impl Iterator<Item = u32> {
    0..3
}

#[traced(expected(_))]
fn run() -> ! {
    loop {}
}

fn main() {}
