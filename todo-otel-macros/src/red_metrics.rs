//! `#[red_metrics]`: its arguments, their checks, and what they add to the plan.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::{Expr, LitStr, Token, ext::IdentExt, parse::ParseStream, punctuated::Punctuated};

use crate::{
    args::{self, Arg, Grammar, Key, Slot},
    block::Place,
    errors::Errors,
    plan::{self, Bounds, Instrument, Objective, Plan, Role},
    traced::{self, Common},
    value::{self, Entry},
};

const GRAMMAR: Grammar = Grammar {
    of: "red_metrics",
    keys: &[
        Key { name: "name", usage: "name = \"shop.checkout\"" },
        Key { name: "labels", usage: "labels(shop.payment = \"card\")" },
        Key { name: "buckets", usage: "buckets(0.005, 0.01, 5.0)" },
        Key { name: "duration", usage: "duration = \"shop.checkout.time\"" },
        Key { name: "calls", usage: "calls = \"shop.checkouts\"" },
        Key { name: "errors", usage: "errors = off" },
        Key { name: "unit", usage: "unit = \"{command}\"" },
        Key { name: "in_flight", usage: "in_flight" },
        Key { name: "objective", usage: "objective(success = 99.5, latency = \"5s\" @ 95)" },
        Key { name: "err", usage: "err = off" },
        Key { name: "expected", usage: "expected(Error::NotFound { .. })" },
        Key { name: "allow", usage: "allow(cache.key)" },
        Key { name: "skip", usage: "skip" },
        Key { name: "crate", usage: "crate = ::telemetry::todo_otel_runtime" },
    ],
    elsewhere: &[
        ("kind", "traced"),
        ("attributes", "traced"),
        ("output", "traced"),
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
        ("operation", "db_span"),
        ("collection", "db_span"),
        ("system", "db_span"),
        ("namespace", "db_span"),
        ("query", "db_span"),
    ],
};

/// Seconds, for calls whose author gave no bounds.
const DEFAULT_BOUNDS: [f64; 13] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];
/// The runtime sets these itself.
const RESERVED: [&str; 2] = ["outcome", "error.type"];

/// What one `#[red_metrics(…)]` says.
#[derive(Clone, Default)]
pub struct RedMetrics {
    name: Slot<LitStr>,
    labels: Slot<Vec<Labelled>>,
    buckets: Slot<Bounds>,
    duration: Slot<Rename>,
    calls: Slot<Rename>,
    errors: Slot<Rename>,
    unit: Slot<String>,
    in_flight: Slot<()>,
    objective: Slot<(Ident, Objective)>,
    common: Common,
}

/// A label, on all instruments or on one.
#[derive(Clone)]
struct Labelled {
    only: Option<Role>,
    entry: Entry,
}

#[derive(Clone)]
enum Rename {
    Off,
    To(Expr),
}

pub fn read(tokens: TokenStream, place: Place, errors: &mut Errors) -> RedMetrics {
    let mut said = RedMetrics::default();
    args::read(tokens, &GRAMMAR, errors, |arg, input, errors| {
        let key = &arg.key;
        match key.to_string().as_str() {
            "name" | "duration" | "calls" | "errors" if place == Place::Block && !off(input) => {
                return Err(traced::name_on_block(key));
            }
            "name" => said.name.set(key, metric_name(&arg.text(input)?)?, errors),
            "labels" => said.labels.set(key, labels(arg, input, errors)?, errors),
            "buckets" => said.buckets.set(key, buckets(arg, input)?, errors),
            "duration" => said.duration.set(key, rename(arg, input)?, errors),
            "calls" => said.calls.set(key, rename(arg, input)?, errors),
            "errors" => said.errors.set(key, rename(arg, input)?, errors),
            "unit" => said.unit.set(key, unit(&arg.text(input)?)?, errors),
            "in_flight" => said.in_flight.set(key, arg.flag(input)?, errors),
            "objective" => said.objective.set(key, (key.clone(), objective(arg, input, errors)?), errors),
            _ => return said.common.read(arg, input, errors),
        }
        Ok(())
    });
    said
}

