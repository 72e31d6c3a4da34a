//! A spinner for a person who waits. It is drawn by whoever waits, so it needs no thread.

use std::io::Write;

use super::escape;

const FRAMES: [char; 4] = ['|', '/', '-', '\\'];

/// Draws a line on standard error and takes it away again.
#[derive(Debug)]
pub struct Progress {
    label: Option<String>,
    frame: usize,
}

impl Progress {
    pub(super) fn new(visible: bool, label: &str) -> Progress {
        Progress { label: visible.then(|| escape(label).into_owned()), frame: 0 }
    }

    /// Draws the next picture.
    pub fn tick(&mut self) {
        if let Some(label) = &self.label {
            let picture = FRAMES[self.frame % FRAMES.len()];
            let _ = write!(std::io::stderr(), "\r{picture} {label} ");
            self.frame += 1;
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.label.is_some() && self.frame > 0 {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
