//! A connection to PostgreSQL: limits first, then a look at whose tables are there. Not here: what is asked of it.

use diesel::{
    Connection, OptionalExtension, PgConnection, RunQueryDsl,
    connection::SimpleConnection,
    migration::{Migration, MigrationSource},
    pg::Pg,
    sql_query,
    sql_types::{Bool, Nullable, Text},
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use todo_otel_runtime::diesel::Statements;

use super::{LOCK_WAIT_MS, StoreError, migrations, place::Server};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// "TODO" and 2: whoever holds this lock may change the tables.
const MIGRATOR: i64 = 0x544f_444f_0000_0002;

/// The comment on our first table: it is ours, and at this version.
const MARK: &str = "todo schema ";

/// Connects and brings the tables up to date; `database|schema` with it.
pub(super) fn open(server: &Server) -> Result<(PgConnection, String), StoreError> {
    let mut conn = connect(server)?;
    let mut found = identity(&mut conn)?;
    if found.version(server)? < migrations::LATEST {
        found = migrations::run("postgresql", || conn.transaction(|conn| migrate(conn, server)))?;
    }
    let namespace = match found.schema {
        Some(schema) => format!("{}|{schema}", found.database),
        None => found.database,
    };
    Ok((conn, namespace))
}

/// Another connection to a database that [`open`] has prepared.
pub(super) fn connect(server: &Server) -> Result<PgConnection, StoreError> {
    let mut conn = PgConnection::establish(server.url()).map_err(|error| StoreError::CannotConnect {
        server: server.shown.clone(),
        reason: server.said(&error.to_string()),
    })?;
    conn.batch_execute(&format!(
        "SET statement_timeout = '30s'; SET lock_timeout = '{LOCK_WAIT_MS}ms'; \
         SET idle_in_transaction_session_timeout = '60s'; SET client_min_messages = warning; \
         SET application_name = 'todo'"
    ))?;
    conn.set_instrumentation(Statements::default());
    Ok(conn)
}

/// What is there.
#[derive(diesel::QueryableByName)]
struct Identity {
    #[diesel(sql_type = Text)]
    database: String,
    #[diesel(sql_type = Nullable<Text>)]
    schema: Option<String>,
    #[diesel(sql_type = Bool)]
    has_todos: bool,
    #[diesel(sql_type = Nullable<Text>)]
    mark: Option<String>,
}

impl Identity {
    /// How many migrations have run; tables of somebody else or of a newer program are refused.
    fn version(&self, server: &Server) -> Result<i64, StoreError> {
        if !self.has_todos {
            return Ok(0);
        }
        let version = self.mark.as_deref().and_then(|mark| mark.strip_prefix(MARK)?.parse().ok());
        let found: i64 = version.ok_or_else(|| StoreError::Foreign { path: server.shown.clone().into() })?;
        if found > migrations::LATEST {
            return Err(StoreError::Newer { found, supported: migrations::LATEST });
        }
        Ok(found)
    }
}

fn identity(conn: &mut PgConnection) -> Result<Identity, StoreError> {
    let found = sql_query(
        "SELECT current_database()::text AS database, current_schema()::text AS schema, \
         to_regclass('todos') IS NOT NULL AS has_todos, obj_description(to_regclass('todos'), 'pg_class') AS mark",
    )
    .get_result(conn)
    .optional()?;
    found.ok_or(StoreError::Query(diesel::result::Error::NotFound))
}

/// Runs what is missing, alone, all or nothing.
fn migrate(conn: &mut PgConnection, server: &Server) -> Result<Identity, StoreError> {
    conn.batch_execute(&format!("SELECT pg_advisory_xact_lock({MIGRATOR})"))?;
    // Whoever held the lock before us may have done the work.
    let version = identity(conn)?.version(server)?;
    let mut all = MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(migrations::failed)?;
    all.sort_unstable_by_key(|migration| migration.name().version().as_owned());
    for (migration, number) in all.iter().zip(1..).filter(|(_, number)| *number > version) {
        migration.run(conn).map_err(migrations::failed)?;
        conn.batch_execute(&format!("COMMENT ON TABLE todos IS '{MARK}{number}'"))?;
        tracing::info!(name: "db.migration.applied", { todo.migration.version = number }, "schema migrated");
    }
    identity(conn)
}
