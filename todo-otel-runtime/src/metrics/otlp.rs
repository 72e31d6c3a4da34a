//! The model as OTLP: an `ExportMetricsServiceRequest`.

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    metrics::v1::{self as proto, exemplar, metric, number_data_point},
    resource::v1::Resource,
};
use prost::Message;

use super::{
    model::{
        Attributes, Data, Exemplar, ExponentialPoint, HistogramPoint, Metric, Num, Point, PointTemporality, Scope,
        Snapshot, Value,
    },
    resource::ResourceAttributes,
};

/// Encodes a snapshot as the body of an OTLP request; empty when there is no point.
pub fn encode(snapshot: &Snapshot, resource: &ResourceAttributes) -> Vec<u8> {
    if snapshot.is_empty() {
        return Vec::new();
    }
    request(snapshot, resource).encode_to_vec()
}

/// Encodes several resources as one body; empty when there is no point.
pub(crate) fn encode_groups(groups: &[(ResourceAttributes, Snapshot)]) -> Vec<u8> {
    if groups.iter().all(|(_, snapshot)| snapshot.is_empty()) {
        return Vec::new();
    }
    groups_request(groups).encode_to_vec()
}

pub(crate) fn groups_request(groups: &[(ResourceAttributes, Snapshot)]) -> ExportMetricsServiceRequest {
    let resource_metrics = groups.iter().map(|(resource, snapshot)| resource_metrics(snapshot, resource));
    ExportMetricsServiceRequest { resource_metrics: resource_metrics.collect() }
}

/// The request as a message.
pub(crate) fn request(snapshot: &Snapshot, resource: &ResourceAttributes) -> ExportMetricsServiceRequest {
    ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics(snapshot, resource)] }
}

