//! One kind of connection over the databases, so that there is one set of queries, and what diesel's common backend
//! lacks: a transaction that may write from its beginning, and `ON CONFLICT DO NOTHING`.

use std::time::Duration;

use diesel::{
    RunQueryDsl, SqliteConnection,
    connection::{AnsiTransactionManager, Connection, SimpleConnection, TransactionManager},
    query_builder::{AstPass, QueryFragment, QueryId},
    result::{DatabaseErrorKind, Error as DieselError},
};

use super::StoreError;

/// The backend that queries are written for.
pub(super) type Db = MultiBackend;

/// How often a transaction is tried that PostgreSQL gave up in favour of another one.
const TRIES: u32 = 4;

/// Less would make every meeting of two writers a failure.
const SHORTEST_LOCK_WAIT_MS: u32 = 100;

/// "TODO" and 1: whoever holds this lock of PostgreSQL may write.
#[cfg(feature = "postgres")]
const WRITER: i64 = 0x544f_444f_0000_0001;

/// A connection to either database.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    Sqlite(SqliteConnection),
    #[cfg(feature = "postgres")]
    Postgres(diesel::PgConnection),
}

impl Conn {
    /// A transaction that has the right to write from its beginning: one that reads first and writes later never finds
    /// that somebody else wrote in between. Writers take turns on both databases.
    pub(super) fn immediate_transaction<T>(
        &mut self,
        mut work: impl FnMut(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut tries = 1;
        loop {
            self.begin()?;
            let done = work(self).and_then(|done| {
                <Conn as Connection>::TransactionManager::commit_transaction(self)?;
                Ok(done)
            });
            match done {
                Ok(done) => return Ok(done),
                Err(error) => {
                    // What broke the transaction is the news, not that it cannot be rolled back any more.
                    let _ = <Conn as Connection>::TransactionManager::rollback_transaction(self);
                    if tries == TRIES || !gave_way(&error) {
                        return Err(error);
                    }
                }
            }
            tries += 1;
        }
    }

    /// Does something for which nobody waits longer than this while another process is writing.
    pub(super) fn waiting_at_most<T>(
        &mut self,
        patience: Duration,
        work: impl FnOnce(&mut Conn) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let ms = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
        if ms >= super::LOCK_WAIT_MS {
            return work(self);
        }
        self.wait_for_lock(ms.max(SHORTEST_LOCK_WAIT_MS))?;
        let done = work(self);
        self.wait_for_lock(super::LOCK_WAIT_MS)?;
        done
    }

    fn wait_for_lock(&mut self, ms: u32) -> Result<(), StoreError> {
        match self {
            Conn::Sqlite(conn) => conn.batch_execute(&format!("PRAGMA busy_timeout = {ms}"))?,
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => conn.batch_execute(&format!("SET lock_timeout = '{ms}ms'"))?,
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        match self {
            Conn::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE")?,
            #[cfg(feature = "postgres")]
            Conn::Postgres(conn) => {
                AnsiTransactionManager::begin_transaction(conn)?;
                conn.batch_execute(&format!("SELECT pg_advisory_xact_lock({WRITER})"))
                    .or_else(|error| AnsiTransactionManager::rollback_transaction(conn).and(Err(error)))?;
            }
        }
        Ok(())
    }

    /// The server went away, or left a transaction that nobody can end: the connection is of no use any more.
    pub(super) fn is_broken(&mut self) -> bool {
        <Conn as Connection>::TransactionManager::is_broken_transaction_manager(self)
    }
}

/// Serialization failure or deadlock: the same again can succeed.
fn gave_way(error: &StoreError) -> bool {
    let StoreError::Query(DieselError::DatabaseError(kind, info)) = error else { return false };
    matches!(kind, DatabaseErrorKind::SerializationFailure) || info.message().contains("deadlock detected")
}

/// `INSERT … ON CONFLICT DO NOTHING`.
pub(super) struct OrIgnore<Q>(pub(super) Q);

impl<Q: QueryFragment<Db>> QueryFragment<Db> for OrIgnore<Q> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> diesel::QueryResult<()> {
        self.0.walk_ast(pass.reborrow())?;
        pass.push_sql(" ON CONFLICT DO NOTHING");
        Ok(())
    }
}

impl<Q: QueryId> QueryId for OrIgnore<Q> {
    type QueryId = OrIgnore<Q::QueryId>;
    const HAS_STATIC_QUERY_ID: bool = Q::HAS_STATIC_QUERY_ID;
}

impl<Q> RunQueryDsl<Conn> for OrIgnore<Q> {}

/// Rows of one statement: binds are limited to 32,766 in SQLite and twice as many in PostgreSQL.
const CHUNK: usize = 1000;

/// `INSERT INTO … VALUES (…), (…) ON CONFLICT DO NOTHING`, in as few statements as possible. `into` is the table with its
/// columns; a row is a tuple of bound values.
pub(super) fn insert_all<R>(conn: &mut Conn, into: &'static str, rows: &[R]) -> Result<(), StoreError>
where
    R: QueryFragment<Db>,
{
    for rows in rows.chunks(CHUNK) {
        Rows { into, rows }.execute(conn)?;
    }
    Ok(())
}

struct Rows<'a, R> {
    into: &'static str,
    rows: &'a [R],
}

impl<R: QueryFragment<Db>> QueryFragment<Db> for Rows<'_, R> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Db>) -> diesel::QueryResult<()> {
        // The text depends on the number of rows.
        pass.unsafe_to_cache_prepared();
        pass.push_sql("INSERT INTO ");
        pass.push_sql(self.into);
        for (index, row) in self.rows.iter().enumerate() {
            pass.push_sql(if index == 0 { " VALUES (" } else { ", (" });
            row.walk_ast(pass.reborrow())?;
            pass.push_sql(")");
        }
        pass.push_sql(" ON CONFLICT DO NOTHING");
        Ok(())
    }
}

impl<R> QueryId for Rows<'_, R> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<R> RunQueryDsl<Conn> for Rows<'_, R> {}
