//! The identity of this installation: a random id in the state directory, mixed with the machine's, so that a copied home
//! directory is another instance.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{Read, Write},
    path::Path,
};

use uuid::Uuid;

use crate::Config;

/// Namespace of the derived ids, as the semantic conventions give it for `service.instance.id`.
const NAMESPACE: Uuid = Uuid::from_u128(0x4d63009a_8d0f_11ee_aad7_4c796ed8e320);
const FILE: &str = "install-id";

/// `service.instance.id`: stable while there is a usable state directory, else random for this process.
pub(crate) fn instance_id(state_dir: Option<&Path>, machine_id: &str) -> String {
    match state_dir.and_then(install_id) {
        Some(install) => Uuid::new_v5(&NAMESPACE, format!("{install}{machine_id}").as_bytes()).to_string(),
        None => Uuid::new_v4().to_string(),
    }
}

/// Baggage of a command: who and which session, as ids that say nothing about a person. Incoming values win over these.
pub(crate) fn baggage(config: &Config) -> Vec<(String, String)> {
    let install = config.delivery.state_dir.as_deref().filter(|_| config.leaves()).and_then(install_id);
    let Some(install) = install.filter(|_| config.propagation.baggage) else { return Vec::new() };
    let session = config.propagation.session_id.clone().unwrap_or_else(|| {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let terminal = terminal_session();
        Uuid::new_v5(&install, format!("session {} {terminal}", boot.trim()).as_bytes()).to_string()
    });
    let user = Uuid::new_v5(&install, b"user").to_string();
    vec![("session.id".to_owned(), session), ("enduser.pseudo.id".to_owned(), user)]
}

/// The id of the session this process belongs to. In a PID namespace whose session leader is outside it is 0, which is why
/// `rustix::process::getsid` cannot be asked: it panics then.
#[cfg(target_os = "linux")]
fn terminal_session() -> i32 {
    fs::read_to_string("/proc/self/stat").ok().and_then(|stat| session_in_stat(&stat)).unwrap_or(0)
}

/// Field 6 of proc_pid_stat(5). Field 2, the command's name, may hold spaces and brackets, so counting starts behind its end.
#[cfg(target_os = "linux")]
fn session_in_stat(stat: &str) -> Option<i32> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    behind_name.split_ascii_whitespace().nth(3)?.parse().ok()
}

#[cfg(all(unix, not(target_os = "linux")))]
fn terminal_session() -> i32 {
    rustix::process::getsid(None).map_or(0, |id| id.as_raw_nonzero().get())
}

#[cfg(not(unix))]
fn terminal_session() -> i32 {
    0
}

/// The random id of the installation; made when it is not there. `None`: the directory is not usable.
pub(crate) fn install_id(state_dir: &Path) -> Option<Uuid> {
    let path = state_dir.join(FILE);
    if let Some(id) = read(&path) {
        return Some(id);
    }
    make_directory(state_dir)?;
    let id = Uuid::new_v4();
    // Written whole under a name of its own, then linked: of several first runs one wins, and all read the winner's.
    let temporary = state_dir.join(format!("{FILE}.{}.tmp", Uuid::new_v4().simple()));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut file| file.write_all(id.to_string().as_bytes()));
    let linked = written.and_then(|()| fs::hard_link(&temporary, &path));
    let _ = fs::remove_file(&temporary);
    match linked {
        Ok(()) => Some(id),
        Err(_) => read(&path),
    }
}

fn make_directory(path: &Path) -> Option<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).ok()
}

/// The id in a regular file that belongs to this user; a planted link or pipe is not followed.
fn read(path: &Path) -> Option<Uuid> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(i32::try_from(flags.bits()).ok()?);
    }
    let file = options.open(path).ok()?;
    let metadata = file.metadata().ok()?;
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::uid(&metadata) != rustix::process::getuid().as_raw() {
        return None;
    }
    if !metadata.is_file() {
        return None;
    }
    let mut text = String::new();
    file.take(64).read_to_string(&mut text).ok()?;
    Uuid::parse_str(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_made_once_and_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let state = dir.path().join("state/acme/telemetry");
        let first = instance_id(Some(&state), "machine");
        assert_eq!(instance_id(Some(&state), "machine"), first);
        assert_ne!(instance_id(Some(&state), "copied to another machine"), first);
        assert_eq!(fs::read_dir(&state).expect("listed").count(), 1, "no temporary file is left");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_session_is_read_whatever_the_command_is_called() {
        assert_eq!(session_in_stat("4711 (a) b) S 1 4711 42 34816 4711 4194304"), Some(42));
        assert_eq!(
            session_in_stat("7 (todo) R 1 0 0 0 -1 4194304"),
            Some(0),
            "the leader is outside this PID namespace"
        );
        assert_eq!(session_in_stat("7 (todo"), None);
    }

    #[test]
    fn several_first_runs_agree() {
        let dir = tempfile::tempdir().expect("a directory");
        let ids: Vec<_> = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| install_id(dir.path()))).collect();
            runs.into_iter().map(|run| run.join().expect("no panic")).collect()
        });
        assert!(ids[0].is_some() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_planted_link_is_not_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        let target = dir.path().join("elsewhere");
        fs::write(&target, Uuid::new_v4().to_string()).expect("written");
        let state = dir.path().join("state");
        fs::create_dir(&state).expect("made");
        std::os::unix::fs::symlink(&target, state.join(FILE)).expect("linked");
        assert_eq!(install_id(&state), None);
    }
}
