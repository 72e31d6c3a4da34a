//! Counts over the whole list.

use diesel::{
    ExpressionMethods, QueryDsl, RunQueryDsl, sql_query,
    sql_types::{BigInt, Nullable, Text},
};
use jiff::civil::Date;
use todo_otel_runtime::{db_span, traced};

use super::{Store, StoreError, schema::todos};

/// How the list stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Open todos.
    pub open: i64,
    /// Done todos.
    pub done: i64,
    /// Open and due before today.
    pub overdue: i64,
    /// Open and due today.
    pub due_today: i64,
    /// Open todos by priority: high, medium, low, none.
    pub by_priority: [i64; 4],
    /// Open todos by project, largest first, at most ten.
    pub by_project: Vec<(String, i64)>,
    /// Open todos by tag, most used first, at most ten.
    pub by_tag: Vec<(String, i64)>,
    /// Done todos by day, the last seven days, oldest first.
    pub completed_by_day: Vec<(Date, i64)>,
    /// Suggestions that wait for a decision.
    pub pending_suggestions: i64,
}

#[derive(diesel::QueryableByName)]
struct Totals {
    #[diesel(sql_type = BigInt)]
    open: i64,
    #[diesel(sql_type = BigInt)]
    done: i64,
    #[diesel(sql_type = BigInt)]
    overdue: i64,
    #[diesel(sql_type = BigInt)]
    due_today: i64,
    #[diesel(sql_type = BigInt)]
    high: i64,
    #[diesel(sql_type = BigInt)]
    medium: i64,
    #[diesel(sql_type = BigInt)]
    low: i64,
    #[diesel(sql_type = BigInt)]
    no_priority: i64,
    #[diesel(sql_type = BigInt)]
    pending_suggestions: i64,
}

#[derive(diesel::QueryableByName)]
struct Named {
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl Store {
    /// How many todos are open and how many of them are late. Asked by collectors: counted, but no trace unless it fails.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.todo.stats", system = self.system(), operation = "SELECT", collection = "todos")]
    #[traced(root, sample = 0.0)]
    pub fn standing(&self, today: Date) -> Result<(i64, i64), StoreError> {
        self.with(|conn| {
            let open = || todos::table.filter(todos::status.eq("open"));
            let late = open().filter(todos::due.lt(today.to_string()));
            Ok((open().count().get_result(conn)?, late.count().get_result(conn)?))
        })
    }

    /// Counts everything once. `day_starts` are the beginnings of the last days in ms since 1970, oldest first, with
    /// the end of the last day as final element.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.todo.stats", system = self.system(), operation = "SELECT", collection = "todos")]
    pub fn stats(&self, today: Date, days: &[(Date, i64)], end_ms: i64) -> Result<Stats, StoreError> {
        let today = today.to_string();
        self.with(|conn| {
            let totals: Totals = sql_query(
                "SELECT count(*) FILTER (WHERE status = 'open') AS open, \
                 count(*) FILTER (WHERE status = 'done') AS done, \
                 count(*) FILTER (WHERE status = 'open' AND due < $1) AS overdue, \
                 count(*) FILTER (WHERE status = 'open' AND due = $1) AS due_today, \
                 count(*) FILTER (WHERE status = 'open' AND priority = 3) AS high, \
                 count(*) FILTER (WHERE status = 'open' AND priority = 2) AS medium, \
                 count(*) FILTER (WHERE status = 'open' AND priority = 1) AS low, \
                 count(*) FILTER (WHERE status = 'open' AND priority IS NULL) AS no_priority, \
                 (SELECT count(*) FROM suggestions WHERE status = 'pending') AS pending_suggestions \
                 FROM todos",
            )
            .bind::<Text, _>(&today)
            .get_result(conn)?;
            let by_project = sql_query(
                "SELECT project AS name, count(*) AS count FROM todos WHERE status = 'open' AND project IS NOT NULL \
                 GROUP BY project ORDER BY count DESC, project LIMIT 10",
            )
            .load::<Named>(conn)?;
            let by_tag = sql_query(
                "SELECT tag AS name, count(*) AS count FROM todo_tags JOIN todos ON todos.id = todo_id \
                 WHERE status = 'open' GROUP BY tag ORDER BY count DESC, tag LIMIT 10",
            )
            .load::<Named>(conn)?;
            let mut completed_by_day = Vec::with_capacity(days.len());
            for (index, (day, start)) in days.iter().enumerate() {
                let end = days.get(index + 1).map_or(end_ms, |(_, start)| *start);
                let count: Named = sql_query(
                    "SELECT NULL AS name, count(*) AS count FROM todos \
                     WHERE status = 'done' AND completed_at >= $1 AND completed_at < $2",
                )
                .bind::<BigInt, _>(start)
                .bind::<BigInt, _>(end)
                .get_result(conn)?;
                completed_by_day.push((*day, count.count));
            }
            Ok(Stats {
                open: totals.open,
                done: totals.done,
                overdue: totals.overdue,
                due_today: totals.due_today,
                by_priority: [totals.high, totals.medium, totals.low, totals.no_priority],
                by_project: named(by_project),
                by_tag: named(by_tag),
                completed_by_day,
                pending_suggestions: totals.pending_suggestions,
            })
        })
    }
}

fn named(rows: Vec<Named>) -> Vec<(String, i64)> {
    rows.into_iter().map(|row| (row.name.unwrap_or_default(), row.count)).collect()
}
