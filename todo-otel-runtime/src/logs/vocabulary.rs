//! What a program's own names mean for its log lines. The runtime brings none of its own.

/// Names that a program gives to its logs; all empty by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Vocabulary {
    /// Short attribute names for JSON and console lines; exported records keep the full key.
    pub aliases: &'static [Alias],
    /// Kind of operation by span name, first match wins: exact, or a prefix that ends with `*`.
    pub operations: &'static [(&'static str, &'static str)],
    /// Names of events that are also put on the span they happened in.
    pub milestones: &'static [&'static str],
}

impl Vocabulary {
    /// Nothing named.
    pub const EMPTY: Vocabulary = Vocabulary { aliases: &[], operations: &[], milestones: &[] };

    /// Sets the short names.
    pub const fn aliases(self, aliases: &'static [Alias]) -> Self {
        Self { aliases, ..self }
    }

    /// Sets the kinds of operations.
    pub const fn operations(self, operations: &'static [(&'static str, &'static str)]) -> Self {
        Self { operations, ..self }
    }

    /// Sets the milestones.
    pub const fn milestones(self, milestones: &'static [&'static str]) -> Self {
        Self { milestones, ..self }
    }

    /// Kind of operation of a span, if its name says one.
    pub(crate) fn operation(&self, span_name: &str) -> Option<&'static str> {
        let matches = |pattern: &str| match pattern.strip_suffix('*') {
            Some(prefix) => span_name.starts_with(prefix),
            None => span_name == pattern,
        };
        self.operations.iter().find(|(pattern, _)| matches(pattern)).map(|(_, operation)| *operation)
    }

    pub(crate) fn alias(&self, key: &str) -> Option<&'static Alias> {
        self.aliases.iter().find(|alias| alias.key == key)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_matching_pattern_names_the_operation() {
        let words = Vocabulary::EMPTY.operations(&[("shop.pay", "money"), ("shop.*", "shop"), ("db.*", "db.query")]);
        for (span, operation) in [
            ("shop.pay", Some("money")),
            ("shop.payment", Some("shop")),
            ("db.todo.create", Some("db.query")),
            ("other", None),
        ] {
            assert_eq!(words.operation(span), operation, "{span}");
        }
    }
}
