//! `#[traced]`: its arguments, their checks, and what they add to the plan.

use proc_macro2::{Ident, TokenStream};
use syn::{Expr, Pat, Path, ext::IdentExt, parse::ParseStream};

use crate::{
    args::{self, Arg, Grammar, Key, Slot},
    block::Place,
    errors::Errors,
    plan::{Keep, Log, Plan},
    value::{self, Entry},
};

const GRAMMAR: Grammar = Grammar {
    of: "traced",
    keys: &[
        Key { name: "name", usage: "name = \"shop.order.place\"" },
        Key { name: "kind", usage: "kind = client" },
        Key { name: "attributes", usage: "attributes(order.id = id)" },
        Key { name: "output", usage: "output(order.count = |v| v.len())" },
        Key { name: "err", usage: "err = off" },
        Key { name: "expected", usage: "expected(Error::NotFound { .. })" },
        Key { name: "log", usage: "log(level = \"info\", enter, exit)" },
        Key { name: "root", usage: "root" },
        Key { name: "parent", usage: "parent = context" },
        Key { name: "link", usage: "link = context" },
        Key { name: "detached", usage: "detached" },
        Key { name: "keep", usage: "keep(error, slow = \"500ms\")" },
        Key { name: "sample", usage: "sample = 0.1" },
        Key { name: "slow", usage: "slow = \"2s\"" },
        Key { name: "baggage", usage: "baggage(\"shop.list\" = list)" },
        Key { name: "attach", usage: "attach" },
        Key { name: "allow", usage: "allow(cache.key)" },
        Key { name: "skip", usage: "skip" },
        Key { name: "crate", usage: "crate = ::telemetry::todo_otel_runtime" },
    ],
    elsewhere: &[
        ("labels", "red_metrics"),
        ("buckets", "red_metrics"),
        ("in_flight", "red_metrics"),
        ("objective", "red_metrics"),
        ("unit", "red_metrics"),
        ("duration", "red_metrics"),
        ("calls", "red_metrics"),
        ("errors", "red_metrics"),
        ("system", "db_span"),
        ("operation", "db_span"),
        ("collection", "db_span"),
        ("namespace", "db_span"),
        ("query", "db_span"),
    ],
};

/// What one `#[traced(…)]` says.
#[derive(Clone, Default)]
pub struct Traced {
    name: Slot<Expr>,
    kind: Slot<Ident>,
    log: Slot<Log>,
    root: Slot<()>,
    parent: Slot<Expr>,
    link: Slot<Expr>,
    detached: Slot<()>,
    keep: Slot<Keep>,
    sample: Slot<f64>,
    slow_ns: Slot<u64>,
    baggage: Slot<Vec<Entry>>,
    attach: Slot<()>,
    common: Common,
}

/// Arguments that more than one macro has.
#[derive(Clone, Default)]
pub struct Common {
    attributes: Slot<Vec<Entry>>,
    outputs: Slot<Vec<Entry>>,
    err: Slot<bool>,
    expected: Slot<Vec<Pat>>,
    pub allow: Slot<Vec<String>>,
    runtime: Slot<Path>,
}

pub fn read(tokens: TokenStream, place: Place, errors: &mut Errors) -> Traced {
    let mut said = Traced::default();
    args::read(tokens, &GRAMMAR, errors, |arg, input, errors| {
        let key = &arg.key;
        match key.to_string().as_str() {
            "name" if place == Place::Block => return Err(name_on_block(key)),
            "name" => said.name.set(key, name(arg, input)?, errors),
            "kind" => {
                let word = arg.word(input, &["internal", "client", "server", "producer", "consumer"])?;
                said.kind.set(key, word, errors);
            }
            "log" => said.log.set(key, log(arg, input, errors)?, errors),
            "root" => said.root.set(key, arg.flag(input)?, errors),
            "parent" => said.parent.set(key, arg.expr(input)?, errors),
            "link" => said.link.set(key, arg.expr(input)?, errors),
            "detached" => said.detached.set(key, arg.flag(input)?, errors),
            "keep" => said.keep.set(key, keep(arg, input, errors)?, errors),
            "sample" => said.sample.set(key, share(arg, input)?, errors),
            "slow" => said.slow_ns.set(key, arg.duration_ns(input)?, errors),
            "baggage" => {
                let entries = value::entries(arg.list(input)?.stream(), errors);
                said.baggage.set(key, entries, errors);
            }
            "attach" => said.attach.set(key, arg.flag(input)?, errors),
            _ => return said.common.read(arg, input, errors),
        }
        Ok(())
    });
    said
}

impl Traced {
    pub fn lower(self, plan: &mut Plan, errors: &mut Errors) {
        let contradicts = self.detached.span().or(self.parent.span());
        if let (Some(_), Some(span)) = (self.root.span(), contradicts) {
            errors.at(span, "contradicts `root`: keep one of `root`, `detached` and `parent`");
        }
        let allow = self.common.allow.get().cloned().unwrap_or_default();
        plan.span = true;
        plan.name.or(self.name);
        plan.kind.or(self.kind);
        plan.log.or(self.log);
        plan.root.or(self.root);
        plan.parent.or(self.parent);
        plan.link.or(self.link);
        plan.detached.or(self.detached);
        plan.keep.or(self.keep);
        plan.sample.or(self.sample);
        plan.slow_ns.or(self.slow_ns);
        plan.attach.or(self.attach);
        plan.baggage = self.baggage.get().cloned().unwrap_or_default();
        value::refuse_secrets(&plan.baggage, &allow, errors);
        self.common.lower(plan, errors);
    }
}

