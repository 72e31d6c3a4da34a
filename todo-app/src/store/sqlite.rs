//! A connection to a file of SQLite: settings first, then a look at whose file it is. Not here: what is asked of it.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::{Duration, Instant},
};

use diesel::{Connection, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_query, sql_types};

use todo_otel_runtime::diesel::Statements;

use super::{LOCK_WAIT_MS, StoreError, migrations};

/// Marks our files: "TODO" in ASCII.
pub(super) const APPLICATION_ID: i32 = 0x544f_444f;

/// Opens the database, makes it if it is missing, and brings its schema up to date. One that lies where nothing can be
/// written is opened for reading.
pub(super) fn open(path: &Path) -> Result<SqliteConnection, StoreError> {
    make_private_file(path)
        .map_err(|error| StoreError::CannotOpen { path: path.to_owned(), reason: reason(&error) })?;
    let mut conn = connect(path)?;
    prepare(&mut conn, path).map_err(|error| error.in_file(path))?;
    tracing::debug!(
        db.system.name = "sqlite",
        todo.store.version = migrations::LATEST,
        todo.store.read_only = is_immutable(path),
        "store opened"
    );
    Ok(conn)
}

/// True where nothing can be written beside the file: SQLite could not even read it with its locks, and needs none, as
/// nobody else can write it either, or only somebody with more rights. Not while a log holds newer changes.
fn is_immutable(path: &Path) -> bool {
    use rustix::fs::{Access, access};
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let may_write = access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    !may_write && fs::metadata(log).map_or(0, |log| log.len()) == 0
}

/// Another connection to a database that [`open`] has prepared.
pub(super) fn connect(path: &Path) -> Result<SqliteConnection, StoreError> {
    let cannot = |reason: String| StoreError::CannotOpen { path: path.to_owned(), reason };
    // Absolute, so that no name can be read as `:memory:` or as a `file:` address.
    let absolute = std::path::absolute(path).map_err(|error| cannot(reason(&error)))?;
    let text = absolute.to_str().ok_or_else(|| cannot("its path is not UTF-8".into()))?;
    let address = match is_immutable(path) {
        true => format!("file:{}?immutable=1", text.replace('%', "%25").replace('?', "%3f").replace('#', "%23")),
        false => text.to_owned(),
    };
    let mut conn = SqliteConnection::establish(&address).map_err(|error| cannot(error.to_string()))?;
    // The timeout comes first, so that every later statement already waits.
    conn.batch_execute(&format!(
        "PRAGMA busy_timeout = {LOCK_WAIT_MS};
         PRAGMA foreign_keys = ON;
         PRAGMA synchronous = FULL;
         PRAGMA trusted_schema = OFF;
         PRAGMA mmap_size = 0;
         PRAGMA journal_size_limit = 67108864;"
    ))
    .map_err(|error| StoreError::from(error).in_file(path))?;
    conn.set_instrumentation(Statements::default());
    Ok(conn)
}

fn prepare(conn: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let latest = migrations::LATEST;
    let found = identity(conn)?;
    if found.is_ours_at(latest, path)? {
        return Ok(());
    }
    let _lock = migrations::lock(path)?;
    // Whoever held the lock before us may have done the work.
    let found = identity(conn)?;
    if found.is_ours_at(latest, path)? {
        return Ok(());
    }
    if found.user_version > 0 {
        migrations::back_up(conn, path, found.user_version)?;
    }
    use_wal(conn)?;
    migrations::run("sqlite", || migrations::migrate(conn, found.user_version))
}

/// What the header of a database file says about it.
#[derive(diesel::QueryableByName)]
struct Identity {
    #[diesel(sql_type = sql_types::Integer)]
    application_id: i32,
    #[diesel(sql_type = sql_types::BigInt)]
    user_version: i64,
    #[diesel(sql_type = sql_types::BigInt)]
    objects: i64,
}

impl Identity {
    /// Nothing to do (`true`), ours but older or brand new (`false`), or refused.
    fn is_ours_at(&self, latest: i64, path: &Path) -> Result<bool, StoreError> {
        let brand_new = self.application_id == 0 && self.user_version == 0 && self.objects == 0;
        if self.application_id != APPLICATION_ID && !brand_new {
            return Err(StoreError::Foreign { path: path.to_owned() });
        }
        if self.user_version > latest {
            return Err(StoreError::Newer { found: self.user_version, supported: latest });
        }
        Ok(self.user_version == latest)
    }
}

fn identity(conn: &mut SqliteConnection) -> Result<Identity, StoreError> {
    Ok(sql_query(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) AS objects \
         FROM pragma_application_id, pragma_user_version",
    )
    .get_result(conn)?)
}

#[derive(diesel::QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = sql_types::Text)]
    journal_mode: String,
}

/// Switches to the write-ahead log. The switch needs the file for itself and can be refused in spite of the timeout.
fn use_wal(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let deadline = Instant::now() + Duration::from_millis(LOCK_WAIT_MS.into());
    loop {
        let current: JournalMode = sql_query("PRAGMA journal_mode").get_result(conn)?;
        if current.journal_mode == "wal" {
            return Ok(());
        }
        match sql_query("PRAGMA journal_mode = WAL").get_result::<JournalMode>(conn).map_err(StoreError::from) {
            // A file system without shared memory keeps its own mode, which is as safe and only slower.
            Ok(_) => return Ok(()),
            Err(StoreError::Locked) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(error),
        }
    }
}

/// The file 0600 and missing directories 0700; what exists keeps its permissions.
fn make_private_file(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The system's words without the number in parentheses.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
