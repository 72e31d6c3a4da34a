//! Todos, suggestions and counts as people read them.

use jiff::{Timestamp, civil::Date};

use super::{
    Style, Styles, escape, escape_lines,
    table::{Cell, Table},
};
use crate::{
    domain::{Priority, Status, Suggestion, SuggestionStatus, SuggestionValue, Todo, urgency::urgency},
    store::Stats,
};

/// How things are shown to this user today.
#[derive(Clone, Debug)]
pub struct View {
    /// Colours.
    pub styles: Styles,
    /// Columns of the terminal, if it is one.
    pub width: Option<usize>,
    /// The day that "tomorrow" is counted from.
    pub today: Date,
    /// `relative`, `iso` or a pattern of `strftime`.
    pub date_format: String,
}

impl View {
    /// A table of todos.
    pub fn todos(&self, todos: &[Todo]) -> String {
        if todos.is_empty() {
            return "Nothing to show.\n".to_owned();
        }
        let mut table = Table::new(&["ID", "", "Pri", "Due", "Title", "Project", "Tags"], 4, &[0]);
        let any_done = todos.iter().any(|todo| todo.status == Status::Done);
        for todo in todos {
            let done = todo.status == Status::Done;
            let mark = if done {
                "✓"
            } else if any_done {
                "·"
            } else {
                ""
            };
            table.row(vec![
                Cell::styled(todo.id.to_string(), Some(Style::Dim)),
                Cell::styled(mark, done.then_some(Style::Good)),
                Cell::styled(todo.priority.map_or("", short), todo.priority.and_then(priority_style).filter(|_| !done)),
                Cell::styled(todo.due.map_or(String::new(), |due| self.day(due)), self.due_style(todo)),
                Cell::styled(&todo.title, done.then_some(Style::Dim)),
                Cell::styled(todo.project.as_deref().unwrap_or(""), Some(Style::Dim)),
                Cell::styled(tags(&todo.tags), Some(Style::Hint)),
            ]);
        }
        table.render(self.styles, self.width)
    }

    /// Everything about one todo.
    pub fn todo(&self, todo: &Todo, suggestions: &[Suggestion]) -> String {
        let title = self.styles.paint(Style::Heading, &escape(&todo.title));
        let mut text = format!("{} {title}\n", self.styles.paint(Style::Dim, &format!("#{}", todo.id)));
        let mut line = |name: &str, value: String| {
            text.push_str(&format!("  {} {value}\n", self.styles.paint(Style::Dim, &format!("{name:<11}"))));
        };
        line("status", todo.status.as_str().to_owned());
        if let Some(priority) = todo.priority {
            line("priority", priority.as_str().to_owned());
        }
        if let Some(due) = todo.due {
            line("due", format!("{due} ({})", self.relative(due)));
        }
        for (name, value) in [("project", &todo.project), ("category", &todo.category), ("next step", &todo.next_step)]
        {
            if let Some(value) = value {
                line(name, escape(value).into_owned());
            }
        }
        if let Some(minutes) = todo.estimate_minutes {
            line("estimate", duration(minutes));
        }
        if !todo.tags.is_empty() {
            line("tags", escape(&tags(&todo.tags)).into_owned());
        }
        if todo.status == Status::Open {
            line("urgency", format!("{:.1}", urgency(todo, self.today)));
        }
        line("added", todo.created_at.to_string());
        if let Some(at) = todo.completed_at {
            line("completed", at.to_string());
        }
        if let Some(description) = &todo.description {
            text.push('\n');
            for row in escape_lines(description).lines() {
                text.push_str(&format!("  {row}\n"));
            }
        }
        if !todo.notes.is_empty() {
            text.push('\n');
        }
        for note in &todo.notes {
            let said = escape_lines(&note.text).replace('\n', "\n    ");
            text.push_str(&format!("  {} {said}\n", self.styles.paint(Style::Dim, &note.at.to_string())));
        }
        if !suggestions.is_empty() {
            text.push('\n');
            text.push_str(&self.suggestions(suggestions, false));
        }
        text
    }

    /// One line about a todo that was added.
    pub fn added(&self, todo: &Todo) -> String {
        let due = todo.due.map_or(String::new(), |due| format!(", due {}", self.day(due)));
        format!("{} #{} {}{due}\n", self.styles.paint(Style::Good, "Added"), todo.id, escape(&todo.title))
    }

    /// One line for each todo that was changed in the same way.
    pub fn changed(&self, how: &str, todos: &[Todo]) -> String {
        let how = self.styles.paint(Style::Good, how);
        todos.iter().map(|todo| format!("{how} #{} {}\n", todo.id, escape(&todo.title))).collect()
    }

    /// As [`View::changed`], with other words for those that stayed as they were.
    pub fn changed_or_not(&self, [changed, not]: [&str; 2], todos: &[Todo], now: Timestamp) -> String {
        let line = |todo: &Todo| match todo.changed_at(now) {
            true => self.changed(changed, std::slice::from_ref(todo)),
            false => format!("{not} #{} {}\n", todo.id, escape(&todo.title)),
        };
        todos.iter().map(line).collect()
    }