fn resource_metrics(snapshot: &Snapshot, resource: &ResourceAttributes) -> proto::ResourceMetrics {
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
    proto::ResourceMetrics {
        resource: Some(Resource {
            attributes: attributes(&resource.attributes),
            dropped_attributes_count: 0,
            entity_refs: Vec::new(),
        }),
        scope_metrics: scopes.collect(),
        schema_url: resource.schema_url.clone(),
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
                    zero_threshold: f64::MIN_POSITIVE,
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

fn number(point: &Point, unix_ns: u64) -> proto::NumberDataPoint {
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

/// Decodes what [`encode`] wrote: metrics by resource. `None`: not such a message.
pub fn decode(body: &[u8]) -> Option<Vec<(ResourceAttributes, Snapshot)>> {
    Some(decoded(ExportMetricsServiceRequest::decode(body).ok()?))
}

/// The message as the model.
pub(crate) fn decoded(request: ExportMetricsServiceRequest) -> Vec<(ResourceAttributes, Snapshot)> {
    let group = |group: proto::ResourceMetrics| {
        let attributes = group.resource.map(|resource| from_pairs(resource.attributes)).unwrap_or_default();
        let scopes = group.scope_metrics.into_iter().map(|scope| {
            let (name, version) = scope.scope.map(|scope| (scope.name, scope.version)).unwrap_or_default();
            let metrics = scope.metrics.into_iter().filter_map(|metric| {
                Some(Metric {
                    name: metric.name.into(),
                    unit: metric.unit.into(),
                    description: metric.description.into(),
                    data: from_data(metric.data?)?,
                })
            });
            Scope { name: name.into(), version: version.into(), metrics: metrics.collect() }
        });
        let snapshot = Snapshot { unix_ns: 0, scopes: scopes.collect() };
        (ResourceAttributes { attributes, schema_url: group.schema_url }, snapshot)
    };
    request.resource_metrics.into_iter().map(group).collect()
}

fn from_data(data: metric::Data) -> Option<Data> {
    Some(match data {
        metric::Data::Sum(sum) => Data::Sum {
            monotonic: sum.is_monotonic,
            temporality: from_aggregation(sum.aggregation_temporality),
            observable: false,
            points: sum.data_points.into_iter().filter_map(from_number).collect(),
        },
        metric::Data::Gauge(gauge) => Data::Gauge(gauge.data_points.into_iter().filter_map(from_number).collect()),
        metric::Data::Histogram(histogram) => {
            let bounds = histogram.data_points.first()?.explicit_bounds.clone();
            let same = |point: &proto::HistogramDataPoint| {
                point.explicit_bounds == bounds && point.bucket_counts.len() == bounds.len() + 1
            };
            let point = |point: proto::HistogramDataPoint| HistogramPoint {
                attributes: from_pairs(point.attributes),
                start_unix_ns: point.start_time_unix_nano,
                unix_ns: point.time_unix_nano,
                buckets: point.bucket_counts,
                sum: point.sum.unwrap_or_default(),
                exemplars: point.exemplars.into_iter().map(from_exemplar).collect(),
            };
            Data::Histogram {
                temporality: from_aggregation(histogram.aggregation_temporality),
                points: histogram.data_points.into_iter().filter(same).map(point).collect(),
                bounds,
            }
        }
        metric::Data::ExponentialHistogram(histogram) => {
            let point = |point: proto::ExponentialHistogramDataPoint| {
                let positive = point.positive.unwrap_or_default();
                ExponentialPoint {
                    attributes: from_pairs(point.attributes),
                    start_unix_ns: point.start_time_unix_nano,
                    unix_ns: point.time_unix_nano,
                    scale: point.scale,
                    zero_count: point.zero_count,
                    offset: positive.offset,
                    buckets: positive.bucket_counts,
                    sum: point.sum.unwrap_or_default(),
                    exemplars: point.exemplars.into_iter().map(from_exemplar).collect(),
                }
            };
            Data::Exponential {
                temporality: from_aggregation(histogram.aggregation_temporality),
                points: histogram.data_points.into_iter().map(point).collect(),
            }
        }
        metric::Data::Summary(_) => return None,
    })
}

fn from_aggregation(temporality: i32) -> PointTemporality {
    match temporality {
        t if t == proto::AggregationTemporality::Delta as i32 => PointTemporality::Delta,
        _ => PointTemporality::Cumulative,
    }
}

fn from_number(point: proto::NumberDataPoint) -> Option<Point> {
    Some(Point {
        attributes: from_pairs(point.attributes),
        start_unix_ns: point.start_time_unix_nano,
        unix_ns: point.time_unix_nano,
        value: match point.value? {
            number_data_point::Value::AsInt(value) => Num::Int(value),
            number_data_point::Value::AsDouble(value) => Num::Float(value),
        },
        exemplars: point.exemplars.into_iter().map(from_exemplar).collect(),
    })
}

fn from_exemplar(exemplar: proto::Exemplar) -> Exemplar {
    Exemplar {
        value: match exemplar.value {
            Some(exemplar::Value::AsDouble(value)) => value,
            Some(exemplar::Value::AsInt(value)) => value as f64,
            None => 0.0,
        },
        unix_ns: exemplar.time_unix_nano,
        trace: exemplar.trace_id.try_into().map(u128::from_be_bytes).unwrap_or_default(),
        span: exemplar.span_id.try_into().map(u64::from_be_bytes).unwrap_or_default(),
    }
}

fn from_pairs(pairs: Vec<KeyValue>) -> Attributes {
    let pair = |pair: KeyValue| {
        let value = match pair.value?.value? {
            any_value::Value::BoolValue(value) => Value::Bool(value),
            any_value::Value::IntValue(value) => Value::Int(value),
            any_value::Value::DoubleValue(value) => Value::Float(value),
            any_value::Value::StringValue(value) => Value::Text(value.into()),
            _ => return None,
        };
        Some((pair.key.into(), value))
    };
    pairs.into_iter().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        let exemplar = |value: f64, trace| Exemplar { value, unix_ns: 5, trace, span: trace as u64 };
        let attributes: Attributes = vec![
            ("a".into(), Value::Text("x".into())),
            ("b".into(), Value::Bool(true)),
            ("c".into(), Value::Int(-3)),
            ("d".into(), Value::Float(0.5)),
        ];
        let point =
            |value| Point { attributes: attributes.clone(), start_unix_ns: 1, unix_ns: 2, value, exemplars: vec![] };
        let histogram = HistogramPoint {
            attributes: attributes.clone(),
            start_unix_ns: 1,
            unix_ns: 2,
            buckets: vec![1, 0, 2],
            sum: 1.5,
            exemplars: vec![exemplar(0.5, 7), exemplar(9.0, 1 << 127)],
        };
        let exponential = ExponentialPoint {
            attributes: attributes.clone(),
            start_unix_ns: 1,
            unix_ns: 2,
            scale: 3,
            zero_count: 1,
            offset: -4,
            buckets: vec![1, 2],
            sum: 2.0,
            exemplars: vec![],
        };
        let temporality = PointTemporality::Delta;
        let data = [
            Data::Sum { monotonic: true, temporality, observable: false, points: vec![point(Num::Int(4))] },
            Data::Gauge(vec![point(Num::Float(-0.5))]),
            Data::Histogram { temporality, bounds: vec![1.0, 2.0], points: vec![histogram] },
            Data::Exponential { temporality, points: vec![exponential] },
        ];
        let metrics = data.into_iter().enumerate().map(|(i, data)| Metric {
            name: format!("m{i}").into(),
            unit: "s".into(),
            description: "d".into(),
            data,
        });
        Snapshot {
            unix_ns: 0,
            scopes: vec![Scope { name: "acme".into(), version: "1".into(), metrics: metrics.collect() }],
        }
    }

    #[test]
    fn what_was_encoded_is_what_is_decoded() {
        let mut resource = ResourceAttributes { schema_url: "https://example.org/1".into(), ..Default::default() };
        resource.set("service.name", "acme");
        let body = encode(&snapshot(), &resource);
        assert_eq!(decode(&body), Some(vec![(resource, snapshot())]));
        assert_eq!(decode(b"no message"), None);
    }

    #[test]
    fn exemplars_leave_sorted_by_value_and_without_empty_ids() {
        let mut all = snapshot();
        let Data::Histogram { points, .. } = &mut all.scopes[0].metrics[2].data else { panic!("a histogram") };
        points[0].exemplars = vec![
            Exemplar { value: 2.0, unix_ns: 1, trace: 0, span: 0 },
            Exemplar { value: 1.0, unix_ns: 2, trace: 3, span: 4 },
        ];
        let request = request(&all, &ResourceAttributes::default());
        let Some(metric::Data::Histogram(histogram)) = &request.resource_metrics[0].scope_metrics[0].metrics[2].data
        else {
            panic!("a histogram")
        };
        let sent: Vec<_> =
            histogram.data_points[0].exemplars.iter().map(|e| (e.value, e.trace_id.len(), e.span_id.len())).collect();
        assert_eq!(sent, [(Some(exemplar::Value::AsDouble(1.0)), 16, 8), (Some(exemplar::Value::AsDouble(2.0)), 0, 0)]);
    }
}
