//! From layers to values: one function per part of the configuration, then the flags.

mod delivery;
mod logs;
mod metrics;
mod otlp;
mod resource;
mod traces;

pub(super) use self::resource::pairs as resource_pairs;

use std::collections::BTreeMap;

use super::{
    Config, ExporterKind, Flags, Incoming, JobContext, LevelFilter, LogFormat, LogsConfig, PropagationConfig, Role,
    Signal, Source,
    builder::ConfigBuilder,
    declarative, file,
    redact::Secrets,
    source::Layers,
    value::{boolean, list, one_of},
};

const KNOWN_METHODS: &str = "GET,HEAD,POST,PUT,DELETE,CONNECT,OPTIONS,TRACE,PATCH,QUERY";

pub(super) fn resolve(builder: ConfigBuilder) -> Config {
    let environment = builder.env.clone().unwrap_or_else(|| {
        std::env::vars_os().map(|(n, v)| (n.to_string_lossy().into_owned(), v.to_string_lossy().into_owned())).collect()
    });
    let mut layers = Layers::new(&builder.app, environment);
    let mut config = match config_file(&mut layers) {
        Some(path) => declared(&path, &mut layers, &builder),
        None => {
            file::load(&mut layers, &builder.app, builder.file.clone());
            settle(&mut layers, &builder)
        }
    };
    apply_flags(&mut config, &mut layers, builder.flags);
    finish(config, layers)
}

fn config_file(layers: &mut Layers) -> Option<String> {
    let found = layers.find("OTEL_CONFIG_FILE")?;
    if found.source.name() == "OTEL_EXPERIMENTAL_CONFIG_FILE" {
        layers.note("OTEL_EXPERIMENTAL_CONFIG_FILE: the name is now OTEL_CONFIG_FILE".to_owned());
    }
    layers.origin("OTEL_CONFIG_FILE", found.source);
    Some(found.text)
}

/// Everything from the declarative file; other telemetry settings are ignored, all but the off switch.
fn declared(path: &str, layers: &mut Layers, builder: &ConfigBuilder) -> Config {
    let kept = ["OTEL_SDK_DISABLED", "OTEL_CONFIG_FILE", "OTEL_EXPERIMENTAL_CONFIG_FILE", "{APP}_LOG_LEVEL"];
    let ignored = layers.ignore_environment(&kept);
    if !ignored.is_empty() {
        layers.note(format!("OTEL_CONFIG_FILE is set: {} ignored", ignored.join(", ")));
    }
    let document = declarative::open(path, layers, &builder.app);
    // What the terminal shows stays the business of the variable.
    let terminal = layers.parse("{APP}_LOG_LEVEL", logs::filter);
    layers.ignore_environment(&kept[..3]);
    let mut config = settle(layers, builder);
    if let Some(filter) = terminal {
        config.logs.console_filter = filter;
    }
    if let Err(problem) = document.and_then(|document| declarative::apply(document, &mut config, layers)) {
        layers.error("OTEL_CONFIG_FILE", format!("{path}: {problem}"), "correct the file, or unset the variable");
    }
    if config.otlp.iter().any(|otlp| otlp.endpoint.is_some()) && layers.find("{APP}_KEEP_LAST").is_none() {
        config.delivery.keep_last = delivery::KEEP_LAST;
    }
    for signal in Signal::ALL {
        otlp::check_files(layers, signal, &config.otlp[signal as usize].clone());
    }
    config
}

/// Every part from environment and file.
fn settle(layers: &mut Layers, builder: &ConfigBuilder) -> Config {
    let role = builder.role;
    let enabled = enabled(layers, builder.flags);
    let strict = layers.parse("{APP}_STRICT", boolean).unwrap_or(false);
    let mut secrets = Secrets::default();
    builder.secrets.iter().for_each(|secret| secrets.add(secret));
    let traces = traces::resolve(layers);
    let metrics = metrics::resolve(layers);
    let logs = LogsConfig { vocabulary: builder.vocabulary, ..logs::resolve(layers, role) };
    let mut otlp = Signal::ALL.map(|signal| otlp::resolve(layers, role, signal, &mut secrets));
    otlp[Signal::Traces as usize].export_timeout = otlp::export_timeout(layers, "OTEL_BSP_EXPORT_TIMEOUT");
    otlp[Signal::Metrics as usize].export_timeout = otlp::export_timeout(layers, "OTEL_METRIC_EXPORT_TIMEOUT");
    otlp[Signal::Logs as usize].export_timeout = otlp::export_timeout(layers, "OTEL_BLRP_EXPORT_TIMEOUT");
    let mut config = Config {
        app: builder.app.clone(),
        role,
        enabled,
        resource: resource::resolve(layers, builder),
        traces,
        metrics,
        logs,
        delivery: delivery::resolve(layers, builder, otlp.iter().any(|o| o.endpoint.is_some())),
        otlp,
        propagation: propagation(layers, builder),
        self_log_level: self_log_level(layers, role),
        capture_ai_content: layers.parse("{APP}_CAPTURE_AI_CONTENT", boolean).unwrap_or(false),
        known_http_methods: list(KNOWN_METHODS),
        strict,
        warnings: Vec::new(),
        errors: Vec::new(),
        secrets,
        origins: BTreeMap::new(),
        refused_in_strict: false,
    };
    if let Some(methods) = layers.parse("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", |text| Ok(list(text))) {
        config.known_http_methods = methods;
    }
    for accepted in ["OTEL_ENTITIES", "OTEL_SEMCONV_STABILITY_OPT_IN"] {
        layers.parse(accepted, |_| Ok(()));
    }
    let chosen = [
        choose_exporters(layers, Signal::Traces, config.traces.enabled, &mut config.otlp),
        choose_exporters(layers, Signal::Metrics, config.metrics.enabled, &mut config.otlp),
        choose_exporters(layers, Signal::Logs, config.logs.enabled, &mut config.otlp),
    ];
    [config.traces.exporters, config.metrics.exporters, config.logs.exporters] = chosen;
    config
}

