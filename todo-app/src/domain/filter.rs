//! Which todos a listing shows, and in which order.

use jiff::civil::Date;

use super::Priority;

/// Conditions joined by "and".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Open ones unless said otherwise.
    pub status: StatusFilter,
    /// Every one of these tags.
    pub tags: Vec<String>,
    /// This project or one below it (`work` also finds `work.garden`).
    pub project: Option<String>,
    /// Exactly this priority.
    pub priority: Option<Priority>,
    /// Conditions on the due day.
    pub due: Vec<DueFilter>,
    /// Words that title, description, project or category contains, in any case.
    pub text: Option<String>,
    /// Order of the result.
    pub sort: Sort,
    /// At most so many.
    pub limit: Option<u32>,
}

/// Which states are shown; deleted todos never are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusFilter {
    /// To be done.
    #[default]
    Open,
    /// Done.
    Done,
    /// Both.
    All,
}

/// A condition on the due day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueFilter {
    /// Exactly this day.
    On(Date),
    /// Earlier than this day.
    Before(Date),
    /// This day or earlier.
    Until(Date),
    /// Later than this day.
    After(Date),
    /// No due day at all.
    Missing,
}

/// Order of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Open first, then by due day, priority and age.
    #[default]
    Due,
    /// Highest priority first.
    Priority,
    /// Newest first.
    Created,
    /// By number.
    Id,
    /// By [`super::urgency`], which depends on the day: sorted by the caller.
    Urgency,
}
