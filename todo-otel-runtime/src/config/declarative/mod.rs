//! The declarative file of `OTEL_CONFIG_FILE`: the stable format of the specification, strictly. Given the same values it
//! makes the same configuration as the environment.
//!
//! Not supported and refused by name: several OTLP exporters of one signal, delegates of `parent_based` other than the
//! default ones, files as output of `otlp_file/development`, keys that end in `/development` beyond those read here.

mod exporter;
mod logger;
mod map;
mod meter;
mod tracer;
mod yaml;

use opentelemetry::{Array, StringValue, Value};

use self::{map::Map, yaml::Node};
use super::{Config, LevelFilter, Source, file, resolve::resource_pairs, source::Layers};

/// Settings of our own, under `distribution.<app>`.
const OWN: [&str; 21] = [
    "adaptive",
    "capture_ai_content",
    "cli_metrics",
    "destination_id",
    "detached_flush",
    "detectors",
    "durability",
    "exit_budget_ms",
    "exit_flush_ms",
    "job_context",
    "keep",
    "keep_last",
    "log_level",
    "log_sample",
    "n_plus_one",
    "propagate_to",
    "sites",
    "spool_max_age",
    "spool_max_bytes",
    "strict",
    "traces_per_second",
];

/// A file that was parsed, but not yet understood.
pub(super) struct Document {
    root: Map,
}

/// Reads the file and takes our own settings out of it into the layers.
pub(super) fn open(path: &str, layers: &mut Layers, app: &str) -> Result<Document, String> {
    let (text, _) = file::read(std::path::Path::new(path))?;
    parse(&text, layers, app)
}

fn parse(text: &str, layers: &mut Layers, app: &str) -> Result<Document, String> {
    let node = yaml::parse(text, &|name| layers.original(name).map(str::to_owned))?;
    let mut root = Map::new("", node)?;
    match root.text("file_format")? {
        Some(version) if version.starts_with("1.") => {}
        Some(_) => return Err("file_format: expected 1.x".into()),
        None => return Err("file_format: is missing; write file_format: \"1.0\"".into()),
    }
    if let Some(mut distribution) = root.map("distribution")?
        && let Some(own) = distribution.map(app)?
    {
        let path = own.path.clone();
        for (key, node) in own.rest() {
            if !OWN.contains(&key.as_str()) {
                return Err(format!("{path}.{key}: unknown key"));
            }
            let text = scalar(&node).ok_or_else(|| format!("{path}.{key}: expected a text, number or boolean"))?;
            layers.file.insert(format!("observability.{key}"), text);
        }
    }
    layers.declarative = true;
    Ok(Document { root })
}

/// A scalar, or a list of them, as the text the environment would hold.
fn scalar(node: &Node) -> Option<String> {
    match node {
        Node::Null => Some(String::new()),
        Node::Bool(flag) => Some(flag.to_string()),
        Node::Int(number) => Some(number.to_string()),
        Node::Float(number) => Some(number.to_string()),
        Node::Text(text) => Some(text.clone()),
        Node::List(members) => Some(members.iter().map(scalar).collect::<Option<Vec<_>>>()?.join(",")),
        Node::Map(_) => None,
    }
}

/// Puts what the file says over the defaults.
pub(super) fn apply(document: Document, config: &mut Config, layers: &mut Layers) -> Result<(), String> {
    let Document { mut root } = document;
    let mut origin = |setting: &str, key: &str| layers.origin(setting, Source::Declarative(key.to_owned()));
    if root.boolean("disabled")?.unwrap_or(false) {
        config.enabled = false;
        origin("OTEL_SDK_DISABLED", "disabled");
    }
    if let Some(level) = root.text("log_level")? {
        config.self_log_level = log_level(&level)?;
        origin("OTEL_LOG_LEVEL", "log_level");
    }
    if let Some(map) = root.map("resource")? {
        resource(map, config)?;
        origin("OTEL_RESOURCE_ATTRIBUTES", "resource");
    }
    let limits = match root.map("attribute_limits")? {
        Some(mut map) => {
            let limits = Limits {
                length: map.u32("attribute_value_length_limit", 0)?,
                count: map.u32("attribute_count_limit", 0)?,
            };
            if let Some(depth) = map.u32("attribute_value_depth_limit", 0)? {
                config.logs.value_depth = depth;
            }
            map.finish()?;
            origin("OTEL_ATTRIBUTE_COUNT_LIMIT", "attribute_limits");
            limits
        }
        None => Limits::default(),
    };
    limits.apply(config);
    (config.propagation.trace_context, config.propagation.baggage) = match root.map("propagator")? {
        Some(map) => propagator(map)?,
        None => (false, false),
    };
    origin("OTEL_PROPAGATORS", "propagator");
    tracer::apply(root.map("tracer_provider")?, config, &mut origin)?;
    meter::apply(root.map("meter_provider")?, config, &mut origin)?;
    logger::apply(root.map("logger_provider")?, config, &mut origin)?;
    root.finish()
}

