//! `todo stats`

use jiff::{ToSpan, Zoned, civil::Date};

use crate::{app::App, error::Result, output::json};

command!("stats", "todo.command.stats", ());

/// Days of the chart.
const DAYS: i64 = 7;

fn execute(app: &mut App, (): ()) -> Result<()> {
    let now = app.clock.local();
    let start = |ago: i64| -> Option<(Date, i64)> {
        let day = now.date().checked_sub(ago.days()).ok()?;
        let start: Zoned = day.to_zoned(now.time_zone().clone()).ok()?;
        Some((day, start.timestamp().as_millisecond()))
    };
    let days: Vec<(Date, i64)> = (0..DAYS).rev().filter_map(start).collect();
    let end = start(-1).map_or(i64::MAX, |(_, start)| start);
    let stats = app.store_to_read()?.stats(now.date(), &days, end)?;
    let view = app.view();
    app.out.results(&json::StatsDocument::from(&stats), || view.stats(&stats))
}
