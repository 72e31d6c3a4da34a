//! Files of spans in a folder of the user's own: written whole, renamed into place, the oldest removed first.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{SystemTime, UNIX_EPOCH},
};

use super::line;
use crate::console::{forest, span::Span};

/// Most bytes of the folder.
const MOST_BYTES: u64 = 1024 * 1024;
/// Most bytes of one file, so that one large trace does not push out all others.
const MOST_FILE_BYTES: usize = 256 * 1024;
/// A file that nobody finished is removed after this long.
const STALE_SECS: u64 = 3600;
const SUFFIX: &str = ".jsonl";

/// The folder and how many traces it may hold.
#[derive(Clone, Debug)]
pub(super) struct Store {
    dir: PathBuf,
    most_traces: usize,
}

/// A file of the store: `<milliseconds>-<pid>-<number>-<traces>.jsonl`.
struct File {
    name: String,
    traces: usize,
    bytes: u64,
}

impl Store {
    pub fn new(dir: PathBuf, most_traces: usize) -> Self {
        Self { dir, most_traces }
    }

    /// Adds the spans as one file and removes what is too much.
    pub fn add(&self, spans: &[Span]) -> io::Result<()> {
        let (text, traces) = fitting(spans, self.most_traces);
        if traces == 0 {
            return Ok(());
        }
        self.prepare()?;
        self.make_room(traces, text.len() as u64)?;
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let number = NUMBER.fetch_add(1, Relaxed);
        let name = format!("{millis:013}-{}-{number:06}-{traces}{SUFFIX}", std::process::id());
        let unfinished = self.dir.join(format!(".{name}.tmp"));
        let written =
            write_private(&unfinished, text.as_bytes()).and_then(|()| fs::rename(&unfinished, self.dir.join(name)));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// Spans of the newest traces.
    pub fn read(&self) -> io::Result<Vec<Span>> {
        if !self.dir.try_exists()? {
            return Ok(Vec::new());
        }
        check_private(&self.dir)?;
        let mut spans = Vec::new();
        for file in self.files()? {
            // Another process may remove a file at any time.
            if file.bytes > MOST_BYTES {
                continue;
            }
            let Ok(text) = fs::read_to_string(self.dir.join(&file.name)) else { continue };
            spans.extend(text.lines().filter_map(line::read));
        }
        let newest: Vec<u128> =
            forest::plant(&spans).iter().rev().take(self.most_traces).map(|trace| trace.id).collect();
        spans.retain(|span| newest.contains(&span.trace_id));
        Ok(spans)
    }

    fn prepare(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.dir)?;
        check_private(&self.dir)
    }

    /// Oldest first.
    fn files(&self) -> io::Result<Vec<File>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)?.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Ok(metadata) = entry.metadata() else { continue };
            if name.ends_with(".tmp") && age_secs(&metadata) > STALE_SECS {
                let _ = fs::remove_file(entry.path());
            }
            let Some(traces) = traces_of(&name).filter(|_| metadata.is_file()) else { continue };
            files.push(File { name, traces, bytes: metadata.len() });
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    fn make_room(&self, traces: usize, bytes: u64) -> io::Result<()> {
        let files = self.files()?;
        let (mut traces, mut bytes) = (traces, bytes);
        for file in files.iter().rev() {
            traces += file.traces;
            bytes += file.bytes;
            if traces > self.most_traces || bytes > MOST_BYTES {
                let _ = fs::remove_file(self.dir.join(&file.name));
                // What is older goes as well: a gap in the middle helps nobody.
                bytes = MOST_BYTES;
                traces = self.most_traces;
            }
        }
        Ok(())
    }
}

/// The newest traces that fit into one file, as lines; a trace that is too large by itself keeps its first spans.
fn fitting(spans: &[Span], most_traces: usize) -> (String, usize) {
    let mut text = String::new();
    let mut traces = 0;
    for trace in forest::plant(spans).iter().rev().take(most_traces) {
        let before = text.len();
        for row in &trace.rows {
            let whole = text.len();
            line::write(&mut text, row.span);
            if text.len() > MOST_FILE_BYTES {
                text.truncate(if traces == 0 { whole } else { before });
                return (text, traces.max(usize::from(whole > 0)));
            }
        }
        traces += 1;
    }
    (text, traces)
}

fn traces_of(name: &str) -> Option<usize> {
    let mut parts = name.strip_suffix(SUFFIX)?.split('-');
    let millis = parts.next()?;
    if millis.len() != 13 || !millis.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    parts.nth(2)?.parse().ok()
}

