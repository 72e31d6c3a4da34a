//! Resource attributes that somebody set; detectors and the runtime's own defaults come later.

use opentelemetry::Value;

use crate::config::{
    ResourceConfig,
    builder::ConfigBuilder,
    source::Layers,
    value::{list, percent_decode},
};

const DETECTORS: [&str; 7] = ["service", "process", "os", "host", "container", "k8s", "cloud"];

/// Set by platforms, not by users.
const PLATFORM: [&str; 20] = [
    "KUBERNETES_SERVICE_HOST",
    "K8S_NAMESPACE_NAME",
    "POD_NAMESPACE",
    "K8S_POD_NAME",
    "POD_NAME",
    "HOSTNAME",
    "K8S_POD_UID",
    "POD_UID",
    "K8S_NODE_NAME",
    "NODE_NAME",
    "K8S_CONTAINER_NAME",
    "CONTAINER_NAME",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "K_SERVICE",
    "GOOGLE_CLOUD_PROJECT",
    "WEBSITE_SITE_NAME",
    "REGION_NAME",
];

pub(super) fn resolve(layers: &mut Layers, builder: &ConfigBuilder) -> ResourceConfig {
    let mut attributes: Vec<(String, Value)> = Vec::new();
    for (key, value) in &builder.attributes {
        add(&mut attributes, key, value.clone());
    }
    if let Some(name) = layers.parse("OTEL_SERVICE_NAME", |text| Ok(text.to_owned())) {
        add(&mut attributes, "service.name", name.into());
    }
    if let Some(version) = layers.parse("OTEL_SERVICE_VERSION", |text| Ok(text.to_owned())) {
        add(&mut attributes, "service.version", version.into());
    }
    // The environment's name stands above the resource attributes when a variable gives it, below when the file does.
    let environment = layers.parse("OTEL_ENVIRONMENT", |text| Ok(environment_name(text)));
    let from_file = matches!(layers.origins.get("OTEL_ENVIRONMENT"), Some(crate::config::Source::File(_)));
    if let Some(environment) = environment.clone().filter(|_| !from_file) {
        add(&mut attributes, "deployment.environment.name", environment.into());
    }
    for (key, value) in layers.parse("OTEL_RESOURCE_ATTRIBUTES", pairs).unwrap_or_default() {
        add(&mut attributes, &key, value.into());
    }
    if let Some(environment) = environment {
        add(&mut attributes, "deployment.environment.name", environment.into());
    }
    add(&mut attributes, "service.name", builder.service_name.clone().unwrap_or_else(|| builder.app.clone()).into());
    if let Some(version) = &builder.version {
        add(&mut attributes, "service.version", version.clone().into());
    }
    let detectors = layers.parse("{APP}_DETECTORS", detectors);
    ResourceConfig {
        attributes,
        detectors: detectors.unwrap_or_else(|| DETECTORS.map(str::to_owned).to_vec()),
        schema_url: None,
        environment: PLATFORM
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), layers.plain(name)?.to_owned())))
            .collect(),
    }
}

fn add(attributes: &mut Vec<(String, Value)>, key: &str, value: Value) {
    if !attributes.iter().any(|(known, _)| known == key) {
        attributes.push((key.to_owned(), value));
    }
}

/// The well-known names where they apply, anything else as it is.
fn environment_name(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        "dev" | "development" => "development".to_owned(),
        "prod" | "production" => "production".to_owned(),
        "stage" | "staging" => "staging".to_owned(),
        "test" => "test".to_owned(),
        _ => text.to_owned(),
    }
}

/// `k=v,k2=v2`, percent-encoded; one bad pair discards all.
pub(crate) fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    text.split(',')
        .map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let key = percent_decode(key.trim())?;
            let value = percent_decode(value.trim())?;
            (!key.is_empty()).then_some((key, value))
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| "expected key=value,key2=value2, percent-encoded".into())
}

fn detectors(text: &str) -> Result<Vec<String>, String> {
    let members: Vec<String> = list(text).iter().map(|member| member.to_ascii_lowercase()).collect();
    match members.as_slice() {
        [one] if one == "none" => Ok(Vec::new()),
        [one] if one == "all" => Ok(DETECTORS.map(str::to_owned).to_vec()),
        _ if members.iter().all(|member| DETECTORS.contains(&member.as_str())) => Ok(members),
        _ => Err(format!("expected a list of {}, or none", DETECTORS.join(", "))),
    }
}
