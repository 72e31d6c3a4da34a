//! A todo and the changes it can take.

use jiff::{Timestamp, civil::Date};

use super::Invalid;

/// A todo as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Todo {
    /// Number people use. Never reused.
    pub id: i64,
    /// Key made by the client, the same on every machine.
    pub uuid: String,
    /// What is to be done.
    pub title: String,
    /// Longer text.
    pub description: Option<String>,
    /// Open, done or deleted.
    pub status: Status,
    /// None, low, medium or high.
    pub priority: Option<Priority>,
    /// Project it belongs to.
    pub project: Option<String>,
    /// Kind of work, usually from an accepted suggestion.
    pub category: Option<String>,
    /// Day it is due, in the user's own calendar.
    pub due: Option<Date>,
    /// Expected effort in minutes.
    pub estimate_minutes: Option<u32>,
    /// The first thing to do.
    pub next_step: Option<String>,
    /// Sorted, without repetition.
    pub tags: Vec<String>,
    /// What was noted about it, oldest first.
    pub notes: Vec<Note>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it was completed, if it is done.
    pub completed_at: Option<Timestamp>,
    /// Counts changes; accepting a suggestion compares it.
    pub version: i64,
}

impl Todo {
    /// The change of this very moment is the last one: a command that changes nothing leaves the older time.
    pub fn changed_at(&self, now: Timestamp) -> bool {
        self.updated_at.as_millisecond() == now.as_millisecond()
    }

    /// Open and due before today.
    pub fn is_overdue(&self, today: Date) -> bool {
        self.status == Status::Open && self.due.is_some_and(|due| due < today)
    }
}

/// A todo to be stored; its texts come from [`super::text`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewTodo {
    /// See [`Todo::uuid`].
    pub uuid: String,
    /// See [`Todo::title`].
    pub title: String,
    /// See [`Todo::description`].
    pub description: Option<String>,
    /// See [`Todo::priority`].
    pub priority: Option<Priority>,
    /// See [`Todo::project`].
    pub project: Option<String>,
    /// See [`Todo::due`].
    pub due: Option<Date>,
    /// See [`Todo::tags`].
    pub tags: Vec<String>,
    /// See [`Todo::notes`].
    pub notes: Vec<Note>,
}

/// What was noted about a todo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

/// Changes to a todo: `None` leaves a field alone, `Some(None)` clears it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// New title.
    pub title: Option<String>,
    /// New description.
    pub description: Option<Option<String>>,
    /// New priority.
    pub priority: Option<Option<Priority>>,
    /// New project.
    pub project: Option<Option<String>>,
    /// New category.
    pub category: Option<Option<String>>,
    /// New due day.
    pub due: Option<Option<Date>>,
    /// New estimate in minutes.
    pub estimate_minutes: Option<Option<u32>>,
    /// New next step.
    pub next_step: Option<Option<String>>,
    /// Tags to add.
    pub add_tags: Vec<String>,
    /// Tags to remove.
    pub remove_tags: Vec<String>,
}

impl Edit {
    /// Nothing would change.
    pub fn is_empty(&self) -> bool {
        *self == Edit::default()
    }
}

/// Where a todo stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// To be done.
    Open,
    /// Done.
    Done,
    /// Deleted; kept for undo until cleaned up, shown nowhere.
    Deleted,
}

impl Status {
    /// `open`, `done` or `deleted`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Open => "open",
            Status::Done => "done",
            Status::Deleted => "deleted",
        }
    }

    /// The inverse of [`Status::as_str`].
    pub fn parse(text: &str) -> Option<Status> {
        [Status::Open, Status::Done, Status::Deleted].into_iter().find(|status| status.as_str() == text)
    }
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Can wait.
    Low,
    /// Normal.
    Medium,
    /// Comes first.
    High,
}

impl Priority {
    /// From low to high.
    pub const ALL: [Priority; 3] = [Priority::Low, Priority::Medium, Priority::High];

    /// `low`, `medium` or `high`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Priority::Low => "low",
            Priority::Medium => "medium",
            Priority::High => "high",
        }
    }

    /// 1 for low to 3 for high.
    pub const fn rank(self) -> i32 {
        self as i32 + 1
    }

    /// The inverse of [`Priority::rank`].
    pub fn from_rank(rank: i32) -> Option<Priority> {
        Priority::ALL.into_iter().find(|priority| priority.rank() == rank)
    }

    /// A name or its first letter, in any case.
    pub fn parse(text: &str) -> Result<Priority, Invalid> {
        let word = text.trim().to_lowercase();
        Priority::ALL
            .into_iter()
            .find(|priority| priority.as_str() == word || priority.as_str()[..1] == word)
            .or(if word == "med" { Some(Priority::Medium) } else { None })
            .ok_or_else(|| {
                Invalid::new("priority", format!("\"{}\" is no priority", text.trim()), "use low, medium or high")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_go_out_and_come_back() {
        for priority in Priority::ALL {
            assert_eq!(Priority::parse(priority.as_str()).unwrap(), priority);
            assert_eq!(Priority::from_rank(priority.rank()), Some(priority));
        }
        assert_eq!(Priority::parse(" H ").unwrap(), Priority::High);
        assert!(Priority::parse("urgent!").unwrap_err().hint.contains("low, medium or high"));
        assert!(Priority::parse("").is_err());
    }
}
