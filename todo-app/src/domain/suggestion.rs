//! What an enrichment proposes for a todo. Nothing is applied before a person accepts it.

use jiff::{Timestamp, civil::Date};

use super::{Edit, Priority, text};

/// The field of a todo that a suggestion is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// Kind of work.
    Category,
    /// Low, medium or high.
    Priority,
    /// Minutes of effort.
    Estimate,
    /// Due day.
    Due,
    /// Tags to add.
    Tags,
    /// The first thing to do.
    NextStep,
}

impl Field {
    /// Every field, in the order they are shown.
    pub const ALL: [Field; 6] =
        [Field::Category, Field::Priority, Field::Estimate, Field::Due, Field::Tags, Field::NextStep];

    /// `category`, `priority`, `estimate`, `due`, `tags` or `next_step`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Field::Category => "category",
            Field::Priority => "priority",
            Field::Estimate => "estimate",
            Field::Due => "due",
            Field::Tags => "tags",
            Field::NextStep => "next_step",
        }
    }

    /// The inverse of [`Field::as_str`].
    pub fn parse(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.as_str() == name)
    }
}

/// A proposed value, typed by its field.
#[derive(Clone, Debug, PartialEq)]
pub enum SuggestionValue {
    /// For [`Field::Category`].
    Category(String),
    /// For [`Field::Priority`].
    Priority(Priority),
    /// For [`Field::Estimate`], in minutes.
    Estimate(u32),
    /// For [`Field::Due`].
    Due(Date),
    /// For [`Field::Tags`].
    Tags(Vec<String>),
    /// For [`Field::NextStep`].
    NextStep(String),
}

impl SuggestionValue {
    /// The field it is for.
    pub const fn field(&self) -> Field {
        match self {
            SuggestionValue::Category(_) => Field::Category,
            SuggestionValue::Priority(_) => Field::Priority,
            SuggestionValue::Estimate(_) => Field::Estimate,
            SuggestionValue::Due(_) => Field::Due,
            SuggestionValue::Tags(_) => Field::Tags,
            SuggestionValue::NextStep(_) => Field::NextStep,
        }
    }

    /// The form that is stored: tags joined by commas, an estimate in minutes, a day as `YYYY-MM-DD`.
    pub fn to_text(&self) -> String {
        match self {
            SuggestionValue::Category(text) | SuggestionValue::NextStep(text) => text.clone(),
            SuggestionValue::Priority(priority) => priority.as_str().to_owned(),
            SuggestionValue::Estimate(minutes) => minutes.to_string(),
            SuggestionValue::Due(date) => date.to_string(),
            SuggestionValue::Tags(tags) => tags.join(","),
        }
    }

    /// The inverse of [`SuggestionValue::to_text`]; `None` when the text does not fit the field.
    pub fn parse(field: Field, text: &str) -> Option<SuggestionValue> {
        Some(match field {
            Field::Category => SuggestionValue::Category(text.to_owned()),
            Field::Priority => SuggestionValue::Priority(Priority::parse(text).ok()?),
            Field::Estimate => SuggestionValue::Estimate(text.parse().ok()?),
            Field::Due => SuggestionValue::Due(text.parse().ok()?),
            Field::Tags => SuggestionValue::Tags(text::tags(text.split(',')).ok()?),
            Field::NextStep => SuggestionValue::NextStep(text.to_owned()),
        })
    }

    /// Adds this value to an edit. Texts, days and tags are all a suggestion can touch: it cannot complete, delete or
    /// rename a todo, because no such edit is made here.
    pub fn apply_to(self, edit: &mut Edit) {
        match self {
            SuggestionValue::Category(text) => edit.category = Some(Some(text)),
            SuggestionValue::Priority(priority) => edit.priority = Some(Some(priority)),
            SuggestionValue::Estimate(minutes) => edit.estimate_minutes = Some(Some(minutes)),
            SuggestionValue::Due(date) => edit.due = Some(Some(date)),
            SuggestionValue::Tags(tags) => edit.add_tags.extend(tags),
            SuggestionValue::NextStep(text) => edit.next_step = Some(Some(text)),
        }
    }
}

/// A suggestion to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSuggestion {
    /// What is proposed.
    pub value: SuggestionValue,
    /// How sure the provider is, 0 to 1.
    pub confidence: f64,
    /// Why, in a few words.
    pub reason: String,
}

/// A stored suggestion.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// Number people use.
    pub id: i64,
    /// The todo it is for.
    pub todo_id: i64,
    /// What is proposed.
    pub value: SuggestionValue,
    /// How sure the provider is, 0 to 1.
    pub confidence: f64,
    /// Why, in a few words.
    pub reason: String,
    /// What became of it.
    pub status: SuggestionStatus,
    /// Model that proposed it.
    pub model: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What became of a suggestion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SuggestionStatus {
    /// Waits for a decision.
    Pending,
    /// Applied to its todo.
    Accepted,
    /// Declined.
    Rejected,
    /// Overtaken: its todo was completed or deleted, the field was edited, a newer enrichment came, or 30 days passed.
    Expired,
}

impl SuggestionStatus {
    /// `pending`, `accepted`, `rejected` or `expired`.
    pub const fn as_str(self) -> &'static str {
        match self {
            SuggestionStatus::Pending => "pending",
            SuggestionStatus::Accepted => "accepted",
            SuggestionStatus::Rejected => "rejected",
            SuggestionStatus::Expired => "expired",
        }
    }

    /// The inverse of [`SuggestionStatus::as_str`].
    pub fn parse(text: &str) -> Option<SuggestionStatus> {
        use SuggestionStatus::{Accepted, Expired, Pending, Rejected};
        [Pending, Accepted, Rejected, Expired].into_iter().find(|status| status.as_str() == text)
    }
}

/// Who waits for an enrichment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EnrichmentMode {
    /// The command itself.
    Inline,
    /// Nobody; the worker does it.
    Background,
}

impl EnrichmentMode {
    /// `inline` or `background`.
    pub const fn as_str(self) -> &'static str {
        match self {
            EnrichmentMode::Inline => "inline",
            EnrichmentMode::Background => "background",
        }
    }
}

/// Days after which a suggestion nobody decided on expires.
pub const EXPIRY_DAYS: i64 = 30;

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn values_survive_storage() {
        for value in [
            SuggestionValue::Category("errand, small".into()),
            SuggestionValue::Priority(Priority::High),
            SuggestionValue::Estimate(90),
            SuggestionValue::Due(date(2026, 12, 1)),
            SuggestionValue::Tags(vec!["home".into(), "milk".into()]),
            SuggestionValue::NextStep("Look into the fridge".into()),
        ] {
            assert_eq!(SuggestionValue::parse(value.field(), &value.to_text()), Some(value));
        }
        assert_eq!(SuggestionValue::parse(Field::Due, "soon"), None);
        assert_eq!(SuggestionValue::parse(Field::Estimate, "-1"), None);
    }

    #[test]
    fn names_go_out_and_come_back() {
        for field in Field::ALL {
            assert_eq!(Field::parse(field.as_str()), Some(field));
        }
    }
}
