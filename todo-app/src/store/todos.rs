//! Todos: add, read, list, change. Several numbers in one call are changed all or none.

use std::collections::BTreeSet;

use diesel::{
    dsl::sql,
    prelude::*,
    sql_types::{Nullable, Text},
    sqlite::Sqlite,
};
use jiff::Timestamp;
use todo_otel_runtime::db_span;

use super::{
    NewJob, Store, StoreError, jobs, journal,
    schema::{enrichments, todo_tags, todos},
    suggestions, timestamp,
};
use crate::domain::{
    DueFilter, Edit, Field, Filter, NewTodo, Priority, Sort, Status, StatusFilter, Todo, exchange::Imported,
};

/// Tags of the row, joined; a tag holds no comma.
const TAGS: &str = "(SELECT group_concat(tag, ',') FROM todo_tags WHERE todo_tags.todo_id = todos.id)";

#[derive(Queryable, Selectable)]
#[diesel(table_name = todos, check_for_backend(Sqlite))]
struct Row {
    id: i64,
    uuid: String,
    title: String,
    description: Option<String>,
    status: String,
    priority: Option<i32>,
    project: Option<String>,
    category: Option<String>,
    due: Option<String>,
    estimate_minutes: Option<i32>,
    next_step: Option<String>,
    created_at: i64,
    updated_at: i64,
    completed_at: Option<i64>,
    version: i64,
}

#[derive(Insertable)]
#[diesel(table_name = todos)]
struct NewRow<'a> {
    uuid: &'a str,
    title: &'a str,
    description: Option<&'a str>,
    priority: Option<i32>,
    project: Option<&'a str>,
    due: Option<String>,
    created_at: i64,
    updated_at: i64,
}

impl<'a> NewRow<'a> {
    fn from(new: &'a NewTodo, now_ms: i64) -> Self {
        NewRow {
            uuid: &new.uuid,
            title: &new.title,
            description: new.description.as_deref(),
            priority: new.priority.map(Priority::rank),
            project: new.project.as_deref(),
            due: new.due.map(|due| due.to_string()),
            created_at: now_ms,
            updated_at: now_ms,
        }
    }
}

#[derive(AsChangeset, Default)]
#[diesel(table_name = todos)]
struct Changes {
    title: Option<String>,
    description: Option<Option<String>>,
    priority: Option<Option<i32>>,
    project: Option<Option<String>>,
    category: Option<Option<String>>,
    due: Option<Option<String>>,
    estimate_minutes: Option<Option<i32>>,
    next_step: Option<Option<String>>,
    updated_at: Option<i64>,
    version: Option<i64>,
}

