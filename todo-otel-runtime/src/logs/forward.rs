//! Failures for `tracing` subscribers that are not ours: a program's own subscriber sees the failures of annotated
//! functions as events of their modules. Where only ours is in place, nothing is built.
//!
//! A `tracing` event needs a static description of its call site; those of failing functions are made at their first
//! failure and stay for the life of the process, at most [`MOST_SITES`].

use std::{
    cell::Cell,
    collections::HashMap,
    sync::{LazyLock, Mutex, OnceLock, PoisonError},
};

use opentelemetry::logs::AnyValue;
use tracing_core::{
    Callsite, Event, Kind, Level, Metadata,
    callsite::Identifier,
    dispatcher,
    field::{Field, FieldSet, Value},
    metadata,
    subscriber::{Interest, NoSubscriber},
};
use tracing_subscriber::Layer;

use super::record::{Record, Span, level_of};

/// Functions that can fail visibly; further ones fail for our own pipeline only.
const MOST_SITES: usize = 1024;
const FIELDS: &[&str] = &["message", "error.type", "exception.type", "exception.message", "trace_id", "span_id"];

thread_local!(static FORWARDING: Cell<bool> = const { Cell::new(false) });

/// True while an event that the pipeline already has is shown to other subscribers.
pub(crate) fn is_forwarding() -> bool {
    FORWARDING.try_with(Cell::get).unwrap_or(false)
}

/// Marks a subscriber that nobody but us listens to.
pub(crate) struct Alone;

impl<S: tracing_core::Subscriber> Layer<S> for Alone {}

/// Is there a subscriber on this thread that wants to be told?
pub(crate) fn has_listeners() -> bool {
    dispatcher::get_default(|dispatch| !dispatch.is::<Alone>() && !dispatch.is::<NoSubscriber>())
}

/// Shows a record that has passed redaction and limits.
pub(crate) fn show(record: &Record) {
    let Some(metadata) = site_of(record) else { return };
    let Some(_guard) = Guard::enter() else { return };
    let fields: Vec<Field> = metadata.fields().iter().collect();
    let [message, error_type, exception_type, exception_message, trace_id, span_id] = fields.as_slice() else { return };
    let text = |key: &str| {
        record.attributes.iter().find(|(name, _)| name.as_str() == key).and_then(|(_, value)| match value {
            AnyValue::String(text) => Some(text.as_str()),
            _ => None,
        })
    };
    let ids = match record.span {
        Span::Of(span) => Some((span.trace_id.to_string(), span.span_id.to_string())),
        _ => None,
    };
    let texts = [text("error.type"), text("exception.type"), text("exception.message")];
    let ids = [ids.as_ref().map(|ids| ids.0.as_str()), ids.as_ref().map(|ids| ids.1.as_str())];
    fn value<'a>(text: &'a Option<&str>) -> Option<&'a dyn Value> {
        text.as_ref().map(|text| text as &dyn Value)
    }
    let words = record.message.as_str();
    let values = [
        (message, Some(&words as &dyn Value)),
        (error_type, value(&texts[0])),
        (exception_type, value(&texts[1])),
        (exception_message, value(&texts[2])),
        (trace_id, value(&ids[0])),
        (span_id, value(&ids[1])),
    ];
    dispatcher::get_default(|dispatch| {
        if dispatch.enabled(metadata) {
            dispatch.event(&Event::new(metadata, &metadata.fields().value_set(&values)));
        }
    });
}

struct Guard;

impl Guard {
    fn enter() -> Option<Guard> {
        FORWARDING.try_with(|flag| (!flag.replace(true)).then_some(Guard)).ok().flatten()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = FORWARDING.try_with(|flag| flag.set(false));
    }
}

/// The call site of a failing function.
struct Site(OnceLock<Metadata<'static>>);

static UNKNOWN: Site = Site(OnceLock::new());
static UNKNOWN_METADATA: Metadata<'static> = metadata! {
    name: "exception",
    target: env!("CARGO_CRATE_NAME"),
    level: Level::ERROR,
    fields: FIELDS,
    callsite: &UNKNOWN,
    kind: Kind::EVENT,
};

