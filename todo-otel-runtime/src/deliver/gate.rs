//! Where the OTLP exporters hand over their bodies. Accepts and never waits; headers of the exporter go no further.

use super::Delivery;
use crate::config::Signal;
use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError};
use std::{cell::Cell, panic::AssertUnwindSafe};

thread_local! {
    /// Items that reached a gate on this thread; how `Counted` sees what an exporter lost on the way.
    static REACHED: Cell<u64> = const { Cell::new(0) };
}

/// Items that reached a gate on this thread since the last call.
pub(crate) fn take_reached() -> u64 {
    REACHED.try_with(Cell::take).unwrap_or(0)
}

/// The HTTP client of one signal's exporter.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) delivery: Delivery,
    pub(crate) signal: Signal,
}

#[async_trait]
impl HttpClient for Gate {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let body = request.into_body();
        // A panic here would end the thread of the processor that called the exporter.
        let accepted = std::panic::catch_unwind(AssertUnwindSafe(|| self.delivery.take(self.signal, body)));
        let _ = REACHED.try_with(|reached| reached.set(reached.get() + accepted.as_ref().map_or(0, |a| a.items)));
        match accepted {
            Ok(accepted) if accepted.kept => Ok(http::Response::new(Bytes::new())),
            Ok(_) => Err("dropped and counted".into()),
            Err(_) => Err("delivery panicked".into()),
        }
    }
}
