//! The three macros on one function: recognising stacked ones and lowering all of them to one plan.

use proc_macro2::TokenStream;
use syn::{Attribute, Meta, Path};

use crate::{
    block::{self, Item, Place},
    db_span::{self, DbSpan},
    errors::Errors,
    expand,
    function::{Function, Shape},
    plan::Plan,
    red_metrics::{self, RedMetrics},
    traced::{self, Traced},
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    Traced,
    RedMetrics,
    DbSpan,
}

impl Which {
    /// One of ours, written bare or under `todo_otel_runtime::`; under any other name it expands on its own.
    pub fn of(attribute: &Attribute) -> Option<Self> {
        let segments = &attribute.path().segments;
        let mut words = segments.iter().rev();
        let which = match words.next()?.ident.to_string().as_str() {
            "traced" => Which::Traced,
            "red_metrics" => Which::RedMetrics,
            "db_span" => Which::DbSpan,
            _ => return None,
        };
        words.next().is_none_or(|before| before.ident == "todo_otel_runtime").then_some(which)
    }
}

/// Everything one attribute does to the item it stands on; whatever is wrong, the item is still there.
pub fn expand(which: Which, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let mut said = Said::default();
    let out = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Function(function)) => {
            said.read(which, arguments, Place::Function, &mut errors);
            expand::function(*function, said, None, &mut errors)
        }
        Ok(Item::Block(block)) => {
            said.read(which, arguments, Place::Block, &mut errors);
            block.expand(said, &mut errors)
        }
        Err(error) => block::not_an_item(&error, &item),
    };
    let errors = errors.finish();
    quote::quote!(#errors #out)
}

/// What the attributes on one item say.
#[derive(Clone, Default)]
pub struct Said {
    traced: Option<Traced>,
    red_metrics: Option<RedMetrics>,
    db_span: Option<DbSpan>,
    merged: Vec<Path>,
}

impl Said {
    pub fn read(&mut self, which: Which, arguments: TokenStream, place: Place, errors: &mut Errors) {
        match which {
            Which::Traced => self.traced = Some(traced::read(arguments, place, errors)),
            Which::RedMetrics => self.red_metrics = Some(red_metrics::read(arguments, place, errors)),
            Which::DbSpan => self.db_span = Some(db_span::read(arguments, place, errors)),
        }
    }

    /// Takes at most one attribute of each other kind off the item; a repeated kind stays, nests and records separately.
    pub fn merge(&mut self, attrs: Vec<Attribute>, place: Place, errors: &mut Errors) -> Vec<Attribute> {
        let mut kept = Vec::new();
        for attribute in attrs {
            match Which::of(&attribute) {
                Some(which) if !self.has(which) => {
                    let arguments = match &attribute.meta {
                        Meta::List(list) => list.tokens.clone(),
                        _ => TokenStream::new(),
                    };
                    self.read(which, arguments, place, errors);
                    self.merged.push(attribute.path().clone());
                }
                _ => kept.push(attribute),
            }
        }
        kept
    }

    pub fn take_merged(&mut self) -> Vec<Path> {
        std::mem::take(&mut self.merged)
    }

    pub fn remove(&mut self, which: Which) {
        match which {
            Which::Traced => self.traced = None,
            Which::RedMetrics => self.red_metrics = None,
            Which::DbSpan => self.db_span = None,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.traced.is_none() && self.red_metrics.is_none() && self.db_span.is_none()
    }

    fn has(&self, which: Which) -> bool {
        match which {
            Which::Traced => self.traced.is_some(),
            Which::RedMetrics => self.red_metrics.is_some(),
            Which::DbSpan => self.db_span.is_some(),
        }
    }

    /// One plan for all of them. `traced` comes first, so its name and kind win.
    pub fn lower(mut self, function: &Function, owner: Option<&str>, errors: &mut Errors) -> Plan {
        let name = function.sig.ident.to_string();
        let function_name = owner.map_or_else(|| name.clone(), |owner| format!("{owner}::{name}"));
        let mut plan =
            Plan { function: function_name.replace("r#", ""), merged: self.take_merged(), ..Plan::default() };
        if let Some(traced) = self.traced {
            traced.lower(&mut plan, errors);
        }
        if let Some(db_span) = self.db_span {
            db_span.lower(&mut plan, errors);
        }
        if let Some(red_metrics) = self.red_metrics {
            red_metrics.lower(&mut plan, errors);
        }
        check(&plan, function, errors);
        plan
    }
}

/// Arguments that the function's own shape rules out.
fn check(plan: &Plan, function: &Function, errors: &mut Errors) {
    let seen = match function.shape() {
        Shape::Opaque => "the value of `-> impl Trait` cannot be looked at",
        Shape::Stream | Shape::BoxStream => "a stream has no single value",
        _ if function.never_returns() => "this function never returns a value",
        _ => return,
    };
    for entry in &plan.outputs {
        errors.at(entry.key.span(), format_args!("`output` does not fit here: {seen}; remove it"));
    }
    for pattern in &plan.expected {
        errors.push(syn::Error::new_spanned(pattern, format!("`expected` does not fit here: {seen}; remove it")));
    }
}
