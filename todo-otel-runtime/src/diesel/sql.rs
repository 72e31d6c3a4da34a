//! The text of a statement as it may leave the process, and its summary, by the rules of the database conventions.
//! A reader of tokens, not of grammar: what it does not know it passes over.

use crate::record::value::boundary;

/// Longest text, in bytes.
const LONGEST_TEXT: usize = 4096;

/// Longest summary, in bytes.
const LONGEST_SUMMARY: usize = 255;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A keyword or a plain name.
    Word,
    /// A name in quotes.
    Name,
    /// Text in quotes, in dollars, or a number.
    Literal,
    /// `?`, `?1`, `$1`, `:name`, `@name`
    Placeholder,
    Punctuation,
}

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: usize,
}

impl Token<'_> {
    fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// The text with placeholders as it is, else with every literal replaced by `?` and without comments; a list of values
/// after `IN` becomes one `?`. At most 4096 bytes.
pub(super) fn shown(sql: &str) -> String {
    let tokens = tokens(sql);
    let parameterised = tokens.iter().any(|token| token.kind == Kind::Placeholder);
    let mut out = String::with_capacity(sql.len().min(LONGEST_TEXT));
    let (mut copied, mut index) = (0, 0);
    while let Some(token) = tokens.get(index) {
        let gap = &sql[copied..token.start];
        out.push_str(if parameterised || gap.trim().is_empty() { gap } else { " " });
        copied = token.end();
        let secret = token.kind == Kind::Literal || (token.kind == Kind::Word && token.is_one_of(&["true", "false"]));
        out.push_str(if secret && !parameterised { "?" } else { token.text });
        index += 1;
        if token.is("in")
            && let Some(after) = values(&tokens[index..])
        {
            out.push_str(" (?)");
            index += after;
            copied = tokens[index - 1].end();
        }
        if out.len() >= LONGEST_TEXT {
            break;
        }
    }
    out.truncate(boundary(&out, LONGEST_TEXT));
    out.trim().to_owned()
}

/// How many tokens `(value, value, …)` takes, when that is what comes next.
fn values(tokens: &[Token<'_>]) -> Option<usize> {
    let (open, rest) = tokens.split_first()?;
    let length = rest.iter().position(|token| token.text == ")")?;
    let list = &rest[..length];
    let is_list = list.iter().enumerate().all(|(index, token)| match index % 2 {
        0 => matches!(token.kind, Kind::Literal | Kind::Placeholder),
        _ => token.text == ",",
    });
    (open.text == "(" && is_list && length % 2 == 1).then_some(length + 2)
}

/// What stands between one pair of parentheses.
#[derive(Clone, Copy, Default)]
struct Level {
    /// An operation stands here: `FROM` means a table.
    operation: bool,
    /// In a list of tables.
    listing: bool,
    /// The next name is a table.
    expected: bool,
}

/// Operations and what they act on, in order and as they are written. At most 255 bytes, cut between words.
pub(super) fn summary(sql: &str) -> String {
    let tokens = tokens(sql);
    let mut out = Words::default();
    // One for each open parenthesis.
    let mut levels = vec![Level::default()];
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        let before = index.checked_sub(1).and_then(|index| tokens.get(index));
        let follows = |words: &[&str]| before.is_some_and(|before| before.is_one_of(words));
        index += 1;
        match token.text {
            "(" => levels.push(Level::default()),
            ")" if levels.len() > 1 => {
                levels.pop();
            }
            _ => {}
        }
        let Some(level) = levels.last_mut() else { break };
        match token.text {
            "(" | ")" => {
                level.expected = false;
                continue;
            }
            "," => {
                level.expected = level.listing;
                continue;
            }
            ";" => {
                levels = vec![Level::default()];
                continue;
            }
            _ => {}
        }
        let begins = before.is_none_or(|before| before.text == ";");
        if level.expected && !token.is_one_of(&["only", "lateral", "if", "not", "exists", "select", "concurrently"]) {
            level.expected = false;
            let text = token.kind == Kind::Literal && token.text.starts_with('\'');
            if text || matches!(token.kind, Kind::Word | Kind::Name) {
                let mut end = token.end();
                while tokens.get(index).is_some_and(|dot| dot.text == "." && dot.start == end)
                    && let Some(part) = tokens.get(index + 1)
                {
                    end = part.end();
                    index += 2;
                }
                out.push(&sql[token.start..end]);
            }
            continue;
        }
        let plain = token.is_one_of(&["select", "insert", "delete", "merge", "call", "exec", "execute"]);
        let update = token.is("update") && !follows(&["do", "for", "on", "key", "of"]);
        let replace = token.is("replace") && (begins || tokens.get(index).is_some_and(|next| next.is("into")));
        if (plain && !follows(&["on"])) || update || replace {
            out.push(token.text);
            level.operation = true;
            level.listing = false;
            level.expected = update || token.is_one_of(&["call", "exec", "execute"]);
        } else if token.is_one_of(&["create", "drop", "alter", "truncate"]) && begins {
            out.push(token.text);
            let object = tokens[index..].iter().position(|token| {
                token.is_one_of(&["table", "index", "view", "database", "schema", "sequence", "function", "procedure"])
            });
            if let Some(object) = object.filter(|at| *at < 4) {
                out.push(tokens[index + object].text);
                index += object + 1;
                level.expected = true;
            }
        } else if begins && !token.is("with") {
            out.push(token.text);
        } else if level.operation
            && (token.is_one_of(&["from", "using"]) && !follows(&["distinct"]) || token.is_one_of(&["join", "into"]))
        {
            (level.expected, level.listing) = (true, true);
        } else if token.is_one_of(&["where", "on", "set", "group", "order", "having", "limit", "values", "returning"]) {
            level.listing = false;
        }
    }
    out.0
}

