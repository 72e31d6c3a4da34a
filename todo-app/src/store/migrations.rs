//! Embedded migrations of SQLite: each in a transaction of its own together with its version, one process at a time, after a
//! backup. `user_version` counts them, so that one read tells that there is nothing to do.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use diesel::{
    RunQueryDsl, SqliteConnection,
    connection::SimpleConnection,
    migration::{Migration, MigrationSource},
    sql_query,
    sqlite::Sqlite,
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use todo_otel_runtime::traced;

use super::{StoreError, sqlite::APPLICATION_ID};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// How many migrations there are for each database, which is the version of an up-to-date one.
pub(super) const LATEST: i64 = 5;

/// Waits up to 5 s for the right to migrate.
pub(super) fn lock(database: &Path) -> Result<File, StoreError> {
    let path = beside(database, "migrate.lock");
    let file =
        OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::ReadOnly { path: PathBuf::new() }
            }
            _ => StoreError::CannotOpen { path: path.clone(), reason: error.to_string() },
        })?;
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked),
            // Without locks (some network file systems) the immediate transactions below still serialise the work.
            Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
}

/// Copies the file to `<name>.backup-v<version>` before its schema changes. An older copy of the same version stays.
pub(super) fn back_up(conn: &mut SqliteConnection, database: &Path, version: i64) -> Result<(), StoreError> {
    let target = beside(database, &format!("backup-v{version}"));
    if target.exists() {
        return Ok(());
    }
    let text = target.to_str().unwrap_or_default().to_owned();
    // VACUUM INTO accepts an empty file, so the file can be made private before it holds anything.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&target)
        .map_err(|error| StoreError::CannotOpen { path: target, reason: error.to_string() })?;
    sql_query("VACUUM INTO ?").bind::<diesel::sql_types::Text, _>(text).execute(conn)?;
    Ok(())
}

/// The span of a migration, whatever the database.
#[traced(name = "db.migration.run", kind = client, attributes(db.system.name = system, db.operation.name = "MIGRATE"))]
pub(super) fn run<T>(system: &'static str, migrate: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    migrate()
}

/// Runs what is missing from `version` on.
pub(super) fn migrate(conn: &mut SqliteConnection, version: i64) -> Result<(), StoreError> {
    let mut all = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).map_err(failed)?;
    all.sort_unstable_by_key(|migration| migration.name().version().as_owned());
    for (migration, number) in all.iter().zip(1..) {
        if number <= version {
            continue;
        }
        conn.immediate_transaction::<_, StoreError, _>(|conn| {
            migration.run(conn).map_err(failed)?;
            conn.batch_execute(&format!("PRAGMA user_version = {number}; PRAGMA application_id = {APPLICATION_ID};"))?;
            Ok(())
        })?;
        tracing::info!(name: "db.migration.applied", { todo.migration.version = number }, "schema migrated");
    }
    Ok(())
}

pub(super) fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    match error.downcast::<diesel::result::Error>() {
        Ok(error) => StoreError::from(*error),
        Err(error) => StoreError::Query(diesel::result::Error::QueryBuilderError(error)),
    }
}

/// `<database>.<suffix>` in the same directory.
pub(super) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    database.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_counts_the_migrations() {
        for database in ["sqlite", "postgres"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
            assert_eq!(i64::try_from(std::fs::read_dir(folder).unwrap().count()).unwrap(), LATEST, "{database}");
        }
    }
}
