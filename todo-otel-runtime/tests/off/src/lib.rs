//! A user whose build has telemetry compiled out.

use todo_otel_runtime::{ErrorClass, Label, db_span, red_metrics, traced};

#[derive(Label)]
pub enum Source {
    Cli,
    #[label("file")]
    Import,
}

#[derive(Debug, ErrorClass)]
pub enum Error {
    #[error_class("not_found", expected)]
    Missing,
}

#[traced(name = "todo.add", attributes(todo.title = len(title)), keep(error), nonsense = 3)]
#[red_metrics(name = "todo", labels(source = source))]
#[db_span(system = sqlite, operation = "INSERT")]
pub fn add(title: &str, source: &Source) -> Result<usize, Error> {
    match source {
        Source::Cli => Ok(title.len()),
        Source::Import => Err(Error::Missing),
    }
}

pub struct Store;

#[traced]
impl Store {
    #[traced(skip)]
    pub const fn limit() -> u32 {
        3
    }

    pub async fn load(&self) -> u32 {
        Self::limit()
    }
}