impl Store {
    /// Adds a todo and, in the same transaction, the job that is to enrich it.
    ///
    /// # Errors
    /// As every method of the store; on an error nothing was added.
    #[db_span(name = "db.todo.create", system = "sqlite", operation = "INSERT", collection = "todos")]
    pub fn create(&self, new: &NewTodo, job: Option<&NewJob>, now: Timestamp) -> Result<Todo, StoreError> {
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let now_ms = now.as_millisecond();
                let id = diesel::insert_into(todos::table)
                    .values(NewRow::from(new, now_ms))
                    .returning(todos::id)
                    .get_result::<i64>(conn)?;
                add_tags(conn, id, &new.tags)?;
                if let Some(job) = job {
                    jobs::insert(conn, id, job, now)?;
                }
                journal::record(conn, "add", &[], &[id], now)?;
                one(conn, id)
            })
        })
    }

    /// Adds todos of a file in one transaction; returns how many were new. One whose key is known already is left as
    /// it is.
    ///
    /// # Errors
    /// As every method of the store; on an error none was added.
    #[db_span(name = "db.todo.create", system = "sqlite", operation = "BATCH INSERT", collection = "todos")]
    pub fn import(&self, imported: &[Imported], now: Timestamp) -> Result<usize, StoreError> {
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let now_ms = now.as_millisecond();
                let mut created = Vec::with_capacity(imported.len());
                for Imported { todo, done } in imported {
                    let status = if *done { Status::Done } else { Status::Open };
                    let id = diesel::insert_or_ignore_into(todos::table)
                        .values((
                            NewRow::from(todo, now_ms),
                            todos::status.eq(status.as_str()),
                            todos::completed_at.eq(done.then_some(now_ms)),
                        ))
                        .returning(todos::id)
                        .get_result::<i64>(conn)
                        .optional()?;
                    if let Some(id) = id {
                        add_tags(conn, id, &todo.tags)?;
                        created.push(id);
                    }
                }
                journal::record(conn, "import", &[], &created, now)?;
                Ok(created.len())
            })
        })
    }

    /// Reads todos by number, in the order asked for.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] names every number that is unknown or deleted.
    #[db_span(name = "db.todo.get", system = "sqlite", operation = "SELECT", collection = "todos")]
    pub fn get(&self, ids: &[i64]) -> Result<Vec<Todo>, StoreError> {
        self.with(|conn| many(conn, ids))
    }

    /// Lists todos.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.todo.list", system = "sqlite", operation = "SELECT", collection = "todos", output(todo.count = |todos| todos.len()))]
    pub fn list(&self, filter: &Filter) -> Result<Vec<Todo>, StoreError> {
        self.with(|conn| {
            let mut query = todos::table.select((Row::as_select(), sql::<Nullable<Text>>(TAGS))).into_boxed();
            query = match filter.status {
                StatusFilter::Open => query.filter(todos::status.eq(Status::Open.as_str())),
                StatusFilter::Done => query.filter(todos::status.eq(Status::Done.as_str())),
                StatusFilter::All => query.filter(todos::status.ne(Status::Deleted.as_str())),
            };
            for tag in &filter.tags {
                query = query.filter(
                    todos::id.eq_any(todo_tags::table.filter(todo_tags::tag.eq(tag)).select(todo_tags::todo_id)),
                );
            }
            if let Some(project) = &filter.project {
                let below = format!("{}.%", like(project));
                query = query.filter(todos::project.eq(project).or(todos::project.like(below).escape('\\')));
            }
            if let Some(priority) = filter.priority {
                query = query.filter(todos::priority.eq(priority.rank()));
            }
            for due in &filter.due {
                query = match due {
                    DueFilter::On(date) => query.filter(todos::due.eq(date.to_string())),
                    DueFilter::Before(date) => query.filter(todos::due.lt(date.to_string())),
                    DueFilter::Until(date) => query.filter(todos::due.le(date.to_string())),
                    DueFilter::After(date) => query.filter(todos::due.gt(date.to_string())),
                    DueFilter::Missing => query.filter(todos::due.is_null()),
                };
            }
            // LIKE folds the case of ASCII only; other words are looked for below.
            let text = filter.text.as_deref().unwrap_or_default().to_lowercase();
            let words: Vec<&str> = text.split_whitespace().collect();
            let in_sql = words.iter().all(|word| word.is_ascii());
            for word in words.iter().filter(|_| in_sql) {
                let pattern = format!("%{}%", like(word));
                query = query.filter(
                    todos::title
                        .like(pattern.clone())
                        .escape('\\')
                        .or(todos::description.like(pattern.clone()).escape('\\'))
                        .or(todos::project.like(pattern.clone()).escape('\\'))
                        .or(todos::category.like(pattern).escape('\\')),
                );
            }
            query = match filter.sort {
                Sort::Due => query.order((
                    todos::status.desc(),
                    todos::due.is_null(),
                    todos::due,
                    todos::priority.desc(),
                    todos::id,
                )),
                Sort::Priority => query.order((todos::priority.desc(), todos::due.is_null(), todos::due, todos::id)),
                Sort::Created => query.order((todos::created_at.desc(), todos::id.desc())),
                Sort::Id => query.order(todos::id),
            };
            if let Some(limit) = filter.limit.filter(|_| in_sql) {
                query = query.limit(limit.into());
            }
            let rows: Vec<(Row, Option<String>)> = query.load(conn)?;
            let mut found: Vec<Todo> = rows.into_iter().map(todo).collect();
            if !in_sql {
                found.retain(|todo| words.iter().all(|word| contains(todo, word)));
                found.truncate(filter.limit.map_or(usize::MAX, |limit| limit as usize));
            }
            Ok(found)
        })
    }

    /// Open todos that no provider has seen, oldest first.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.todo.list", system = "sqlite", operation = "SELECT", collection = "todos", output(todo.count = |todos| todos.len()))]
    pub fn without_enrichment(&self) -> Result<Vec<Todo>, StoreError> {
        self.with(|conn| {
            let seen = enrichments::table.select(enrichments::todo_id);
            let rows: Vec<(Row, Option<String>)> = todos::table
                .filter(todos::status.eq(Status::Open.as_str()))
                .filter(todos::id.ne_all(seen))
                .order(todos::id)
                .select((Row::as_select(), sql::<Nullable<Text>>(TAGS)))
                .load(conn)?;
            Ok(rows.into_iter().map(todo).collect())
        })
    }

    /// Changes a todo; pending suggestions for the fields that change expire.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and [`StoreError::Conflict`] when `version` is given and is not the stored one.
    #[db_span(name = "db.todo.update", system = "sqlite", operation = "UPDATE", collection = "todos")]
    pub fn update(&self, id: i64, edit: &Edit, version: Option<i64>, now: Timestamp) -> Result<Todo, StoreError> {
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let current = one(conn, id)?;
                if version.is_some_and(|version| version != current.version) {
                    return Err(StoreError::Conflict { todo_id: id });
                }
                apply(conn, &current, edit, now)?;
                journal::record(conn, "edit", &[current], &[], now)?;
                suggestions::expire_fields(conn, id, &touched(edit), now)?;
                one(conn, id)
            })
        })
    }

    /// Marks todos as done; their pending suggestions expire. One that is done already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] names every unknown number, and nothing was changed.
    #[db_span(name = "db.todo.complete", system = "sqlite", operation = "UPDATE", collection = "todos")]
    pub fn complete(&self, ids: &[i64], now: Timestamp) -> Result<Vec<Todo>, StoreError> {
        self.set_status(ids, Status::Done, now)
    }

    /// Makes done todos open again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] names every unknown number, and nothing was changed.
    #[db_span(name = "db.todo.update", system = "sqlite", operation = "UPDATE", collection = "todos")]
    pub fn reopen(&self, ids: &[i64], now: Timestamp) -> Result<Vec<Todo>, StoreError> {
        self.set_status(ids, Status::Open, now)
    }

    /// Deletes todos; returns them as they were.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] names every unknown number, and nothing was changed.
    #[db_span(name = "db.todo.delete", system = "sqlite", operation = "UPDATE", collection = "todos")]
    pub fn delete(&self, ids: &[i64], now: Timestamp) -> Result<Vec<Todo>, StoreError> {
        self.set_status(ids, Status::Deleted, now)
    }

    /// The todos after the change, or before it when it deletes them.
    fn set_status(&self, ids: &[i64], status: Status, now: Timestamp) -> Result<Vec<Todo>, StoreError> {
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let before = many(conn, ids)?;
                let completed_at = (status == Status::Done).then_some(now.as_millisecond());
                for todo in before.iter().filter(|todo| todo.status != status) {
                    diesel::update(todos::table.find(todo.id))
                        .set((
                            todos::status.eq(status.as_str()),
                            todos::completed_at.eq(completed_at),
                            todos::updated_at.eq(now.as_millisecond()),
                            todos::version.eq(todos::version + 1),
                        ))
                        .execute(conn)?;
                    if status != Status::Open {
                        suggestions::expire_fields(conn, todo.id, &Field::ALL, now)?;
                    }
                }
                let changed: Vec<Todo> = before.iter().filter(|todo| todo.status != status).cloned().collect();
                let operation = match status {
                    Status::Open => "reopen",
                    Status::Done => "complete",
                    Status::Deleted => "delete",
                };
                journal::record(conn, operation, &changed, &[], now)?;
                if status == Status::Deleted { Ok(before) } else { many(conn, ids) }
            })
        })
    }
}

