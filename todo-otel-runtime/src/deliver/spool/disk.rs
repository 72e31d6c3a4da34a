//! The file system as the spool sees it: one private directory and its folder for quarantined files. All names are
//! relative to a handle that was checked once, so nothing planted by another user and no link is ever followed.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::Path,
};

use rustix::fs::{AtFlags, Mode, OFlags};

/// Folder for what was refused, kept for diagnosis.
pub(crate) const BAD: &str = "bad/";

/// One directory. A name may start with [`BAD`].
pub(crate) trait Disk: Send + Sync {
    /// Creates a file that must not exist.
    fn create(&self, name: &str) -> io::Result<Box<dyn Handle>>;
    /// Opens a segment for reading and truncating: a regular file of our own that nobody else can read or link.
    fn open(&self, name: &str) -> io::Result<Box<dyn Handle>>;
    /// Opens a file that only serves as a lock; made if absent.
    fn open_lock(&self, name: &str) -> io::Result<Box<dyn Handle>>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn unlink(&self, name: &str) -> io::Result<()>;
    /// Names in the directory, in no order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Names in the folder for refused files, without its prefix.
    fn list_bad(&self) -> io::Result<Vec<String>>;
    /// Makes renames durable.
    fn sync(&self) -> io::Result<()>;
    /// Bytes that this user may still write, and the size of the file system.
    fn space(&self) -> io::Result<(u64, u64)>;
}

/// An open file; closing it gives its lock back.
pub(crate) trait Handle: Send {
    /// False when somebody else holds it.
    fn try_lock(&self) -> io::Result<bool>;
    fn write(&mut self, parts: &[&[u8]]) -> io::Result<()>;
    /// Makes the contents durable.
    fn sync(&self) -> io::Result<()>;
    /// Everything, or an error when it is longer than the limit.
    fn read(&mut self, limit: usize) -> io::Result<Vec<u8>>;
    fn truncate(&self) -> io::Result<()>;
    /// The name still leads to this file.
    fn is(&self, name: &str) -> bool;
    /// For a lock that a child is to inherit.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
}

/// Why a directory is not used as a spool.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It belongs to somebody else, is open to others, or is a link: the user must look.
    Unsafe(String),
    /// It cannot be made or opened.
    Io,
}

/// The real file system.
pub(crate) struct RealDisk {
    dir: std::sync::Arc<OwnedFd>,
    bad: std::sync::OnceLock<Option<OwnedFd>>,
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl RealDisk {
    /// Opens the directory, making it and its parents (0700) if asked to.
    pub(crate) fn open(path: &Path, create: bool, durable: bool) -> Result<RealDisk, Refused> {
        let dir = match rustix::fs::open(path, DIRECTORY, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) if create => {
                use std::os::unix::fs::DirBuilderExt;
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|_| Refused::Io)?;
                if durable && let Some(parent) = path.parent() {
                    let _ = File::open(parent).and_then(|parent| parent.sync_all());
                }
                rustix::fs::open(path, DIRECTORY, Mode::empty())
            }
            opened => opened,
        };
        let dir = dir.map_err(|errno| match errno {
            // A parent that is no directory is a missing place; something else in the very place is not.
            rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR if path.symlink_metadata().is_ok() => {
                Refused::Unsafe(format!("{} is not a directory of its own", path.display()))
            }
            _ => Refused::Io,
        })?;
        let stat = rustix::fs::fstat(&dir).map_err(|_| Refused::Io)?;
        if stat.st_uid != rustix::process::geteuid().as_raw() {
            return Err(Refused::Unsafe(format!("{} belongs to another user", path.display())));
        }
        if stat.st_mode & 0o077 != 0 {
            return Err(Refused::Unsafe(format!("{} is open to others; run: chmod 700 {0}", path.display())));
        }
        Ok(RealDisk { dir: std::sync::Arc::new(dir), bad: std::sync::OnceLock::new() })
    }

    fn place<'a>(&'a self, name: &'a str) -> io::Result<(&'a OwnedFd, &'a str)> {
        match name.strip_prefix(BAD) {
            None => Ok((&self.dir, name)),
            Some(name) => match self.bad.get_or_init(|| self.open_bad()) {
                Some(bad) => Ok((bad, name)),
                None => Err(io::ErrorKind::PermissionDenied.into()),
            },
        }
    }

    fn open_bad(&self) -> Option<OwnedFd> {
        let _ = rustix::fs::mkdirat(&self.dir, "bad", Mode::RWXU);
        let bad = rustix::fs::openat(&self.dir, "bad", DIRECTORY, Mode::empty()).ok()?;
        let stat = rustix::fs::fstat(&bad).ok()?;
        (stat.st_uid == rustix::process::geteuid().as_raw() && stat.st_mode & 0o077 == 0).then_some(bad)
    }

    fn handle(&self, file: OwnedFd) -> Box<dyn Handle> {
        Box::new(RealFile { file: File::from(file), dir: std::sync::Arc::clone(&self.dir) })
    }
}

