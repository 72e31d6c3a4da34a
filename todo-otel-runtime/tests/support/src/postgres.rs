//! A PostgreSQL server of Debian's package for the tests of one process: on a data directory of its own, as a user
//! without rights, on a socket and a port of the loopback. It ends when the process ends, however that happens.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::not_run;

/// A running server.
struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    /// Ends the server when its standard input is closed, which the system does with the last handle of this process.
    _keeper: Child,
}

/// Starts, says on which port, and waits for the end of its input.
const KEEPER: &str = r#"
"$BIN/initdb" -D "$DIR/data" -U todo -A trust -E UTF8 --locale=C --no-sync >"$DIR/initdb.log" 2>&1 || { cat "$DIR/initdb.log"; exit 1; }
"$BIN/postgres" -D "$DIR/data" -k "$DIR" -p "$PORT" -c listen_addresses=127.0.0.1 -c fsync=off >"$DIR/server.log" 2>&1 &
server=$!
until "$BIN/pg_isready" -q -h "$DIR" -p "$PORT"; do
  kill -0 $server 2>/dev/null || { cat "$DIR/server.log"; exit 1; }
done
echo ready
read -r _
kill -QUIT $server
wait $server
rm -rf "$DIR"
"#;

/// Address of a new and empty database; `None`, and a line that `test` did not run, when there is no server to start.
pub fn database(test: &str) -> Option<String> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let server = match SERVER.get_or_init(start) {
        Ok(server) => server,
        Err(missing) => {
            not_run(test, missing);
            return None;
        }
    };
    let name = format!("todo_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let port = server.port.to_string();
    let created = Command::new(server.programs.join("createdb"))
        .args(["-h".as_ref(), server.folder.as_os_str(), "-p".as_ref(), port.as_ref()])
        .args(["-U", "todo", "-T", "template0", &name])
        .output()
        .expect("createdb starts");
    assert!(created.status.success(), "createdb: {}", String::from_utf8_lossy(&created.stderr));
    Some(format!("postgres://todo:unused-secret@127.0.0.1:{port}/{name}"))
}

fn start() -> Result<Server, String> {
    let programs = programs().ok_or("PostgreSQL's server (package postgresql)")?;
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    let folder = std::env::temp_dir().join(format!("todo-postgres-{}-{port}", std::process::id()));
    fs::create_dir(&folder).expect("a folder for the server");
    // The server refuses to run as root.
    let mut command = if fs::metadata(&folder).expect("the folder").uid() == 0 {
        chown(&folder, Some(NOBODY), Some(NOBODY)).expect("the folder changes hands");
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into(), "sh".into()]);
        command
    } else {
        Command::new("sh")
    };
    let mut keeper = command
        .args(["-c", KEEPER])
        .env("BIN", &programs)
        .env("DIR", &folder)
        .env("PORT", port.to_string())
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("a way to start PostgreSQL without rights: {error}"))?;
    let mut lines = BufReader::new(keeper.stdout.take().expect("its output is a pipe")).lines();
    let mut said = Vec::new();
    for line in lines.by_ref().map_while(Result::ok) {
        if line == "ready" {
            return Ok(Server { programs, folder, port, _keeper: keeper });
        }
        said.push(line);
    }
    panic!("PostgreSQL did not start: {}", said.join("\n"));
}

const NOBODY: u32 = 65534;

/// The folder with the newest server, where Debian puts it.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<u32> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable();
    let folder = Path::new("/usr/lib/postgresql").join(versions.pop()?.to_string()).join("bin");
    folder.join("initdb").exists().then_some(folder)
}
