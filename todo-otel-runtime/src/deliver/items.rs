//! Counts and splits OTLP bodies by walking the protobuf framing; nothing is decoded.

use crate::config::Signal;
use bytes::Bytes;

/// Largest body in bytes before compression.
pub(crate) const MAX_BODY: usize = 1 << 20;
/// Most items of a body.
pub(crate) const MAX_ITEMS: usize = 4096;

/// One field of a message: its number, its payload when length-delimited, and tag and payload together.
struct Field<'a> {
    number: u64,
    payload: Option<&'a [u8]>,
    whole: &'a [u8],
}

/// Iterates over the fields of a message; yields `Err(())` once when the framing is broken.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, ()>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = field(self.0);
        self.0 = match &field {
            Ok(field) => &self.0[field.whole.len()..],
            Err(()) => &[],
        };
        Some(field)
    }
}

fn field(bytes: &[u8]) -> Result<Field<'_>, ()> {
    let (tag, mut at) = varint(bytes)?;
    let mut payload = None;
    let length = match tag & 7 {
        0 => varint(&bytes[at..])?.1,
        1 => 8,
        5 => 4,
        2 => {
            let (length, n) = varint(&bytes[at..])?;
            at += n;
            let length = usize::try_from(length).map_err(|_| ())?;
            payload = Some(bytes[at..].get(..length).ok_or(())?);
            length
        }
        _ => return Err(()),
    };
    Ok(Field { number: tag >> 3, payload, whole: bytes.get(..at.checked_add(length).ok_or(())?).ok_or(())? })
}

fn varint(bytes: &[u8]) -> Result<(u64, usize), ()> {
    let mut value = 0u64;
    for (i, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Ok((value, i + 1));
        }
    }
    Err(())
}

/// Spans, data points or log records in a body; `None` when its framing is broken.
pub(crate) fn count(signal: Signal, body: &[u8]) -> Option<u64> {
    let mut items = 0;
    for resource in children(body, &[1]) {
        for scope in children(resource.ok()?, &[2]) {
            for item in children(scope.ok()?, &[2]) {
                items += points(signal, item.ok()?)?;
            }
        }
    }
    Some(items)
}

fn points(signal: Signal, item: &[u8]) -> Option<u64> {
    if signal != Signal::Metrics {
        return Some(1);
    }
    let mut points = 0;
    for data in children(item, &[5, 7, 9, 10, 11]) {
        for point in children(data.ok()?, &[1]) {
            point.ok()?;
            points += 1;
        }
    }
    Some(points)
}

/// Payloads of the length-delimited fields with one of these numbers.
fn children<'a>(message: &'a [u8], numbers: &'static [u64]) -> impl Iterator<Item = Result<&'a [u8], ()>> {
    Fields(message).filter_map(move |field| match field {
        Err(()) => Some(Err(())),
        Ok(field) if numbers.contains(&field.number) => field.payload.map(Ok),
        Ok(_) => None,
    })
}

/// A body cut into bodies within [`MAX_BODY`] and [`MAX_ITEMS`], each with its number of items, and the items that
/// alone are too large. `None` when the framing is broken.
pub(crate) fn split(signal: Signal, body: &Bytes) -> Option<(Vec<(Bytes, u64)>, u64)> {
    let items = count(signal, body)?;
    if body.len() <= MAX_BODY && items <= MAX_ITEMS as u64 {
        return Some((vec![(body.clone(), items)], 0));
    }
    let mut parts = Parts::default();
    for resource in children(body, &[1]) {
        let resource = resource.ok()?;
        let resource_head = rest(resource, 2)?;
        for scope in children(resource, &[2]) {
            let scope = scope.ok()?;
            let scope_head = rest(scope, 2)?;
            for item in Fields(scope) {
                let item = item.ok()?;
                if let (2, Some(payload)) = (item.number, item.payload) {
                    parts.add(&resource_head, &scope_head, item.whole, points(signal, payload)?);
                }
            }
            parts.close_scope(&resource_head, &scope_head);
        }
    }
    parts.close();
    Some((parts.done, parts.too_large))
}

/// Everything of a message but one field.
fn rest(message: &[u8], number: u64) -> Option<Vec<u8>> {
    let mut rest = Vec::new();
    for field in Fields(message) {
        let field = field.ok()?;
        if field.number != number {
            rest.extend_from_slice(field.whole);
        }
    }
    Some(rest)
}

/// Tags and lengths of the two enclosing messages, generously.
const FRAMING: usize = 24;

#[derive(Default)]
struct Parts {
    done: Vec<(Bytes, u64)>,
    too_large: u64,
    body: Vec<u8>,
    body_items: u64,
    scope: Vec<u8>,
    scope_items: u64,
}

impl Parts {
    fn add(&mut self, resource: &[u8], scope: &[u8], item: &[u8], items: u64) {
        let head = resource.len() + scope.len() + FRAMING;
        if head + item.len() > MAX_BODY {
            self.too_large += items;
            return;
        }
        let size = self.body.len() + head + self.scope.len() + item.len();
        if size > MAX_BODY || self.body_items + self.scope_items + items > MAX_ITEMS as u64 {
            self.close_scope(resource, scope);
            self.close();
        }
        self.scope.extend_from_slice(item);
        self.scope_items += items;
    }