impl RedMetrics {
    pub fn lower(self, plan: &mut Plan, errors: &mut Errors) {
        let stem = match self.name.get() {
            Some(name) => name.value(),
            None => plan.name.get().and_then(args::literal).unwrap_or_else(|| snake_case(&plan.function)),
        };
        if !plan.span {
            plan.name.or(self.name.clone().map(|name| plan::text(&name.value())));
        }
        let bounds = self.bounds(errors);
        let unit = self.unit.get().cloned();
        let of = |role| match role {
            Role::Duration => (&self.duration, "duration", "s", bounds.clone()),
            Role::Calls => (&self.calls, "calls", unit.as_deref().unwrap_or("{call}"), Bounds::None),
            Role::Errors => (&self.errors, "errors", "{error}", Bounds::None),
        };
        let first = plan.instruments.len();
        for role in [Role::Duration, Role::Calls, Role::Errors] {
            let (rename, suffix, unit, bounds) = of(role);
            let name = match rename.get() {
                None => plan::text(&format!("{stem}.{suffix}")),
                Some(Rename::Off) => continue,
                Some(Rename::To(name)) => name.clone(),
            };
            plan.instruments.push(Instrument {
                role,
                name,
                unit: unit.to_owned(),
                bounds,
                labels: 0,
                outcome: matches!(role, Role::Duration | Role::Calls),
                error_type: matches!(role, Role::Duration | Role::Errors),
                status_code: false,
            });
        }
        self.lower_labels(plan, first, errors);
        plan.active.or(self.in_flight.map(|()| format!("{stem}.active")));
        plan.objective.or(self.objective.map(|(_, objective)| objective));
        self.common.lower(plan, errors);
    }

    fn lower_labels(&self, plan: &mut Plan, first: usize, errors: &mut Errors) {
        let allow = self.common.allow.get().cloned().unwrap_or_default();
        for Labelled { only, entry } in self.labels.get().into_iter().flatten() {
            value::refuse_secrets([entry], &allow, errors);
            let key = entry.key.value();
            if RESERVED.contains(&key.as_str()) {
                errors
                    .at(entry.key.span(), format_args!("`{key}` is set by the outcome of the call: remove the label"));
                continue;
            }
            let Ok(bit) = plan.label(entry) else {
                errors.at(entry.key.span(), format_args!("`{key}` has another value already: give it once"));
                continue;
            };
            for instrument in &mut plan.instruments[first..] {
                if only.is_none_or(|only| only == instrument.role) {
                    instrument.labels |= bit;
                }
            }
        }
        if plan.labels.len() > 16 {
            errors.at(plan.labels[16].key.span(), "at most 16 labels: every one multiplies the number of series");
        }
    }

    /// The histogram's bounds; an objective's limit must be one of them, or its share could not be read off.
    fn bounds(&self, errors: &mut Errors) -> Bounds {
        let limit = self.objective.get().and_then(|(key, o)| o.latency.map(|(ns, _)| (key, ns as f64 / 1e9)));
        match (self.buckets.get(), limit) {
            (Some(Bounds::Listed(bounds)), Some((key, limit))) => {
                if !bounds.contains(&limit) || bounds.last() == Some(&limit) {
                    let message = format!(
                        "the limit of {limit} s must be a bound in `buckets`, with at least one bound above it"
                    );
                    errors.at(key.span(), message);
                }
                Bounds::Listed(bounds.clone())
            }
            (Some(bounds), _) => bounds.clone(),
            (None, limit) => {
                let mut bounds = DEFAULT_BOUNDS.to_vec();
                if let Some((_, limit)) = limit {
                    let at = bounds.partition_point(|bound| *bound < limit);
                    if bounds.get(at) != Some(&limit) {
                        bounds.insert(at, limit);
                    }
                    if bounds.last() == Some(&limit) {
                        bounds.push(limit * 2.0);
                    }
                }
                Bounds::Listed(bounds)
            }
        }
    }
}

fn off(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    ahead.parse::<Token![=]>().is_ok() && ahead.parse::<Ident>().is_ok_and(|word| word == "off")
}

fn rename(arg: &Arg, input: ParseStream<'_>) -> syn::Result<Rename> {
    if off(input) {
        input.parse::<Token![=]>()?;
        input.parse::<Ident>()?;
        return Ok(Rename::Off);
    }
    let name = traced::name(arg, input)?;
    if let Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = args::peel(&name) {
        metric_name(text)?;
    }
    Ok(Rename::To(name))
}

/// The names OpenTelemetry accepts for an instrument.
fn metric_name(text: &LitStr) -> syn::Result<LitStr> {
    let name = text.value();
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
        && name.len() <= 240;
    if valid {
        return Ok(text.clone());
    }
    let message =
        "not the name of a metric: a letter, then letters, digits, `.`, `_`, `-` or `/`, as in `\"shop.checkout\"`";
    Err(syn::Error::new(text.span(), message))
}

