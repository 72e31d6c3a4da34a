//! A root rate that follows the errors: up to everything while many roots fail, then back by halves.
//!
//! Approximate by design: it only sees roots that are recorded.

use std::time::{Duration, Instant};

use crate::record::sampling;

const WINDOW: Duration = Duration::from_secs(60);
/// Fewer roots say nothing.
const LEAST_ROOTS: u32 = 20;
/// One root in twenty.
const ERROR_SHARE: u32 = 20;
const RAISED_FOR: Duration = Duration::from_secs(300);
const HALVED_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Adaptive {
    base: f64,
    ratio: f64,
    since: Instant,
    roots: u32,
    errors: u32,
    /// When the ratio is to be halved next.
    falls_at: Option<Instant>,
}

impl Adaptive {
    pub(crate) fn new(base: f64, now: Instant) -> Self {
        Adaptive { base, ratio: base, since: now, roots: 0, errors: 0, falls_at: None }
    }

    /// A local root has ended.
    pub(crate) fn root_ended(&mut self, is_error: bool, now: Instant) {
        self.roots += 1;
        self.errors += u32::from(is_error);
        self.tick(now);
    }

    /// Looks at the window when it is over, and lets the ratio fall when it is time.
    pub(crate) fn tick(&mut self, now: Instant) {
        let before = self.ratio;
        if now.saturating_duration_since(self.since) >= WINDOW {
            if self.roots >= LEAST_ROOTS && self.errors * ERROR_SHARE > self.roots {
                self.ratio = 1.0;
                self.falls_at = Some(now + RAISED_FOR);
            }
            (self.since, self.roots, self.errors) = (now, 0, 0);
        }
        while let Some(at) = self.falls_at
            && now >= at
        {
            self.ratio = (self.ratio / 2.0).max(self.base);
            self.falls_at = (self.ratio > self.base).then(|| at + HALVED_EVERY);
        }
        if before != self.ratio {
            sampling::set_ratio(self.ratio);
        }
    }

    #[cfg(test)]
    fn ratio(&self) -> f64 {
        self.ratio
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_raise_the_ratio_and_it_falls_back_by_halves() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut adaptive = Adaptive::new(0.1, start);
        for i in 0..40 {
            adaptive.root_ended(i % 10 == 0, at(30));
        }
        assert_eq!(adaptive.ratio(), 0.1, "the window is not over");
        adaptive.tick(at(60));
        assert_eq!(adaptive.ratio(), 1.0);
        adaptive.tick(at(359));
        assert_eq!(adaptive.ratio(), 1.0);
        adaptive.tick(at(360));
        assert_eq!(adaptive.ratio(), 0.5);
        adaptive.tick(at(420));
        assert_eq!(adaptive.ratio(), 0.25);
        adaptive.tick(at(1000));
        assert_eq!(adaptive.ratio(), 0.1);
    }

    #[test]
    fn few_roots_and_few_errors_change_nothing() {
        let start = Instant::now();
        let mut adaptive = Adaptive::new(0.1, start);
        for _ in 0..19 {
            adaptive.root_ended(true, start);
        }
        adaptive.tick(start + WINDOW);
        assert_eq!(adaptive.ratio(), 0.1);
        for i in 0..100 {
            adaptive.root_ended(i < 5, start + WINDOW);
        }
        adaptive.tick(start + 2 * WINDOW);
        assert_eq!(adaptive.ratio(), 0.1);
    }
}