fn age_secs(metadata: &fs::Metadata) -> u64 {
    metadata.modified().ok().and_then(|at| at.elapsed().ok()).map_or(0, |age| age.as_secs())
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    io::Write::write_all(&mut options.open(path)?, bytes)
}

/// Refuses a link, a folder of somebody else and one that others may enter.
fn check_private(dir: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(dir)?;
    let refuse = |why: &str| {
        let text = format!("{}: {why}; remove it, it is made anew", dir.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
    };
    if !metadata.is_dir() {
        return refuse("not a folder");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return refuse("belongs to another user");
        }
        if metadata.mode() & 0o077 != 0 {
            return refuse("open to other users");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(id: u128, spans: u64, value_bytes: usize) -> Vec<Span> {
        (1..=spans)
            .map(|span_id| Span {
                trace_id: id,
                span_id,
                parent_id: span_id - 1,
                start_ns: id as u64 * 1000 + span_id,
                end_ns: id as u64 * 1000 + 500,
                name: format!("s{span_id}"),
                attributes: vec![("v".into(), "x".repeat(value_bytes))],
                ..Span::default()
            })
            .collect()
    }

    fn store(most_traces: usize) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().join("state/last"), most_traces);
        (dir, store)
    }

    fn bytes(store: &Store) -> u64 {
        store.files().unwrap().iter().map(|file| file.bytes).sum()
    }

    fn ids(store: &Store) -> Vec<u128> {
        let spans = store.read().unwrap();
        forest::plant(&spans).iter().map(|trace| trace.id).collect()
    }

    #[test]
    fn the_newest_traces_stay() {
        let (_dir, store) = store(3);
        assert!(store.read().unwrap().is_empty(), "nothing was ever kept");
        for id in 1..=10 {
            store.add(&trace(id, 4, 10)).unwrap();
        }
        assert_eq!(ids(&store), [8, 9, 10]);
        assert_eq!(store.files().unwrap().len(), 3);
        let spans = store.read().unwrap();
        assert_eq!(spans.iter().filter(|span| span.trace_id == 10).count(), 4);
    }

    #[test]
    fn the_folder_never_grows_past_a_mebibyte_whatever_is_added() {
        let (_dir, store) = store(50);
        for id in 1..=40 {
            store.add(&trace(id, 20, 4096)).unwrap();
            assert!(bytes(&store) <= MOST_BYTES, "{}", bytes(&store));
        }
        assert!(ids(&store).ends_with(&[38, 39, 40]));
        store.add(&trace(99, 500, 4096)).unwrap();
        let kept = store.read().unwrap().iter().filter(|span| span.trace_id == 99).count();
        assert!((50..70).contains(&kept), "the first spans of a trace that is too large: {kept}");
        assert!(bytes(&store) <= MOST_BYTES);
    }

    #[test]
    fn many_traces_at_once_keep_the_newest() {
        let (_dir, store) = store(5);
        let spans: Vec<_> = (1..=30).flat_map(|id| trace(id, 2, 10)).collect();
        store.add(&spans).unwrap();
        assert_eq!(ids(&store), [26, 27, 28, 29, 30]);
    }

    #[cfg(unix)]
    #[test]
    fn files_are_the_users_own_and_a_folder_open_to_others_is_refused() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let (_dir, store) = store(5);
        store.add(&trace(1, 1, 1)).unwrap();
        let file = fs::read_dir(&store.dir).unwrap().next().unwrap().unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&store.dir).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&store.dir, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(store.add(&trace(2, 1, 1)).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(store.read().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_place_of_the_folder_is_refused() {
        let (dir, store) = store(5);
        fs::create_dir_all(dir.path().join("state")).unwrap();
        fs::create_dir(dir.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &store.dir).unwrap();
        assert!(store.add(&trace(1, 1, 1)).is_err());
        assert_eq!(fs::read_dir(dir.path().join("elsewhere")).unwrap().count(), 0);
    }

    #[test]
    fn damaged_and_foreign_files_are_passed_over() {
        let (_dir, store) = store(5);
        store.add(&trace(1, 2, 1)).unwrap();
        fs::write(store.dir.join("0000000000001-1-000000-1.jsonl"), "{\"t\":1}\nnot json\n\u{0}").unwrap();
        fs::write(store.dir.join("notes.txt"), "mine").unwrap();
        assert_eq!(ids(&store), [1]);
        for id in 2..=9 {
            store.add(&trace(id, 1, 1)).unwrap();
        }
        assert!(store.dir.join("notes.txt").exists(), "only own files are removed");
    }
}
