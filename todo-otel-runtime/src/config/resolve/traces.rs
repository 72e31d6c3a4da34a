//! Spans: sampler, tail rules, limits, batches, call sites.

use std::time::Duration;

use crate::config::{
    KeepConfig, SamplerConfig, SiteMode, Source, SpanLimits, TracesConfig,
    source::Layers,
    value::{boolean, list, millis, number},
};

use super::private_boolean;

pub(super) fn resolve(layers: &mut Layers) -> TracesConfig {
    let max_queue_size = layers.parse("OTEL_BSP_MAX_QUEUE_SIZE", |t| number(t, 1..=usize::MAX)).unwrap_or(2048);
    TracesConfig {
        enabled: private_boolean(layers, "{APP}_ENABLE_TRACES"),
        exporters: Vec::new(),
        sampler: sampler(layers),
        keep: layers
            .parse("{APP}_TRACE_KEEP", keep)
            .unwrap_or(KeepConfig { errors: true, slow: Some(Duration::from_secs(5)) }),
        traces_per_second: layers.parse("{APP}_TRACES_PER_SECOND", |t| number(t, 0..=u32::MAX)).unwrap_or(0),
        adaptive: layers.parse("{APP}_ADAPTIVE", boolean).unwrap_or(false),
        limits: limits(layers),
        schedule_delay: layers.parse("OTEL_BSP_SCHEDULE_DELAY", millis).unwrap_or(Duration::from_secs(5)),
        max_queue_size,
        max_export_batch_size: batch_size(layers, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", max_queue_size),
        sites: layers.parse("{APP}_OTEL_SITES", sites).unwrap_or_default(),
        n_plus_one: layers.parse("{APP}_N_PLUS_ONE", |t| number(t, 0..=u32::MAX)).unwrap_or(5),
    }
}

/// At least 1, at most the queue.
pub(super) fn batch_size(layers: &mut Layers, setting: &str, queue: usize) -> usize {
    layers.parse(setting, |text| number(text, 1..=queue)).unwrap_or_else(|| queue.min(512))
}

/// The program's rate in the environment, then the standard sampler, then the rate in the file.
fn sampler(layers: &mut Layers) -> SamplerConfig {
    const RATE: &str = "{APP}_TRACE_SAMPLE_RATE";
    let ratio = |text: &str| number(text, 0.0..=1.0);
    let parent_based = |root| SamplerConfig::ParentBased(Box::new(root));
    let (env, file): (Vec<_>, Vec<_>) =
        layers.candidates(RATE, None).into_iter().partition(|found| matches!(found.source, Source::Env(_)));
    if let Some(rate) = layers.take(RATE, RATE, env, ratio) {
        return parent_based(SamplerConfig::Ratio(rate));
    }
    let arg = layers.find("OTEL_TRACES_SAMPLER_ARG");
    let named = layers.parse("OTEL_TRACES_SAMPLER", |text| {
        let lower = text.to_ascii_lowercase();
        match lower.strip_prefix("parentbased_").unwrap_or(&lower) {
            "always_on" | "always_off" | "traceidratio" => Ok(lower),
            _ => Err("expected always_on, always_off, traceidratio, or one of these after parentbased_".into()),
        }
    });
    if let Some(name) = named {
        let root = match name.strip_prefix("parentbased_").unwrap_or(&name) {
            "always_off" => SamplerConfig::AlwaysOff,
            "traceidratio" => {
                let candidates = arg.into_iter().collect();
                let arg = "OTEL_TRACES_SAMPLER_ARG";
                SamplerConfig::Ratio(layers.take(arg, arg, candidates, ratio).unwrap_or(1.0))
            }
            _ => SamplerConfig::AlwaysOn,
        };
        return if name.starts_with("parentbased_") { parent_based(root) } else { root };
    }
    match layers.take(RATE, RATE, file, ratio) {
        Some(rate) => parent_based(SamplerConfig::Ratio(rate)),
        None => parent_based(SamplerConfig::AlwaysOn),
    }
}

/// `errors`, `slow:<ms>` or both; `none`.
fn keep(text: &str) -> Result<KeepConfig, String> {
    let mut keep = KeepConfig::default();
    for rule in list(text) {
        match rule.split_once(':') {
            None if rule == "errors" => keep.errors = true,
            None if rule == "none" => return Ok(KeepConfig::default()),
            Some(("slow", limit)) => keep.slow = Some(millis(limit)?),
            _ => return Err("expected errors, slow:<ms>, or none".into()),
        }
    }
    Ok(keep)
}

fn sites(text: &str) -> Result<Vec<(String, SiteMode)>, String> {
    list(text)
        .iter()
        .map(|rule| {
            let (pattern, mode) = rule.rsplit_once('=').ok_or("expected pattern=on, metrics or off")?;
            let mode = match mode.trim().to_ascii_lowercase().as_str() {
                "on" => SiteMode::On,
                "metrics" => SiteMode::Metrics,
                "off" => SiteMode::Off,
                _ => return Err("expected pattern=on, metrics or off".to_owned()),
            };
            Ok((pattern.trim().to_owned(), mode))
        })
        .collect()
}

fn limits(layers: &mut Layers) -> SpanLimits {
    let count = general_count(layers).unwrap_or(128);
    let length = general_length(layers);
    let own = layers.parse("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", any_u32);
    let mut of = |setting: &str, default: u32| layers.parse(setting, any_u32).unwrap_or(default);
    SpanLimits {
        attributes: of("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", count),
        value_length: own.or(length).unwrap_or(4096),
        events: of("OTEL_SPAN_EVENT_COUNT_LIMIT", 128),
        links: of("OTEL_SPAN_LINK_COUNT_LIMIT", 128),
        attributes_per_event: of("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", 128),
        attributes_per_link: of("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", 128),
        value_length_set: own.or(length).is_some(),
    }
}

pub(super) fn any_u32(text: &str) -> Result<u32, String> {
    number(text, 0..=u32::MAX)
}

/// `OTEL_ATTRIBUTE_COUNT_LIMIT`: spans and log records.
pub(super) fn general_count(layers: &mut Layers) -> Option<u32> {
    layers.parse("OTEL_ATTRIBUTE_COUNT_LIMIT", any_u32)
}

/// `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`: spans and log records.
pub(super) fn general_length(layers: &mut Layers) -> Option<u32> {
    layers.parse("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", any_u32)
}
