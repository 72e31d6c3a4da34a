//! `meter_provider` of the declarative file.

use std::time::Duration;

use super::{exporter, map::Map, map::number, yaml::Node};
use crate::config::{Aggregation, Config, ExemplarFilter, Signal, ViewConfig};

pub(super) fn apply(map: Option<Map>, config: &mut Config, origin: &mut impl FnMut(&str, &str)) -> Result<(), String> {
    config.metrics.exporters.clear();
    config.metrics.enabled = map.is_some();
    origin("{APP}_ENABLE_METRICS", "meter_provider");
    let Some(mut map) = map else { return Ok(()) };
    origin("OTEL_METRICS_EXPORTER", "meter_provider.readers");
    let readers = map.list("readers")?;
    if readers.is_empty() {
        return Err("meter_provider.readers: needs at least one member".into());
    }
    for (path, node) in readers {
        let (name, mut reader) = Map::new(&path, node)?.component()?;
        match name.as_str() {
            "periodic" => {
                if let Some(interval) = reader.integer("interval", 1)? {
                    config.metrics.interval = Duration::from_millis(interval.unsigned_abs());
                }
                let timeout = reader.millis("timeout")?.unwrap_or(Duration::from_secs(30));
                config.otlp[Signal::Metrics as usize].export_timeout = (!timeout.is_zero()).then_some(timeout);
            }
            "pull" => {}
            _ => return Err(format!("{path}.{name}: unknown metric reader")),
        }
        exporter::apply(config, Signal::Metrics, &mut reader)?;
        if let Some(mut limits) = reader.map("cardinality_limits")? {
            if let Some(limit) = limits.usize("default", 1)? {
                config.metrics.cardinality_limit = limit;
            }
            limits.finish()?;
        }
        reader.finish()?;
    }
    for (path, node) in map.list("views")? {
        config.metrics.views.push(view(Map::new(&path, node)?)?);
    }
    let filters = [
        ("always_on", ExemplarFilter::AlwaysOn),
        ("always_off", ExemplarFilter::AlwaysOff),
        ("trace_based", ExemplarFilter::TraceBased),
    ];
    if let Some(filter) = map.choice("exemplar_filter", &filters)? {
        config.metrics.exemplar_filter = filter;
        origin("OTEL_METRICS_EXEMPLAR_FILTER", "meter_provider.exemplar_filter");
    }
    map.finish()
}

fn view(mut map: Map) -> Result<ViewConfig, String> {
    let mut view = ViewConfig::default();
    let path = map.path.clone();
    let mut selector = map.map("selector")?.ok_or_else(|| format!("{path}.selector: is missing"))?;
    view.instrument_name = selector.text("instrument_name")?;
    let kinds = [
        "counter",
        "gauge",
        "histogram",
        "observable_counter",
        "observable_gauge",
        "observable_up_down_counter",
        "up_down_counter",
    ];
    let kinds = kinds.map(|kind| (kind, kind));
    view.instrument_type = selector.choice("instrument_type", &kinds)?.map(str::to_owned);
    view.unit = selector.text("unit")?;
    view.meter_name = selector.text("meter_name")?;
    view.meter_version = selector.text("meter_version")?;
    view.meter_schema_url = selector.text("meter_schema_url")?;
    selector.finish()?;
    let mut stream = map.map("stream")?.ok_or_else(|| format!("{path}.stream: is missing"))?;
    view.name = stream.text("name")?;
    view.description = stream.text("description")?;
    view.cardinality_limit = stream.usize("aggregation_cardinality_limit", 1)?;
    view.aggregation = stream.map("aggregation")?.map(aggregation).transpose()?;
    if let Some(mut keys) = stream.map("attribute_keys")? {
        let included = texts(keys.list("included")?)?;
        view.included = (!included.is_empty()).then_some(included);
        view.excluded = texts(keys.list("excluded")?)?;
        keys.finish()?;
    }
    stream.finish()?;
    map.finish()?;
    Ok(view)
}

fn texts(members: Vec<(String, Node)>) -> Result<Vec<String>, String> {
    let text = |(path, node)| match node {
        Node::Text(text) => Ok(text),
        other => Err(format!("{path}: expected a text, found {}", other.kind())),
    };
    members.into_iter().map(text).collect()
}

fn aggregation(component: Map) -> Result<Aggregation, String> {
    let (name, mut settings) = component.component()?;
    let aggregation = match name.as_str() {
        "default" => Aggregation::Default,
        "drop" => Aggregation::Drop,
        "last_value" => Aggregation::LastValue,
        "sum" => Aggregation::Sum,
        "explicit_bucket_histogram" => {
            let given = settings.list("boundaries")?;
            let bounds: Option<Vec<f64>> = given.iter().map(|(_, node)| number(node)).collect();
            let bounds = bounds.filter(|bounds| bounds.windows(2).all(|pair| pair[0] < pair[1]));
            let bounds = bounds.ok_or_else(|| format!("{}.boundaries: expected numbers that rise", settings.path))?;
            settings.boolean("record_min_max")?;
            Aggregation::ExplicitBuckets((!bounds.is_empty()).then_some(bounds))
        }
        "base2_exponential_bucket_histogram" => {
            let max_size = settings.u32("max_size", 2)?.unwrap_or(160);
            let max_scale = settings.integer("max_scale", -10)?.unwrap_or(20);
            if max_scale > 20 {
                return Err(format!("{}.max_scale: must be at most 20", settings.path));
            }
            settings.boolean("record_min_max")?;
            Aggregation::Exponential { max_size, max_scale: i8::try_from(max_scale).unwrap_or(20) }
        }
        _ => return Err(format!("{}: unknown aggregation", settings.path)),
    };
    settings.finish()?;
    Ok(aggregation)
}
