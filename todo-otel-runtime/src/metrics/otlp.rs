//! The model as OTLP: an `ExportMetricsServiceRequest`.

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    metrics::v1::{self as proto, exemplar, metric, number_data_point},
    resource::v1::Resource,
};
use prost::Message;

use super::{
    model::{Attributes, Data, Exemplar, Num, PointTemporality, Snapshot, Value},
    resource::ResourceAttributes,
};

/// Encodes a snapshot as the body of an OTLP request; empty when there is no point.
pub fn encode(snapshot: &Snapshot, resource: &ResourceAttributes) -> Vec<u8> {
    if snapshot.is_empty() {
        return Vec::new();
    }
    request(snapshot, resource).encode_to_vec()
}

/// The request as a message.
pub(crate) fn request(snapshot: &Snapshot, resource: &ResourceAttributes) -> ExportMetricsServiceRequest {
    let scopes = snapshot.scopes.iter().map(|scope| proto::ScopeMetrics {
        scope: Some(InstrumentationScope {
            name: scope.name.clone().into_owned(),
            version: scope.version.clone().into_owned(),
            ..Default::default()
        }),
        metrics: scope
            .metrics
            .iter()
            .map(|metric| proto::Metric {
                name: metric.name.clone().into_owned(),
                description: metric.description.clone().into_owned(),
                unit: metric.unit.clone().into_owned(),
                metadata: Vec::new(),
                data: Some(data(&metric.data, snapshot.unix_ns)),
            })
            .collect(),
        schema_url: String::new(),
    });
    ExportMetricsServiceRequest {
        resource_metrics: vec![proto::ResourceMetrics {
            resource: Some(Resource {
                attributes: attributes(&resource.attributes),
                dropped_attributes_count: 0,
                entity_refs: Vec::new(),
            }),
            scope_metrics: scopes.collect(),
            schema_url: resource.schema_url.clone(),
        }],
    }
}

fn data(data: &Data, unix_ns: u64) -> metric::Data {
    match data {
        Data::Sum { monotonic, temporality, points, .. } => metric::Data::Sum(proto::Sum {
            data_points: points.iter().map(|point| number(point, unix_ns)).collect(),
            aggregation_temporality: aggregation(*temporality),
            is_monotonic: *monotonic,
        }),
        Data::Gauge(points) => metric::Data::Gauge(proto::Gauge {
            data_points: points.iter().map(|point| number(point, unix_ns)).collect(),
        }),
        Data::Histogram { temporality, bounds, points } => metric::Data::Histogram(proto::Histogram {
            data_points: points
                .iter()
                .map(|point| proto::HistogramDataPoint {
                    attributes: attributes(&point.attributes),
                    start_time_unix_nano: point.start_unix_ns,
                    time_unix_nano: point.unix_ns,
                    count: point.count(),
                    sum: Some(point.sum),
                    bucket_counts: point.buckets.clone(),
                    explicit_bounds: bounds.clone(),
                    exemplars: exemplars(&point.exemplars),
                    flags: 0,
                    min: None,
                    max: None,
                })
                .collect(),
            aggregation_temporality: aggregation(*temporality),
        }),
        Data::Exponential { temporality, points } => metric::Data::ExponentialHistogram(proto::ExponentialHistogram {
            data_points: points
                .iter()
                .map(|point| proto::ExponentialHistogramDataPoint {
                    attributes: attributes(&point.attributes),
                    start_time_unix_nano: point.start_unix_ns,
                    time_unix_nano: point.unix_ns,
                    count: point.count(),
                    sum: Some(point.sum),
                    scale: point.scale,
                    zero_count: point.zero_count,
                    positive: Some(proto::exponential_histogram_data_point::Buckets {
                        offset: point.offset,
                        bucket_counts: point.buckets.clone(),
                    }),
                    negative: None,
                    flags: 0,
                    exemplars: exemplars(&point.exemplars),
                    min: None,
                    max: None,
                    zero_threshold: 0.0,
                })
                .collect(),
            aggregation_temporality: aggregation(*temporality),
        }),
    }
}

fn aggregation(temporality: PointTemporality) -> i32 {
    match temporality {
        PointTemporality::Cumulative => proto::AggregationTemporality::Cumulative as i32,
        PointTemporality::Delta => proto::AggregationTemporality::Delta as i32,
    }
}

fn number(point: &super::model::Point, unix_ns: u64) -> proto::NumberDataPoint {
    proto::NumberDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start_unix_ns,
        time_unix_nano: if point.unix_ns == 0 { unix_ns } else { point.unix_ns },
        exemplars: exemplars(&point.exemplars),
        flags: 0,
        value: Some(match point.value {
            Num::Int(value) => number_data_point::Value::AsInt(value),
            Num::Float(value) => number_data_point::Value::AsDouble(value),
        }),
    }
}

/// Sorted by value, as receivers that walk bounds and exemplars side by side need them.
fn exemplars(exemplars: &[Exemplar]) -> Vec<proto::Exemplar> {
    let mut sorted: Vec<&Exemplar> = exemplars.iter().collect();
    sorted.sort_by(|a, b| a.value.total_cmp(&b.value));
    let ids = |exemplar: &Exemplar| match exemplar.trace {
        0 => (Vec::new(), Vec::new()),
        trace => (trace.to_be_bytes().to_vec(), exemplar.span.to_be_bytes().to_vec()),
    };
    let encode = |exemplar: &Exemplar| {
        let (trace_id, span_id) = ids(exemplar);
        proto::Exemplar {
            filtered_attributes: Vec::new(),
            time_unix_nano: exemplar.unix_ns,
            span_id,
            trace_id,
            value: Some(exemplar::Value::AsDouble(exemplar.value)),
        }
    };
    sorted.into_iter().map(encode).collect()
}

fn attributes(attributes: &Attributes) -> Vec<KeyValue> {
    let value = |value: &Value| match value {
        Value::Bool(value) => any_value::Value::BoolValue(*value),
        Value::Int(value) => any_value::Value::IntValue(*value),
        Value::Float(value) => any_value::Value::DoubleValue(*value),
        Value::Text(value) => any_value::Value::StringValue(value.clone().into_owned()),
    };
    let pair = |(key, v): &(super::model::Text, Value)| KeyValue {
        key: key.clone().into_owned(),
        value: Some(AnyValue { value: Some(value(v)) }),
        ..Default::default()
    };
    attributes.iter().map(pair).collect()
}
