//! Says when a service begins to lose telemetry, and when that is over; nothing in between.

use super::counts::Counts;
use opentelemetry::logs::Severity;
use std::time::{Duration, Instant};

/// Without a loss for this long, losing is over.
const OVER: Duration = Duration::from_secs(60);

/// What was lost when we last looked.
#[derive(Debug, Default)]
pub(crate) struct Losing {
    lost: u64,
    /// Lost before it began, and when something was last lost.
    since: Option<(u64, Instant)>,
}

/// Something to say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Begins,
    Ends { lost: u64 },
}

impl Losing {
    pub(crate) fn look(&mut self, lost: u64, now: Instant) -> Option<Line> {
        let more = lost > self.lost;
        let before = std::mem::replace(&mut self.lost, lost);
        match (&mut self.since, more) {
            (None, true) => {
                self.since = Some((before, now));
                Some(Line::Begins)
            }
            (Some((_, last)), true) => {
                *last = now;
                None
            }
            (Some((from, last)), false) if now.duration_since(*last) >= OVER => {
                let lost = lost - *from;
                self.since = None;
                Some(Line::Ends { lost })
            }
            _ => None,
        }
    }
}

/// One line for people, by way of the runtime's own log.
pub(crate) fn say(line: &Line, counts: &Counts) {
    match line {
        Line::Begins => {
            let losses = counts.dropped.iter().filter(|dropped| dropped.reason.is_loss());
            let losses = losses.map(|d| format!("{} {} {}", d.items, d.signal.as_str(), d.reason.as_str()));
            let losses = losses.collect::<Vec<_>>().join(", ");
            crate::logs::say(Severity::Warn, "telemetry is being lost", &format!("since the start: {losses}"));
        }
        Line::Ends { lost } => {
            crate::logs::say(Severity::Warn, "telemetry is no longer lost", &format!("{lost} items in between"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_when_it_begins_and_one_when_it_is_over() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut losing = Losing::default();
        let lines: Vec<_> = [(0, 0), (3, 1), (5, 2), (5, 30), (9, 50), (9, 100), (9, 111), (9, 300), (10, 301)]
            .into_iter()
            .filter_map(|(lost, second)| losing.look(lost, at(second)).map(|line| (second, line)))
            .collect();
        assert_eq!(lines, [(1, Line::Begins), (111, Line::Ends { lost: 9 }), (301, Line::Begins)]);
    }
}
