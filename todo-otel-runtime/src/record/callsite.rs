//! The static of an annotated function: its description and the one word that says what it does right now.
//!
//! The word is all that a disabled call looks at. Call sites register themselves at their first use; nothing here depends
//! on the linker.

use std::{
    ptr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering},
    },
};

use super::{meta::Meta, red};
use crate::config::SiteMode;

/// Records a span.
pub(crate) const SPAN: u64 = 1;
/// Records RED metrics.
pub(crate) const METRICS: u64 = 1 << 1;
/// Writes log events around the call.
pub(crate) const LOG: u64 = 1 << 2;
/// Has attributes.
pub(crate) const ATTRIBUTES: u64 = 1 << 3;
/// Has metric labels.
pub(crate) const LABELS: u64 = 1 << 4;
/// The entry has more to do than to take the current span as parent.
pub(crate) const SPECIAL: u64 = 1 << 5;
/// Never used so far.
pub(crate) const NEW: u64 = 1 << 31;
/// Everything below is a switch, everything above is the id of the call site.
const SWITCHES: u64 = u32::MAX as u64;

/// The static of an annotated function.
///
/// The linker puts all of them behind each other: size and alignment leave no gaps, and padding of its own is zero.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Callsite {
    /// Nothing but zero tells padding.
    used: usize,
    /// Switches in the low half, id in the high half. No switch set = the call is not looked at.
    bits: AtomicU64,
    /// The metric side.
    pub(crate) red: red::Site,
    next: AtomicPtr<Callsite>,
    linked: AtomicBool,
    meta: Meta,
}

impl Callsite {
    /// A call site that nobody has used yet.
    pub const fn new(meta: &'static Meta) -> Self {
        Self::of(*meta)
    }

    /// The same, with what is known about the function inside.
    pub const fn of(meta: Meta) -> Self {
        Callsite {
            used: 1,
            bits: AtomicU64::new(NEW),
            red: red::Site::new(meta.metrics, meta.package, meta.version),
            next: AtomicPtr::new(ptr::null_mut()),
            linked: AtomicBool::new(false),
            meta,
        }
    }

    /// What padding looks like.
    #[expect(clippy::declare_interior_mutable_const, reason = "the value of one static")]
    pub(crate) const NOTHING: Callsite = Callsite { used: 0, ..Callsite::of(Meta::DEFAULT) };