/// Writes an edit if the todo still has the version it was read with.
pub(super) fn apply(
    conn: &mut SqliteConnection,
    current: &Todo,
    edit: &Edit,
    now: Timestamp,
) -> Result<(), StoreError> {
    let changes = Changes {
        title: edit.title.clone(),
        description: edit.description.clone(),
        priority: edit.priority.map(|priority| priority.map(Priority::rank)),
        project: edit.project.clone(),
        category: edit.category.clone(),
        due: edit.due.map(|due| due.map(|due| due.to_string())),
        estimate_minutes: edit.estimate_minutes.map(|minutes| minutes.map(|n| i32::try_from(n).unwrap_or(i32::MAX))),
        next_step: edit.next_step.clone(),
        updated_at: Some(now.as_millisecond()),
        version: Some(current.version + 1),
    };
    let changed = diesel::update(todos::table.filter(todos::id.eq(current.id).and(todos::version.eq(current.version))))
        .set(changes)
        .execute(conn)?;
    if changed == 0 {
        return Err(StoreError::Conflict { todo_id: current.id });
    }
    if !edit.remove_tags.is_empty() {
        diesel::delete(
            todo_tags::table.filter(todo_tags::todo_id.eq(current.id)).filter(todo_tags::tag.eq_any(&edit.remove_tags)),
        )
        .execute(conn)?;
    }
    add_tags(conn, current.id, &edit.add_tags)
}

