//! Enrichments and the suggestions they bring; accepting changes the todo, nothing else does.

use std::time::Duration;

use diesel::{
    prelude::*,
    sql_types::{BigInt, Double, Text},
};
use jiff::{Timestamp, ToSpan};
use todo_otel_runtime::db_span;

use super::{
    Conn, Store, StoreError,
    conn::insert_all,
    journal,
    schema::{enrichments, suggestions, todos},
    timestamp, todos as todo_rows,
};
use crate::domain::{
    Edit, EnrichmentMode, Field, NewSuggestion, Status, Suggestion, SuggestionStatus, SuggestionValue, Todo,
    suggestion::EXPIRY_DAYS,
};
use crate::{enrich::model_label, names::SUGGESTIONS_EXPIRED};

/// A finished enrichment.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEnrichment {
    /// The todo it is for.
    pub todo_id: i64,
    /// The version it looked at.
    pub todo_version: i64,
    /// `openai`, `anthropic` or `local`.
    pub provider: String,
    /// Model that answered.
    pub model: String,
    /// Who waited.
    pub mode: EnrichmentMode,
    /// Of the whole answer, 0 to 1.
    pub confidence: f64,
    /// Tries it took.
    pub attempts: u32,
    /// Tokens read, if the provider counts them.
    pub input_tokens: Option<u64>,
    /// Tokens written, if the provider counts them.
    pub output_tokens: Option<u64>,
    /// What it proposes.
    pub suggestions: Vec<NewSuggestion>,
}

/// Which suggestions a decision is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// These numbers, all or none.
    Ids(Vec<i64>),
    /// Everything pending for a todo, or only what is for one field.
    Todo {
        /// The todo.
        id: i64,
        /// Only this field.
        field: Option<Field>,
    },
}

#[derive(Queryable)]
struct Row {
    id: i64,
    todo_id: i64,
    field: String,
    value: String,
    confidence: f64,
    reason: String,
    status: String,
    created_at: i64,
    model: String,
}

impl Store {
    /// Stores an enrichment; waits for another writer no longer than `patience`, and no longer than every statement does.
    /// Pending suggestions of earlier ones expire.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the todo was deleted meanwhile.
    #[db_span(name = "db.ai_enrichment.save", system = self.system(), operation = "INSERT", collection = "enrichments")]
    pub fn save_enrichment(
        &self,
        new: &NewEnrichment,
        patience: Duration,
        now: Timestamp,
    ) -> Result<Vec<Suggestion>, StoreError> {
        self.with(|conn| {
            conn.waiting_at_most(patience, |conn| conn.immediate_transaction(|conn| insert(conn, new, now)))
        })
    }

    /// Reads suggestions, newest todo first; those that wait for a decision, or all.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.ai_enrichment.get", system = self.system(), operation = "SELECT", collection = "suggestions", output(db.response.returned_rows = |found| found.len()))]
    pub fn suggestions(
        &self,
        todo_id: Option<i64>,
        pending_only: bool,
        now: Timestamp,
    ) -> Result<Vec<Suggestion>, StoreError> {
        self.with(|conn| {
            if let Some(id) = todo_id {
                todo_rows::one(conn, id)?;
            }
            let mut found = load(conn, todo_id.map_or(Which::All, Which::OfTodo))?;
            for suggestion in &mut found {
                if suggestion.status == SuggestionStatus::Pending && is_old(suggestion, now) {
                    suggestion.status = SuggestionStatus::Expired;
                }
            }
            found.retain(|suggestion| !pending_only || suggestion.status == SuggestionStatus::Pending);
            Ok(found)
        })
    }