    fn close_scope(&mut self, resource: &[u8], scope: &[u8]) {
        if self.scope.is_empty() {
            return;
        }
        let mut scope_message = scope.to_vec();
        scope_message.append(&mut self.scope);
        let mut resource_message = resource.to_vec();
        put(&mut resource_message, 2, &scope_message);
        put(&mut self.body, 1, &resource_message);
        self.body_items += std::mem::take(&mut self.scope_items);
    }

    fn close(&mut self) {
        if !self.body.is_empty() {
            self.done.push((std::mem::take(&mut self.body).into(), std::mem::take(&mut self.body_items)));
        }
    }
}

/// Appends a length-delimited field with a number below 16.
fn put(to: &mut Vec<u8>, number: u8, payload: &[u8]) {
    to.push(number << 3 | 2);
    let mut length = payload.len();
    while length >= 0x80 {
        to.push(length as u8 | 0x80);
        length >>= 7;
    }
    to.push(length as u8);
    to.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::{
        collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
        common::v1::InstrumentationScope,
        metrics::v1::*,
        resource::v1::Resource,
        trace::v1::{ResourceSpans, ScopeSpans, Span},
    };
    use proptest::prelude::*;
    use prost::Message;

    fn trace(shape: &[Vec<Vec<usize>>]) -> ExportTraceServiceRequest {
        let mut id = 0u64;
        let mut span = |name: usize| {
            id += 1;
            Span { span_id: id.to_be_bytes().to_vec(), name: "x".repeat(name), ..Span::default() }
        };
        let resource_spans = shape
            .iter()
            .map(|scopes| ResourceSpans {
                resource: Some(Resource { dropped_attributes_count: 7, ..Resource::default() }),
                scope_spans: scopes
                    .iter()
                    .map(|spans| ScopeSpans {
                        scope: Some(InstrumentationScope { name: "scope".into(), ..Default::default() }),
                        spans: spans.iter().map(|n| span(*n)).collect(),
                        schema_url: "schema".into(),
                    })
                    .collect(),
                schema_url: "url".into(),
            })
            .collect();
        ExportTraceServiceRequest { resource_spans }
    }

    #[test]
    fn counts_points_of_every_kind_of_metric() {
        use metric::Data;
        let kinds = [
            Data::Gauge(Gauge { data_points: vec![NumberDataPoint::default(); 2] }),
            Data::Sum(Sum { data_points: vec![NumberDataPoint::default(); 3], ..Default::default() }),
            Data::Histogram(Histogram { data_points: vec![HistogramDataPoint::default(); 5], ..Default::default() }),
            Data::ExponentialHistogram(ExponentialHistogram {
                data_points: vec![ExponentialHistogramDataPoint::default(); 7],
                ..Default::default()
            }),
            Data::Summary(Summary { data_points: vec![SummaryDataPoint::default(); 11] }),
        ];
        let metrics = kinds.into_iter().map(|data| Metric { data: Some(data), ..Default::default() }).collect();
        let body = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                scope_metrics: vec![ScopeMetrics { metrics, ..Default::default() }],
                ..Default::default()
            }],
        };
        assert_eq!(count(Signal::Metrics, &body.encode_to_vec()), Some(28));
    }

    #[test]
    fn a_body_over_the_limit_is_cut_and_nothing_is_lost_or_changed() {
        let body = trace(&[vec![vec![300_000; 5], vec![10; 5000]], vec![vec![MAX_BODY + 1, 400_000, 900_000]]]);
        let (parts, too_large) = split(Signal::Traces, &body.encode_to_vec().into()).expect("well framed");
        assert_eq!(too_large, 1);
        let mut spans = Vec::new();
        for (part, items) in &parts {
            assert!(part.len() <= MAX_BODY && *items <= MAX_ITEMS as u64);
            assert_eq!(count(Signal::Traces, part), Some(*items));
            let part = ExportTraceServiceRequest::decode(part.clone()).expect("decodes");
            for resource in part.resource_spans {
                assert_eq!(resource.schema_url, "url");
                assert_eq!(resource.resource.expect("kept").dropped_attributes_count, 7);
                for scope in resource.scope_spans {
                    assert_eq!(
                        (scope.schema_url.as_str(), scope.scope.expect("kept").name.as_str()),
                        ("schema", "scope")
                    );
                    spans.extend(scope.spans);
                }
            }
        }
        let all = body.resource_spans.into_iter().flat_map(|r| r.scope_spans).flat_map(|s| s.spans);
        let expected: Vec<Span> = all.filter(|s| s.name.len() <= MAX_BODY).collect();
        assert!(spans == expected, "{} of {}", spans.len(), expected.len());
    }

    proptest! {
        #[test]
        fn counts_what_was_encoded(shape in prop::collection::vec(prop::collection::vec(prop::collection::vec(0usize..40, 0..6), 0..4), 0..4)) {
            let body = trace(&shape).encode_to_vec();
            let spans: usize = shape.iter().flatten().map(Vec::len).sum();
            prop_assert_eq!(count(Signal::Traces, &body), Some(spans as u64));
        }

        #[test]
        fn survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for signal in Signal::ALL {
                let _ = count(signal, &bytes);
                let _ = split(signal, &bytes.clone().into());
            }
        }
    }
}