impl Common {
    /// Reads an argument that several macros share.
    pub fn read(&mut self, arg: &Arg, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
        let key = &arg.key;
        match key.to_string().as_str() {
            "attributes" => self.attributes.set(key, value::entries(arg.list(input)?.stream(), errors), errors),
            "output" => self.outputs.set(key, value::entries(arg.list(input)?.stream(), errors), errors),
            "err" => self.err.set(key, arg.word(input, &["auto", "off"])? == "off", errors),
            "expected" => self.expected.set(key, patterns(arg, input, errors)?, errors),
            "allow" => self.allow.set(key, value::allowed(arg.list(input)?.stream(), errors), errors),
            "crate" => {
                arg.value(input)?;
                self.runtime.set(key, input.call(Path::parse_mod_style)?, errors);
            }
            "skip" => {
                let message = "`skip` leaves a function out of an annotated `impl`, `mod` or `trait`; there is none around this one, so remove the attribute";
                return Err(syn::Error::new(key.span(), message));
            }
            _ => {}
        }
        Ok(())
    }

    pub fn lower(self, plan: &mut Plan, errors: &mut Errors) {
        let allow = self.allow.get().cloned().unwrap_or_default();
        let attributes = self.attributes.get().cloned().unwrap_or_default();
        let outputs = self.outputs.get().cloned().unwrap_or_default();
        value::refuse_secrets(attributes.iter().chain(&outputs), &allow, errors);
        for entry in attributes {
            value::push(&mut plan.attributes, entry, errors);
        }
        for entry in outputs {
            value::push(&mut plan.outputs, entry, errors);
        }
        plan.errors_are_values.or(self.err);
        plan.expected.extend(self.expected.get().cloned().unwrap_or_default());
        plan.runtime.or(self.runtime);
    }
}

/// `name = "…"` or `name = SOME_CONST`.
pub fn name(arg: &Arg, input: ParseStream<'_>) -> syn::Result<Expr> {
    let expr = arg.expr(input)?;
    match args::peel(&expr) {
        Expr::Path(path) if path.path.segments.first().is_some_and(|s| s.ident == "Self") => {
            Err(syn::Error::new_spanned(path, "`Self` cannot be named here: write the type's own name"))
        }
        Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) if text.value().trim().is_empty() => {
            Err(syn::Error::new(text.span(), "an empty name"))
        }
        Expr::Path(_) | Expr::Macro(_) | Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(_), .. }) => Ok(expr),
        other => Err(arg.ill_typed(other, "a string literal or a constant")),
    }
}

pub fn name_on_block(key: &Ident) -> syn::Error {
    let message =
        "`name` on a block would give every function in it the same one: put it on one function, or leave it out";
    syn::Error::new(key.span(), message)
}

fn log(arg: &Arg, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Log> {
    const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];
    let mut log = Log { level: Ident::new("Info", args::here()), enter: true, exit: true };
    if !input.peek(syn::token::Paren) {
        arg.flag(input)?;
        return Ok(log);
    }
    let (mut enter, mut exit) = (Slot::default(), Slot::default());
    args::list(arg.list(input)?.stream(), errors, |input, errors| {
        let part = arg.inner(input.call(Ident::parse_any)?);
        match part.key.to_string().as_str() {
            "enter" => enter.set(&part.key, part.flag(input)?, errors),
            "exit" => exit.set(&part.key, part.flag(input)?, errors),
            "level" => {
                let text = part.text(input)?;
                let level = text.value();
                if !LEVELS.contains(&level.as_str()) {
                    return Err(syn::Error::new(text.span(), format!("`level` is one of {}", LEVELS.join(", "))));
                }
                log.level = Ident::new(&capitalised(&level), args::here());
            }
            _ => return Err(unknown_part(&part.key, "log", "`level`, `enter`, `exit`")),
        }
        Ok(())
    });
    if enter.get().is_some() || exit.get().is_some() {
        (log.enter, log.exit) = (enter.get().is_some(), exit.get().is_some());
    }
    Ok(log)
}

fn keep(arg: &Arg, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Keep> {
    let mut keep = Keep::default();
    args::list(arg.list(input)?.stream(), errors, |input, _| {
        let part = arg.inner(input.call(Ident::parse_any)?);
        match part.key.to_string().as_str() {
            "error" => {
                part.flag(input)?;
                keep.error = true;
            }
            "slow" => keep.slow_ns = part.duration_ns(input)?,
            _ => return Err(unknown_part(&part.key, "keep", "`error`, `slow`")),
        }
        Ok(())
    });
    Ok(keep)
}

fn share(arg: &Arg, input: ParseStream<'_>) -> syn::Result<f64> {
    let expr = arg.expr(input)?;
    match args::number(&expr) {
        Some(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(arg.ill_typed(&expr, "a number from 0 to 1")),
    }
}

fn patterns(arg: &Arg, input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Vec<Pat>> {
    let mut found = Vec::new();
    args::list(arg.list(input)?.stream(), errors, |input, _| {
        found.push(Pat::parse_multi_with_leading_vert(input)?);
        Ok(())
    });
    Ok(found)
}

pub fn unknown_part(key: &Ident, of: &str, valid: &str) -> syn::Error {
    syn::Error::new(key.span(), format!("unknown `{key}` in `{of}`; valid: {valid}"))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