/// General limits; the format's default for lengths is none.
#[derive(Default)]
struct Limits {
    length: Option<u32>,
    count: Option<u32>,
}

impl Limits {
    fn apply(&self, config: &mut Config) {
        let length = self.length.unwrap_or(u32::MAX);
        config.traces.limits.value_length = length;
        config.logs.value_length = length;
        config.traces.limits.value_length_set = true;
        config.logs.value_length_set = true;
        if let Some(count) = self.count {
            config.traces.limits.attributes = count;
            config.logs.attributes = count;
        }
    }
}

fn log_level(text: &str) -> Result<LevelFilter, String> {
    let base = text.trim_end_matches(['2', '3', '4']);
    Ok(match base {
        "trace" => LevelFilter::Trace,
        "debug" => LevelFilter::Debug,
        "info" => LevelFilter::Info,
        "warn" => LevelFilter::Warn,
        "error" | "fatal" => LevelFilter::Error,
        _ => return Err("log_level: expected trace, debug, info, warn, error or fatal".into()),
    })
}

fn resource(mut map: Map, config: &mut Config) -> Result<(), String> {
    let mut attributes: Vec<(String, Value)> = Vec::new();
    for (path, node) in map.list("attributes")? {
        let mut entry = Map::new(&path, node)?;
        let name = entry.text("name")?.ok_or_else(|| format!("{path}.name: is missing"))?;
        let kind = entry.text("type")?;
        let value = entry.take("value").unwrap_or(Node::Null);
        entry.finish()?;
        let value = typed(&value, kind.as_deref().unwrap_or("string"));
        attributes.push((name, value.ok_or_else(|| format!("{path}.value: does not fit its type"))?));
    }
    if let Some(list) = map.text("attributes_list")? {
        let pairs = resource_pairs(&list).map_err(|problem| format!("resource.attributes_list: {problem}"))?;
        for (key, value) in pairs {
            if !attributes.iter().any(|(known, _)| *known == key) {
                attributes.push((key, value.into()));
            }
        }
    }
    if let Some(url) = map.text("schema_url")? {
        config.resource.schema_url = Some(url);
    }
    map.finish()?;
    // What the program set in code stays on top; its defaults stay below.
    let below = std::mem::take(&mut config.resource.attributes);
    let (code, defaults): (Vec<_>, Vec<_>) =
        below.into_iter().partition(|(key, _)| !matches!(key.as_str(), "service.name" | "service.version"));
    for (key, value) in code.into_iter().chain(attributes).chain(defaults) {
        if !config.resource.attributes.iter().any(|(known, _)| *known == key) {
            config.resource.attributes.push((key, value));
        }
    }
    Ok(())
}

fn typed(node: &Node, kind: &str) -> Option<Value> {
    Some(match (kind, node) {
        ("string", Node::Text(text)) => text.clone().into(),
        ("bool", Node::Bool(flag)) => (*flag).into(),
        ("int", Node::Int(number)) => (*number).into(),
        ("double", _) => map::number(node)?.into(),
        (_, Node::List(members)) => match kind {
            "string_array" => {
                let texts = members.iter().map(|node| match node {
                    Node::Text(text) => Some(StringValue::from(text.clone())),
                    _ => None,
                });
                Value::Array(Array::String(texts.collect::<Option<Vec<_>>>()?))
            }
            "bool_array" => {
                let flags = members.iter().map(|node| if let Node::Bool(flag) = node { Some(*flag) } else { None });
                Value::Array(Array::Bool(flags.collect::<Option<Vec<_>>>()?))
            }
            "int_array" => {
                let numbers =
                    members.iter().map(|node| if let Node::Int(number) = node { Some(*number) } else { None });
                Value::Array(Array::I64(numbers.collect::<Option<Vec<_>>>()?))
            }
            "double_array" => Value::Array(Array::F64(members.iter().map(map::number).collect::<Option<Vec<_>>>()?)),
            _ => return None,
        },
        _ => return None,
    })
}

/// Trace context, baggage.
fn propagator(mut map: Map) -> Result<(bool, bool), String> {
    let mut names = Vec::new();
    for (path, node) in map.list("composite")? {
        let (name, component) = Map::new(&path, node)?.component()?;
        component.finish()?;
        names.push(name);
    }
    if let Some(list) = map.text("composite_list")? {
        names.extend(super::value::list(&list));
    }
    map.finish()?;
    names.retain(|name| name != "none");
    match names.iter().find(|name| !matches!(name.as_str(), "tracecontext" | "baggage")) {
        Some(unknown) => Err(format!("propagator: `{unknown}` is not supported; use tracecontext and baggage")),
        None => {
            let has = |wanted: &str| names.iter().any(|name| name == wanted);
            Ok((has("tracecontext"), has("baggage")))
        }
    }
}

#[cfg(test)]
mod tests;
