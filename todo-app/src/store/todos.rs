//! Todos: add, read, list, change. Several numbers in one call are changed all or none.

use std::collections::{BTreeMap, BTreeSet};

use diesel::{
    dsl::sql,
    expression::SqlLiteral,
    prelude::*,
    sql_types::{BigInt, Bool, Integer, Nullable, Text},
};
use jiff::{Timestamp, civil::Date};
use todo_otel_runtime::db_span;

use super::{
    Conn, Db, NewJob, Store, StoreError,
    conn::insert_all,
    jobs, journal,
    schema::{enrichments, todo_tags, todos},
    suggestions, timestamp,
};
use crate::domain::{
    DueFilter, Edit, Field, Filter, NewTodo, Note, Priority, Sort, Status, StatusFilter, Todo, exchange::Imported,
};

/// What the words of a search are looked for in; a word holds no space.
const TEXT: &str = "lower(title || ' ' || coalesce(description, '') || ' ' || coalesce(project, '') || ' ' || coalesce(category, '') || ' ' || \
     coalesce((SELECT string_agg(text, ' ') FROM notes WHERE notes.todo_id = todos.id), ''))";

/// The order of priorities, the same on every database.
const URGENT_FIRST: &str = "priority DESC NULLS LAST";

/// Tags of the row, joined; a tag holds no comma.
const TAGS: &str = "(SELECT string_agg(tag, ',') FROM todo_tags WHERE todo_tags.todo_id = todos.id)";

/// Notes of the row as a list of `[at, text]`, in any order.
fn notes(conn: &Conn) -> SqlLiteral<Nullable<Text>> {
    sql(match conn {
        Conn::Sqlite(_) => "(SELECT json_group_array(json_array(at, text)) FROM notes WHERE todo_id = todos.id)",
        #[cfg(feature = "postgres")]
        Conn::Postgres(_) => "(SELECT json_agg(json_build_array(at, text))::text FROM notes WHERE todo_id = todos.id)",
    })
}

/// A row with its tags and notes.
type Whole = (Row, Option<String>, Option<String>);

#[derive(Queryable, Selectable)]
#[diesel(table_name = todos, check_for_backend(Db))]
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
}

