//! The model as Prometheus text: 0.0.4, and OpenMetrics 1.0 with exemplars.
//!
//! Not here: the server (`serve`). The formats know no exponential buckets, so such points are shown with explicit bounds.

mod name;
mod text;

pub use name::{label as label_name, metric_name};
pub use text::render;

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// What an `Accept` header asks for: OpenMetrics when it names it with a weight of at least that of plain text.
    pub fn accepted(accept: &str) -> Format {
        let weight = |kind: &str| {
            accept.split(',').filter(|part| part.trim().starts_with(kind)).find_map(|part| {
                let q = part.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
                q.map_or(Some(1.0), |q| q.trim().parse::<f64>().ok())
            })
        };
        match weight("application/openmetrics-text") {
            Some(asked) if asked > 0.0 && asked >= weight("text/plain").unwrap_or(0.0) => Format::OpenMetrics,
            _ => Format::Text,
        }
    }

    /// Value of the header `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}
