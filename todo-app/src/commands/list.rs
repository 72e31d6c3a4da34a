//! `todo list`

use crate::{
    app::App,
    cli::{ListArgs, SortBy},
    commands::input,
    domain::{DueFilter, Filter, Invalid, Sort, StatusFilter, date, text, urgency},
    error::Result,
    output::json,
};

command!("list", "todo.command.list", ListArgs);

fn execute(app: &mut App, args: ListArgs) -> Result<()> {
    let filter = filter(app, &args)?;
    let mut todos = app.store_to_read()?.list(&filter)?;
    if filter.sort == Sort::Urgency {
        urgency::sort(&mut todos, app.clock.today());
        todos.truncate(args.limit.map_or(usize::MAX, |limit| limit as usize));
    }
    app.signals.check()?;
    tracing::debug!(todo.count = todos.len(), "todos found");
    let document = json::Todos { todos: todos.iter().map(Into::into).collect(), suggestions: None };
    let view = app.view();
    app.out.results(&document, || view.todos(&todos))
}

/// The conditions of these flags.
pub(super) fn filter(app: &App, args: &ListArgs) -> Result<Filter> {
    let mut due = Vec::new();
    if let Some(when) = &args.due {
        due.push(due_filter(app, when)?);
    }
    if let Some(before) = &args.due_before {
        due.push(DueFilter::Before(input::day(app, before)?));
    }
    if let Some(after) = &args.due_after {
        due.push(DueFilter::After(input::day(app, after)?));
    }
    let words = text::filter(&args.text.join(" "))?;
    Ok(Filter {
        status: match (args.all, args.done) {
            (true, _) => StatusFilter::All,
            (_, true) => StatusFilter::Done,
            _ => StatusFilter::Open,
        },
        tags: text::tags(args.tags.iter().map(String::as_str))?,
        project: args.project.as_deref().map(text::project).transpose()?,
        priority: args.priority.as_deref().map(input::priority).transpose()?,
        due,
        text: Some(words).filter(|words| !words.is_empty()),
        sort: match args.sort {
            SortBy::Due => Sort::Due,
            SortBy::Priority => Sort::Priority,
            SortBy::Created => Sort::Created,
            SortBy::Id => Sort::Id,
            SortBy::Urgency => Sort::Urgency,
        },
        // The most urgent ones are known only when all are.
        limit: args.limit.filter(|_| args.sort != SortBy::Urgency),
    })
}

fn due_filter(app: &App, when: &str) -> Result<DueFilter> {
    let today = app.clock.today();
    Ok(match when.trim() {
        "none" => DueFilter::Missing,
        "overdue" | "late" => DueFilter::Before(today),
        "week" => DueFilter::Until(date::parse_in_week("eow", today, app.config()?.ui.first_weekday)?),
        day => DueFilter::On(input::day(app, day).map_err(|_| {
            let problem = format!("\"{day}\" is no date to filter by");
            Invalid::new("due", problem, "use a date such as today or 2026-12-01, or overdue, week, none")
        })?),
    })
}
