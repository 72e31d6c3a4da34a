//! The resource that metrics carry: reduced, so that `target_info` does not change with every process.

use opentelemetry_sdk::Resource;

use super::model::{Attributes, Value};

/// Attributes and schema of the resource of metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceAttributes {
    /// Sorted by key.
    pub attributes: Attributes,
    /// Schema URL; empty when there is none.
    pub schema_url: String,
}

impl ResourceAttributes {
    /// What metrics keep of a resource: everything but `process.*`, `container.*` and `host.name`.
    pub fn reduced(resource: &Resource) -> Self {
        let kept = |key: &str| !(key.starts_with("process.") || key.starts_with("container.") || key == "host.name");
        let mut attributes: Attributes = resource
            .iter()
            .filter(|(key, _)| kept(key.as_str()))
            .map(|(key, value)| {
                let value = match value {
                    opentelemetry::Value::Bool(value) => Value::Bool(*value),
                    opentelemetry::Value::I64(value) => Value::Int(*value),
                    opentelemetry::Value::F64(value) => Value::Float(*value),
                    other => Value::Text(other.as_str().into_owned().into()),
                };
                (key.as_str().to_owned().into(), value)
            })
            .collect();
        attributes.sort_by(|a, b| a.0.cmp(&b.0));
        ResourceAttributes { attributes, schema_url: resource.schema_url().unwrap_or_default().to_owned() }
    }

    /// The text of an attribute.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == key).and_then(|(_, value)| match value {
            Value::Text(text) => Some(text.as_ref()),
            _ => None,
        })
    }

    /// Sets a text attribute.
    pub fn set(&mut self, key: &'static str, value: impl Into<String>) {
        self.remove(key);
        self.attributes.push((key.into(), Value::Text(value.into().into())));
        self.attributes.sort_by(|a, b| a.0.cmp(&b.0));
    }

    /// Removes an attribute.
    pub fn remove(&mut self, key: &str) {
        self.attributes.retain(|(name, _)| name != key);
    }
}
