//! The only unsafe code of delivery: a child that outlives the command. Between `fork` and `execve` it makes system
//! calls and nothing else; everything it needs is prepared before.

use std::{
    ffi::{CStr, CString, OsStr},
    io,
    os::{
        fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::ffi::OsStrExt,
    },
    ptr,
};

/// Descriptors that the child gets: as many as the most destinations a configuration can have, and the plan.
const MAX_FDS: usize = 8;
/// Below this number the child puts its descriptors in order; copies wait above it.
const PARKING: libc::c_int = 64;

/// Starts this program again with one more variable, in a session of its own, with null standard streams, in `/`, with
/// these descriptors as 3, 4, … and no other. Waits for nothing: whether the child gets as far as running is unknown.
pub(crate) fn again(variable: &str, value: &str, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    if fds.len() > MAX_FDS {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let program = c"/proc/self/exe";
    let null = c"/dev/null";
    let root = c"/";
    let name = std::env::args_os().next().unwrap_or_default();
    let name = CString::new(name.as_bytes())?;
    let arguments = [name.as_ptr(), ptr::null()];
    let environment = environment(variable, value)?;
    let mut pointers: Vec<*const libc::c_char> = environment.iter().map(|entry| entry.as_ptr()).collect();
    pointers.push(ptr::null());
    let mut given = [0 as RawFd; MAX_FDS];
    for (slot, fd) in given.iter_mut().zip(fds) {
        *slot = fd.as_raw_fd();
    }
    let given = &given[..fds.len()];

    // SAFETY: `all` and `before` are plain data that sigfillset and pthread_sigmask initialise.
    let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    // SAFETY: both point to live signal sets. No handler of the parent may run in the child.
    unsafe {
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
    }
    // SAFETY: the child calls async-signal-safe functions only, with memory prepared above, and never returns.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: all pointers are to live, NUL-terminated memory of this process's copy.
        unsafe { child(program, null, root, &arguments, &pointers, given, &mut all) }
    }
    let failed = (pid < 0).then(io::Error::last_os_error);
    // SAFETY: `before` was filled by the call above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut()) };
    failed.map_or(Ok(()), Err)
}

/// # Safety
/// Only in a process that has just been forked; pointers must be valid and end in null.
unsafe fn child(
    program: &CStr,
    null: &CStr,
    root: &CStr,
    arguments: &[*const libc::c_char],
    environment: &[*const libc::c_char],
    given: &[RawFd],
    signals: &mut libc::sigset_t,
) -> ! {
    // SAFETY: system calls on plain numbers and on the pointers that the caller vouches for.
    unsafe {
        libc::setsid();
        for signal in 1..32 {
            if signal != libc::SIGKILL && signal != libc::SIGSTOP {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
        libc::sigemptyset(signals);
        libc::sigprocmask(libc::SIG_SETMASK, signals, ptr::null_mut());
        // Park copies out of the way, so that no descriptor is overwritten before it was moved.
        let mut parked = [-1; MAX_FDS];
        for (slot, fd) in parked.iter_mut().zip(given) {
            *slot = libc::fcntl(*fd, libc::F_DUPFD, PARKING);
            if *slot < 0 {
                libc::_exit(126);
            }
        }
        let nothing = libc::open(null.as_ptr(), libc::O_RDWR);
        for stream in 0..3 {
            if libc::dup2(nothing, stream) < 0 {
                libc::_exit(126);
            }
        }
        let mut next = 3;
        for slot in parked.iter().take(given.len()) {
            if libc::dup2(*slot, next) < 0 {
                libc::_exit(126);
            }
            next += 1;
        }
        // Whatever else is open, a pipe of `$(…)` above all, must not live as long as this child.
        if libc::syscall(libc::SYS_close_range, next as libc::c_uint, libc::c_uint::MAX, 0) != 0 {
            for fd in next..4096 {
                libc::close(fd);
            }
        }
        libc::chdir(root.as_ptr());
        libc::execve(program.as_ptr(), arguments.as_ptr(), environment.as_ptr());
        libc::_exit(127)
    }
}

/// The descriptor that this process was given in this place, if it was started by [`again`]. To be asked once per place.
pub(crate) fn inherited(place: usize) -> Option<OwnedFd> {
    let fd = 3 + libc::c_int::try_from(place).ok()?;
    // SAFETY: asks about a number; an unknown one is an error, not undefined.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } < 0 {
        return None;
    }
    // SAFETY: it is open, and nothing else in a process that has only just started owns it.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn environment(variable: &str, value: &str) -> io::Result<Vec<CString>> {
    let pair = |name: &OsStr, value: &OsStr| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat());
    let mut entries = vec![pair(variable.as_ref(), value.as_ref())?];
    for (name, value) in std::env::vars_os().filter(|(name, _)| name != variable) {
        entries.push(pair(&name, &value)?);
    }
    Ok(entries)
}
