//! `tracer_provider` of the declarative file.

use std::time::Duration;

use super::{exporter, map::Map};
use crate::config::{Config, SamplerConfig, Signal};

pub(super) fn apply(map: Option<Map>, config: &mut Config, origin: &mut impl FnMut(&str, &str)) -> Result<(), String> {
    config.traces.exporters.clear();
    config.traces.enabled = map.is_some();
    origin("{APP}_ENABLE_TRACES", "tracer_provider");
    let Some(mut map) = map else { return Ok(()) };
    origin("OTEL_TRACES_EXPORTER", "tracer_provider.processors");
    let processors = map.list("processors")?;
    if processors.is_empty() {
        return Err("tracer_provider.processors: needs at least one member".into());
    }
    for (path, node) in processors {
        let (name, mut processor) = Map::new(&path, node)?.component()?;
        match name.as_str() {
            "batch" => {
                let batch = batch(&mut processor, Duration::from_secs(5))?;
                config.traces.schedule_delay = batch.schedule_delay;
                config.traces.max_queue_size = batch.max_queue_size;
                config.traces.max_export_batch_size = batch.max_export_batch_size;
                config.otlp[Signal::Traces as usize].export_timeout = batch.export_timeout;
            }
            "simple" => config.traces.schedule_delay = Duration::ZERO,
            _ => return Err(format!("{path}.{name}: unknown span processor")),
        }
        exporter::apply(config, Signal::Traces, &mut processor)?;
        processor.finish()?;
    }
    if let Some(mut limits) = map.map("limits")? {
        let own = &mut config.traces.limits;
        for (key, field) in [
            ("attribute_count_limit", &mut own.attributes),
            ("attribute_value_length_limit", &mut own.value_length),
            ("event_count_limit", &mut own.events),
            ("link_count_limit", &mut own.links),
            ("event_attribute_count_limit", &mut own.attributes_per_event),
            ("link_attribute_count_limit", &mut own.attributes_per_link),
        ] {
            if let Some(limit) = limits.u32(key, 0)? {
                *field = limit;
            }
        }
        limits.finish()?;
    }
    if let Some(component) = map.map("sampler")? {
        config.traces.sampler = sampler(component)?;
        origin("OTEL_TRACES_SAMPLER", "tracer_provider.sampler");
    }
    if let Some(component) = map.map("id_generator")? {
        let (name, settings) = component.component()?;
        if name != "random" {
            return Err(format!("tracer_provider.id_generator.{name}: unknown id generator"));
        }
        settings.finish()?;
    }
    map.finish()
}

/// What batches of spans and of log records have in common.
pub(super) struct Batch {
    pub schedule_delay: Duration,
    pub export_timeout: Option<Duration>,
    pub max_queue_size: usize,
    pub max_export_batch_size: usize,
}

pub(super) fn batch(map: &mut Map, default_delay: Duration) -> Result<Batch, String> {
    let path = map.at("max_export_batch_size");
    let max_queue_size = map.usize("max_queue_size", 1)?.unwrap_or(2048);
    let max_export_batch_size = map.usize("max_export_batch_size", 1)?;
    if max_export_batch_size.is_some_and(|size| size > max_queue_size) {
        return Err(format!("{path}: must not be larger than max_queue_size"));
    }
    let export_timeout = map.millis("export_timeout")?.unwrap_or(Duration::from_secs(30));
    Ok(Batch {
        schedule_delay: map.millis("schedule_delay")?.unwrap_or(default_delay),
        export_timeout: (!export_timeout.is_zero()).then_some(export_timeout),
        max_queue_size,
        max_export_batch_size: max_export_batch_size.unwrap_or_else(|| max_queue_size.min(512)),
    })
}

fn sampler(component: Map) -> Result<SamplerConfig, String> {
    let (name, mut settings) = component.component()?;
    let sampler = match name.as_str() {
        "always_on" => SamplerConfig::AlwaysOn,
        "always_off" => SamplerConfig::AlwaysOff,
        "trace_id_ratio_based" => SamplerConfig::Ratio(settings.ratio("ratio")?.unwrap_or(1.0)),
        "probability/development" => SamplerConfig::Probability(settings.ratio("ratio")?.unwrap_or(1.0)),
        "parent_based" => {
            let root = settings.map("root")?.map(sampler).transpose()?.unwrap_or(SamplerConfig::AlwaysOn);
            for (key, default) in [
                ("remote_parent_sampled", SamplerConfig::AlwaysOn),
                ("remote_parent_not_sampled", SamplerConfig::AlwaysOff),
                ("local_parent_sampled", SamplerConfig::AlwaysOn),
                ("local_parent_not_sampled", SamplerConfig::AlwaysOff),
            ] {
                let path = settings.at(key);
                let delegate = settings.map(key)?.map(sampler).transpose()?;
                if delegate.is_some_and(|delegate| delegate != default) {
                    return Err(format!("{path}: a decision other than the parent's is not supported"));
                }
            }
            SamplerConfig::ParentBased(Box::new(root))
        }
        _ => return Err(format!("{}: unknown sampler", settings.path)),
    };
    settings.finish()?;
    Ok(sampler)
}
