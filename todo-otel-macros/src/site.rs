//! The static of a function: its plan as a constant. No code that runs.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};

use crate::{
    args,
    plan::{Bounds, Instrument, Plan, Role},
};

/// `static __SITE` in the list that the linker makes.
pub fn callsite(plan: &Plan, rt: &TokenStream, at: Span) -> TokenStream {
    let span = Span::mixed_site();
    // As a field, a constant of a wrong type is an error about the constant alone.
    let (name, constant) = match plan.name() {
        name if args::literal(&name).is_some() => (name, TokenStream::new()),
        name => (crate::plan::text(""), quote_spanned!(span=> name: #name,)),
    };
    let function = format!("::{}", plan.function);
    let line_span = span.located_at(at);
    let line = quote_spanned!(line_span=> ::core::line!());
    let place = quote_spanned! {span=>
        #rt::Meta::at(
            #name, ::core::concat!(::core::module_path!(), #function), ::core::module_path!(), ::core::file!(), #line,
            ::core::env!("CARGO_PKG_NAME"), ::core::env!("CARGO_PKG_VERSION"),
        )
    };
    let facts = [constant, kind(plan, rt), keys(plan), metrics(plan, rt), objective(plan, rt), rules(plan, rt)];
    let meta = if facts.iter().all(TokenStream::is_empty) {
        place
    } else {
        quote_spanned!(span=> #rt::Meta { #(#facts)* ..#place })
    };
    quote_spanned! {span=>
        #[used]
        #[cfg_attr(any(target_os = "linux", target_os = "android", target_os = "freebsd"), unsafe(link_section = "otel_calls"))]
        #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__otel_calls"))]
        #[cfg_attr(windows, unsafe(link_section = ".otelc$b"))]
        static __SITE: #rt::Callsite = #rt::Callsite::of(#meta);
    }
}

fn kind(plan: &Plan, rt: &TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    let Some(word) = plan.kind.get().filter(|word| *word != "internal") else { return TokenStream::new() };
    let kind = match word.to_string().as_str() {
        "client" => format_ident!("Client", span = span),
        "server" => format_ident!("Server", span = span),
        "producer" => format_ident!("Producer", span = span),
        _ => format_ident!("Consumer", span = span),
    };
    quote_spanned!(span=> kind: #rt::Kind::#kind,)
}

fn keys(plan: &Plan) -> TokenStream {
    let span = Span::mixed_site();
    let list = |name: &str, entries: &[crate::value::Entry]| {
        let name = format_ident!("{name}", span = span);
        let keys = entries.iter().map(|entry| &entry.key);
        (!entries.is_empty()).then(|| quote_spanned!(span=> #name: &[#(#keys),*],))
    };
    let (attributes, outputs) = (list("attributes", &plan.attributes), list("outputs", &plan.outputs));
    let span_off = (!plan.span).then(|| quote_spanned!(span=> span: false,));
    quote_spanned!(span=> #attributes #outputs #span_off)
}

fn metrics(plan: &Plan, rt: &TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    if plan.instruments.is_empty() && plan.active.get().is_none() {
        return TokenStream::new();
    }
    let labels = plan.labels.iter().map(|entry| &entry.key);
    let values = values(plan);
    let instruments = plan.instruments.iter().map(|one| instrument(one, rt));
    let active = plan.active.get().map(|name| quote_spanned!(span=> active: #rt::Some(#name), in_flight: true,));
    // Where nothing is left to default, saying so is a lint.
    let rest = (values.is_none() || active.is_none()).then(|| quote_spanned!(span=> ..#rt::MetricsMeta::DEFAULT));
    quote_spanned! {span=>
        metrics: #rt::Some(&#rt::MetricsMeta {
            labels: &[#(#labels),*], #values instruments: &[#(#instruments),*], #active #rest
        }),
    }
}

/// What each label can be, as far as it is written as text.
fn values(plan: &Plan) -> Option<TokenStream> {
    let span = Span::mixed_site();
    let texts: Vec<_> = plan.labels.iter().map(|entry| args::literal(&entry.value)).collect();
    let sets = texts.iter().map(|text| quote_spanned!(span=> &[#text]));
    texts.iter().any(Option::is_some).then(|| quote_spanned!(span=> values: &[#(#sets),*],))
}

fn instrument(instrument: &Instrument, rt: &TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    let Instrument { role, name, unit, bounds, labels, outcome, error_type, status_code } = instrument;
    let role = match role {
        Role::Duration => format_ident!("Duration", span = span),
        Role::Calls => format_ident!("Calls", span = span),
        Role::Errors => format_ident!("Errors", span = span),
    };
    let bounds = match bounds {
        Bounds::None => TokenStream::new(),
        Bounds::Listed(bounds) => quote_spanned!(span=> bounds: &[#(#bounds),*],),
        Bounds::Constant(bounds) => {
            quote_spanned!(span.located_at(syn::spanned::Spanned::span(bounds))=> bounds: { #rt::check_bounds(#bounds); #bounds },)
        }
    };
    let flag = |name: &str, on: bool| {
        let name = format_ident!("{name}", span = span);
        on.then(|| quote_spanned!(span=> #name: true,))
    };
    let flags = [flag("outcome", *outcome), flag("error_type", *error_type), flag("status_code", *status_code)];
    quote_spanned! {span=>
        #rt::InstrumentMeta {
            role: #rt::Role::#role, name: #name, unit: #unit, #bounds labels: #labels, #(#flags)* ..#rt::InstrumentMeta::DEFAULT
        }
    }
}

fn objective(plan: &Plan, rt: &TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    let Some(objective) = plan.objective.get() else { return TokenStream::new() };
    let success = objective.success.unwrap_or_default();
    let (latency_ns, percentile) = objective.latency.unwrap_or_default();
    let except = objective.except.iter().map(|(key, value)| quote_spanned!(span=> (#key, #value)));
    quote_spanned! {span=>
        objective: #rt::Some(&#rt::Objective {
            success: #success, latency_ns: #latency_ns, percentile: #percentile, except: &[#(#except),*]
        }),
    }
}

/// Log events, head and tail decisions, place in the trace.
fn rules(plan: &Plan, rt: &TokenStream) -> TokenStream {
    let span = Span::mixed_site();
    let log = plan.log.get().map(|log| {
        let (level, enter, exit) = (&log.level, log.enter, log.exit);
        quote_spanned!(span=> log: #rt::Some(#rt::Log { level: #rt::Level::#level, enter: #enter, exit: #exit }),)
    });
    let keep = plan.keep.get().map(|keep| {
        let (error, slow_ns) = (keep.error, keep.slow_ns);
        quote_spanned!(span=> keep: #rt::Keep { error: #error, slow_ns: #slow_ns },)
    });
    let sample = plan.sample.get().map(|share| quote_spanned!(span=> sample: #rt::Some(#share),));
    let slow = plan.slow_ns.get().map(|ns| quote_spanned!(span=> slow_ns: #ns,));
    let root = plan.root.get().map(|()| quote_spanned!(span=> root: true,));
    let detached = plan.detached.get().map(|()| quote_spanned!(span=> detached: true,));
    let attach = plan.attach.get().map(|()| quote_spanned!(span=> attach: true,));
    quote_spanned!(span=> #log #keep #sample #slow #root #detached #attach)
}
