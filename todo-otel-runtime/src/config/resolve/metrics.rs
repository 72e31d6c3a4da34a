//! Metrics: reader, temporality, exemplars, scrape endpoint, what a command does with its increments.

use std::time::Duration;

use crate::config::{
    CliMetrics, ExemplarFilter, MetricsConfig, Temporality,
    source::Layers,
    value::{millis, number, one_of},
};

use super::private_boolean;

pub(super) fn resolve(layers: &mut Layers) -> MetricsConfig {
    let filters = [
        ("always_on", ExemplarFilter::AlwaysOn),
        ("always_off", ExemplarFilter::AlwaysOff),
        ("trace_based", ExemplarFilter::TraceBased),
    ];
    let temporalities =
        [("cumulative", Temporality::Cumulative), ("delta", Temporality::Delta), ("lowmemory", Temporality::LowMemory)];
    let aggregations = [("explicit_bucket_histogram", false), ("base2_exponential_bucket_histogram", true)];
    let handovers = [("ledger", CliMetrics::Ledger), ("delta", CliMetrics::Delta), ("off", CliMetrics::Off)];
    let positive =
        |text: &str| millis(text).and_then(|d| if d.is_zero() { Err("must not be 0".into()) } else { Ok(d) });
    let mut choose = |text: &str| layers.parse(text, positive);
    let interval = choose("OTEL_METRIC_EXPORT_INTERVAL").unwrap_or(Duration::from_secs(60));
    MetricsConfig {
        enabled: private_boolean(layers, "{APP}_ENABLE_METRICS"),
        exporters: Vec::new(),
        interval,
        exemplar_filter: layers
            .parse("OTEL_METRICS_EXEMPLAR_FILTER", |text| one_of(text, &filters))
            .unwrap_or(ExemplarFilter::TraceBased),
        temporality: layers
            .parse("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", |text| one_of(text, &temporalities))
            .unwrap_or(Temporality::Cumulative),
        exponential_histograms: layers
            .parse("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", |text| one_of(text, &aggregations))
            .unwrap_or(false),
        cardinality_limit: 500,
        cli_metrics: layers.parse("{APP}_CLI_METRICS", |text| one_of(text, &handovers)).unwrap_or(CliMetrics::Ledger),
        prometheus_host: layers
            .parse("OTEL_EXPORTER_PROMETHEUS_HOST", |text| Ok(text.to_owned()))
            .unwrap_or_else(|| "localhost".to_owned()),
        prometheus_port: layers
            .parse("OTEL_EXPORTER_PROMETHEUS_PORT", |text| number(text, 0..=u16::MAX))
            .unwrap_or(8000),
        views: Vec::new(),
    }
}
