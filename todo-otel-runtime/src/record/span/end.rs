//! How a call ends: the thread leaves it, and what it was is written whole.
//!
//! A short way for a call that succeeded, with or without metrics, which calls nothing; everything else goes the long way.

use std::ptr;

use super::{
    super::{
        callsite::Callsite,
        clock, failure, local,
        outcome::{Fault, Outcome},
        red::{Failure, SpanRef},
        root, wire,
    },
    ATTACHED, CURRENT, EXTRA, FRAME, LOGGED, MEASURED, RECORDED, SAMPLED, SpanState, TIMED,
};

/// How a future got on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Polled {
    pub(crate) polls: u32,
    /// Ticks inside of `poll`.
    pub(crate) busy: u64,
}

impl Polled {
    /// The words of an end, with what a future adds.
    #[inline(always)]
    pub(crate) fn after(self, end: [u64; END_WORDS]) -> [u64; ASYNC_END_WORDS] {
        let [first, id, high, low, parent, start, end, last] = end;
        [first, id, high, low, parent, start, end, last, self.polls.into(), self.busy]
    }
}

/// Words of an end.
pub(crate) const END_WORDS: usize = 8;
/// Words of the end of a future.
pub(crate) const ASYNC_END_WORDS: usize = 10;

/// What a call has that only the long way knows.
pub(crate) const LONG: u32 = LOGGED | EXTRA | ATTACHED;

impl SpanState {
    /// The thread leaves the call, for now or for good.
    #[inline(always)]
    pub(crate) fn leave(&self, previous: *const SpanState) {
        let local = local::here();
        if self.has(CURRENT) {
            local.current.set(previous);
        }
        if self.has(FRAME) && ptr::eq(local.frame.get(), self) {
            local.frame.set(ptr::null());
        }
        if self.has(ATTACHED) {
            root::detach();
        }
    }

    /// Leaves a call that returned, and writes what it was.
    #[cold]
    #[inline(never)]
    pub(crate) fn end(&self, previous: *const SpanState, end: u64, outcome: Outcome, fault: Option<Box<Fault>>) {
        self.leave(previous);
        self.finish(end, outcome, fault, None);
    }

    /// As `end`, for a plain call that simply succeeded. Its state is not looked at again.
    ///
    /// Not inlined, so that the code of a call site stays small.
    #[inline(never)]
    pub(crate) fn end_ok(&self, previous: *const SpanState, end: u64) {
        let flags = self.flags.get();
        let kind = flags & (LONG | MEASURED | FRAME | RECORDED | CURRENT);
        if kind != RECORDED | CURRENT {
            return if kind == MEASURED { self.end_counted(previous, end) } else { self.end_measured(previous, end) };
        }
        let local = local::here();
        let Some(site) = self.site.get().filter(|_| local.has_room(END_WORDS)) else {
            return self.end(previous, end, Outcome::Ok, None);
        };
        local.current.set(previous);
        local.write_in_room(self.end_words(site, flags, wire::END, Outcome::Ok, end));
    }

    /// A call with metrics and without a span.
    #[inline(never)]
    fn end_counted(&self, previous: *const SpanState, end: u64) {
        let ticks = end.wrapping_sub(self.start.get());
        let counted = self
            .site
            .get()
            .is_some_and(|site| site.red.count_ok(self.series.get(), ticks, end, false, SpanRef::default));
        if !counted {
            self.end(previous, end, Outcome::Ok, None);
        }
    }

    #[inline(never)]
    fn end_measured(&self, previous: *const SpanState, end: u64) {
        let flags = self.flags.get();
        let local = local::here();
        let recorded = flags & RECORDED != 0;
        let Some(site) = self
            .site
            .get()
            .filter(|_| flags & (LONG | MEASURED) == MEASURED && (!recorded || local.has_room(END_WORDS)))
        else {
            return self.end(previous, end, Outcome::Ok, None);
        };
        let ticks = end.wrapping_sub(self.start.get());
        if !site.red.count_ok(self.series.get(), ticks, end, self.is_kept(), || self.span_ref()) {
            return self.end(previous, end, Outcome::Ok, None);
        }
        if flags & CURRENT != 0 {
            local.current.set(previous);
        }
        if flags & FRAME != 0 && ptr::eq(local.frame.get(), self) {
            local.frame.set(ptr::null());
        }
        if recorded {
            local.write_in_room(self.end_words(site, flags, wire::END, Outcome::Ok, end));
        }
    }

