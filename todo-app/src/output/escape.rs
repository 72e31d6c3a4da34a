//! The one function between a text that is not ours and a terminal. It shows what could move the cursor, change
//! colours, reorder or hide text; everything else, also marks and joiners of real scripts, stays as it is.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// Combining marks in a row that stay; more of them would draw over other lines.
const MAX_MARKS: usize = 16;

/// Makes a text fit for one line of a terminal or a log.
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_except(text, &[])
}

/// As [`escape`], but newlines and tabs stay. Only for fields that have several lines.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_except(text, &['\n', '\t'])
}

fn escape_except<'a>(text: &'a str, harmless: &[char]) -> Cow<'a, str> {
    if text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    let mut marks = 0;
    for c in text.chars() {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if !harmless.contains(&c) && (is_dangerous(c) || marks > MAX_MARKS) {
            shown.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Controls, direction marks and overrides, line separators, invisible and tag characters.
pub fn is_dangerous(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Joiners belong to words, everything else without a width of its own is drawn over the character before it.
fn is_mark(c: char) -> bool {
    c != '\u{200c}' && c != '\u{200d}' && c.width() == Some(0)
}

/// JSON text without raw characters a terminal would obey: the same set as [`escape`], written as `\uXXXX`.
/// The input must be JSON, where such characters stand inside strings only.
pub fn escape_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if is_dangerous(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn terminals_are_not_steered() {
        assert_eq!(escape("\u{1b}[31mred\u{7}"), "\\u{1b}[31mred\\u{7}");
        assert_eq!(escape("a\nb\tc"), "a\\u{a}b\\u{9}c");
        assert_eq!(escape_lines("a\nb\tc\r"), "a\nb\tc\\u{d}");
        assert_eq!(escape("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
        assert_eq!(escape("\u{9b}2J"), "\\u{9b}2J");
        assert_eq!(escape("\u{e0041}"), "\\u{e0041}");
    }

    #[test]
    fn words_of_all_scripts_stay_readable() {
        for text in ["Zoë", "नमस्ते", "👩‍👩‍👧", "e\u{301}", "سلام", "日本語", "می‌خواهم"]
        {
            assert_eq!(escape(text), text);
        }
    }

    #[test]
    fn towers_of_marks_end() {
        let tower = format!("a{}", "\u{301}".repeat(100));
        let shown = escape(&tower);
        assert_eq!(shown.matches('\u{301}').count(), 16);
        assert_eq!(shown.matches("\\u{301}").count(), 84);
    }

    fn nasty() -> impl Strategy<Value = String> {
        let dangerous = prop_oneof![
            any::<char>(),
            (0_u32..0xa0).prop_filter_map("char", char::from_u32),
            (0x2000_u32..0x2070).prop_filter_map("char", char::from_u32),
            (0xe0000_u32..0xe0080).prop_filter_map("char", char::from_u32),
            Just('\u{1b}'),
            Just('\u{feff}'),
            Just('\u{fffa}'),
            Just('\u{61c}'),
        ];
        prop::collection::vec(dangerous, 0..40).prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_dangerous_character_survives(text in nasty()) {
            prop_assert!(!escape(&text).chars().any(is_dangerous));
            prop_assert!(!escape_lines(&text).chars().any(|c| is_dangerous(c) && c != '\n' && c != '\t'));
        }

        #[test]
        fn json_stays_valid_and_means_the_same(text in nasty()) {
            let json = escape_json(&serde_json::to_string(&text).unwrap());
            prop_assert!(!json.chars().any(is_dangerous));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn harmless_text_is_untouched(text in "[ -~äöüß€]{0,40}") {
            prop_assert_eq!(escape(&text), text.as_str());
        }
    }
}
