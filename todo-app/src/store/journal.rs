//! What each command changed, so that `todo undo` can take it back. Written in the transaction of the change itself.
//! Not here: suggestions; a decision about one is undone together with the todo it changed, but not offered again.

use diesel::{
    prelude::*,
    sql_types::{BigInt, Nullable, Text},
};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use todo_otel_runtime::db_span;

use super::{
    Conn, Store, StoreError,
    conn::insert_all,
    schema::{journal, journal_todos, notes, todo_tags, todos},
    timestamp, todos as todo_rows,
};
use crate::domain::{Note, Priority, Status, Todo};

/// Days that changes can be taken back and deleted todos are kept.
const KEPT_DAYS: i64 = 30;

/// A change that was taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct Undone {
    /// `add`, `edit`, `note`, `complete`, `reopen`, `delete`, `accept` or `import`.
    pub operation: String,
    /// The todos as they are again; those of `add` and `import` as they were before they went.
    pub todos: Vec<Todo>,
}

/// A todo as it was, but for what no command changes.
#[derive(Serialize, Deserialize)]
struct Image {
    title: String,
    description: Option<String>,
    status: String,
    priority: Option<i32>,
    project: Option<String>,
    category: Option<String>,
    due: Option<String>,
    estimate_minutes: Option<u32>,
    next_step: Option<String>,
    completed_at: Option<i64>,
    tags: Vec<String>,
    /// Times in ms since 1970; absent in changes made before there were notes.
    #[serde(default)]
    notes: Option<Vec<(i64, String)>>,
}

impl From<&Todo> for Image {
    fn from(todo: &Todo) -> Self {
        Image {
            title: todo.title.clone(),
            description: todo.description.clone(),
            status: todo.status.as_str().to_owned(),
            priority: todo.priority.map(Priority::rank),
            project: todo.project.clone(),
            category: todo.category.clone(),
            due: todo.due.map(|due| due.to_string()),
            estimate_minutes: todo.estimate_minutes,
            next_step: todo.next_step.clone(),
            completed_at: todo.completed_at.map(|at| at.as_millisecond()),
            tags: todo.tags.clone(),
            notes: Some(todo.notes.iter().map(|note| (note.at.as_millisecond(), note.text.clone())).collect()),
        }
    }
}

impl Store {
    /// Takes back the newest change that was not taken back yet; `None` when there is none.
    ///
    /// # Errors
    /// As every method of the store; on an error nothing was changed.
    #[db_span(name = "db.todo.undo", system = self.system(), operation = "UPDATE", collection = "todos")]
    pub fn undo(&self, now: Timestamp) -> Result<Option<Undone>, StoreError> {
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let newest: Option<(i64, String)> = journal::table
                    .filter(journal::undone_at.is_null())
                    .order(journal::id.desc())
                    .select((journal::id, journal::operation))
                    .first(conn)
                    .optional()?;
                let Some((id, operation)) = newest else { return Ok(None) };
                let changed: Vec<(i64, Option<String>)> = journal_todos::table
                    .filter(journal_todos::journal_id.eq(id))
                    .order(journal_todos::todo_id)
                    .select((journal_todos::todo_id, journal_todos::before))
                    .load(conn)?;
                let mut restored = Vec::with_capacity(changed.len());
                for (todo_id, before) in changed {
                    restored.extend(restore(conn, todo_id, before.as_deref(), now)?);
                }
                diesel::update(journal::table.find(id))
                    .set(journal::undone_at.eq(now.as_millisecond()))
                    .execute(conn)?;
                Ok(Some(Undone { operation, todos: restored }))
            })
        })
    }

    /// Forgets changes, deleted todos and finished jobs after 30 days; returns how many todos went for good.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.todo.delete", system = self.system(), operation = "DELETE", collection = "todos")]
    pub fn clean_up(&self, now: Timestamp) -> Result<usize, StoreError> {
        let oldest = now.checked_sub((KEPT_DAYS * 24).hours()).unwrap_or(Timestamp::MIN).as_millisecond();
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                diesel::delete(journal::table.filter(journal::at.lt(oldest))).execute(conn)?;
                diesel::sql_query("DELETE FROM jobs WHERE state IN ('done', 'dead') AND finished_at < $1")
                    .bind::<BigInt, _>(oldest)
                    .execute(conn)?;
                let gone = todos::status.eq(Status::Deleted.as_str()).and(todos::updated_at.lt(oldest));
                Ok(diesel::delete(todos::table.filter(gone)).execute(conn)?)
            })
        })
    }
}

/// Notes a change: `before` are the todos as they were, `created` the numbers of new ones.
pub(super) fn record(
    conn: &mut Conn,
    operation: &str,
    before: &[Todo],
    created: &[i64],
    now: Timestamp,
) -> Result<(), StoreError> {
    if before.is_empty() && created.is_empty() {
        return Ok(());
    }
    let id: i64 = diesel::insert_into(journal::table)
        .values((journal::operation.eq(operation), journal::at.eq(now.as_millisecond())))
        .returning(journal::id)
        .get_result(conn)?;
    let images = before.iter().map(|todo| (todo.id, serde_json::to_string(&Image::from(todo)).ok()));
    let rows: Vec<_> = images
        .chain(created.iter().map(|id| (*id, None)))
        .map(|(todo, image)| (id.into_sql::<BigInt>(), todo.into_sql::<BigInt>(), image.into_sql::<Nullable<Text>>()))
        .collect();
    insert_all(conn, "journal_todos (journal_id, todo_id, before)", &rows)
}

/// Makes one todo what it was. One that was cleaned up meanwhile stays away.
fn restore(conn: &mut Conn, id: i64, before: Option<&str>, now: Timestamp) -> Result<Option<Todo>, StoreError> {
    let Some(image) = before.and_then(|text| serde_json::from_str::<Image>(text).ok()) else {
        let todo = todo_rows::one(conn, id).ok();
        diesel::update(todos::table.find(id))
            .set((
                todos::status.eq(Status::Deleted.as_str()),
                todos::updated_at.eq(now.as_millisecond()),
                todos::version.eq(todos::version + 1),
            ))
            .execute(conn)?;
        return Ok(todo);
    };
    let changed = diesel::update(todos::table.find(id))
        .set((
            todos::title.eq(image.title),
            todos::description.eq(image.description),
            todos::status.eq(image.status),
            todos::priority.eq(image.priority),
            todos::project.eq(image.project),
            todos::category.eq(image.category),
            todos::due.eq(image.due),
            todos::estimate_minutes.eq(image.estimate_minutes.and_then(|minutes| i32::try_from(minutes).ok())),
            todos::next_step.eq(image.next_step),
            todos::completed_at.eq(image.completed_at),
            todos::updated_at.eq(now.as_millisecond()),
            todos::version.eq(todos::version + 1),
        ))
        .execute(conn)?;
    if changed == 0 {
        return Ok(None);
    }
    diesel::delete(todo_tags::table.filter(todo_tags::todo_id.eq(id))).execute(conn)?;
    todo_rows::add_tags(conn, &[id], &image.tags)?;
    if let Some(kept) = image.notes {
        diesel::delete(notes::table.filter(notes::todo_id.eq(id))).execute(conn)?;
        let kept: Vec<Note> = kept.into_iter().map(|(at, text)| Note { at: timestamp(at), text }).collect();
        todo_rows::add_notes(conn, kept.iter().map(|note| (id, note)))?;
    }
    todo_rows::one(conn, id).map(Some)
}