    /// The words of an end, without what a future adds.
    #[inline(always)]
    pub(crate) fn end_words(
        &self,
        site: &'static Callsite,
        flags: u32,
        record: u64,
        outcome: Outcome,
        end: u64,
    ) -> [u64; END_WORDS] {
        let first = wire::first(record, outcome as u64, u64::from(flags & 0xffff), 0) | site.id_in_upper_half();
        let last = u64::from(self.series.get().to_bits()) | u64::from(flags >> 16) << 32;
        let (high, low) = (self.trace_high.get(), self.trace_low.get());
        [first, self.id.get(), high, low, self.parent.get(), self.start.get(), end, last]
    }

    /// Writes what the call was. `leave` has been called or will be.
    #[inline(always)]
    pub(crate) fn finish(&self, end: u64, outcome: Outcome, fault: Option<Box<Fault>>, polled: Option<Polled>) {
        let flags = self.flags.get();
        let plain = fault.is_none() && outcome == Outcome::Ok && flags & (LOGGED | EXTRA) == 0;
        if !plain {
            return self.finish_slowly(end, outcome, fault, polled);
        }
        if flags & MEASURED != 0
            && let Some(site) = self.site.get()
        {
            site.red.exit(self.series.get(), end.wrapping_sub(self.start.get()), end, outcome, None, self.span_ref());
        }
        if flags & RECORDED != 0 {
            self.write_end(end, outcome, polled);
        }
        self.flags.set(0);
    }

    #[inline(always)]
    pub(crate) fn span_ref(&self) -> SpanRef {
        SpanRef { trace: self.trace(), span: self.id.get(), sampled: self.is_kept() }
    }

    /// Recorded, and for export?
    #[inline(always)]
    pub(crate) fn is_kept(&self) -> bool {
        self.flags.get() & (SAMPLED | RECORDED) == SAMPLED | RECORDED
    }

    fn write_end(&self, end: u64, outcome: Outcome, polled: Option<Polled>) {
        let Some(site) = self.site.get() else { return };
        let local = local::here();
        let words = |record| self.end_words(site, self.flags.get(), record, outcome, end);
        let written = match polled {
            None => local.write(words(wire::END)),
            Some(polled) => local.write(polled.after(words(wire::END_ASYNC))),
        };
        if !written {
            local.count_drop();
        }
    }

    #[cold]
    #[inline(never)]
    fn finish_slowly(&self, end: u64, outcome: Outcome, fault: Option<Box<Fault>>, polled: Option<Polled>) {
        let class = match outcome {
            Outcome::Panic => Some("panic"),
            _ => fault.as_ref().map(|fault| fault.class),
        };
        // A call that was called off is no error of any class.
        let failure = class
            .filter(|_| outcome != Outcome::Cancelled)
            .map(|class| Failure { class, status: fault.as_ref().and_then(|fault| fault.status) });
        if self.has(MEASURED)
            && let Some(site) = self.site.get()
        {
            let ticks = end.wrapping_sub(self.start.get());
            site.red.exit(self.series.get(), ticks, end, outcome, failure, self.span_ref());
        }
        failure::report(self, outcome, fault.as_deref(), end);
        if self.is_recorded() {
            if let Some(class) = class {
                let first = wire::first(wire::ATTRIBUTE, wire::TEXT, wire::ERROR_TYPE, class.len() as u64);
                local::with(|local| local.write_bytes([first, self.id.get()], class.as_bytes()));
            }
            self.write_end(end, outcome, polled);
        }
        self.release_extra();
        self.flags.set(0);
    }

    /// The call unwound, or its future was dropped.
    #[cold]
    #[inline(never)]
    pub(crate) fn abandon(&self, outcome: Outcome, polled: Option<Polled>) {
        self.finish_slowly(clock::now(), outcome, None, polled);
    }

    /// Takes back that the call was running.
    pub(crate) fn forget_metrics(&self) {
        if self.has(MEASURED)
            && let Some(site) = self.site.get()
        {
            site.red.forget(self.series.get());
        }
        self.release_extra();
        self.flags.set(0);
    }
}

/// The end of a call that needs one; a span that is not recorded and not measured does not pay for the clock.
#[inline(always)]
pub(crate) fn end_of(state: &SpanState) -> u64 {
    if state.has(TIMED) { clock::chosen() } else { end_of_slowly(state) }
}

#[cold]
#[inline(never)]
fn end_of_slowly(state: &SpanState) -> u64 {
    if state.has(RECORDED | MEASURED | LOGGED) { clock::now() } else { 0 }
}
