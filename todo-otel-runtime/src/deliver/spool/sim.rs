//! A file system in memory that fails on command, dies in the middle, and forgets what was not synced when its power is
//! cut: any prefix of the renames since the last sync may survive, and unsynced contents may be lost, torn or kept.

use super::disk::{BAD, Disk, Handle};
use std::{
    collections::BTreeMap,
    io,
    os::fd::BorrowedFd,
    sync::{Arc, Mutex, MutexGuard},
};

/// Shared by every process of a test.
#[derive(Clone, Default)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

type Entries = BTreeMap<String, u64>;

#[derive(Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    entries: Entries,
    /// Directory states since the last sync, oldest first.
    unsynced: Vec<Entries>,
    durable: Entries,
    locks: BTreeMap<u64, u64>,
    numbers: u64,
    operations: u64,
    fault: Option<Fault>,
    log: Vec<&'static str>,
}

#[derive(Clone, Default)]
struct Inode {
    data: Vec<u8>,
    synced: Vec<u8>,
}

/// What happens at one operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// Counted from one, from the moment the fault is set.
    pub(crate) at: u64,
    pub(crate) kind: FaultKind,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum FaultKind {
    /// The call fails with this number; a write gets half of its bytes out first.
    Errno(i32),
    /// From here on every call fails with this number.
    Forever(i32),
    /// The process dies before the call.
    KillBefore,
    /// The process dies after the call.
    KillAfter,
}

/// Payload of the panic that stands for the death of a process.
pub(crate) struct Killed;

impl SimDisk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        let mut state = self.lock();
        state.operations = 0;
        state.fault = fault;
        state.log.clear();
    }

    /// Operations since the last `set_fault`, by name.
    pub(crate) fn log(&self) -> Vec<&'static str> {
        self.lock().log.clone()
    }

    /// The power goes and comes back.
    pub(crate) fn cut(&self, mut random: impl FnMut(u64) -> u64) {
        let mut state = self.lock();
        let kept = random(state.unsynced.len() as u64 + 1) as usize;
        let entries = if kept == 0 { state.durable.clone() } else { state.unsynced[kept - 1].clone() };
        for number in entries.values() {
            let Some(inode) = state.inodes.get_mut(number) else { continue };
            if inode.data != inode.synced {
                match random(3) {
                    0 => inode.data = inode.synced.clone(),
                    1 => inode.data.truncate(random(inode.data.len() as u64 + 1) as usize),
                    _ => {}
                }
                inode.synced = inode.data.clone();
            }
        }
        state.durable = entries.clone();
        state.entries = entries;
        state.unsynced.clear();
        state.locks.clear();
    }

    /// Changes one byte of a file, as a bad disk does.
    pub(crate) fn damage(&self, name: &str, at: usize) {
        let mut state = self.lock();
        let Some(number) = state.entries.get(name).copied() else { return };
        if let Some(inode) = state.inodes.get_mut(&number)
            && !inode.data.is_empty()
        {
            let at = at % inode.data.len();
            inode.data[at] ^= 0x40;
            inode.synced = inode.data.clone();
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().entries.keys().cloned().collect()
    }

    /// Runs one operation with the fault that is due.
    fn operate<T>(&self, name: &'static str, run: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        self.operate_partly(name, |_| {}, run)
    }

    fn operate_partly<T>(
        &self,
        name: &'static str,
        half: impl FnOnce(&mut State),
        run: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.lock();
        state.operations += 1;
        state.log.push(name);
        let operations = state.operations;
        match state.fault.filter(|fault| fault.at <= operations) {
            Some(Fault { kind: FaultKind::Forever(errno), .. }) => return Err(io::Error::from_raw_os_error(errno)),
            Some(Fault { at, kind }) if at == operations => match kind {
                FaultKind::Errno(errno) => {
                    half(&mut state);
                    return Err(io::Error::from_raw_os_error(errno));
                }
                FaultKind::KillBefore => {
                    half(&mut state);
                    drop(state);
                    std::panic::resume_unwind(Box::new(Killed));
                }
                FaultKind::KillAfter => {
                    // What it made is let go of without the lock: closing a file takes it.
                    let made = run(&mut state);
                    drop(state);
                    drop(made);
                    std::panic::resume_unwind(Box::new(Killed));
                }
                FaultKind::Forever(_) => {}
            },
            _ => {}
        }
        run(&mut state)
    }

    fn handle(&self, state: &mut State, inode: u64) -> Box<dyn Handle> {
        state.numbers += 1;
        Box::new(SimFile { disk: self.clone(), inode, number: state.numbers })
    }
}

