use todo_otel_macros::traced;

#[traced(err = on)]
fn add() -> Result<(), String> {
    Ok(())
}

fn main() {}
