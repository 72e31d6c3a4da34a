use todo_otel_macros::{red_metrics, traced};

#[traced(attributes(user.password = text))]
fn add(text: &str) {}

#[red_metrics(labels(api_key = "x"))]
fn edit() {}

#[traced(baggage(session.token = "x"))]
fn get() {}

fn main() {}