impl State {
    fn changed(&mut self) {
        self.unsynced.push(self.entries.clone());
    }

    /// A sync of anything commits the journal, renames included.
    fn commit(&mut self) {
        self.durable = self.entries.clone();
        self.unsynced.clear();
    }

    fn find(&self, name: &str) -> io::Result<u64> {
        self.entries.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn make(&mut self, name: &str) -> u64 {
        self.numbers += 1;
        let number = self.numbers;
        self.inodes.insert(number, Inode::default());
        self.entries.insert(name.to_owned(), number);
        self.changed();
        number
    }
}

impl Disk for SimDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn Handle>> {
        self.operate("create", |state| {
            if state.entries.contains_key(name) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let inode = state.make(name);
            Ok(self.handle(state, inode))
        })
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Handle>> {
        self.operate("open", |state| {
            let inode = state.find(name)?;
            Ok(self.handle(state, inode))
        })
    }

    fn open_lock(&self, name: &str) -> io::Result<Box<dyn Handle>> {
        self.operate("open_lock", |state| {
            let inode = state.find(name).unwrap_or_else(|_| state.make(name));
            Ok(self.handle(state, inode))
        })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.operate("rename", |state| {
            let inode = state.find(from)?;
            state.entries.remove(from);
            state.entries.insert(to.to_owned(), inode);
            state.changed();
            Ok(())
        })
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        self.operate("unlink", |state| {
            state.find(name)?;
            state.entries.remove(name);
            state.changed();
            Ok(())
        })
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.operate("list", |state| Ok(state.entries.keys().filter(|name| !name.starts_with(BAD)).cloned().collect()))
    }

    fn list_bad(&self) -> io::Result<Vec<String>> {
        self.operate("list_bad", |state| {
            Ok(state.entries.keys().filter_map(|name| name.strip_prefix(BAD)).map(str::to_owned).collect())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.operate("sync_dir", |state| {
            state.commit();
            Ok(())
        })
    }

    fn space(&self) -> io::Result<(u64, u64)> {
        self.operate("space", |_| Ok((1 << 40, 1 << 40)))
    }
}

struct SimFile {
    disk: SimDisk,
    inode: u64,
    number: u64,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut state = self.disk.lock();
        if state.locks.get(&self.inode) == Some(&self.number) {
            state.locks.remove(&self.inode);
        }
    }
}

impl Handle for SimFile {
    fn try_lock(&self) -> io::Result<bool> {
        self.disk.operate("flock", |state| Ok(*state.locks.entry(self.inode).or_insert(self.number) == self.number))
    }

    fn write(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        let bytes = parts.concat();
        let inode = self.inode;
        let put = move |state: &mut State, bytes: &[u8]| {
            if let Some(inode) = state.inodes.get_mut(&inode) {
                inode.data.extend_from_slice(bytes);
            }
        };
        self.disk.operate_partly(
            "write",
            |state| put(state, &bytes[..bytes.len() / 2]),
            |state| {
                put(state, &bytes);
                Ok(())
            },
        )
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.operate("sync", |state| {
            if let Some(inode) = state.inodes.get_mut(&self.inode) {
                inode.synced = inode.data.clone();
            }
            state.commit();
            Ok(())
        })
    }

    fn read(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        self.disk.operate("read", |state| {
            let data = state.inodes.get(&self.inode).map(|inode| inode.data.clone()).unwrap_or_default();
            if data.len() > limit { Err(io::ErrorKind::InvalidData.into()) } else { Ok(data) }
        })
    }

    fn truncate(&self) -> io::Result<()> {
        self.disk.operate("truncate", |state| {
            if let Some(inode) = state.inodes.get_mut(&self.inode) {
                inode.data.clear();
            }
            Ok(())
        })
    }

    fn is(&self, name: &str) -> bool {
        self.disk.operate("stat", |state| Ok(state.entries.get(name) == Some(&self.inode))).unwrap_or(false)
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
