// an error in the body is where it was written, and the only one
use todo_otel_runtime::traced;

#[traced]
fn add(n: u32) -> Result<u32, String> {
    let text: u32 = "three";
    Ok(n + text)
}

#[traced]
async fn list() -> Vec<u32> {
    String::new()
}

fn main() {
    let _ = add(1);
    drop(list());
}
