//! Metrics of code that uses the OpenTelemetry API, in role `Service`: an SDK meter provider, made when somebody asks for
//! a meter, whose periodic reader hands what it collects to us; it leaves with our own metrics, by the same way.
//!
//! Limits: values are as old as the SDK's last collection (one interval at most; the last export asks once more); there are
//! no exemplars, since the SDK fills none; summaries and negative exponential buckets do not exist here; a metric exporter
//! of somebody else sees the SDK's instruments only, never ours.

use std::{
    sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    metrics::{Meter, MeterProvider},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{
        PeriodicReader, SdkMeterProvider, Temporality,
        data::{AggregatedMetrics, MetricData, ResourceMetrics},
        exporter::PushMetricExporter,
    },
};

use super::model::{
    Attributes, Data, ExponentialPoint, HistogramPoint, Metric, Num, Point, PointTemporality, Scope, Snapshot, Value,
};

/// What the SDK collected last.
static COLLECTED: Mutex<Vec<Scope>> = Mutex::new(Vec::new());
static SDK: OnceLock<SdkMeterProvider> = OnceLock::new();

fn collected() -> MutexGuard<'static, Vec<Scope>> {
    COLLECTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets the global meter provider. Nothing else happens until somebody asks it for a meter.
pub(crate) fn install(interval: Duration) {
    opentelemetry::global::set_meter_provider(Meters { interval });
}

/// Adds what the SDK collected last.
pub(crate) fn merge_into(snapshot: &mut Snapshot) {
    for scope in collected().iter() {
        let ours = snapshot.scope(&scope.name, &scope.version);
        for metric in &scope.metrics {
            super::merge::into_scope(ours, metric.clone());
        }
    }
}

/// Asks the SDK to collect once more, and waits so long and no longer: a callback may hang.
pub(crate) fn collect(limit: Duration) {
    let Some(sdk) = SDK.get() else { return };
    let (done, wait) = mpsc::channel();
    let work = move || {
        let _ = done.send(sdk.force_flush().is_ok());
    };
    if std::thread::Builder::new().name("otel-sdk-collect".into()).spawn(work).is_ok() {
        let _ = wait.recv_timeout(limit);
    }
}

/// The global meter provider of a service.
#[derive(Debug)]
struct Meters {
    interval: Duration,
}

impl MeterProvider for Meters {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> Meter {
        let made = SDK.get_or_init(|| {
            let reader = PeriodicReader::builder(Bridge).with_interval(self.interval).build();
            SdkMeterProvider::builder().with_reader(reader).build()
        });
        made.meter_with_scope(scope)
    }
}

/// The exporter that the SDK's reader pushes to.
#[derive(Debug)]
struct Bridge;