    /// A table of suggestions.
    pub fn suggestions(&self, suggestions: &[Suggestion], with_todo: bool) -> String {
        if suggestions.is_empty() {
            return "No suggestions.\n".to_owned();
        }
        let undecided = suggestions.iter().all(|suggestion| suggestion.status == SuggestionStatus::Pending);
        let headings = ["ID", "Todo", "Suggestion", "Value", "Sure", "Why", "Status"];
        let mut table = Table::new(&headings, 5, &[0, 1, 4]);
        for suggestion in suggestions {
            table.row(vec![
                Cell::styled(suggestion.id.to_string(), Some(Style::Dim)),
                Cell::new(if with_todo { suggestion.todo_id.to_string() } else { String::new() }),
                Cell::new(suggestion.value.field().as_str().replace('_', " ")),
                Cell::styled(self.value(&suggestion.value), Some(Style::Hint)),
                Cell::styled(format!("{:.0} %", suggestion.confidence * 100.0), Some(Style::Dim)),
                Cell::styled(&suggestion.reason, Some(Style::Dim)),
                Cell::new(if undecided { "" } else { suggestion.status.as_str() }),
            ]);
        }
        table.render(self.styles, self.width)
    }

    /// Counts and bars.
    pub fn stats(&self, stats: &Stats) -> String {
        let mut text = format!(
            "{} open, {} done, {} due today, {}\n",
            stats.open,
            stats.done,
            stats.due_today,
            self.styles.paint(
                if stats.overdue > 0 { Style::Error } else { Style::Good },
                &format!("{} overdue", stats.overdue)
            ),
        );
        if stats.pending_suggestions > 0 {
            text.push_str(&format!("{} suggestions wait for a decision\n", stats.pending_suggestions));
        }
        let [high, medium, low, none] = stats.by_priority;
        let priorities = [("high", high), ("medium", medium), ("low", low), ("none", none)];
        let priorities: Vec<_> = priorities.map(|(name, count)| (name.to_owned(), count)).into();
        let days: Vec<_> =
            stats.completed_by_day.iter().map(|(day, count)| (day.strftime("%a %e").to_string(), *count)).collect();
        for (heading, rows) in [
            ("Open by priority", &priorities),
            ("Open by project", &stats.by_project),
            ("Open by tag", &stats.by_tag),
            ("Done in the last days", &days),
        ] {
            if rows.iter().any(|(_, count)| *count > 0) {
                text.push_str(&format!("\n{}\n", self.styles.paint(Style::Heading, heading)));
                text.push_str(&self.bars(rows));
            }
        }
        text
    }

    /// Every setting, its value, its source.
    pub fn settings(&self, rows: &[super::json::Setting]) -> String {
        let mut table = Table::new(&["Setting", "Value", "Source"], 1, &[]);
        for row in rows {
            let source = Cell::styled(row.source.clone(), Some(Style::Dim));
            table.row(vec![Cell::new(&row.key), Cell::new(&row.value), source]);
        }
        table.render(self.styles, self.width)
    }

    /// A suggested value.
    pub fn value(&self, value: &SuggestionValue) -> String {
        match value {
            SuggestionValue::Estimate(minutes) => duration(*minutes),
            SuggestionValue::Due(date) => self.day(*date),
            SuggestionValue::Tags(names) => tags(names),
            other => other.to_text(),
        }
    }

    /// A day in the user's format.
    pub fn day(&self, day: Date) -> String {
        match self.date_format.as_str() {
            "relative" => self.relative(day),
            "iso" => day.to_string(),
            pattern => jiff::fmt::strtime::format(pattern, day).unwrap_or_else(|_| day.to_string()),
        }
    }

    fn relative(&self, day: Date) -> String {
        let days = (day - self.today).get_days();
        match days {
            0 => "today".to_owned(),
            1 => "tomorrow".to_owned(),
            -1 => "yesterday".to_owned(),
            2..=6 => day.strftime("%A").to_string(),
            -6..=-2 => format!("{} days ago", -days),
            _ if day.year() == self.today.year() => day.strftime("%a %-d %b").to_string(),
            _ => day.strftime("%-d %b %Y").to_string(),
        }
    }

    fn due_style(&self, todo: &Todo) -> Option<Style> {
        let due = todo.due.filter(|_| todo.status == Status::Open)?;
        match due {
            _ if due < self.today => Some(Style::Error),
            _ if due == self.today => Some(Style::Warning),
            _ => None,
        }
    }

    fn bars(&self, rows: &[(String, i64)]) -> String {
        let largest = rows.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
        let room = self.width.unwrap_or(80).saturating_sub(30).clamp(10, 40) as i64;
        let mut table = Table::new(&["", "", ""], 0, &[1]);
        for (name, count) in rows {
            let length = usize::try_from((count * room + largest - 1) / largest).unwrap_or(0);
            let bar = Cell::styled("▇".repeat(length), Some(Style::Hint));
            table.row(vec![Cell::new(format!("  {name}")), Cell::new(count.to_string()), bar]);
        }
        table.render(self.styles, self.width).lines().skip(1).map(|line| format!("{line}\n")).collect()
    }
}

fn short(priority: Priority) -> &'static str {
    match priority {
        Priority::High => "high",
        Priority::Medium => "med",
        Priority::Low => "low",
    }
}

fn priority_style(priority: Priority) -> Option<Style> {
    match priority {
        Priority::High => Some(Style::Error),
        Priority::Medium => Some(Style::Warning),
        Priority::Low => None,
    }
}

fn tags(tags: &[String]) -> String {
    tags.iter().map(|tag| format!("#{tag}")).collect::<Vec<_>>().join(" ")
}

/// `45m`, `1h30m`, `2d` of eight hours.
fn duration(minutes: u32) -> String {
    const WORKDAY: u32 = 8 * 60;
    match (minutes / 60, minutes % 60) {
        _ if minutes >= WORKDAY && minutes.is_multiple_of(WORKDAY) => format!("{}d", minutes / WORKDAY),
        (0, minutes) => format!("{minutes}m"),
        (hours, 0) => format!("{hours}h"),
        (hours, minutes) => format!("{hours}h{minutes}m"),
    }
}
