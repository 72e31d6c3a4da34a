//! What tests of delivery stand on: an OTLP receiver that keeps everything it gets, scripted replies, a faulty TCP
//! proxy. Shares no code with what it tests.
//!
//! ```no_run
//! use otlp_test_support::{Receiver, Reply};
//! use std::time::Duration;
//!
//! let receiver = Receiver::start();
//! receiver.script([Reply::status(503).header("retry-after", "1")]); // then 200 again
//! // ... run something with OTEL_EXPORTER_OTLP_ENDPOINT = receiver.http_url() ...
//! assert!(receiver.wait_for(|seen| seen.spans().len() == 7, Duration::from_secs(2)));
//! ```

pub mod fuzz;
mod not_run;
pub mod peer;
pub mod postgres;
mod proxy;
mod receiver;
mod reply;
mod seen;

pub use not_run::not_run;
pub use opentelemetry_proto;
pub use proxy::{Fault, Proxy};
pub use receiver::Receiver;
pub use reply::Reply;
pub use seen::{Decoded, Received, Seen, Signal, Transport, attribute, hex};
