//! `#[db_span]`: its arguments, their checks, and what they add to the plan: the stable database conventions.

use proc_macro2::{Span, TokenStream};
use quote::format_ident;
use syn::{Expr, LitStr, parse::ParseStream};

use crate::{
    args::{self, Arg, Grammar, Key, Slot},
    block::Place,
    errors::Errors,
    plan::{self, Bounds, Instrument, Plan, Role},
    traced::{self, Common},
    value::{self, Entry},
};

const GRAMMAR: Grammar = Grammar {
    of: "db_span",
    keys: &[
        Key { name: "system", usage: "system = sqlite" },
        Key { name: "operation", usage: "operation = \"INSERT\"" },
        Key { name: "collection", usage: "collection = \"orders\"" },
        Key { name: "namespace", usage: "namespace = \"main\"" },
        Key { name: "query", usage: "query = \"SELECT id FROM orders WHERE id = ?\"" },
        Key { name: "name", usage: "name = \"db.order.create\"" },
        Key { name: "attributes", usage: "attributes(order.id = id)" },
        Key { name: "output", usage: "output(db.response.returned_rows = |v| v.len())" },
        Key { name: "err", usage: "err = off" },
        Key { name: "expected", usage: "expected(Error::NotFound { .. })" },
        Key { name: "allow", usage: "allow(cache.key)" },
        Key { name: "skip", usage: "skip" },
        Key { name: "crate", usage: "crate = ::telemetry::todo_otel_runtime" },
    ],
    elsewhere: &[
        ("kind", "traced"),
        ("log", "traced"),
        ("root", "traced"),
        ("parent", "traced"),
        ("link", "traced"),
        ("detached", "traced"),
        ("keep", "traced"),
        ("sample", "traced"),
        ("slow", "traced"),
        ("baggage", "traced"),
        ("attach", "traced"),
        ("labels", "red_metrics"),
        ("buckets", "red_metrics"),
        ("in_flight", "red_metrics"),
        ("objective", "red_metrics"),
        ("unit", "red_metrics"),
    ],
};

const DURATION: &str = "db.client.operation.duration";
const BOUNDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
const LONGEST_SUMMARY: usize = 255;
const QUERY_TEXT: &str = "db.query.text";

/// What one `#[db_span(…)]` says.
#[derive(Clone, Default)]
pub struct DbSpan {
    system: Slot<Expr>,
    operation: Slot<LitStr>,
    collection: Slot<LitStr>,
    namespace: Slot<Expr>,
    query: Slot<LitStr>,
    name: Slot<Expr>,
    common: Common,
}

pub fn read(tokens: TokenStream, place: Place, errors: &mut Errors) -> DbSpan {
    let mut said = DbSpan::default();
    args::read(tokens, &GRAMMAR, errors, |arg, input, errors| {
        let key = &arg.key;
        match key.to_string().as_str() {
            "system" => said.system.set(key, system(arg, input)?, errors),
            "operation" => said.operation.set(key, arg.text(input)?, errors),
            "collection" => said.collection.set(key, arg.text(input)?, errors),
            "namespace" => said.namespace.set(key, arg.expr(input)?, errors),
            "query" => said.query.set(key, arg.text(input)?, errors),
            "name" if place == Place::Block => return Err(traced::name_on_block(key)),
            "name" => said.name.set(key, traced::name(arg, input)?, errors),
            _ => return said.common.read(arg, input, errors),
        }
        Ok(())
    });
    if said.system.get().is_none() && errors.is_empty() {
        errors.at(args::here(), "`#[db_span]` needs the database: `system = sqlite` or `system = postgresql`");
    }
    said
}

impl DbSpan {
    pub fn lower(self, plan: &mut Plan, errors: &mut Errors) {
        let operation = self.operation.get().map(LitStr::value);
        let collection = self.collection.get().map(LitStr::value);
        let summary = match (&operation, &collection) {
            (Some(operation), Some(collection)) => Some(cut(&format!("{operation} {collection}"))),
            (Some(operation), None) => Some(cut(operation)),
            (None, _) => None,
        };
        plan.span = true;
        plan.name.or(self.name);
        plan.name.or(Slot::of(summary.as_deref().map(plan::text)));
        plan.kind.or(Slot::of(Some(format_ident!("client"))));

        let mut instrument = Instrument {
            role: Role::Duration,
            name: plan::text(DURATION),
            unit: "s".to_owned(),
            bounds: Bounds::Listed(BOUNDS.to_vec()),
            labels: 0,
            outcome: false,
            error_type: true,
            status_code: true,
        };
        let namespace_is_fixed = self.namespace.get().and_then(args::literal).is_some();
        let facts = [
            ("db.system.name", self.system.get().cloned(), true),
            ("db.operation.name", operation.as_deref().map(plan::text), true),
            ("db.collection.name", collection.as_deref().map(plan::text), true),
            ("db.namespace", self.namespace.get().cloned(), namespace_is_fixed),
            ("db.query.summary", summary.as_deref().map(plan::text), true),
            (QUERY_TEXT, self.query.get().map(|text| plan::text(&text.value())), false),
        ];
        for (key, value, bounded) in facts {
            let entry = |value| Entry { key: LitStr::new(key, args::here()), value };
            // Every call site declares the same keys, or the one metric would be declared in several ways: what is not
            // said, or is not of bounded variety, is an absent label.
            let label = if bounded { value.clone() } else { None };
            if key != QUERY_TEXT
                && let Ok(bit) = plan.label(&entry(label.unwrap_or_else(absent)))
            {
                instrument.labels |= bit;
            }
            if let Some(value) = value {
                value::push(&mut plan.attributes, entry(value), errors);
            }
        }
        plan.instruments.push(instrument);
        self.common.lower(plan, errors);
    }
}

/// A label without a value.
fn absent() -> Expr {
    syn::parse_quote_spanned!(Span::mixed_site()=> ::core::option::Option::None::<&'static str>)
}

/// `sqlite`, `postgresql`, a literal, or an expression that says it.
fn system(arg: &Arg, input: ParseStream<'_>) -> syn::Result<Expr> {
    let expr = arg.expr(input)?;
    if let Expr::Path(path) = args::peel(&expr)
        && let Some(word) = path.path.get_ident()
        && (word == "sqlite" || word == "postgresql")
    {
        return Ok(plan::text(&word.to_string()));
    }
    Ok(expr)
}

/// At most 255 characters, cut between words.
fn cut(summary: &str) -> String {
    if summary.len() <= LONGEST_SUMMARY {
        return summary.to_owned();
    }
    let fits = summary.char_indices().take_while(|(at, _)| *at <= LONGEST_SUMMARY).last().map_or(0, |(at, _)| at);
    let head = &summary[..fits];
    head[..head.rfind(' ').unwrap_or(fits)].to_owned()
}
