//! The recorder and the collector together: what annotated calls do comes out as spans.
//!
//! Call sites are written out as the macros would. One collector serves all tests; each looks at its own spans only.

mod calls;
mod decisions;
mod edges;
mod futures;
mod interop;
mod threads;

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use opentelemetry::Value;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

use super::{Handle, Options, begin_capture, captured, end_capture, start};
use crate::{
    config::{KeepConfig, Role, SamplerConfig, SpanLimits, TracesConfig},
    record::{current::set_tag, meta::Meta},
};

/// Tests that share the collector read; one that needs a collector of its own writes.
static SETTINGS: RwLock<()> = RwLock::new(());
static SHARED: Mutex<Option<Handle>> = Mutex::new(None);

pub(super) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

pub(super) fn traces(sampler: SamplerConfig) -> TracesConfig {
    TracesConfig {
        enabled: true,
        exporters: Vec::new(),
        sampler,
        keep: KeepConfig::default(),
        traces_per_second: 0,
        adaptive: false,
        limits: SpanLimits::default(),
        schedule_delay: Duration::from_millis(10),
        max_queue_size: 2048,
        max_export_batch_size: 512,
        sites: Vec::new(),
        n_plus_one: 0,
    }
}

fn default_sampler() -> SamplerConfig {
    SamplerConfig::ParentBased(Box::new(SamplerConfig::AlwaysOn))
}

/// A capture of the spans that begin on this thread.
pub(super) struct Capture {
    tag: u16,
    handle: Handle,
    _settings: RwLockReadGuard<'static, ()>,
}

pub(super) fn capture() -> Capture {
    // Far from the tags that captures of the `testing` feature take.
    static NEXT: AtomicU16 = AtomicU16::new(30_000);
    let settings = SETTINGS.read().unwrap_or_else(PoisonError::into_inner);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let handle = shared.get_or_insert_with(|| start(Options::new(Role::Cli, traces(default_sampler())))).clone();
    let tag = NEXT.fetch_add(1, Ordering::Relaxed);
    begin_capture(tag);
    set_tag(tag);
    Capture { tag, handle, _settings: settings }
}

impl Capture {
    /// The spans that have ended, in the order of their ends.
    pub(super) fn spans(&self) -> Vec<SpanData> {
        assert!(self.handle.flush(soon()));
        captured(self.tag)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        set_tag(0);
        end_capture(self.tag);
    }
}

/// A collector with settings of its own; nobody else records meanwhile.
pub(super) struct Alone {
    pub(super) handle: Handle,
    pub(super) exported: Kept,
    _settings: RwLockWriteGuard<'static, ()>,
}

pub(super) fn alone(change: impl FnOnce(&mut Options)) -> Alone {
    let settings = SETTINGS.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(shared) = SHARED.lock().unwrap_or_else(PoisonError::into_inner).take() {
        shared.shutdown(soon());
    }
    let exported = Kept::default();
    let mut options = Options::new(Role::Cli, traces(default_sampler()));
    options.exporters.push(super::Exporter::direct(exported.clone()));
    change(&mut options);
    Alone { handle: start(options), exported, _settings: settings }
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.handle.shutdown(soon());
    }
}

/// An exporter that keeps everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl Kept {
    pub(super) fn all(&self) -> Vec<SpanData> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(batch);
        Ok(())
    }
}

/// The span of this name.
#[track_caller]
pub(super) fn named<'a>(spans: &'a [SpanData], name: &str) -> &'a SpanData {
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name} in {names:?}"))
}

pub(super) fn attribute(span: &SpanData, key: &str) -> Option<Value> {
    span.attributes.iter().find(|pair| pair.key.as_str() == key).map(|pair| pair.value.clone())
}

#[track_caller]
pub(super) fn is_child(child: &SpanData, parent: &SpanData) {
    assert_eq!(child.parent_span_id, parent.span_context.span_id(), "{} below {}", child.name, parent.name);
    assert_eq!(child.span_context.trace_id(), parent.span_context.trace_id());
    assert!(child.start_time >= parent.start_time && child.end_time <= parent.end_time);
}

pub(super) const fn meta(name: &'static str) -> Meta {
    Meta {
        name,
        function: "acme::work",
        module: "acme",
        file: "src/acme.rs",
        line: 7,
        package: "acme",
        version: "1.2.3",
        ..Meta::DEFAULT
    }
}

/// A call site in a static.
macro_rules! site {
    ($name:literal $(, $field:ident : $value:expr)*) => {{
        static META: crate::record::meta::Meta =
            crate::record::meta::Meta { $($field: $value,)* ..crate::collect::tests::meta($name) };
        static SITE: crate::__private::Callsite = crate::__private::Callsite::new(&META);
        &SITE
    }};
}
pub(super) use site;

/// A call as the macros write it.
macro_rules! traced {
    ($site:expr, $body:expr) => {
        crate::__private::call(
            $site,
            crate::__private::returns(),
            || $body,
            |__ret, __exit| {
                use crate::__private::Look as _;
                (&&&&&&&&crate::__private::returned(__ret)).look()(__ret, __exit);
            },
        )
    };
}
pub(super) use traced;