/// The ladder of off switches: flag, `OTEL_SDK_DISABLED`, `OTEL_ENABLED`, file, on.
fn enabled(layers: &mut Layers, flags: Flags) -> bool {
    let disabled = layers.parse("OTEL_SDK_DISABLED", boolean).unwrap_or(false);
    let switched_on = private_boolean(layers, "OTEL_ENABLED");
    if flags.no_telemetry {
        layers.origin("OTEL_SDK_DISABLED", Source::Flag("--no-telemetry".into()));
        layers.origin("OTEL_ENABLED", Source::Flag("--no-telemetry".into()));
        return false;
    }
    !disabled && switched_on
}

/// A switch whose default is on: whatever is neither `true` nor `false` counts as off, the private side.
fn private_boolean(layers: &mut Layers, setting: &str) -> bool {
    let Some(found) = layers.find(setting) else { return true };
    layers.origin(setting, found.source.clone());
    boolean(&found.text).unwrap_or_else(|problem| {
        layers.refuse(found.source.name(), Some(&found.text), &problem, "counts as false");
        false
    })
}

fn self_log_level(layers: &mut Layers, role: Role) -> LevelFilter {
    let choices = [
        ("none", LevelFilter::Off),
        ("error", LevelFilter::Error),
        ("warn", LevelFilter::Warn),
        ("info", LevelFilter::Info),
        ("debug", LevelFilter::Debug),
        ("trace", LevelFilter::Trace),
    ];
    let default = if role == Role::Cli { LevelFilter::Warn } else { LevelFilter::Info };
    layers.parse("OTEL_LOG_LEVEL", |text| one_of(text, &choices)).unwrap_or(default)
}

fn propagation(layers: &mut Layers, builder: &ConfigBuilder) -> PropagationConfig {
    let session_id = layers.parse("{APP}_SESSION_ID", |text| {
        let fits = text.len() <= 128 && !text.chars().any(char::is_control);
        if fits { Ok(text.to_owned()) } else { Err("expected at most 128 bytes without control characters".into()) }
    });
    let mut propagation = PropagationConfig {
        trace_context: true,
        baggage: true,
        session_id,
        incoming: incoming(layers),
        ..Default::default()
    };
    if let Some(found) = layers.find("OTEL_PROPAGATORS") {
        let members: Vec<String> = list(&found.text).iter().map(|member| member.to_ascii_lowercase()).collect();
        let (known, other): (Vec<_>, Vec<_>) =
            members.into_iter().partition(|m| matches!(m.as_str(), "tracecontext" | "baggage" | "none"));
        if !other.is_empty() {
            let expected = "expected tracecontext, baggage or none";
            layers.refuse(found.source.name(), Some(&other.join(",")), expected, "ignored");
        }
        if !known.is_empty() {
            let none = known.iter().any(|member| member == "none");
            if none && known.len() > 1 {
                layers.refuse(found.source.name(), Some(&found.text), "`none` stands beside others", "using none");
            }
            propagation.trace_context = !none && known.iter().any(|member| member == "tracecontext");
            propagation.baggage = !none && known.iter().any(|member| member == "baggage");
            layers.origin("OTEL_PROPAGATORS", found.source);
        }
    }
    let hosts = layers.parse("observability.propagate_to", |text| Ok(list(text))).unwrap_or_default();
    propagation.propagate_to = builder.propagate_to.iter().cloned().chain(hosts).collect();
    let choices = [("link", JobContext::Link), ("parent", JobContext::Parent)];
    if let Some(context) = layers.parse("{APP}_JOB_CONTEXT", |text| one_of(text, &choices)) {
        propagation.job_context = context;
    }
    propagation
}

