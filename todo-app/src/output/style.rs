//! Our own colours, the only escape sequences that ever leave the program.

/// A meaning that has a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Heading of a column.
    Heading,
    /// Late or urgent.
    Error,
    /// Soon.
    Warning,
    /// Done.
    Good,
    /// Less important.
    Dim,
    /// What to do.
    Hint,
}

/// Colours that are on or off.
#[derive(Clone, Copy, Debug)]
pub struct Styles {
    on: bool,
}

impl Styles {
    /// On or off.
    pub const fn new(on: bool) -> Styles {
        Styles { on }
    }

    /// The text in the colour of its meaning.
    pub fn paint(self, style: Style, text: &str) -> String {
        if !self.on || text.is_empty() {
            return text.to_owned();
        }
        let code = match style {
            Style::Heading => "1",
            Style::Error => "1;31",
            Style::Warning => "33",
            Style::Good => "32",
            Style::Dim => "2",
            Style::Hint => "36",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
