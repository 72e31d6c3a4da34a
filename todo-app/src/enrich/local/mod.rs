//! The built-in rules: offline, deterministic, no state. They answer in the same form as a model and pass the same checks.

mod dates;

use super::{EnrichError, EnrichmentRequest, Priority, Reply, Usage};
use serde_json::{Map, Value, json};

/// Version of the rules; changes when the same title gives something else.
pub(crate) const MODEL: &str = "rules-1";

/// The built-in rules.
#[derive(Clone, Copy, Debug)]
pub struct Local;

impl Local {
    pub(crate) async fn request(&self, request: &EnrichmentRequest) -> Result<Reply, EnrichError> {
        Ok(Reply { text: answer(request).to_string(), attempts: 0, usage: Usage::default() })
    }
}

fn answer(request: &EnrichmentRequest) -> Value {
    let mut fields = Map::new();
    let mut propose = |field: &str, value: Value, confidence: f64, reason: String| {
        fields.insert(field.to_owned(), json!({ "value": value, "confidence": confidence, "reason": reason }));
    };
    let title = request.title.to_lowercase();
    if let Some(found) = dates::find(&title, request.today) {
        propose("due", json!(found.date.to_string()), 0.9, format!("the title says \"{}\"", found.text));
    }
    if title.contains("urgent") || title.contains("asap") {
        propose("priority", json!(Priority::High.as_str()), 0.9, "the title says that it is urgent".to_owned());
    }
    Value::Object(fields)
}
