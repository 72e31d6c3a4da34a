//! Spans of the `tracing` crate as ours: those that libraries make nest below ours, and ours below theirs.
//!
//! Events are `logs`' business. Only spans at INFO and above: libraries use the levels below for their own debugging.

use std::{
    cell::RefCell,
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use tracing_core::{
    Level, Metadata, Subscriber,
    callsite::Identifier,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    Layer,
    filter::LevelFilter,
    layer::{Context, Filter},
    registry::{LookupSpan, SpanRef},
};

use super::{
    callsite::Callsite,
    local::{self, Local},
    meta::Meta,
    outcome::Outcome,
    span::{SpanState, end::end_of},
    value::{Key, Slot, Value, debug, display},
};
use crate::collect::lane::{self, Note};

/// The layer; `init` puts it into the subscriber it installs. For a subscriber of your own, add it yourself.
pub fn span_layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> + Send + Sync {
    SpanLayer.with_filter(Spans)
}

/// Spans at INFO and above; a disabled level stays as cheap as without the layer.
struct Spans;

impl Spans {
    fn wants(metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && *metadata.level() <= Level::INFO
    }
}

impl<S> Filter<S> for Spans {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        Self::wants(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if Self::wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }
}

struct SpanLayer;

/// Call sites of `tracing` as ours, made once for each and kept, as they are.
static SITES: RwLock<Option<HashMap<Identifier, &'static Callsite>>> = RwLock::new(None);

fn site_of(metadata: &'static Metadata<'static>) -> &'static Callsite {
    let known = SITES.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(site) = known.as_ref().and_then(|sites| sites.get(&metadata.callsite())) {
        return site;
    }
    drop(known);
    let mut sites = SITES.write().unwrap_or_else(PoisonError::into_inner);
    sites.get_or_insert_default().entry(metadata.callsite()).or_insert_with(|| {
        let meta: &'static Meta = Box::leak(Box::new(Meta {
            name: metadata.name(),
            module: metadata.module_path().unwrap_or_else(|| metadata.target()),
            file: metadata.file().unwrap_or_default(),
            line: metadata.line().unwrap_or_default(),
            package: metadata.target(),
            ..Meta::DEFAULT
        }));
        Box::leak(Box::new(Callsite::new(meta)))
    })
}

/// Our side of a span, in its extensions.
struct Ours(Arc<SpanState>);

thread_local! {
    static ENTERED: Entered = const { Entered(RefCell::new(Vec::new())) };
}

/// The spans that this thread has entered, innermost last. A guard may be dropped out of order: then its entry stays, so
/// that a pointer to its state stays good, until that state is found to be current again.
struct Entered(RefCell<Vec<Entry>>);

struct Entry {
    state: Arc<SpanState>,
    previous: *const SpanState,
    left: bool,
}

impl Entered {
    fn push(&self, state: &Arc<SpanState>) {
        let Ok(mut all) = self.0.try_borrow_mut() else { return };
        local::with(|local| {
            settle(local, &mut all);
            all.push(Entry { state: state.clone(), previous: local.current.get(), left: false });
            local.current.set(Arc::as_ptr(state));
        });
    }

    fn leave(&self, state: &Arc<SpanState>) {
        let Ok(mut all) = self.0.try_borrow_mut() else { return };
        if let Some(entry) = all.iter_mut().rev().find(|entry| !entry.left && Arc::ptr_eq(&entry.state, state)) {
            entry.left = true;
        }
        local::with(|local| settle(local, &mut all));
    }
}

/// Steps back over spans that were left.
fn settle(local: &Local, all: &mut Vec<Entry>) {
    while let Some(last) = all.last()
        && last.left
        && local.current.get() == Arc::as_ptr(&last.state)
    {
        local.current.set(last.previous);
        all.pop();
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        local::with(|local| {
            let current = local.current.get();
            if self.0.get_mut().iter().any(|entry| Arc::as_ptr(&entry.state) == current) {
                local.current.set(std::ptr::null());
            }
        });
    }
}

fn state_of<'a, R: LookupSpan<'a>>(span: &SpanRef<'a, R>) -> Option<Arc<SpanState>> {
    span.extensions().get::<Ours>().map(|ours| ours.0.clone())
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let site = site_of(attributes.metadata());
        let bits = site.bits();
        if !Callsite::is_on(bits) {
            return;
        }
        let state = Arc::new(SpanState::new());
        let flags = match attributes.parent().and_then(|parent| context.span(parent)) {
            Some(parent) => below(&state, site, bits, state_of(&parent)),
            None if attributes.is_root() => below(&state, site, bits, None),
            None => {
                let (flags, previous) = state.begin(site, bits);
                step_back(flags, previous);
                flags
            }
        };
        if flags == 0 {
            return;
        }
        if state.is_recorded() {
            attributes.record(&mut Fields(state.id()));
        }
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(Ours(state));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(state) = context.span(id).and_then(|span| state_of(&span))
            && state.is_recorded()
        {
            values.record(&mut Fields(state.id()));
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let state = |id| context.span(id).and_then(|span| state_of(&span));
        if let (Some(state), Some(other)) = (state(id), state(follows))
            && state.is_recorded()
        {
            let link = opentelemetry::trace::Link::new(super::root::span_context(&other, false), Vec::new(), 0);
            lane::send(state.id(), Note::Links(vec![link]));
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        if let Some(state) = context.span(id).and_then(|span| state_of(&span)) {
            _ = ENTERED.try_with(|entered| entered.push(&state));
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if let Some(state) = context.span(id).and_then(|span| state_of(&span)) {
            _ = ENTERED.try_with(|entered| entered.leave(&state));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(Ours(state)) = span.extensions_mut().remove::<Ours>() else { return };
        state.finish(end_of(&state), Outcome::Ok, None, None);
    }
}

/// Begins a span below a given one, or a trace of its own.
fn below(state: &SpanState, site: &'static Callsite, bits: u64, parent: Option<Arc<SpanState>>) -> u32 {
    let previous = local::with(|local| {
        let parent = parent.as_ref().map_or(std::ptr::null(), Arc::as_ptr);
        local.current.replace(parent)
    });
    let (flags, _) = state.begin(site, bits);
    step_back(flags, previous);
    local::with(|local| local.current.set(previous));
    flags
}

fn step_back(flags: u32, previous: *const SpanState) {
    if flags != 0 {
        local::with(|local| local.current.set(previous));
    }
}

/// Fields as attributes.
struct Fields(u64);

impl Fields {
    fn put<T: Value + ?Sized>(&mut self, field: &Field, value: &T) {
        if field.name() == "otel.name" {
            return;
        }
        local::with(|local| value.put(&mut Slot::new(local, self.0, Key::Named(field.name()))));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, &debug(value));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, &value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, &value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, &value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, &value);
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "otel.name" {
            return lane::send(self.0, Note::Name(value.to_owned().into()));
        }
        self.put(field, value);
    }
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, &display(value));
    }
}
