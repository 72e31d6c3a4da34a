//! What the generated documentation of an annotated function says about it.

use quote::ToTokens;
use syn::{Attribute, Expr, parse_quote};

use crate::{args, plan::Plan, value::Entry};

/// A `#[doc]` that exists only while documentation is made, so that `missing_docs` still sees an undocumented function.
pub fn line(plan: &Plan) -> Attribute {
    let text = text(plan);
    parse_quote!(#[cfg_attr(doc, doc = #text)])
}

fn text(plan: &Plan) -> String {
    let mut text = String::from("\n\n**Telemetry**\n");
    if plan.span {
        let kind = plan.kind.get().map_or_else(|| "internal".to_owned(), ToString::to_string);
        text += &format!("- span {} ({kind})", code(&plan.name()));
        let keys = plan.attributes.iter().chain(&plan.outputs);
        text += &listed(", attributes ", keys);
        text += "\n";
    }
    for instrument in &plan.instruments {
        let labels = plan.labels.iter().enumerate().filter(|(bit, _)| instrument.labels >> bit & 1 == 1);
        let own = [(instrument.outcome, "outcome"), (instrument.error_type, "error.type")];
        let mut words: Vec<String> = labels.map(|(_, entry)| format!("`{}`", entry.key.value())).collect();
        words.extend(own.iter().filter(|(on, _)| *on).map(|(_, word)| format!("`{word}`")));
        let labels = if words.is_empty() { String::new() } else { format!(", labels {}", words.join(", ")) };
        text += &format!("- metric {} ({}){labels}\n", code(&instrument.name), instrument.unit);
    }
    if let Some(name) = plan.active.get() {
        text += &format!("- metric `{name}` (calls that are running)\n");
    }
    text
}

fn code(name: &Expr) -> String {
    let text = args::literal(name).unwrap_or_else(|| name.to_token_stream().to_string().replace(' ', ""));
    format!("`{text}`")
}

fn listed<'a>(intro: &str, entries: impl Iterator<Item = &'a Entry>) -> String {
    let keys: Vec<String> = entries.map(|entry| format!("`{}`", entry.key.value())).collect();
    if keys.is_empty() { String::new() } else { format!("{intro}{}", keys.join(", ")) }
}