impl Store {
    /// Adds a todo and, in the same transaction, the job that is to enrich it.
    ///
    /// # Errors
    /// As every method of the store; on an error nothing was added.
    #[db_span(name = "db.todo.create", system = self.system(), operation = "INSERT", collection = "todos")]
    pub fn create(&self, new: &NewTodo, job: Option<&NewJob>, now: Timestamp) -> Result<Todo, StoreError> {
        let added = self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let now_ms = now.as_millisecond();
                let id = diesel::insert_into(todos::table)
                    .values(NewRow::from(new, now_ms))
                    .returning(todos::id)
                    .get_result::<i64>(conn)?;
                add_tags(conn, &[id], &new.tags)?;
                add_notes(conn, new.notes.iter().map(|note| (id, note)))?;
                if let Some(job) = job {
                    jobs::insert(conn, id, job, now)?;
                }
                journal::record(conn, "add", &[], &[id], now)?;
                one(conn, id)
            })
        });
        match added {
            // The server went away: whether it had committed is told by the key that was made here.
            Err(error) if error.lost_connection() => {
                let found = self.with(|conn| {
                    let id = todos::table.filter(todos::uuid.eq(&new.uuid)).select(todos::id).first(conn).optional()?;
                    id.map(|id| one(conn, id)).transpose()
                });
                found.ok().flatten().ok_or(error)
            }
            added => added,
        }
    }

    /// Adds todos of a file in one transaction; returns how many were new. One whose key is known already is left as
    /// it is.
    ///
    /// # Errors
    /// As every method of the store; on an error none was added.
    #[db_span(name = "db.todo.create", system = self.system(), operation = "BATCH INSERT", collection = "todos", attributes(db.operation.batch.size = (imported.len() != 1).then_some(imported.len())))]
    pub fn import(&self, imported: &[Imported], now: Timestamp) -> Result<usize, StoreError> {
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let now_ms = now.as_millisecond();
                let mut created = Vec::with_capacity(imported.len());
                for some in imported.chunks(IMPORTED_AT_ONCE) {
                    created.extend(import(conn, some, now_ms)?);
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
    #[db_span(name = "db.todo.get", system = self.system(), operation = "SELECT", collection = "todos", output(db.response.returned_rows = |todos| todos.len()))]
    pub fn get(&self, ids: &[i64]) -> Result<Vec<Todo>, StoreError> {
        self.with(|conn| many(conn, ids))
    }

    /// Lists todos.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.todo.list", system = self.system(), operation = "SELECT", collection = "todos", output(todo.count = |todos| todos.len(), db.response.returned_rows = |todos| todos.len()))]
    pub fn list(&self, filter: &Filter) -> Result<Vec<Todo>, StoreError> {
        self.with(|conn| {
            let mut query =
                todos::table.select((Row::as_select(), sql::<Nullable<Text>>(TAGS), notes(conn))).into_boxed();
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
                // What begins with `project.`: a slash follows the full stop.
                let (from, to) = (format!("{project}."), format!("{project}/"));
                let below = todos::project.ge(from).and(todos::project.lt(to));
                query = query.filter(todos::project.eq(project).or(below));
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
            // Databases fold the case of ASCII only; other words are looked for below.
            let text = filter.text.as_deref().unwrap_or_default().to_lowercase();
            let words: Vec<&str> = text.split_whitespace().collect();
            let in_sql = words.iter().all(|word| word.is_ascii());
            for word in words.iter().filter(|_| in_sql) {
                let pattern = format!("%{}%", like(word));
                query = query.filter(sql::<Bool>(TEXT).sql(" LIKE ").bind::<Text, _>(pattern).sql(" ESCAPE '\\'"));
            }
            query = match filter.sort {
                Sort::Due => query.order((
                    todos::status.desc(),
                    todos::due.is_null(),
                    todos::due,
                    sql::<Nullable<Integer>>(URGENT_FIRST),
                    todos::id,
                )),
                Sort::Priority => {
                    query.order((sql::<Nullable<Integer>>(URGENT_FIRST), todos::due.is_null(), todos::due, todos::id))
                }
                Sort::Created => query.order((todos::created_at.desc(), todos::id.desc())),
                Sort::Id | Sort::Urgency => query.order(todos::id),
            };
            if let Some(limit) = filter.limit.filter(|_| in_sql) {
                query = query.limit(limit.into());
            }
            let rows: Vec<Whole> = query.load(conn)?;
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
    #[db_span(name = "db.todo.list", system = self.system(), operation = "SELECT", collection = "todos", output(todo.count = |todos| todos.len(), db.response.returned_rows = |todos| todos.len()))]
    pub fn without_enrichment(&self) -> Result<Vec<Todo>, StoreError> {
        self.with(|conn| {
            let seen = enrichments::table.select(enrichments::todo_id);
            let rows: Vec<Whole> = todos::table
                .filter(todos::status.eq(Status::Open.as_str()))
                .filter(todos::id.ne_all(seen))
                .order(todos::id)
                .select((Row::as_select(), sql::<Nullable<Text>>(TAGS), notes(conn)))
                .load(conn)?;
            Ok(rows.into_iter().map(todo).collect())
        })
    }

    /// Open todos that were due before `today` and that nobody was reminded of since; a second call gives none of them.
    ///
    /// # Errors
    /// As every method of the store.
    #[db_span(name = "db.todo.update", system = self.system(), operation = "UPDATE", collection = "todos")]
    pub fn take_overdue(&self, today: Date) -> Result<Vec<i64>, StoreError> {
        let today = today.to_string();
        let missed = || todos::reminded_for.is_null().or(todos::reminded_for.ne(todos::due));
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let overdue = todos::status.eq(Status::Open.as_str()).and(todos::due.lt(&today));
                Ok(diesel::update(todos::table.filter(overdue).filter(missed()))
                    .set(todos::reminded_for.eq(todos::due))
                    .returning(todos::id)
                    .get_results(conn)?)
            })
        })
    }

    /// Changes todos, all or none; pending suggestions for the fields that change expire.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], and [`StoreError::Conflict`] when `version` is given and one has another.
    #[db_span(name = "db.todo.update", system = self.system(), operation = "UPDATE", collection = "todos")]
    pub fn update(
        &self,
        ids: &[i64],
        edit: &Edit,
        version: Option<i64>,
        now: Timestamp,
    ) -> Result<Vec<Todo>, StoreError> {
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let before = many(conn, ids)?;
                let other = |todo: &&Todo| version.is_some_and(|version| version != todo.version);
                if let Some(todo) = before.iter().find(other) {
                    return Err(StoreError::Conflict { todo_id: todo.id });
                }
                apply(conn, ids, edit, now)?;
                journal::record(conn, "edit", &before, &[], now)?;
                suggestions::expire_fields(conn, ids, &touched(edit), now)?;
                many(conn, ids)
            })
        })
    }

    /// Adds a note to a todo.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    #[db_span(name = "db.todo.update", system = self.system(), operation = "INSERT", collection = "notes")]
    pub fn note(&self, id: i64, text: &str, now: Timestamp) -> Result<Todo, StoreError> {
        let note = Note { at: now, text: text.to_owned() };
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let before = one(conn, id)?;
                add_notes(conn, std::iter::once((id, &note)))?;
                apply(conn, &[id], &Edit::default(), now)?;
                journal::record(conn, "note", &[before], &[], now)?;
                one(conn, id)
            })
        })
    }

    /// Marks todos as done; their pending suggestions expire. One that is done already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] names every unknown number, and nothing was changed.
    #[db_span(name = "db.todo.complete", system = self.system(), operation = "UPDATE", collection = "todos")]
    pub fn complete(&self, ids: &[i64], now: Timestamp) -> Result<Vec<Todo>, StoreError> {
        self.set_status(ids, Status::Done, now)
    }

    /// Makes done todos open again.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] names every unknown number, and nothing was changed.
    #[db_span(name = "db.todo.update", system = self.system(), operation = "UPDATE", collection = "todos")]
    pub fn reopen(&self, ids: &[i64], now: Timestamp) -> Result<Vec<Todo>, StoreError> {
        self.set_status(ids, Status::Open, now)
    }

    /// Deletes todos; returns them as they were.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] names every unknown number, and nothing was changed.
    #[db_span(name = "db.todo.delete", system = self.system(), operation = "UPDATE", collection = "todos")]
    pub fn delete(&self, ids: &[i64], now: Timestamp) -> Result<Vec<Todo>, StoreError> {
        self.set_status(ids, Status::Deleted, now)
    }

    /// The todos after the change, or before it when it deletes them.
    fn set_status(&self, ids: &[i64], status: Status, now: Timestamp) -> Result<Vec<Todo>, StoreError> {
        self.with(|conn| {
            conn.immediate_transaction(|conn| {
                let before = many(conn, ids)?;
                let completed_at = (status == Status::Done).then_some(now.as_millisecond());
                let changed: Vec<Todo> = before.iter().filter(|todo| todo.status != status).cloned().collect();
                let changed_ids: Vec<i64> = changed.iter().map(|todo| todo.id).collect();
                for ids in changed_ids.chunks(AT_ONCE) {
                    diesel::update(todos::table.filter(todos::id.eq_any(ids)))
                        .set((
                            todos::status.eq(status.as_str()),
                            todos::completed_at.eq(completed_at),
                            todos::updated_at.eq(now.as_millisecond()),
                            todos::version.eq(todos::version + 1),
                        ))
                        .execute(conn)?;
                }
                if status != Status::Open {
                    suggestions::expire_fields(conn, &changed_ids, &Field::ALL, now)?;
                }
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

/// Numbers in one statement: SQLite takes at most 32,766 values.
pub(super) const AT_ONCE: usize = 30_000;

/// Todos of one round of an import.
const IMPORTED_AT_ONCE: usize = 500;

/// Adds those of these todos whose keys are new; returns their numbers.
fn import(conn: &mut Conn, some: &[Imported], now_ms: i64) -> Result<Vec<i64>, StoreError> {
    let keys: Vec<&str> = some.iter().map(|imported| imported.todo.uuid.as_str()).collect();
    let known: BTreeSet<String> =
        todos::table.filter(todos::uuid.eq_any(&keys)).select(todos::uuid).load(conn)?.into_iter().collect();
    let new: Vec<&Imported> = some.iter().filter(|imported| !known.contains(&imported.todo.uuid)).collect();
    let rows: Vec<_> = new
        .iter()
        .map(|Imported { todo, done }| {
            let status = if *done { Status::Done } else { Status::Open };
            (
                todo.uuid.as_str().into_sql::<Text>(),
                todo.title.as_str().into_sql::<Text>(),
                todo.description.as_deref().into_sql::<Nullable<Text>>(),
                todo.priority.map(Priority::rank).into_sql::<Nullable<Integer>>(),
                todo.project.as_deref().into_sql::<Nullable<Text>>(),
                todo.due.map(|due| due.to_string()).into_sql::<Nullable<Text>>(),
                now_ms.into_sql::<BigInt>(),
                now_ms.into_sql::<BigInt>(),
                status.as_str().into_sql::<Text>(),
                done.then_some(now_ms).into_sql::<Nullable<BigInt>>(),
            )
        })
        .collect();
    let into = "todos (uuid, title, description, priority, project, due, created_at, updated_at, status, completed_at)";
    insert_all(conn, into, &rows)?;
    let ids: BTreeMap<String, i64> = todos::table
        .filter(todos::uuid.eq_any(&keys))
        .filter(todos::uuid.ne_all(&known))
        .select((todos::uuid, todos::id))
        .load::<(String, i64)>(conn)?
        .into_iter()
        .collect();
    let mut tags = Vec::new();
    for Imported { todo, .. } in &new {
        let Some(id) = ids.get(&todo.uuid) else { continue };
        tags.extend(todo.tags.iter().map(|tag| (id.into_sql::<BigInt>(), tag.into_sql::<Text>())));
    }
    insert_all(conn, "todo_tags (todo_id, tag)", &tags)?;
    let noted = new.iter().filter_map(|imported| Some((*ids.get(&imported.todo.uuid)?, &imported.todo.notes)));
    add_notes(conn, noted.flat_map(|(id, notes)| notes.iter().map(move |note| (id, note))))?;
    Ok(ids.into_values().collect())
}

/// Writes an edit in the transaction in which these todos were read.
pub(super) fn apply(conn: &mut Conn, ids: &[i64], edit: &Edit, now: Timestamp) -> Result<(), StoreError> {
    let changes = || Changes {
        title: edit.title.clone(),
        description: edit.description.clone(),
        priority: edit.priority.map(|priority| priority.map(Priority::rank)),
        project: edit.project.clone(),
        category: edit.category.clone(),
        due: edit.due.map(|due| due.map(|due| due.to_string())),
        estimate_minutes: edit.estimate_minutes.map(|minutes| minutes.map(|n| i32::try_from(n).unwrap_or(i32::MAX))),
        next_step: edit.next_step.clone(),
        updated_at: Some(now.as_millisecond()),
    };
    for ids in ids.chunks(AT_ONCE) {
        diesel::update(todos::table.filter(todos::id.eq_any(ids)))
            .set((changes(), todos::version.eq(todos::version + 1)))
            .execute(conn)?;
        if !edit.remove_tags.is_empty() {
            let gone = todo_tags::todo_id.eq_any(ids).and(todo_tags::tag.eq_any(&edit.remove_tags));
            diesel::delete(todo_tags::table.filter(gone)).execute(conn)?;
        }
    }
    add_tags(conn, ids, &edit.add_tags)
}

/// One todo that is not deleted.
pub(super) fn one(conn: &mut Conn, id: i64) -> Result<Todo, StoreError> {
    many(conn, &[id])?.pop().ok_or(StoreError::NotFound { kind: "todo", ids: vec![id] })
}

fn many(conn: &mut Conn, ids: &[i64]) -> Result<Vec<Todo>, StoreError> {
    let mut found = BTreeMap::new();
    for ids in ids.chunks(AT_ONCE) {
        let rows: Vec<Whole> = todos::table
            .filter(todos::id.eq_any(ids))
            .filter(todos::status.ne(Status::Deleted.as_str()))
            .select((Row::as_select(), sql::<Nullable<Text>>(TAGS), notes(conn)))
            .load(conn)?;
        found.extend(rows.into_iter().map(todo).map(|todo| (todo.id, todo)));
    }
    let missing: BTreeSet<i64> = ids.iter().copied().filter(|id| !found.contains_key(id)).collect();
    if !missing.is_empty() {
        return Err(StoreError::NotFound { kind: "todo", ids: missing.into_iter().collect() });
    }
    // A number that is named twice comes once.
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

pub(super) fn add_tags(conn: &mut Conn, ids: &[i64], tags: &[String]) -> Result<(), StoreError> {
    let pairs = ids.iter().flat_map(|id| tags.iter().map(move |tag| (*id, tag)));
    let rows: Vec<_> = pairs.map(|(id, tag)| (id.into_sql::<BigInt>(), tag.into_sql::<Text>())).collect();
    insert_all(conn, "todo_tags (todo_id, tag)", &rows)
}

pub(super) fn add_notes<'a>(conn: &mut Conn, notes: impl Iterator<Item = (i64, &'a Note)>) -> Result<(), StoreError> {
    let row = |(id, note): (i64, &'a Note)| {
        (id.into_sql::<BigInt>(), note.at.as_millisecond().into_sql::<BigInt>(), note.text.as_str().into_sql::<Text>())
    };
    insert_all(conn, "notes (todo_id, at, text)", &notes.map(row).collect::<Vec<_>>())
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

fn todo((row, tags, notes): Whole) -> Todo {
    let notes: Vec<(i64, String)> = notes.and_then(|notes| serde_json::from_str(&notes).ok()).unwrap_or_default();
    let mut notes: Vec<Note> = notes.into_iter().map(|(at, text)| Note { at: timestamp(at), text }).collect();
    notes.sort_by_key(|note| note.at);
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
        notes,
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
        .chain(todo.notes.iter().map(|note| &note.text))
        .any(|text| text.to_lowercase().contains(word))
}
