//! The real program in a home of its own: no variable of the developer's environment reaches it.

#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    ffi::OsStr,
    io::{Read, Write},
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// A home directory with nothing in it.
pub struct Home {
    folder: tempfile::TempDir,
}

/// What a run of the program left.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Home {
    pub fn new() -> Home {
        Home { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The database at its default place.
    pub fn database(&self) -> PathBuf {
        self.path().join("data/todo/todo.db")
    }

    /// A command that is ready to run: clean environment, own folders, UTC.
    pub fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = self.started_by(env!("CARGO_BIN_EXE_todo"));
        command.args(arguments);
        command
    }

    /// As [`Home::command`], with another program in front or in its place.
    pub fn started_by(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.path())
            .env("XDG_DATA_HOME", self.path().join("data"))
            .env("XDG_STATE_HOME", self.path().join("state"))
            .env("XDG_CONFIG_HOME", self.path().join("config"))
            .env("TZ", "UTC")
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// The program run by somebody whom permissions hold back: root becomes another user, who owns the home from now on.
    pub fn unprivileged(&self, arguments: &[&str]) -> Run {
        const NOBODY: u32 = 65534;
        if !rustix::process::geteuid().is_root() {
            return self.run(arguments);
        }
        // That user may not reach the folder in which the program was built.
        let copy = self.path().join("todo-of-another-user");
        if !copy.exists() {
            std::fs::copy(env!("CARGO_BIN_EXE_todo"), &copy).unwrap();
        }
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            std::os::unix::fs::chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
            for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => std::os::unix::fs::chown(entry.path(), Some(NOBODY), Some(NOBODY)).unwrap(),
                }
            }
        }
        Run::from(self.started_by(copy).args(arguments).uid(NOBODY).gid(NOBODY).output().unwrap())
    }

    /// Waits until no process of this home is left, not even one that its command left behind.
    #[track_caller]
    pub fn wait_until_alone(&self) {
        let mark = format!("HOME={}", self.path().display());
        let is_ours = |process: &std::fs::DirEntry| {
            let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::fs::read_dir("/proc").unwrap().flatten().any(|process| is_ours(&process)) {
            assert!(Instant::now() < deadline, "a process stays");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Runs the program on a terminal of its own; what the terminal got.
    pub fn on_terminal(&self, command: Command) -> String {
        self.typing("", command)
    }

    /// As [`Home::on_terminal`], with somebody who types this ahead.
    pub fn typing(&self, text: &str, mut command: Command) -> String {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
        let end = || {
            let flags = rustix::fs::OFlags::NOCTTY.bits() as i32;
            std::fs::OpenOptions::new().read(true).write(true).custom_flags(flags).open(&name).unwrap()
        };
        let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        // Our ends must be closed, or the terminal never hangs up.
        drop(command);
        let mut shown = Vec::new();
        let mut terminal = std::fs::File::from(terminal);
        terminal.write_all(text.as_bytes()).unwrap();
        let mut part = [0; 4096];
        while let Ok(length) = terminal.read(&mut part)
            && length > 0
        {
            shown.extend_from_slice(&part[..length]);
        }
        assert!(child.wait().unwrap().success(), "{}", String::from_utf8_lossy(&shown));
        String::from_utf8(shown).unwrap()
    }

    /// Writes the configuration file at its default place.
    pub fn configure(&self, text: &str) {
        let path = self.path().join("config/todo/config.toml");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::from(self.command(arguments).output().unwrap())
    }

    /// Runs the program, which must succeed; what it printed.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{arguments:?}: {}", run.stdout);
        run.stdout
    }

    /// Runs the program with `--json`, which must succeed; the document it printed.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        serde_json::from_str(&self.ok(&all)).unwrap()
    }

    /// Runs the program, which must fail with this code; what it said.
    #[track_caller]
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let run = self.run(arguments);
        assert_eq!(run.code, Some(code), "{arguments:?}: {} {}", run.stdout, run.stderr);
        assert_eq!(run.stdout, "", "{arguments:?}");
        run.stderr
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Run {
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