/// Words with a space in between, as long as they fit.
#[derive(Default)]
pub(super) struct Words(pub(super) String);

impl Words {
    pub(super) fn push(&mut self, word: &str) {
        let space = usize::from(!self.0.is_empty());
        if self.0.len() + space + word.len() <= LONGEST_SUMMARY {
            self.0.extend((space == 1).then_some(' '));
            self.0.push_str(word);
        }
    }
}

/// First word of the statement.
pub(super) fn operation(sql: &str) -> &str {
    tokens_from(sql).next().map_or("", |token| token.text)
}

fn tokens(sql: &str) -> Vec<Token<'_>> {
    tokens_from(sql).collect()
}

fn tokens_from(sql: &str) -> impl Iterator<Item = Token<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at = skip_blank(sql, at);
        let rest = &sql[at..];
        let first = rest.chars().next()?;
        let (kind, length) = read(first, rest);
        let token = Token { kind, text: &rest[..length], start: at };
        at += length;
        Some(token)
    })
}

/// Behind white space and comments.
fn skip_blank(sql: &str, mut at: usize) -> usize {
    loop {
        let rest = &sql[at..];
        let blank = rest.len() - rest.trim_start().len();
        let comment = match &rest[blank..] {
            rest if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            rest if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ => 0,
        };
        if blank + comment == 0 {
            return at;
        }
        at += blank + comment;
    }
}

/// Kind and length of the token at the beginning.
fn read(first: char, rest: &str) -> (Kind, usize) {
    let word = |rest: &str| rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
    match first {
        '\'' => (Kind::Literal, quoted(rest, '\'', false)),
        '"' | '`' => (Kind::Name, quoted(rest, first, false)),
        '$' => match dollar_quoted(rest) {
            Some(length) => (Kind::Literal, length),
            None => placeholder(rest),
        },
        '?' | ':' | '@' => placeholder(rest),
        c if c.is_ascii_digit() => (Kind::Literal, number(rest)),
        '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => (Kind::Literal, number(rest)),
        c if c.is_alphabetic() || c == '_' => {
            let length = word(rest);
            let after = &rest[length..];
            match rest[..length].to_ascii_lowercase().as_str() {
                prefix @ ("e" | "b" | "x" | "n") if after.starts_with('\'') => {
                    (Kind::Literal, length + quoted(after, '\'', prefix == "e"))
                }
                "u" if after.starts_with("&'") => (Kind::Literal, length + 1 + quoted(&after[1..], '\'', false)),
                _ => (Kind::Word, length),
            }
        }
        c => (Kind::Punctuation, c.len_utf8()),
    }
}

