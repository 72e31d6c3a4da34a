//! Texts a person typed: trimmed, bounded, never empty. Control characters are kept as data; output escapes them.

use super::{
    Invalid,
    limits::{DESCRIPTION_BYTES, FILTER_BYTES, PROJECT_BYTES, TAG_BYTES, TAGS, TITLE_BYTES, TITLE_CHARS},
};

/// A title: not empty, at most 500 characters and 4 KiB.
pub fn title(input: &str) -> Result<String, Invalid> {
    let title = input.trim();
    if title.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
        return Err(Invalid::new("title", "the title is empty", "say what is to be done: todo add \"Buy milk\""));
    }
    let chars = title.chars().count();
    if chars > TITLE_CHARS {
        return Err(Invalid::new(
            "title",
            format!("the title has {chars} characters, at most {TITLE_CHARS} are allowed"),
            "shorten it and put the rest into --description",
        ));
    }
    bounded("title", title, TITLE_BYTES, "shorten it and put the rest into --description")
}

/// Characters that take no room of their own: a text of nothing else reads as empty.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// A description: `None` when blank, at most 64 KiB.
pub fn description(input: &str) -> Result<Option<String>, Invalid> {
    let text = input.trim_end();
    if text.trim().is_empty() {
        return Ok(None);
    }
    bounded("description", text, DESCRIPTION_BYTES, "shorten it or keep the long text in a file").map(Some)
}

/// A note: not blank, at most 64 KiB.
pub fn note(input: &str) -> Result<String, Invalid> {
    let text = input.trim();
    if text.is_empty() {
        return Err(Invalid::new("note", "the note is empty", "say what to note: todo note 3 \"Ask Zoë\""));
    }
    bounded("note", text, DESCRIPTION_BYTES, "shorten it or keep the long text in a file")
}

/// A project: one line, not empty, at most 256 bytes.
pub fn project(input: &str) -> Result<String, Invalid> {
    let project = input.trim();
    if project.is_empty() {
        return Err(Invalid::new("project", "the project is empty", "name one, or leave --project out"));
    }
    bounded("project", project, PROJECT_BYTES, "use a shorter name")
}

/// A category: one line, not empty, at most 256 bytes.
pub fn category(input: &str) -> Result<String, Invalid> {
    let category = input.trim();
    if category.is_empty() {
        return Err(Invalid::new("category", "the category is empty", "name one, or use none"));
    }
    bounded("category", category, PROJECT_BYTES, "use a shorter name")
}

/// A tag without its `#` or `+`: no blank, no comma, no control character, at most 64 bytes.
pub fn tag(input: &str) -> Result<String, Invalid> {
    let tag = input.trim().trim_start_matches(['#', '+']);
    if tag.is_empty() {
        return Err(Invalid::new("tag", "the tag is empty", "name it, as in --tag home"));
    }
    if tag.chars().any(|c| c.is_whitespace() || c.is_control() || c == ',') {
        return Err(Invalid::new(
            "tag",
            "a tag holds no blanks, commas or control characters",
            "use several --tag, one word each",
        ));
    }
    bounded("tag", tag, TAG_BYTES, "use a shorter word")
}

/// Tags without repetition, sorted, at most 32.
pub fn tags<'a>(input: impl IntoIterator<Item = &'a str>) -> Result<Vec<String>, Invalid> {
    let mut tags = input.into_iter().map(tag).collect::<Result<Vec<_>, _>>()?;
    tags.sort_unstable();
    tags.dedup();
    if tags.len() > TAGS {
        return Err(Invalid::new(
            "tag",
            format!("{} tags are given, at most {TAGS} are allowed", tags.len()),
            "keep the ones you filter by",
        ));
    }
    Ok(tags)
}

/// A search text: at most 1 KiB.
pub fn filter(input: &str) -> Result<String, Invalid> {
    bounded("filter", input.trim(), FILTER_BYTES, "search for a shorter text")
}

fn bounded(field: &'static str, text: &str, limit: usize, hint: &str) -> Result<String, Invalid> {
    if text.len() > limit {
        let problem = format!("the {field} has {} bytes, at most {limit} are allowed", text.len());
        return Err(Invalid::new(field, problem, hint));
    }
    if text.contains('\0') {
        return Err(Invalid::new(field, format!("the {field} holds a NUL character"), "remove it"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_trimmed_and_bounded() {
        assert_eq!(title("  Buy milk \n").unwrap(), "Buy milk");
        assert_eq!(title(&"x".repeat(500)).unwrap().len(), 500);
        assert!(title(&"x".repeat(501)).unwrap_err().problem.contains("501 characters, at most 500"));
        assert!(title(" \t\n").unwrap_err().problem.contains("empty"));
        assert!(title("\u{200b} \u{2060}").unwrap_err().problem.contains("empty"));
        assert!(title("a\0b").unwrap_err().problem.contains("NUL"));
        // The limit of characters is met long before the one of bytes, which holds for any encoding.
        assert!(title(&"𝕏".repeat(500)).is_ok());
    }

    #[test]
    fn escape_sequences_are_data() {
        assert_eq!(title("\u{1b}[31mred").unwrap(), "\u{1b}[31mred");
    }

    #[test]
    fn tags_lose_their_sign_and_their_doubles() {
        assert_eq!(tags(["#home", "+garden", "home"]).unwrap(), ["garden", "home"]);
        assert!(tag("two words").is_err());
        assert!(tag("#").is_err());
        assert!(tag(&"t".repeat(65)).unwrap_err().problem.contains("65 bytes, at most 64"));
        let many: Vec<String> = (0..33).map(|n| format!("t{n}")).collect();
        assert!(tags(many.iter().map(String::as_str)).unwrap_err().problem.contains("33 tags"));
    }

    #[test]
    fn a_blank_description_is_none() {
        assert_eq!(description("  \n ").unwrap(), None);
        assert_eq!(description(" two\nlines \n").unwrap().as_deref(), Some(" two\nlines"));
        assert!(description(&"x".repeat(64 * 1024 + 1)).is_err());
    }
}