fn incoming(layers: &Layers) -> Incoming {
    let get = |name: &str| layers.plain(name).map(str::to_owned);
    Incoming { traceparent: get("TRACEPARENT"), tracestate: get("TRACESTATE"), baggage: get("BAGGAGE") }
}

/// Exporters of a signal: what the variable names, else `otlp` once there is an endpoint, else none.
fn choose_exporters(
    layers: &mut Layers,
    signal: Signal,
    enabled: bool,
    otlp: &mut [super::OtlpConfig; 3],
) -> Vec<ExporterKind> {
    let setting = format!("OTEL_{}_EXPORTER", signal.as_str().to_ascii_uppercase());
    let named = layers.find(&setting).and_then(|found| exporter_list(layers, signal, &setting, found));
    if !enabled {
        return Vec::new();
    }
    let otlp = &mut otlp[signal as usize];
    let exporters = named.unwrap_or_else(|| {
        if otlp.endpoint.is_none() {
            return Vec::new();
        }
        // What follows from the endpoint has the endpoint as its origin.
        let endpoint = super::table::signal_name("OTEL_EXPORTER_OTLP_*ENDPOINT", signal);
        if let Some(source) = layers.origins.get(&endpoint).cloned() {
            layers.origin(&setting, source);
        }
        vec![ExporterKind::Otlp]
    });
    if exporters.contains(&ExporterKind::Otlp) && otlp.endpoint.is_none() {
        otlp.endpoint = Some(super::endpoint::default_url(otlp.protocol, signal));
    }
    exporters
}

fn exporter_list(
    layers: &mut Layers,
    signal: Signal,
    setting: &str,
    found: super::source::Found,
) -> Option<Vec<ExporterKind>> {
    let name = found.source.name().to_owned();
    let mut exporters = Vec::new();
    let mut none = false;
    let mut refused = Vec::new();
    for member in list(&found.text) {
        match member.to_ascii_lowercase().as_str() {
            "none" => none = true,
            "otlp" if cfg!(feature = "otlp") => exporters.push(ExporterKind::Otlp),
            "console" => exporters.push(ExporterKind::Console),
            "otlp/stdout" => exporters.push(ExporterKind::OtlpStdout),
            "prometheus" if signal == Signal::Metrics => exporters.push(ExporterKind::Prometheus),
            _ => refused.push(member),
        }
    }
    if !refused.is_empty() {
        let expected = match signal {
            Signal::Metrics => "expected otlp, console, prometheus, otlp/stdout or none",
            Signal::Traces | Signal::Logs => "expected otlp, console, otlp/stdout or none",
        };
        layers.refuse(&name, Some(&refused.join(",")), expected, "ignored");
        if exporters.is_empty() && !none {
            return None;
        }
    }
    if none && !exporters.is_empty() {
        layers.refuse(&name, Some(&found.text), "`none` stands beside others", "using none");
        exporters.clear();
    }
    layers.origin(setting, found.source);
    Some(exporters)
}

fn apply_flags(config: &mut Config, layers: &mut Layers, flags: Flags) {
    if flags.verbose || flags.debug {
        let flag = if flags.debug { "--debug" } else { "--verbose" };
        config.logs.filter = logs::debug(&config.logs.filter);
        config.logs.console_filter = logs::debug(&config.logs.console_filter);
        config.logs.console = Some(if flags.debug { LogFormat::Json } else { LogFormat::Console });
        config.logs.span_events = flags.debug;
        layers.origin("{APP}_LOG_LEVEL", Source::Flag(flag.to_owned()));
    }
    if config.logs.exporters.contains(&ExporterKind::Console) && config.logs.console.is_none() {
        config.logs.console = Some(LogFormat::Console);
    }
    match flags.log_format {
        // A long-running process has no result on the terminal that lines could disturb: naming a form asks for them.
        Some(format) if config.logs.console.is_some() || config.role == Role::Service => {
            config.logs.console = Some(format);
        }
        Some(_) | None => {}
    }
    if !flags.trace {
        return;
    }
    if layers.declarative && config.enabled {
        config.traces.enabled = true;
    }
    if !config.enabled || !config.traces.enabled {
        layers.note("--trace shows nothing while telemetry is off".to_owned());
        return;
    }
    if !config.traces.exporters.contains(&ExporterKind::Console) {
        config.traces.exporters.push(ExporterKind::Console);
    }
}

fn finish(mut config: Config, layers: Layers) -> Config {
    // A secret that was put into the wrong variable must not leave by a warning either.
    let redactor = config.redactor();
    config.warnings = layers.warnings.iter().map(|warning| redactor.redact(warning).into_owned()).collect();
    config.errors = layers.errors;
    config.origins = layers.origins;
    config.refused_in_strict = config.strict && layers.refused;
    config
}
