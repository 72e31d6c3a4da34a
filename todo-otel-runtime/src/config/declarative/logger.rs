//! `logger_provider` of the declarative file.

use std::time::Duration;

use super::{exporter, map::Map, tracer::batch};
use crate::config::{Config, Signal};

pub(super) fn apply(map: Option<Map>, config: &mut Config, origin: &mut impl FnMut(&str, &str)) -> Result<(), String> {
    config.logs.exporters.clear();
    config.logs.enabled = map.is_some();
    origin("{APP}_ENABLE_LOGS", "logger_provider");
    let Some(mut map) = map else { return Ok(()) };
    origin("OTEL_LOGS_EXPORTER", "logger_provider.processors");
    let processors = map.list("processors")?;
    if processors.is_empty() {
        return Err("logger_provider.processors: needs at least one member".into());
    }
    for (path, node) in processors {
        let (name, mut processor) = Map::new(&path, node)?.component()?;
        match name.as_str() {
            "batch" => {
                let batch = batch(&mut processor, Duration::from_secs(1))?;
                config.logs.schedule_delay = batch.schedule_delay;
                config.logs.max_queue_size = batch.max_queue_size;
                config.logs.max_export_batch_size = batch.max_export_batch_size;
                config.otlp[Signal::Logs as usize].export_timeout = batch.export_timeout;
            }
            "simple" => config.logs.schedule_delay = Duration::ZERO,
            "event_to_span_event_bridge/development" => {
                processor.finish()?;
                config.logs.events_to_span_events = true;
                continue;
            }
            _ => return Err(format!("{path}.{name}: unknown log record processor")),
        }
        exporter::apply(config, Signal::Logs, &mut processor)?;
        processor.finish()?;
    }
    if let Some(mut limits) = map.map("limits")? {
        if let Some(limit) = limits.u32("attribute_value_length_limit", 0)? {
            config.logs.value_length = limit;
        }
        if let Some(limit) = limits.u32("attribute_count_limit", 0)? {
            config.logs.attributes = limit;
        }
        limits.finish()?;
    }
    map.finish()
}
