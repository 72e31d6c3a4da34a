//! Makes foreign text harmless for a terminal, a log line and a JSON string: one table of characters, three spellings.
//!
//! Not here: quoting rules of a form, redaction, limits.

use std::{borrow::Cow, fmt::Write as _};

/// More combining marks than this on one base character are shown as escapes.
const MARKS_IN_A_ROW: u32 = 16;

/// For a single line: everything that could move the cursor, change colours, hide or reorder text becomes `\u{..}`,
/// newline and tab become `\n` and `\t`.
///
/// # Examples
///
/// ```
/// assert_eq!(todo_otel_runtime::escape::line("red \u{1b}[31m, next\nline"), r"red \u{1b}[31m, next\nline");
/// ```
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, Newlines::Escape)
}

/// For a field that may have several lines: as [`line()`], but newline and tab stay.
pub fn block(text: &str) -> Cow<'_, str> {
    escape(text, Newlines::Keep)
}

/// Appends `text` as a JSON string with its quotes; the characters that [`line()`] shows are `\uXXXX` here.
pub fn json_string(out: &mut String, text: &str) {
    out.push('"');
    let mut marks = Marks::default();
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) || marks.too_many(c) => {
                push_units(out, c);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A whole JSON document: the characters that [`line()`] shows become `\uXXXX`, line breaks between values stay. Only
/// for text that is JSON already, where such characters stand inside of strings.
pub fn json(document: &str) -> Cow<'_, str> {
    if !document.chars().any(|c| is_unsafe(c) && c != '\n') {
        return Cow::Borrowed(document);
    }
    let mut out = String::with_capacity(document.len() + 16);
    for c in document.chars() {
        match c {
            c if is_unsafe(c) && c != '\n' => push_units(&mut out, c),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn push_units(out: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let _ = write!(out, "\\u{unit:04x}");
    }
}

/// True for characters that never reach a terminal or a log line as they are: C0, DEL, C1, bidirectional controls, line
/// and paragraph separators, interlinear annotations, tags, and characters nobody can see (soft hyphen, zero width space,
/// word joiner, invisible operators, fillers, byte order mark). The two joiners that scripts need stay.
pub fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}'
        | '\u{7f}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{115f}' | '\u{1160}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e007f}')
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Newlines {
    Escape,
    Keep,
}

fn escape(text: &str, newlines: Newlines) -> Cow<'_, str> {
    let plain = |b: &u8| (b' '..=b'~').contains(b);
    if text.as_bytes().iter().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut marks = Marks::default();
    for c in text.chars() {
        match c {
            '\n' | '\t' if newlines == Newlines::Keep => {
                marks = Marks::default();
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) || marks.too_many(c) => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Counts combining marks since the last base character.
#[derive(Default)]
struct Marks(u32);

impl Marks {
    fn too_many(&mut self, c: char) -> bool {
        if !is_combining(c) {
            self.0 = 0;
            return false;
        }
        self.0 += 1;
        self.0 > MARKS_IN_A_ROW
    }
}

/// The blocks that text is stacked with; marks that scripts need one or two of at a time are not told apart.
fn is_combining(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}'
        | '\u{483}'..='\u{489}'
        | '\u{591}'..='\u{5bd}'
        | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}'
        | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_of_dangerous_characters_is_shown() {
        for (given, shown) in [
            ("plain", "plain"),
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            ("a\r\nb\tc", r"a\u{d}\nb\tc"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("abc\u{202e}fdp", r"abc\u{202e}fdp"),
            ("x\u{2066}y\u{2069}", r"x\u{2066}y\u{2069}"),
            ("\u{feff}\u{fff9}\u{e0041}", r"\u{feff}\u{fff9}\u{e0041}"),
            ("pay\u{200b}pal soft\u{ad}hyphen \u{2060}\u{3164}", r"pay\u{200b}pal soft\u{ad}hyphen \u{2060}\u{3164}"),
            ("👩\u{200d}🚀 é ñ 漢字", "👩\u{200d}🚀 é ñ 漢字"),
        ] {
            assert_eq!(line(given), shown);
        }
        assert_eq!(block("one\n\ttwo\u{1b}"), "one\n\ttwo\\u{1b}");
    }

    #[test]
    fn a_tower_of_marks_is_cut_down() {
        let tower = format!("a{}b\u{301}", "\u{301}".repeat(40));
        let shown = line(&tower);
        assert_eq!(shown.matches('\u{301}').count(), 16 + 1);
        assert!(shown.ends_with("b\u{301}"), "the count starts again at the next base character");
    }

    proptest! {
        #[test]
        fn nothing_dangerous_gets_through(text in any::<String>()) {
            prop_assert!(!line(&text).chars().any(is_unsafe));
            prop_assert!(!block(&text).chars().any(|c| is_unsafe(c) && c != '\n' && c != '\t'));
            let mut json = String::new();
            json_string(&mut json, &text);
            prop_assert!(!json.chars().any(is_unsafe));
            prop_assert_eq!(&serde_json::from_str::<String>(&json).unwrap(), &text);
            let whole = serde_json::to_string_pretty(&[&text]).unwrap();
            let shown = super::json(&whole);
            prop_assert!(!shown.chars().any(|c| is_unsafe(c) && c != '\n'));
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), vec![text]);
        }

        #[test]
        fn harmless_text_is_not_touched(text in "[ -~äöü漢]*") {
            prop_assert_eq!(line(&text), text.as_str());
        }
    }
}