impl Callsite for Site {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        self.0.get().unwrap_or(&UNKNOWN_METADATA)
    }
}

/// Function and line, severity, event.
type Key = (usize, u32, i32, usize);

fn site_of(record: &Record) -> Option<&'static Metadata<'static>> {
    static SITES: LazyLock<Mutex<HashMap<Key, &'static Site>>> = LazyLock::new(Mutex::default);
    let name = record.event_name?;
    let location = record.location;
    let key = (location.function.as_ptr().addr(), location.line, record.severity as i32, name.as_ptr().addr());
    let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(site) = sites.get(&key) {
        return site.0.get();
    }
    let std::borrow::Cow::Borrowed(target) = record.target else { return None };
    if sites.len() >= MOST_SITES {
        return None;
    }
    let site: &'static Site = Box::leak(Box::new(Site(OnceLock::new())));
    let known = |text: &'static str| (!text.is_empty()).then_some(text);
    site.0.get_or_init(|| {
        Metadata::new(
            name,
            target,
            level_of(record.severity),
            known(location.file),
            (location.line > 0).then_some(location.line),
            Some(target),
            FieldSet::new(FIELDS, Identifier(site)),
            Kind::EVENT,
        )
    });
    sites.insert(key, site);
    drop(sites);
    tracing_core::callsite::register(site);
    site.0.get()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fmt, sync::Arc};

    use opentelemetry::logs::Severity;
    use tracing_core::field::Visit;
    use tracing_subscriber::layer::{Context, SubscriberExt as _};

    use super::*;
    use crate::logs::{Failure, Location};

    #[derive(Clone, Default)]
    struct Foreign(Arc<Mutex<Vec<Seen>>>);

    type Seen = (String, Level, BTreeMap<String, String>);

    impl<S: tracing_core::Subscriber> Layer<S> for Foreign {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            struct Fields(BTreeMap<String, String>);
            impl Visit for Fields {
                fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                    self.0.insert(field.name().into(), format!("{value:?}"));
                }
                fn record_str(&mut self, field: &Field, value: &str) {
                    self.0.insert(field.name().into(), value.into());
                }
            }
            let mut fields = Fields(BTreeMap::new());
            event.record(&mut fields);
            let metadata = event.metadata();
            self.0.lock().unwrap().push((metadata.target().into(), *metadata.level(), fields.0));
        }
    }

    fn failed() -> Record {
        Failure {
            event: "exception",
            severity: Severity::Error,
            target: "shop::pay",
            exception_type: "shop::Declined",
            message: "card declined",
            stacktrace: None,
            error_type: "declined",
            span: Span::None,
            location: Location { function: "shop::pay::charge", file: "pay.rs", line: 7 },
            root: false,
        }
        .into_record()
    }

    #[test]
    fn a_foreign_subscriber_sees_the_failure_as_an_event_of_its_module() {
        let foreign = Foreign::default();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(foreign.clone()), || {
            assert!(has_listeners());
            show(&failed());
            show(&failed());
        });
        let seen = foreign.0.lock().unwrap();
        assert_eq!(seen.len(), 2);
        let (target, level, fields) = &seen[0];
        assert_eq!((target.as_str(), *level), ("shop::pay", Level::ERROR));
        assert_eq!(fields["message"], "card declined");
        assert_eq!(fields["error.type"], "declined");
        assert!(!fields.contains_key("trace_id"));
    }

    #[test]
    fn a_filter_of_the_subscriber_is_asked() {
        let foreign = Foreign::default();
        let filtered = foreign.clone().with_filter(tracing_subscriber::EnvFilter::new("off"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(filtered), || show(&failed()));
        assert!(foreign.0.lock().unwrap().is_empty());
    }

    #[test]
    fn nobody_is_told_where_only_we_listen() {
        let ours = tracing_subscriber::registry().with(crate::tracing_layer()).with(Alone);
        tracing::subscriber::with_default(ours, || assert!(!has_listeners()));
        tracing::subscriber::with_default(tracing_core::subscriber::NoSubscriber::new(), || assert!(!has_listeners()));
    }
}
