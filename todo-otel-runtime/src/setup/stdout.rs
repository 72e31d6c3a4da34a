//! `otlp/stdout`: one OTLP JSON object per line on standard output, for who asks for it by name. The same encoders as for
//! the wire, and a last step that prints instead of sending.

use std::{io::Write, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, RetryPolicy, WithExportConfig, WithHttpConfig};
use opentelemetry_proto::tonic::collector::{
    logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{LogBatch, LogExporter},
    trace::SpanExporter,
};
use prost::Message;

use crate::{InitError, config::Signal};

/// Prints the body that the exporter of a signal encoded.
#[derive(Debug)]
struct Printer(Signal);

#[async_trait]
impl HttpClient for Printer {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let body = request.into_body();
        let line = match self.0 {
            Signal::Traces => serde_json::to_string(&ExportTraceServiceRequest::decode(body)?)?,
            Signal::Logs => serde_json::to_string(&ExportLogsServiceRequest::decode(body)?)?,
            Signal::Metrics => serde_json::to_string(&ExportMetricsServiceRequest::decode(body)?)?,
        };
        print(line);
        Ok(http::Response::new(Bytes::new()))
    }
}

/// A metrics request as a line.
pub(super) fn print_metrics(request: &ExportMetricsServiceRequest) {
    if let Ok(line) = serde_json::to_string(request) {
        print(line);
    }
}

fn print(mut line: String) {
    line.push('\n');
    // A reader that went away is nobody's problem here.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

pub(super) fn span_exporter() -> Result<impl SpanExporter + use<>, InitError> {
    let builder = opentelemetry_otlp::SpanExporter::builder().with_http();
    let builder = builder.with_shared_http_client(Arc::new(Printer(Signal::Traces)) as Arc<dyn HttpClient>);
    let builder = builder.with_protocol(Protocol::HttpBinary).with_endpoint("http://stdout/v1/traces");
    builder.with_retry_policy(RetryPolicy::disabled()).build().map_err(not_built)
}

pub(super) fn log_exporter() -> Result<impl LogExporter + use<>, InitError> {
    let builder = opentelemetry_otlp::LogExporter::builder().with_http();
    let builder = builder.with_shared_http_client(Arc::new(Printer(Signal::Logs)) as Arc<dyn HttpClient>);
    let builder = builder.with_protocol(Protocol::HttpBinary).with_endpoint("http://stdout/v1/logs");
    builder.with_retry_policy(RetryPolicy::disabled()).build().map_err(not_built)
}

fn not_built(error: opentelemetry_otlp::ExporterBuildError) -> InitError {
    InitError::Setting {
        setting: "otlp/stdout".to_owned(),
        problem: error.to_string(),
        hint: "report this: the exporter refused settings that the runtime made".to_owned(),
    }
}

/// Both get every batch; what the first one says counts.
#[derive(Debug)]
pub(super) struct Both<A, B>(pub A, pub B);

impl<A: LogExporter, B: LogExporter> LogExporter for Both<A, B> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let records: Vec<_> = batch.iter().collect();
        let first = self.0.export(LogBatch::new(&records)).await;
        let _ = self.1.export(LogBatch::new(&records)).await;
        first
    }

    fn shutdown_with_timeout(&self, timeout: std::time::Duration) -> OTelSdkResult {
        let _ = self.1.shutdown_with_timeout(timeout);
        self.0.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
        self.1.set_resource(resource);
    }
}