fn names(dir: &OwnedFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(dir)? {
        // What is not UTF-8 is not ours.
        if let Ok(name) = entry?.file_name().to_str() {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

impl Disk for RealDisk {
    fn create(&self, name: &str) -> io::Result<Box<dyn Handle>> {
        let (dir, name) = self.place(name)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(self.handle(rustix::fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR)?))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn Handle>> {
        let (dir, name) = self.place(name)?;
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(dir, name, flags, Mode::empty())?);
        let metadata = file.metadata()?;
        let ours = metadata.is_file()
            && metadata.uid() == rustix::process::geteuid().as_raw()
            && metadata.nlink() == 1
            && metadata.mode() & 0o077 == 0;
        if !ours {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(self.handle(file.into()))
    }

    fn open_lock(&self, name: &str) -> io::Result<Box<dyn Handle>> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(self.handle(rustix::fs::openat(&self.dir, name, flags, Mode::RUSR | Mode::WUSR)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let ((from_dir, from), (to_dir, to)) = (self.place(from)?, self.place(to)?);
        Ok(rustix::fs::renameat(from_dir, from, to_dir, to)?)
    }

    fn unlink(&self, name: &str) -> io::Result<()> {
        let (dir, name) = self.place(name)?;
        Ok(rustix::fs::unlinkat(dir, name, AtFlags::empty())?)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        names(&self.dir)
    }

    fn list_bad(&self) -> io::Result<Vec<String>> {
        names(self.place(BAD)?.0)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.dir)?)
    }

    fn space(&self) -> io::Result<(u64, u64)> {
        let space = rustix::fs::fstatvfs(&self.dir)?;
        Ok((space.f_bavail.saturating_mul(space.f_frsize), space.f_blocks.saturating_mul(space.f_frsize)))
    }
}

struct RealFile {
    file: File,
    dir: std::sync::Arc<OwnedFd>,
}

impl Handle for RealFile {
    fn try_lock(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(std::fs::TryLockError::WouldBlock) => Ok(false),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn write(&mut self, parts: &[&[u8]]) -> io::Result<()> {
        // Past this limit the write itself would end the process by a signal.
        if let Some(limit) = rustix::process::getrlimit(rustix::process::Resource::Fsize).current
            && limit < 2 << 20
        {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        for part in parts {
            self.file.write_all(part)?;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn read(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        let length = self.file.metadata()?.len();
        if length > limit as u64 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = Vec::with_capacity(length as usize);
        Read::by_ref(&mut self.file).take(limit as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn truncate(&self) -> io::Result<()> {
        self.file.set_len(0)
    }

    fn is(&self, name: &str) -> bool {
        let Ok(metadata) = self.file.metadata() else { return false };
        match rustix::fs::statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) => named.st_ino == metadata.ino() && named.st_dev == metadata.dev(),
            Err(_) => false,
        }
    }

    fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}