    /// What is known about the function.
    #[inline(always)]
    pub fn meta(&'static self) -> &'static Meta {
        &self.meta
    }

    /// What this call has to do; the low half is 0 when that is nothing.
    #[inline(always)]
    pub(crate) fn bits(&'static self) -> u64 {
        let bits = self.bits.load(Ordering::Relaxed);
        if bits & NEW == 0 { bits } else { self.register() }
    }

    /// As `bits`, and of a call site that nobody has used yet it says that there is something to do.
    #[inline(always)]
    pub(crate) fn bits_unasked(&self) -> u64 {
        self.bits.load(Ordering::Relaxed)
    }

    /// Is there anything to do?
    #[inline(always)]
    pub(crate) fn is_on(bits: u64) -> bool {
        bits & SWITCHES != 0
    }

    /// The id of a call site that has been used, in the upper half.
    #[inline(always)]
    pub(crate) fn id_in_upper_half(&self) -> u64 {
        self.bits.load(Ordering::Relaxed) & !SWITCHES
    }

    #[cold]
    #[inline(never)]
    fn register(&'static self) -> u64 {
        // The lock may have been held by a thread that the child does not have.
        if super::fork::is_child() {
            return 0;
        }
        let mut registry = lock();
        // Stored once, with the switches: a thread that comes in between must not find a call site that looks switched off.
        let mut bits = self.bits.load(Ordering::Relaxed) & !SWITCHES;
        if !self.linked.swap(true, Ordering::Relaxed) {
            let id = registry.sites.len() as u64;
            registry.sites.push(self);
            bits = id << 32;
            let head = HEAD.load(Ordering::Relaxed);
            self.next.store(head, Ordering::Relaxed);
            HEAD.store(ptr::from_ref(self).cast_mut(), Ordering::Release);
            COUNT.store(registry.sites.len() as u32, Ordering::Release);
        }
        bits |= registry.switches(&self.meta);
        self.bits.store(bits, Ordering::Relaxed);
        bits
    }
}

/// Newest registered call site, the head of a list that can be walked without a lock.
static HEAD: AtomicPtr<Callsite> = AtomicPtr::new(ptr::null_mut());
static COUNT: AtomicU32 = AtomicU32::new(0);
static REGISTRY: Mutex<Registry> = Mutex::new(Registry { sites: Vec::new(), on: None });

struct Registry {
    sites: Vec<&'static Callsite>,
    on: Option<Switches>,
}

/// What call sites do while telemetry runs.
#[derive(Clone, Debug)]
pub(crate) struct Switches {
    /// Spans are recorded.
    pub spans: bool,
    /// RED metrics are recorded.
    pub metrics: bool,
    /// Log events are written.
    pub logs: bool,
    /// A line on standard error whenever a span opens or closes.
    pub span_lines: bool,
    /// Pattern over the function's path, and what it does; first match wins.
    pub sites: Vec<(String, SiteMode)>,
}

impl Registry {
    fn switches(&self, meta: &Meta) -> u64 {
        let Some(on) = &self.on else { return 0 };
        let mode = on.sites.iter().find(|(pattern, _)| matches(pattern, meta)).map_or(SiteMode::On, |(_, mode)| *mode);
        if mode == SiteMode::Off {
            return 0;
        }
        let mut bits = 0;
        if on.metrics
            && let Some(metrics) = meta.metrics
        {
            bits |= METRICS;
            if !metrics.labels.is_empty() {
                bits |= LABELS;
            }
        }
        if mode == SiteMode::Metrics {
            return bits;
        }
        if on.spans && meta.span {
            bits |= SPAN;
            if !meta.attributes.is_empty() {
                bits |= ATTRIBUTES;
            }
            if meta.root || meta.detached || meta.attach || meta.sample.is_some() || meta.slow_ns > 0 {
                bits |= SPECIAL;
            }
        }
        if on.logs && (meta.log.is_some() || (on.span_lines && meta.span)) {
            bits |= LOG;
        }
        bits
    }
}

/// Does `pattern` name this function? `*` stands for any run of characters; a pattern is held against the function's path
/// and against the span's name.
fn matches(pattern: &str, meta: &Meta) -> bool {
    wildcard(pattern.as_bytes(), meta.function.as_bytes()) || wildcard(pattern.as_bytes(), meta.name.as_bytes())
}

fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((after, from)) = retry {
            p = after;
            t = from + 1;
            retry = Some((after, t));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

fn lock() -> std::sync::MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets what every call site does, those to come included; `None` switches all of them off.
pub(crate) fn switch(on: Option<Switches>) {
    let mut registry = lock();
    registry.on = on;
    for site in &registry.sites {
        let bits = (site.bits.load(Ordering::Relaxed) & !SWITCHES) | registry.switches(&site.meta);
        site.bits.store(bits, Ordering::Relaxed);
    }
}

/// Switches every call site off without a lock, so that a forked child may do it.
pub(crate) fn switch_off_unlocked() {
    let mut site = HEAD.load(Ordering::Acquire).cast_const();
    // SAFETY: the list holds `&'static Callsite`s only, and links are written before the head is released.
    while let Some(this) = unsafe { site.as_ref() } {
        this.bits.store(this.bits.load(Ordering::Relaxed) & !SWITCHES, Ordering::Relaxed);
        site = this.next.load(Ordering::Relaxed);
    }
}

/// All call sites that were used so far; the position is the id.
pub(crate) fn registered(known: &mut Vec<&'static Callsite>) {
    if known.len() < COUNT.load(Ordering::Acquire) as usize {
        known.extend_from_slice(&lock().sites[known.len()..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, function: &'static str, expected: bool) {
        let meta = Meta { name: "todo.command.add", function, ..Meta::DEFAULT };
        assert_eq!(matches(pattern, &meta), expected, "{pattern} on {function}");
    }

    #[test]
    fn a_pattern_names_functions_by_path_or_span_name() {
        check("todo::db::*", "todo::db::create", true);
        check("todo::db::*", "todo::ai::create", false);
        check("*::create", "todo::db::create", true);
        check("*db*ate", "todo::db::create", true);
        check("*db*ata", "todo::db::create", false);
        check("todo::db::create", "todo::db::create", true);
        check("todo.command.*", "todo::add", true);
        check("", "todo::add", false);
        check("*", "", true);
    }
}
