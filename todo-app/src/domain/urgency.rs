//! How urgent an open todo is: the sum that Taskwarrior made known, over what a todo has here.

use jiff::{civil::Date, tz::TimeZone};

use super::{Priority, Status, Todo};

/// Days a due todo can be late until it cannot become more urgent, and days before it that it begins to count fully.
const LATE: f64 = 7.0;
const SOON: f64 = 14.0;

/// The urgency of an open todo, 0 for any other:
///
/// | what | adds |
/// |---|---|
/// | tag `next` | 15 |
/// | due | 12 from a week late on, falling evenly to 2.4 two weeks ahead, 2.4 for later days |
/// | priority | high 6, medium 3.9, low 1.8 |
/// | age | 2 after a year, evenly from 0 |
/// | project | 1 |
/// | tags | one 0.8, two 0.9, more 1 |
/// | description | 0.8 |
pub fn urgency(todo: &Todo, today: Date) -> f64 {
    if todo.status != Status::Open {
        return 0.0;
    }
    let days = |from: Date, to: Date| f64::from((to - from).get_days());
    let next = if todo.tags.iter().any(|tag| tag == "next") { 15.0 } else { 0.0 };
    let due = todo.due.map_or(0.0, |due| {
        let late = days(due, today).clamp(-SOON, LATE);
        12.0 * (0.2 + 0.8 * (late + SOON) / (LATE + SOON))
    });
    let priority = match todo.priority {
        Some(Priority::High) => 6.0,
        Some(Priority::Medium) => 3.9,
        Some(Priority::Low) => 1.8,
        None => 0.0,
    };
    let added = todo.created_at.to_zoned(TimeZone::UTC).date();
    let age = 2.0 * (days(added, today) / 365.0).clamp(0.0, 1.0);
    let project = if todo.project.is_some() { 1.0 } else { 0.0 };
    let tags = match todo.tags.len() {
        0 => 0.0,
        1 => 0.8,
        2 => 0.9,
        _ => 1.0,
    };
    let description = if todo.description.is_some() { 0.8 } else { 0.0 };
    next + due + priority + age + project + tags + description
}

/// Most urgent first; what is equally urgent stays in the order of its numbers.
pub fn sort(todos: &mut [Todo], today: Date) {
    todos.sort_by(|a, b| urgency(b, today).total_cmp(&urgency(a, today)).then(a.id.cmp(&b.id)));
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, civil::date};

    use super::*;

    const TODAY: Date = date(2026, 11, 22);

    fn todo() -> Todo {
        Todo {
            id: 1,
            uuid: String::new(),
            title: "x".into(),
            description: None,
            status: Status::Open,
            priority: None,
            project: None,
            category: None,
            due: None,
            estimate_minutes: None,
            next_step: None,
            tags: Vec::new(),
            notes: Vec::new(),
            created_at: "2026-11-22T08:00:00Z".parse::<Timestamp>().unwrap(),
            updated_at: Timestamp::UNIX_EPOCH,
            completed_at: None,
            version: 1,
        }
    }

    #[track_caller]
    fn check(todo: &Todo, expected: f64) {
        let found = urgency(todo, TODAY);
        assert!((found - expected).abs() < 0.005, "{found} instead of {expected}");
    }

    #[test]
    fn each_part_counts_as_documented() {
        check(&todo(), 0.0);
        check(&Todo { tags: vec!["next".into()], ..todo() }, 15.8);
        for (due, expected) in [
            (date(2026, 11, 1), 12.0),
            (date(2026, 11, 15), 12.0),
            (TODAY, 8.8),
            (date(2026, 12, 6), 2.4),
            (date(2030, 1, 1), 2.4),
        ] {
            check(&Todo { due: Some(due), ..todo() }, expected);
        }
        check(&Todo { priority: Some(Priority::High), ..todo() }, 6.0);
        check(&Todo { priority: Some(Priority::Low), project: Some("p".into()), ..todo() }, 2.8);
        check(&Todo { created_at: "2020-01-01T00:00:00Z".parse().unwrap(), ..todo() }, 2.0);
        check(&Todo { description: Some("d".into()), ..todo() }, 0.8);
        check(&Todo { status: Status::Done, priority: Some(Priority::High), ..todo() }, 0.0);
    }
}