/// Up to the closing quote; a doubled one stands for itself. Without an end it is all of the rest.
fn quoted(rest: &str, quote: char, backslash: bool) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && backslash {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    rest.len()
}

/// `$$text$$` and `$tag$text$tag$`.
fn dollar_quoted(rest: &str) -> Option<usize> {
    let tag_end = rest[1..].find(|c: char| !(c.is_alphanumeric() || c == '_'))? + 1;
    if !rest[tag_end..].starts_with('$') || rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let tag = &rest[..=tag_end];
    Some(rest[tag.len()..].find(tag).map_or(rest.len(), |end| end + 2 * tag.len()))
}

fn placeholder(rest: &str) -> (Kind, usize) {
    let name = rest[1..].find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len() - 1);
    match (rest.as_bytes()[0], name) {
        (b'?', _) => (Kind::Placeholder, 1 + name),
        // `::text` is a cast, `$` and `@` alone are operators.
        (_, 0) => (Kind::Punctuation, if rest.starts_with("::") { 2 } else { 1 }),
        _ => (Kind::Placeholder, 1 + name),
    }
}

/// `12`, `1.5e-3`, `0xff`
fn number(rest: &str) -> usize {
    let mut previous = ' ';
    rest.find(|c: char| {
        let sign = matches!(c, '+' | '-') && matches!(previous, 'e' | 'E') && !rest.starts_with("0x");
        previous = c;
        !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || sign)
    })
    .unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_conventions() {
        for (sql, expected) in [
            ("SELECT *\nFROM   wuser_table\nWHERE  username = ?", "SELECT wuser_table"),
            (
                "INSERT INTO shipping_details\n(order_id,\naddress)\nSELECT order_id,\naddress\nFROM   orders\n\
                 WHERE  order_id = ?",
                "INSERT shipping_details SELECT orders",
            ),
            ("SELECT *\nFROM   songs,\n       artists\nWHERE  songs.artist_id == artists.id", "SELECT songs artists"),
            (
                "SELECT order_date\nFROM   (SELECT *\n        FROM   orders o\n               JOIN customers c\n\
                 ON o.customer_id = c.customer_id)",
                "SELECT SELECT orders customers",
            ),
            ("SELECT *\nFROM   \"song list\",\n       'artists'", "SELECT \"song list\" 'artists'"),
        ] {
            assert_eq!(summary(sql), expected, "{sql}");
        }
    }

    #[test]
    fn operations_and_what_they_act_on() {
        for (sql, expected) in [
            ("UPDATE `jobs` SET `state` = ? WHERE `jobs`.`id` IN (?, ?) RETURNING `jobs`.`id`", "UPDATE `jobs`"),
            ("insert into public.todos (a) values ($1) on conflict (a) do update set a = $1", "insert public.todos"),
            ("DELETE FROM t WHERE a = (SELECT max(a) FROM u)", "DELETE t SELECT u"),
            ("SELECT extract(year FROM created) FROM a AS x LEFT JOIN b ON x.i = b.i", "SELECT a b"),
            ("SELECT a FROM t WHERE a IS DISTINCT FROM b FOR UPDATE SKIP LOCKED", "SELECT t"),
            ("WITH new AS (SELECT 1 FROM a) SELECT * FROM new", "SELECT a SELECT new"),
            ("CREATE TABLE IF NOT EXISTS todos (id INTEGER REFERENCES x ON DELETE CASCADE)", "CREATE TABLE todos"),
            ("CREATE TABLE t (a TEXT CHECK (a <> ''), b INTEGER, c DOUBLE)", "CREATE TABLE t"),
            ("SELECT a FROM (SELECT b FROM t) AS x, u WHERE f(a, b) = (1, 2)", "SELECT SELECT t u"),
            ("CREATE UNIQUE INDEX i ON t (a)", "CREATE INDEX i"),
            ("DROP TABLE a", "DROP TABLE a"),
            ("call some_stored_procedure(?)", "call some_stored_procedure"),
            ("PRAGMA user_version = 3", "PRAGMA"),
            ("/* SELECT x FROM y */ SELECT 1", "SELECT"),
            ("", ""),
        ] {
            assert_eq!(summary(sql), expected, "{sql}");
        }
        let long = format!("SELECT * FROM {}", (0..100).map(|n| format!("t{n}")).collect::<Vec<_>>().join(", "));
        let short = summary(&long);
        assert!(short.len() <= 255 && long.contains(&format!("{},", short.rsplit(' ').next().unwrap())), "{short}");
    }

    #[test]
    fn text_with_placeholders_is_left_alone() {
        for sql in [
            "SELECT * FROM wuser_table where username = ?",
            "SELECT a FROM t WHERE id = $1 AND state = 'open' LIMIT 5",
            "SELECT a::text FROM t WHERE b = :name -- why",
        ] {
            assert_eq!(shown(sql), *sql.trim_end_matches(" -- why"), "{sql}");
        }
        assert_eq!(
            shown("SELECT a FROM t WHERE id IN (?, ?, ?) AND b = ?"),
            "SELECT a FROM t WHERE id IN (?) AND b = ?"
        );
        assert_eq!(shown("SELECT a FROM t WHERE id IN ($1,$2)"), "SELECT a FROM t WHERE id IN (?)");
    }

    #[test]
    fn every_literal_becomes_a_question_mark() {
        for (sql, expected) in [
            ("SELECT * FROM t WHERE a = 'it''s' AND b = 5", "SELECT * FROM t WHERE a = ? AND b = ?"),
            ("SET x = -1.5e-3, y = 0xff, z = .5", "SET x = -?, y = ?, z = ?"),
            ("SELECT E'a\\'b', X'ff', N'n', b'01', U&'d'", "SELECT ?, ?, ?, ?, ?"),
            ("SELECT $$secret$$, $a$ x $$ y $a$", "SELECT ?, ?"),
            ("SELECT TRUE, false, NULL", "SELECT ?, ?, NULL"),
            ("SELECT date '2026-01-01', interval '1 day'", "SELECT date ?, interval ?"),
            (
                "SELECT 1 -- the secret\nFROM t2 /* 'more' */ WHERE a1 IN (1, 2, 'x')",
                "SELECT ? FROM t2 WHERE a1 IN (?)",
            ),
            ("SELECT \"Name 1\" FROM `t 2`", "SELECT \"Name 1\" FROM `t 2`"),
            ("SELECT 'never closed", "SELECT ?"),
        ] {
            let text = shown(sql).split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(text, expected, "{sql}");
        }
    }

    #[test]
    fn any_text_is_survived() {
        let pieces = [
            "'", "\"", "$", "$a$", "?", "(", ")", "/*", "*/", "--", "\n", "ä", "😀", "1", ".", "e-", "IN", "FROM", ",",
            "U&'", ":", "@", "::",
        ];
        let mut seed = 7_u64;
        for _ in 0..5_000 {
            let mut sql = String::new();
            for _ in 0..12 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                sql.push_str(pieces[(seed >> 33) as usize % pieces.len()]);
            }
            assert!(shown(&sql).len() <= sql.len() + 64, "{sql}");
            assert!(summary(&sql).len() <= LONGEST_SUMMARY, "{sql}");
        }
    }
}
