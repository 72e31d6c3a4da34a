//! The way out in a build without OTLP: there is none.

use std::time::Instant;

use opentelemetry_sdk::{
    error::OTelSdkResult,
    logs::{LogBatch, LogExporter},
    trace::{SpanData, SpanExporter},
};

use crate::{Config, InitError, ShutdownReport, logs};

#[derive(Debug)]
pub(super) struct Sender;

impl Sender {
    pub fn new(_: &Config) -> Result<Self, InitError> {
        Ok(Self)
    }

    pub fn span_exporter(&self, _: &Config) -> Result<Option<impl SpanExporter + use<>>, InitError> {
        Ok(None::<Never>)
    }

    pub fn metrics_output(&self) -> Option<crate::metrics::pipeline::Output> {
        None
    }

    pub fn count_spans(&self, _: u64, _: u64) {}

    pub fn log_exporter(&self, _: &Config) -> Result<Option<impl LogExporter + use<>>, InitError> {
        Ok(None::<Never>)
    }

    pub fn count_logs(&self, _: &logs::Counts) {}

    pub fn flush(&self, _: Instant, _: &mut ShutdownReport) {}

    pub fn finish(&self, _: Instant, _: &mut ShutdownReport) {}
}

#[derive(Debug)]
enum Never {}

impl LogExporter for Never {
    async fn export(&self, _: LogBatch<'_>) -> OTelSdkResult {
        match *self {}
    }
}

impl SpanExporter for Never {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        match *self {}
    }
}
