//! The `tracing` side: a layer that takes events to the pipeline in place, and its filter.
//!
//! Not here: `tracing` spans. They reach this layer only for filter directives that look at them.

use std::sync::Arc;

use tracing_core::{Event, LevelFilter, Metadata, Subscriber, span, subscriber::Interest};
use tracing_subscriber::{
    EnvFilter, Layer,
    layer::{Context, Filter},
    registry::LookupSpan,
};

use super::{
    fields::record_of,
    pipeline::{Pipeline, Wanted, is_refused, is_self_log},
    slot,
};

/// The runtime's layer, for a program that builds its own `tracing` subscriber. It serves the pipeline that is in place
/// when an event comes; before [`init`](crate::init) and after the shutdown it does nothing.
///
/// # Examples
///
/// ```
/// use tracing_subscriber::prelude::*;
///
/// let subscriber = tracing_subscriber::registry().with(todo_otel_runtime::tracing_layer());
/// # let _ = subscriber;
/// ```
pub fn tracing_layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> + Send + Sync {
    Correlate(Source::InPlace).with_filter(Pass(Source::InPlace))
}

/// A layer for one pipeline, whichever is in place.
#[cfg(test)]
pub(crate) fn layer_of<S>(pipeline: Arc<Pipeline>) -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    Correlate(Source::This(pipeline.clone())).with_filter(Pass(Source::This(pipeline)))
}

enum Source {
    InPlace,
    #[cfg(test)]
    This(Arc<Pipeline>),
}

impl Source {
    fn current(&self) -> Option<Arc<Pipeline>> {
        match self {
            Source::InPlace => slot::current(),
            #[cfg(test)]
            Source::This(pipeline) => Some(pipeline.clone()),
        }
    }
}

struct Correlate(Source);

impl<S: Subscriber> Layer<S> for Correlate {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(pipeline) = self.0.current() else { return };
        let metadata = event.metadata();
        if super::forward::is_forwarding() {
            return;
        }
        if is_self_log(metadata.target()) {
            super::selflog::event(&pipeline, event);
            return;
        }
        let wants = |filter: &EnvFilter| filter.enabled(metadata, context.clone());
        let wanted = Wanted {
            export: !is_refused(metadata.target())
                && pipeline.export.as_ref().is_some_and(|export| wants(&export.gate.filter)),
            console: pipeline.console.as_ref().is_some_and(|console| wants(&console.gate.filter)),
            span: pipeline.goes_on_spans(metadata.name()),
        };
        pipeline.submit(wanted, || record_of(event, &pipeline.limits));
    }
}

/// Lets through what at least one destination wants.
struct Pass(Source);

impl Pass {
    fn filters(pipeline: &Pipeline) -> impl Iterator<Item = (&EnvFilter, bool, bool)> {
        let export = pipeline.export.as_ref().map(|export| (&export.gate.filter, export.gate.sees_spans, true));
        let console = pipeline.console.as_ref().map(|console| (&console.gate.filter, console.gate.sees_spans, false));
        export.into_iter().chain(console)
    }
}

impl<S: Subscriber> Filter<S> for Pass {
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        let Some(pipeline) = self.0.current() else { return false };
        if metadata.is_event() && is_self_log(metadata.target()) {
            return super::selflog::wants(&pipeline, metadata.level());
        }
        if metadata.is_event() && pipeline.goes_on_spans(metadata.name()) {
            return true;
        }
        Self::filters(&pipeline).any(|(filter, sees_spans, exports)| {
            (metadata.is_event() || sees_spans)
                && !(exports && is_refused(metadata.target()))
                && filter.enabled(metadata, context.clone())
        })
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        #[cfg(feature = "testing")]
        if crate::testing::hook::is_open() {
            return Interest::sometimes();
        }
        let Some(pipeline) = self.0.current() else { return Interest::never() };
        if metadata.is_event() && is_self_log(metadata.target()) {
            let wants = super::selflog::wants(&pipeline, metadata.level());
            return if wants { Interest::always() } else { Interest::never() };
        }
        if metadata.is_event() && pipeline.goes_on_spans(metadata.name()) {
            return Interest::always();
        }
        let mut answers = Self::filters(&pipeline)
            .filter(|(_, sees_spans, exports)| {
                (metadata.is_event() || *sees_spans) && !(*exports && is_refused(metadata.target()))
            })
            .map(|(filter, _, _)| <EnvFilter as Filter<S>>::callsite_enabled(filter, metadata));
        let Some(mut interest) = answers.next() else { return Interest::never() };
        for other in answers {
            if other.is_always() || interest.is_never() {
                interest = if interest.is_always() { interest } else { other };
            }
        }
        interest
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        #[cfg(feature = "testing")]
        if crate::testing::hook::is_open() {
            return None;
        }
        let Some(pipeline) = self.0.current() else { return Some(LevelFilter::OFF) };
        let mut most = super::selflog::level(pipeline.self_log_level).max(pipeline.milestones_level());
        for (filter, _, _) in Self::filters(&pipeline) {
            most = most.max(filter.max_level_hint()?);
        }
        Some(most)
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        if let Some(pipeline) = self.0.current() {
            Self::filters(&pipeline).for_each(|(filter, _, _)| filter.on_new_span(attributes, id, context.clone()));
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(pipeline) = self.0.current() {
            Self::filters(&pipeline).for_each(|(filter, _, _)| filter.on_record(id, values, context.clone()));
        }
    }

    fn on_enter(&self, id: &span::Id, context: Context<'_, S>) {
        if let Some(pipeline) = self.0.current() {
            Self::filters(&pipeline).for_each(|(filter, _, _)| filter.on_enter(id, context.clone()));
        }
    }

    fn on_exit(&self, id: &span::Id, context: Context<'_, S>) {
        if let Some(pipeline) = self.0.current() {
            Self::filters(&pipeline).for_each(|(filter, _, _)| filter.on_exit(id, context.clone()));
        }
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        if let Some(pipeline) = self.0.current() {
            Self::filters(&pipeline).for_each(|(filter, _, _)| filter.on_close(id.clone(), context.clone()));
        }
    }
}