impl PushMetricExporter for Bridge {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let scopes = metrics.scope_metrics().map(|scope| Scope {
            name: scope.scope().name().to_owned().into(),
            version: scope.scope().version().unwrap_or_default().to_owned().into(),
            metrics: scope
                .metrics()
                .map(|metric| Metric {
                    name: metric.name().to_owned().into(),
                    unit: metric.unit().to_owned().into(),
                    description: metric.description().to_owned().into(),
                    data: match metric.data() {
                        AggregatedMetrics::F64(data) => convert(data, Num::Float),
                        AggregatedMetrics::I64(data) => convert(data, Num::Int),
                        AggregatedMetrics::U64(data) => {
                            convert(data, |value| Num::Int(i64::try_from(value).unwrap_or(i64::MAX)))
                        }
                    },
                })
                .collect(),
        });
        *collected() = scopes.collect();
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

fn convert<T: Copy>(data: &MetricData<T>, number: impl Fn(T) -> Num) -> Data {
    let temporality = PointTemporality::Cumulative;
    match data {
        MetricData::Sum(sum) => Data::Sum {
            monotonic: sum.is_monotonic(),
            temporality,
            observable: false,
            points: sum
                .data_points()
                .map(|point| Point {
                    attributes: attributes(point.attributes()),
                    start_unix_ns: unix_ns(sum.start_time()),
                    unix_ns: unix_ns(sum.time()),
                    value: number(point.value()),
                    exemplars: Vec::new(),
                })
                .collect(),
        },
        MetricData::Gauge(gauge) => Data::Gauge(
            gauge
                .data_points()
                .map(|point| Point {
                    attributes: attributes(point.attributes()),
                    start_unix_ns: 0,
                    unix_ns: unix_ns(gauge.time()),
                    value: number(point.value()),
                    exemplars: Vec::new(),
                })
                .collect(),
        ),
        MetricData::Histogram(histogram) => {
            let bounds = histogram.data_points().next().map(|point| point.bounds().collect());
            let point = |point: &opentelemetry_sdk::metrics::data::HistogramDataPoint<T>| HistogramPoint {
                attributes: attributes(point.attributes()),
                start_unix_ns: unix_ns(histogram.start_time()),
                unix_ns: unix_ns(histogram.time()),
                buckets: point.bucket_counts().collect(),
                sum: number(point.sum()).float(),
                exemplars: Vec::new(),
            };
            let points = histogram.data_points().map(point).collect();
            Data::Histogram { temporality, bounds: bounds.unwrap_or_default(), points }
        }
        MetricData::ExponentialHistogram(histogram) => {
            let point = |point: &opentelemetry_sdk::metrics::data::ExponentialHistogramDataPoint<T>| ExponentialPoint {
                attributes: attributes(point.attributes()),
                start_unix_ns: unix_ns(histogram.start_time()),
                unix_ns: unix_ns(histogram.time()),
                scale: i32::from(point.scale()),
                zero_count: point.zero_count(),
                offset: point.positive_bucket().offset(),
                buckets: point.positive_bucket().counts().collect(),
                sum: number(point.sum()).float(),
                exemplars: Vec::new(),
            };
            Data::Exponential { temporality, points: histogram.data_points().map(point).collect() }
        }
    }
}

fn unix_ns(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

fn attributes<'a>(pairs: impl Iterator<Item = &'a KeyValue>) -> Attributes {
    let mut all: Attributes = pairs
        .map(|pair| {
            let value = match &pair.value {
                opentelemetry::Value::Bool(value) => Value::Bool(*value),
                opentelemetry::Value::I64(value) => Value::Int(*value),
                opentelemetry::Value::F64(value) => Value::Float(*value),
                other => Value::Text(other.as_str().into_owned().into()),
            };
            (pair.key.as_str().to_owned().into(), value)
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instruments_of_the_opentelemetry_api_are_in_our_snapshot() {
        let meters = Meters { interval: Duration::from_secs(3600) };
        let meter = meters.meter_with_scope(InstrumentationScope::builder("foreign").with_version("3").build());
        let color = [KeyValue::new("color", "red")];
        meter.u64_counter("foreign.calls").with_unit("{call}").build().add(3, &color);
        meter.f64_histogram("foreign.time").with_boundaries(vec![1.0, 2.0]).build().record(1.5, &color);
        meter.i64_gauge("foreign.level").build().record(-7, &[]);
        collect(Duration::from_secs(10));

        let all = crate::metrics::snapshot();
        let Data::Sum { points, monotonic: true, .. } = &all.metric("foreign.calls").expect("collected").data else {
            panic!("a counter")
        };
        assert_eq!((points[0].value, points[0].attributes[0].0.as_ref()), (Num::Int(3), "color"));
        let Data::Histogram { points, bounds, .. } = &all.metric("foreign.time").expect("collected").data else {
            panic!("a histogram")
        };
        assert_eq!((bounds.as_slice(), points[0].buckets.as_slice()), (&[1.0, 2.0][..], &[0, 1, 0][..]));
        let Data::Gauge(points) = &all.metric("foreign.level").expect("collected").data else { panic!("a gauge") };
        assert_eq!(points[0].value, Num::Int(-7));
    }
}
