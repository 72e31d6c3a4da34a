//! A title as words, and what each word has been used up by.

/// One word between white space.
pub(super) struct Word<'a> {
    /// As typed.
    pub raw: &'a str,
    /// Lower case, without punctuation around it.
    pub plain: String,
    /// Says when, how long, how urgent or which tag: no part of what is to be done.
    pub used: bool,
}

/// The words of a title.
pub(super) fn split(title: &str) -> Vec<Word<'_>> {
    title
        .split_whitespace()
        .map(|raw| {
            let trimmed =
                raw.trim_matches(|c: char| matches!(c, ',' | ';' | ':' | '!' | '?' | '(' | ')' | '[' | ']' | '"'));
            // "friday." ends a sentence, "17.3." is a date.
            let trimmed = match trimmed.contains(|c: char| c.is_ascii_digit()) {
                true => trimmed,
                false => trimmed.trim_end_matches('.'),
            };
            Word { raw, plain: trimmed.to_lowercase().replace('’', "'"), used: false }
        })
        .collect()
}

/// Letters and digits only, for look-ups: `check-up,` becomes `check` and `up`, `Anna's` becomes `annas`.
pub(super) fn tokens<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut tokens = Vec::new();
    for text in texts {
        let text = text.to_lowercase().replace(['\'', '’'], "");
        tokens.extend(text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).map(str::to_owned));
    }
    tokens
}

/// The longest entry that starts at `tokens[at]`, with its length in tokens; the last token may be a plural.
pub(super) fn lookup<'t, T>(
    table: &'t [T],
    phrase: impl Fn(&T) -> &'static str,
    tokens: &[String],
    at: usize,
) -> Option<(&'t T, usize)> {
    let mut best: Option<(&T, usize)> = None;
    for entry in table {
        let mut length = 0;
        let matches = phrase(entry).split(' ').all(|part| {
            let found = tokens.get(at + length).is_some_and(|token| token == part || singular(token, part));
            length += 1;
            found
        });
        if matches && best.is_none_or(|(_, known)| length > known) {
            best = Some((entry, length));
        }
    }
    best
}

/// Whether `token` is the plural of `word`.
fn singular(token: &str, word: &str) -> bool {
    match token.strip_prefix(word) {
        Some(rest) => rest == "s" || rest == "es",
        None => token.strip_suffix("ies").is_some_and(|stem| word.strip_suffix('y') == Some(stem)),
    }
}

/// `3`, `three`, `a`, `a couple of` is not handled.
pub(super) fn number(word: &str) -> Option<u32> {
    const NAMES: [&str; 13] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
    if matches!(word, "a" | "an") {
        return Some(1);
    }
    match NAMES.iter().position(|name| *name == word) {
        Some(n) => u32::try_from(n).ok(),
        None => word.parse().ok().filter(|n| *n <= 1000),
    }
}
