//! What people and programs see. Nothing outside this folder prints, and nothing inside prints a foreign text that did
//! not pass [`escape`]. Not here: what is worth saying.

use std::io::{self, BufWriter, IsTerminal, Write};

pub mod json;
mod progress;
mod style;
pub mod table;
pub mod text;

pub use todo_otel_runtime::escape::{block as escape_lines, json as escape_json, line as escape};

pub use self::{
    progress::Progress,
    style::{Style, Styles},
};
use crate::error::{Error, Result};

/// Where a command writes to.
pub struct Output {
    stdout: Box<dyn Write>,
    stderr: Box<dyn Write>,
    /// JSON instead of text.
    pub json: bool,
    /// Colours of standard output.
    pub styles: Styles,
    /// Colours of standard error.
    pub error_styles: Styles,
    /// Columns of standard output, when it is a terminal.
    pub width: Option<usize>,
    /// A person watches standard error.
    pub interactive: bool,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("json", &self.json).field("width", &self.width).finish_non_exhaustive()
    }
}

/// Colour wishes of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colors {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Output {
    /// The process's own streams. `columns` is what the environment says about the width.
    pub fn process(json: bool, colors: Colors, columns: Option<usize>) -> Output {
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let colored = |terminal: bool| match colors {
            Colors::Auto => terminal,
            Colors::Always => true,
            Colors::Never => false,
        };
        let on_terminal = stdout.is_terminal();
        let interactive = stderr.is_terminal();
        Output {
            styles: Styles::new(colored(on_terminal) && !json),
            error_styles: Styles::new(colored(interactive) && !json),
            width: on_terminal.then(|| columns.or_else(terminal_width).unwrap_or(80)),
            interactive,
            stdout: Box::new(BufWriter::with_capacity(1 << 16, stdout.lock())),
            stderr: Box::new(stderr),
            json,
        }
    }

    /// Streams of the caller, for tests: no terminal, no colours.
    pub fn to(stdout: Box<dyn Write>, stderr: Box<dyn Write>, json: bool) -> Output {
        let styles = Styles::new(false);
        Output { stdout, stderr, json, styles, error_styles: styles, width: None, interactive: false }
    }

    /// The result of a command: the document with `--json`, else the text.
    ///
    /// # Errors
    /// As [`Output::text`].
    #[todo_otel_runtime::traced(name = "cli.display.results")]
    pub fn results(&mut self, document: &impl serde::Serialize, text: impl FnOnce() -> String) -> Result<()> {
        if self.json { self.json(document) } else { self.text(&text()) }
    }

    /// Writes text whose foreign parts are escaped already.
    ///
    /// # Errors
    /// [`Error::Closed`] when the reader went away, [`Error::Output`] for anything else.
    pub fn text(&mut self, text: &str) -> Result<()> {
        Ok(self.stdout.write_all(text.as_bytes())?)
    }

    /// Writes one JSON document on one line.
    ///
    /// # Errors
    /// As [`Output::text`].
    pub fn json(&mut self, value: &impl serde::Serialize) -> Result<()> {
        let json = serde_json::to_string(value).map_err(io::Error::from)?;
        self.text(&escape_json(&json))?;
        self.text("\n")
    }

    /// Todos in a format of other programs. Into a file or pipe they go as they are; a terminal gets them escaped, and
    /// JSON is escaped everywhere, as that changes nothing for its readers.
    ///
    /// # Errors
    /// As [`Output::text`].
    #[todo_otel_runtime::traced(name = "cli.display.results")]
    pub fn export(&mut self, text: &str, json: bool) -> Result<()> {
        match (json, self.width.is_some()) {
            (true, _) => self.text(&escape_json(text)),
            (false, true) => self.text(&escape_lines(text)),
            (false, false) => self.text(text),
        }
    }

    /// Hands over what is still buffered.
    ///
    /// # Errors
    /// As [`Output::text`].
    pub fn flush(&mut self) -> Result<()> {
        Ok(self.stdout.flush()?)
    }

    /// A remark on standard error, one line; with `--json` a program reads along and gets none. That nobody reads it
    /// is no reason to fail.
    pub fn note(&mut self, text: &str) {
        if !self.json {
            let _ = writeln!(self.stderr, "{}", escape(text));
        }
    }

    /// A person can be asked: both ends are a terminal and no program reads along.
    pub fn can_ask(&self) -> bool {
        self.interactive && !self.json && io::stdin().is_terminal()
    }

    /// A question on standard error; the answer follows on the same line.
    pub fn ask(&mut self, question: &str) {
        let _ = write!(self.stderr, "{} ", escape(question));
        let _ = self.stderr.flush();
    }

    /// Something that needs attention but is no failure, on standard error; with `--json` that holds nothing but errors.
    pub fn warning(&mut self, text: &str) {
        if self.json {
            return;
        }
        let style = self.error_styles;
        let _ = writeln!(self.stderr, "{} {}", style.paint(Style::Warning, "warning:"), escape(text));
    }

    /// The failure of the command, on standard error.
    pub fn error(&mut self, error: &Error) {
        let _ = self.flush();
        match error {
            Error::Closed | Error::Interrupted { .. } => {}
            _ if self.json => {
                let document = serde_json::to_string(&json::Failure::new(error)).unwrap_or_default();
                let _ = writeln!(self.stderr, "{}", escape_json(&document));
            }
            // clap has formatted it; foreign parts are arguments, which it quotes as they are.
            Error::Usage(text) => {
                let _ = write!(self.stderr, "{}", escape_lines(text));
            }
            _ => {
                let style = self.error_styles;
                let mut text = format!("{} {}\n", style.paint(Style::Error, "error:"), escape(&error.to_string()));
                if let Some(hint) = error.hint() {
                    text.push_str(&format!("{} {}\n", style.paint(Style::Hint, "hint:"), escape(&hint)));
                }
                let _ = self.stderr.write_all(text.as_bytes());
            }
        }
    }

    /// A progress indicator on standard error, silent unless a person watches.
    pub fn progress(&self, label: &str) -> Progress {
        Progress::new(self.interactive && !self.json, label)
    }
}

fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}