    /// Applies suggestions to their todos: all or none, each todo only if it is still the version that was read.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown number, [`StoreError::NotPending`] for one already decided on.
    #[db_span(name = "db.suggestion.accept", system = self.system(), operation = "UPDATE", collection = "suggestions")]
    pub fn accept(&self, choice: &Choice, now: Timestamp) -> Result<(Vec<Todo>, Vec<Suggestion>), StoreError> {
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let chosen = choose(conn, choice, now)?;
                let mut ids: Vec<i64> = chosen.iter().map(|suggestion| suggestion.todo_id).collect();
                ids.sort_unstable();
                ids.dedup();
                let mut changed = Vec::with_capacity(ids.len());
                let mut before = Vec::with_capacity(ids.len());
                for id in ids {
                    let mut edit = Edit::default();
                    for suggestion in chosen.iter().filter(|suggestion| suggestion.todo_id == id) {
                        suggestion.value.clone().apply_to(&mut edit);
                    }
                    let current = todo_rows::one(conn, id)?;
                    todo_rows::apply(conn, &[id], &edit, now)?;
                    changed.push(todo_rows::one(conn, id)?);
                    before.push(current);
                }
                journal::record(conn, "accept", &before, &[], now)?;
                let accepted = decide(conn, chosen, SuggestionStatus::Accepted, now)?;
                Ok((changed, accepted))
            })
        })
    }

    /// Declines suggestions: all or none.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown number, [`StoreError::NotPending`] for one already decided on.
    #[db_span(name = "db.suggestion.reject", system = self.system(), operation = "UPDATE", collection = "suggestions")]
    pub fn reject(&self, choice: &Choice, now: Timestamp) -> Result<Vec<Suggestion>, StoreError> {
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let chosen = choose(conn, choice, now)?;
                decide(conn, chosen, SuggestionStatus::Rejected, now)
            })
        })
    }

    /// Lets suggestions expire that nobody decided on for 30 days; returns how many.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.suggestion.save", system = self.system(), operation = "UPDATE", collection = "suggestions")]
    pub fn expire_suggestions(&self, now: Timestamp) -> Result<usize, StoreError> {
        let oldest = oldest_pending(now).as_millisecond();
        self.with(|conn| conn.immediate_transaction(|conn| expire(conn, now, Which::PendingBefore(oldest))))
    }
}

/// Stores an enrichment inside a transaction of the caller.
pub(super) fn insert(conn: &mut Conn, new: &NewEnrichment, now: Timestamp) -> Result<Vec<Suggestion>, StoreError> {
    let now_ms = now.as_millisecond();
    let todo = todo_rows::one(conn, new.todo_id)?;
    expire_fields(conn, &[todo.id], &Field::ALL, now)?;
    let tokens = |count: Option<u64>| count.and_then(|count| i64::try_from(count).ok());
    let enrichment_id: i64 = diesel::insert_into(enrichments::table)
        .values((
            enrichments::todo_id.eq(todo.id),
            enrichments::todo_version.eq(new.todo_version),
            enrichments::provider.eq(&new.provider),
            enrichments::model.eq(&new.model),
            enrichments::mode.eq(new.mode.as_str()),
            enrichments::confidence.eq(new.confidence.clamp(0.0, 1.0)),
            enrichments::attempts.eq(i32::try_from(new.attempts).unwrap_or(i32::MAX)),
            enrichments::input_tokens.eq(tokens(new.input_tokens)),
            enrichments::output_tokens.eq(tokens(new.output_tokens)),
            enrichments::created_at.eq(now_ms),
        ))
        .returning(enrichments::id)
        .get_result(conn)?;
    // Completed while the model was thinking: the answer is kept, nothing is left to decide.
    let status = if todo.status == Status::Open { SuggestionStatus::Pending } else { SuggestionStatus::Expired };
    let rows: Vec<_> = new
        .suggestions
        .iter()
        .map(|suggestion| {
            (
                todo.id.into_sql::<BigInt>(),
                enrichment_id.into_sql::<BigInt>(),
                suggestion.value.field().as_str().into_sql::<Text>(),
                suggestion.value.to_text().into_sql::<Text>(),
                suggestion.confidence.clamp(0.0, 1.0).into_sql::<Double>(),
                suggestion.reason.as_str().into_sql::<Text>(),
                status.as_str().into_sql::<Text>(),
                now_ms.into_sql::<BigInt>(),
            )
        })
        .collect();
    let into = "suggestions (todo_id, enrichment_id, field, value, confidence, reason, status, created_at)";
    insert_all(conn, into, &rows)?;
    load(conn, Which::OfEnrichment(enrichment_id))
}

/// Pending suggestions for these fields of todos have been overtaken.
pub(super) fn expire_fields(
    conn: &mut Conn,
    todo_ids: &[i64],
    fields: &[Field],
    now: Timestamp,
) -> Result<(), StoreError> {
    for ids in todo_ids.chunks(todo_rows::AT_ONCE) {
        expire(conn, now, Which::PendingFields(ids, fields))?;
    }
    Ok(())
}

/// Lets these suggestions expire, and counts them.
fn expire(conn: &mut Conn, now: Timestamp, which: Which<'_>) -> Result<usize, StoreError> {
    let gone = load(conn, which)?;
    if gone.is_empty() {
        return Ok(0);
    }
    let ids: Vec<i64> = gone.iter().map(|suggestion| suggestion.id).collect();
    for ids in ids.chunks(todo_rows::AT_ONCE) {
        diesel::update(suggestions::table.filter(suggestions::id.eq_any(ids)))
            .set((
                suggestions::status.eq(SuggestionStatus::Expired.as_str()),
                suggestions::decided_at.eq(now.as_millisecond()),
            ))
            .execute(conn)?;
    }
    for suggestion in &gone {
        SUGGESTIONS_EXPIRED.add(1, (model_label(&suggestion.model), suggestion.value.field()));
    }
    Ok(gone.len())
}

