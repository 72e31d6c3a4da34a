//! What a program's own names mean for its log lines. The runtime brings none of its own.

use crate::names::{Kind, Row};

/// Names that a program gives to its logs; all empty by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Vocabulary {
    /// Short attribute names for JSON and console lines; exported records keep the full key.
    pub aliases: &'static [Alias],
    /// The program's table of names: `operation` of its spans, and its events, which are milestones: they are also put
    /// on the span they happened in.
    pub names: &'static [Row],
}

impl Vocabulary {
    /// Nothing named.
    pub const EMPTY: Vocabulary = Vocabulary { aliases: &[], names: &[] };

    /// Sets the short names.
    pub const fn aliases(self, aliases: &'static [Alias]) -> Self {
        Self { aliases, ..self }
    }

    /// Sets the table of names.
    pub const fn names(self, names: &'static [Row]) -> Self {
        Self { names, ..self }
    }
}

/// A short name for an attribute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alias {
    /// Key of the exported attribute.
    pub key: &'static str,
    /// Name on log lines.
    pub short: &'static str,
    /// The value is in seconds and is shown as whole milliseconds.
    pub milliseconds: bool,
}

impl Alias {
    /// `short` instead of `key`.
    pub const fn new(key: &'static str, short: &'static str) -> Self {
        Self { key, short, milliseconds: false }
    }

    /// As [`Alias::new`] for a value in seconds that is shown in milliseconds.
    pub const fn milliseconds(key: &'static str, short: &'static str) -> Self {
        Self { key, short, milliseconds: true }
    }
}

/// A vocabulary made ready for look-ups.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    aliases: &'static [Alias],
    /// Name, or prefix, of spans and their kind of operation.
    operations: Vec<(Pattern, &'static str)>,
    milestones: Vec<String>,
}

#[derive(Clone, Debug)]
enum Pattern {
    Exact(String),
    Prefix(String),
}

impl Words {
    pub fn new(app: &str, vocabulary: &Vocabulary) -> Self {
        let rows = |kind: Kind| vocabulary.names.iter().filter(move |row| row.kind == kind);
        let operations = rows(Kind::Span).filter(|row| !row.operation.is_empty()).map(|row| {
            let name = row.name_for(app);
            let pattern = match name.strip_suffix('*') {
                Some(prefix) => Pattern::Prefix(prefix.to_owned()),
                None => Pattern::Exact(name),
            };
            (pattern, row.operation)
        });
        Self {
            aliases: vocabulary.aliases,
            operations: operations.collect(),
            milestones: rows(Kind::Event).map(|row| row.name_for(app)).collect(),
        }
    }

    /// Kind of operation of a span, if its name says one. The first row that fits counts.
    pub fn operation(&self, span_name: &str) -> Option<&'static str> {
        let fits = |pattern: &Pattern| match pattern {
            Pattern::Exact(name) => name == span_name,
            Pattern::Prefix(prefix) => span_name.starts_with(prefix.as_str()),
        };
        self.operations.iter().find(|(pattern, _)| fits(pattern)).map(|(_, operation)| *operation)
    }

    pub fn alias(&self, key: &str) -> Option<&'static Alias> {
        self.aliases.iter().find(|alias| alias.key == key)
    }

    pub fn has_milestones(&self) -> bool {
        !self.milestones.is_empty()
    }

    pub fn is_milestone(&self, event: &str) -> bool {
        self.milestones.iter().any(|name| name == event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Stability;

    #[test]
    fn the_first_fitting_row_names_the_operation_and_events_are_milestones() {
        const NAMES: &[Row] = &[
            Row::span("{app}.pay", "money"),
            Row::span("{app}.*", "shop"),
            Row::span("db.*", "db.query"),
            Row::span("db.quiet", ""),
            Row::event("{app}.sold", Stability::Own, &[]),
        ];
        let words = Words::new("shop", &Vocabulary::EMPTY.names(NAMES));
        for (span, operation) in [
            ("shop.pay", Some("money")),
            ("shop.payment", Some("shop")),
            ("db.order.create", Some("db.query")),
            ("other", None),
        ] {
            assert_eq!(words.operation(span), operation, "{span}");
        }
        assert!(words.is_milestone("shop.sold") && !words.is_milestone("shop.pay"));
    }
}
