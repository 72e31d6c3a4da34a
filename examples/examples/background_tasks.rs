//! Work that outlives its caller: a trace of its own that links to what caused it, in this process or through a table.
//! `cargo run -p todo-otel-examples --example background_tasks`

use std::collections::VecDeque;

use todo_otel_runtime::{Config, Role, config::Flags, propagation::JobCarrier, traced};

/// A row of the queue: the work, and the context of who asked for it.
struct Job {
    order: u64,
    cause: JobCarrier,
}

#[traced(name = "order.place", attributes(order.id = order))]
fn place(order: u64, queue: &mut VecDeque<Job>) -> tokio::task::JoinHandle<()> {
    enqueue(order, queue);
    tokio::spawn(thank(order))
}

#[traced(name = "enqueue invoice", kind = producer)]
fn enqueue(order: u64, queue: &mut VecDeque<Job>) {
    queue.push_back(Job { order, cause: JobCarrier::current() });
}

/// Begins a new trace when it is first polled; the caller's span is linked.
#[traced(name = "order.thank", detached, attributes(order.id = order))]
async fn thank(order: u64) {}

/// Another process, some hours later.
#[traced(name = "process invoice", kind = consumer, root, link = job.cause.context(), attributes(order.id = job.order))]
fn work(job: &Job) {}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags { trace: true, ..Flags::default() };
    let telemetry = todo_otel_runtime::init(Config::for_app("shop", Role::Cli).flags(flags).resolve())?;
    let mut queue = VecDeque::new();
    place(7, &mut queue).await?;
    queue.iter().for_each(work);
    println!("worked on {} jobs", queue.len());
    telemetry.shutdown();
    Ok(())
}