fn choose(conn: &mut Conn, choice: &Choice, now: Timestamp) -> Result<Vec<Suggestion>, StoreError> {
    match choice {
        Choice::Ids(ids) => {
            let found = load(conn, Which::Ids(ids))?;
            let missing: Vec<i64> =
                ids.iter().copied().filter(|id| found.iter().all(|suggestion| suggestion.id != *id)).collect();
            if !missing.is_empty() {
                return Err(StoreError::NotFound { kind: "suggestion", ids: missing });
            }
            for suggestion in &found {
                let status = if is_old(suggestion, now) { SuggestionStatus::Expired } else { suggestion.status };
                if suggestion.status != SuggestionStatus::Pending || status != SuggestionStatus::Pending {
                    return Err(StoreError::NotPending { id: suggestion.id, status: status.as_str() });
                }
            }
            Ok(found)
        }
        Choice::Todo { id, field } => {
            todo_rows::one(conn, *id)?;
            let mut found = load(conn, Which::PendingFields(&[*id], &Field::ALL))?;
            found.retain(|suggestion| {
                !is_old(suggestion, now) && field.is_none_or(|field| suggestion.value.field() == field)
            });
            Ok(found)
        }
    }
}

fn decide(
    conn: &mut Conn,
    mut chosen: Vec<Suggestion>,
    status: SuggestionStatus,
    now: Timestamp,
) -> Result<Vec<Suggestion>, StoreError> {
    let ids: Vec<i64> = chosen.iter().map(|suggestion| suggestion.id).collect();
    diesel::update(suggestions::table.filter(suggestions::id.eq_any(ids)))
        .set((suggestions::status.eq(status.as_str()), suggestions::decided_at.eq(now.as_millisecond())))
        .execute(conn)?;
    for suggestion in &mut chosen {
        suggestion.status = status;
    }
    Ok(chosen)
}

/// Which suggestions are read.
#[derive(Clone, Copy)]
enum Which<'a> {
    All,
    Ids(&'a [i64]),
    OfTodo(i64),
    OfEnrichment(i64),
    /// Undecided ones for these fields of these todos.
    PendingFields(&'a [i64], &'a [Field]),
    /// Undecided ones from before this time.
    PendingBefore(i64),
}

fn load(conn: &mut Conn, which: Which<'_>) -> Result<Vec<Suggestion>, StoreError> {
    let query = suggestions::table
        .inner_join(enrichments::table)
        .inner_join(todos::table.on(todos::id.eq(suggestions::todo_id)))
        .order((suggestions::todo_id.desc(), suggestions::id))
        .select((
            suggestions::id,
            suggestions::todo_id,
            suggestions::field,
            suggestions::value,
            suggestions::confidence,
            suggestions::reason,
            suggestions::status,
            suggestions::created_at,
            enrichments::model,
        ))
        .into_boxed();
    let pending = suggestions::status.eq(SuggestionStatus::Pending.as_str());
    let query = match which {
        Which::All => query,
        Which::Ids(ids) => query.filter(suggestions::id.eq_any(ids)),
        Which::OfTodo(id) => query.filter(suggestions::todo_id.eq(id)),
        Which::OfEnrichment(id) => query.filter(suggestions::enrichment_id.eq(id)),
        Which::PendingFields(ids, fields) => {
            let names: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
            query.filter(suggestions::todo_id.eq_any(ids).and(pending).and(suggestions::field.eq_any(names)))
        }
        Which::PendingBefore(time) => query.filter(pending.and(suggestions::created_at.lt(time))),
    };
    let rows: Vec<Row> = query.load(conn)?;
    Ok(rows.into_iter().filter_map(suggestion).collect())
}

/// `None` for a row this program cannot read, such as a field of a later version.
fn suggestion(row: Row) -> Option<Suggestion> {
    Some(Suggestion {
        id: row.id,
        todo_id: row.todo_id,
        value: SuggestionValue::parse(Field::parse(&row.field)?, &row.value)?,
        confidence: row.confidence,
        reason: row.reason,
        status: SuggestionStatus::parse(&row.status)?,
        model: row.model,
        created_at: timestamp(row.created_at),
    })
}

fn is_old(suggestion: &Suggestion, now: Timestamp) -> bool {
    suggestion.created_at < oldest_pending(now)
}

fn oldest_pending(now: Timestamp) -> Timestamp {
    now.checked_sub((EXPIRY_DAYS * 24).hours()).unwrap_or(Timestamp::MIN)
}
