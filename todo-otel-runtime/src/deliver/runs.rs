//! The mark of a running service: a file that it keeps locked. One that can be locked belongs to a run that died.

use super::spool::{Disk, Handle, RealDisk};
use std::{path::Path, sync::Mutex};

const FOLDER: &str = "runs";
const ENDING: &str = ".run";

/// Held for as long as the run lasts.
pub(crate) struct Mark {
    disk: RealDisk,
    name: String,
    _lock: Mutex<Box<dyn Handle>>,
    /// Runs that died before this one.
    pub(crate) unclean: u64,
}

impl Mark {
    /// Counts and removes the marks of the dead, and leaves one of our own. `None` where no file can be.
    pub(crate) fn leave(state_dir: &Path, run: u32) -> Option<Mark> {
        let disk = RealDisk::open(&state_dir.join(FOLDER), true, false).ok()?;
        let mut unclean = 0;
        for name in disk.list().ok()?.into_iter().filter(|name| name.ends_with(ENDING)) {
            let Ok(handle) = disk.open(&name) else { continue };
            // Both are needed: of two that find the same mark one removes it.
            if handle.try_lock().unwrap_or(false) && handle.is(&name) && disk.unlink(&name).is_ok() {
                unclean += 1;
            }
        }
        // Made under a name that nobody looks at, so that it is never seen unlocked.
        let name = format!("{}-{run:08x}{ENDING}", std::process::id());
        let temporary = format!("{name}.tmp");
        let lock = disk.create(&temporary).ok()?;
        if !lock.try_lock().unwrap_or(false) || disk.rename(&temporary, &name).is_err() {
            let _ = disk.unlink(&temporary);
            return None;
        }
        Some(Mark { disk, name, _lock: Mutex::new(lock), unclean })
    }

    /// The run came to its end.
    pub(crate) fn remove(&self) {
        let _ = self.disk.unlink(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_died_is_counted_once_and_one_that_lives_or_ended_is_not() {
        let dir = tempfile::tempdir().expect("a folder");
        let first = Mark::leave(dir.path(), 1).expect("marked");
        let second = Mark::leave(dir.path(), 2).expect("marked");
        assert_eq!((first.unclean, second.unclean), (0, 0));
        second.remove();
        drop(second);
        // The kernel gives the lock of a dead process back, as dropping it does here.
        drop(first);
        let third = Mark::leave(dir.path(), 3).expect("marked");
        assert_eq!(third.unclean, 1);
        assert_eq!(Mark::leave(dir.path(), 4).expect("marked").unclean, 0);
    }
}