/// One todo that is not deleted.
pub(super) fn one(conn: &mut SqliteConnection, id: i64) -> Result<Todo, StoreError> {
    many(conn, &[id])?.pop().ok_or(StoreError::NotFound { kind: "todo", ids: vec![id] })
}

fn many(conn: &mut SqliteConnection, ids: &[i64]) -> Result<Vec<Todo>, StoreError> {
    let rows: Vec<(Row, Option<String>)> = todos::table
        .filter(todos::id.eq_any(ids))
        .filter(todos::status.ne(Status::Deleted.as_str()))
        .select((Row::as_select(), sql::<Nullable<Text>>(TAGS)))
        .load(conn)?;
    let mut found: Vec<Todo> = rows.into_iter().map(todo).collect();
    let missing: BTreeSet<i64> = ids.iter().copied().filter(|id| found.iter().all(|todo| todo.id != *id)).collect();
    if !missing.is_empty() {
        return Err(StoreError::NotFound { kind: "todo", ids: missing.into_iter().collect() });
    }
    found.sort_by_key(|todo| ids.iter().position(|id| *id == todo.id));
    Ok(found)
}

pub(super) fn add_tags(conn: &mut SqliteConnection, id: i64, tags: &[String]) -> Result<(), StoreError> {
    let rows: Vec<_> = tags.iter().map(|tag| (todo_tags::todo_id.eq(id), todo_tags::tag.eq(tag))).collect();
    if !rows.is_empty() {
        diesel::insert_or_ignore_into(todo_tags::table).values(rows).execute(conn)?;
    }
    Ok(())
}

/// The fields of suggestions that an edit decides by hand.
fn touched(edit: &Edit) -> Vec<Field> {
    let mut fields = Vec::new();
    let tags = !edit.add_tags.is_empty() || !edit.remove_tags.is_empty();
    for (field, touched) in [
        (Field::Category, edit.category.is_some()),
        (Field::Priority, edit.priority.is_some()),
        (Field::Estimate, edit.estimate_minutes.is_some()),
        (Field::Due, edit.due.is_some()),
        (Field::Tags, tags),
        (Field::NextStep, edit.next_step.is_some()),
    ] {
        if touched {
            fields.push(field);
        }
    }
    fields
}

fn todo((row, tags): (Row, Option<String>)) -> Todo {
    let mut tags: Vec<String> =
        tags.unwrap_or_default().split(',').filter(|tag| !tag.is_empty()).map(Into::into).collect();
    tags.sort_unstable();
    Todo {
        id: row.id,
        uuid: row.uuid,
        title: row.title,
        description: row.description,
        status: Status::parse(&row.status).unwrap_or(Status::Open),
        priority: row.priority.and_then(Priority::from_rank),
        project: row.project,
        category: row.category,
        due: row.due.and_then(|due| due.parse().ok()),
        estimate_minutes: row.estimate_minutes.and_then(|minutes| u32::try_from(minutes).ok()),
        next_step: row.next_step,
        tags,
        created_at: timestamp(row.created_at),
        updated_at: timestamp(row.updated_at),
        completed_at: row.completed_at.map(timestamp),
        version: row.version,
    }
}

/// Takes the special meaning from `%`, `_` and the escape character.
fn like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

fn contains(todo: &Todo, word: &str) -> bool {
    [Some(&todo.title), todo.description.as_ref(), todo.project.as_ref(), todo.category.as_ref()]
        .into_iter()
        .flatten()
        .any(|text| text.to_lowercase().contains(word))
}