fn unit(text: &LitStr) -> syn::Result<String> {
    let unit = text.value();
    if !unit.is_empty() && unit.len() <= 63 && unit.is_ascii() {
        return Ok(unit);
    }
    Err(syn::Error::new(text.span(), "not a unit: up to 63 ASCII characters, as in `\"{command}\"`"))
}

fn labels(arg: &Arg, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Vec<Labelled>> {
    let mut found: Vec<Labelled> = Vec::new();
    args::list(arg.list(input)?.stream(), errors, |input, errors| {
        let mut only = None;
        if input.peek2(Token![:]) && !input.peek2(Token![::]) {
            let word = input.call(Ident::parse_any)?;
            only = Some(match word.to_string().as_str() {
                "duration" => Role::Duration,
                "calls" => Role::Calls,
                "errors" => Role::Errors,
                _ => return Err(traced::unknown_part(&word, "labels", "`duration:`, `calls:`, `errors:`")),
            });
            input.parse::<Token![:]>()?;
        }
        let entry = value::entry(input)?;
        let again = |l: &&Labelled| {
            l.entry.key.value() == entry.key.value() && (l.only == only || l.only.is_none() || only.is_none())
        };
        if found.iter().find(again).is_some() {
            errors.at(entry.key.span(), format_args!("duplicate key `{}`: give it once", entry.key.value()));
        } else {
            found.push(Labelled { only, entry });
        }
        Ok(())
    });
    Ok(found)
}

fn buckets(arg: &Arg, input: ParseStream<'_>) -> syn::Result<Bounds> {
    if input.peek(Token![=]) {
        return match arg.expr(input)? {
            path @ Expr::Path(_) => Ok(Bounds::Constant(path)),
            other => Err(arg.ill_typed(&other, "a list of numbers or a constant `&[f64]`")),
        };
    }
    let list = arg.list(input)?;
    let bounds = syn::parse::Parser::parse2(Punctuated::<Expr, Token![,]>::parse_terminated, list.stream())?;
    let mut found: Vec<f64> = Vec::new();
    for bound in bounds {
        let Some(number) = args::number(&bound) else { return Err(arg.ill_typed(&bound, "numbers (seconds)")) };
        if found.last().is_some_and(|last| *last >= number) {
            let message = format!("the bounds must rise, and {number} does not");
            return Err(syn::Error::new_spanned(bound.to_token_stream(), message));
        }
        found.push(number);
    }
    Ok(Bounds::Listed(found))
}

fn objective(arg: &Arg, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Objective> {
    let mut objective = Objective::default();
    args::list(arg.list(input)?.stream(), errors, |input, errors| {
        let part = arg.inner(input.call(Ident::parse_any)?);
        match part.key.to_string().as_str() {
            "success" => objective.success = Some(percent(&part, &part.expr(input)?)?),
            "latency" => {
                part.value(input)?;
                let limit = args::duration_ns(&input.parse()?)?;
                if !input.peek(Token![@]) {
                    return Err(part.misshapen("needs a share behind `@`"));
                }
                input.parse::<Token![@]>()?;
                objective.latency = Some((limit, percent(&part, &input.parse()?)?));
            }
            "except" => {
                for entry in value::entries(part.list(input)?.stream(), errors) {
                    let Some(text) = args::literal(&entry.value) else {
                        return Err(part.ill_typed(&entry.value, "string literals"));
                    };
                    objective.except.push((entry.key, LitStr::new(&text, args::here())));
                }
            }
            _ => return Err(traced::unknown_part(&part.key, "objective", "`success`, `latency`, `except`")),
        }
        Ok(())
    });
    if objective.success.is_none() && objective.latency.is_none() && errors.is_empty() {
        return Err(arg.misshapen("needs `success` or `latency`"));
    }
    Ok(objective)
}

fn percent(part: &Arg, expr: &Expr) -> syn::Result<f64> {
    match args::number(expr) {
        Some(percent) if percent > 0.0 && percent < 100.0 => Ok(percent),
        _ => Err(part.ill_typed(expr, "a percentage above 0 and below 100")),
    }
}

/// `TodoStore::create` as the stem of a metric: `todo_store.create`.
fn snake_case(function: &str) -> String {
    let mut stem = String::new();
    for c in function.replace("::", ".").replace("r#", "").chars() {
        if c.is_uppercase() && stem.ends_with(|c: char| c.is_lowercase() || c.is_numeric()) {
            stem.push('_');
        }
        stem.extend(c.to_lowercase());
    }
    stem.trim_start_matches(|c: char| !c.is_alphabetic()).to_owned()
}
