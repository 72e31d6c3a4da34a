//! Which todos a command changes: those with these numbers, or what `list` would find, once somebody agreed.

use std::io;

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

use super::list;
use crate::{
    app::App,
    cli::{ListArgs, Selection},
    domain::{Filter, Invalid, Sort, StatusFilter},
    error::{Error, Result},
};

/// Numbers of the todos; none when nothing was found or somebody said no. `status` is what can be changed this way.
pub fn ids(
    app: &mut App,
    numbers: &[i64],
    selection: &Selection,
    change: &str,
    status: StatusFilter,
) -> Result<Vec<i64>> {
    if !selection.all && selection.filter.is_empty() {
        return Ok(numbers.to_vec());
    }
    let conditions = conditions(&selection.filter, status)?;
    let filter = Filter { sort: Sort::Id, ..list::filter(app, &conditions)? };
    let ids: Vec<i64> = app.store()?.list(&filter)?.iter().map(|todo| todo.id).collect();
    if ids.is_empty() || !(selection.yes || agreed(app, change, ids.len())?) {
        app.out.note("Nothing changed.");
        return Ok(Vec::new());
    }
    Ok(ids)
}

/// The conditions as flags of `list`.
fn conditions(words: &[String], mut status: StatusFilter) -> Result<ListArgs> {
    let mut args = ListArgs::default();
    for word in words {
        let (key, value) = word.split_once(':').unwrap_or(("", word));
        let place = match (key, value) {
            ("tag", _) => {
                args.tags.push(value.to_owned());
                continue;
            }
            ("status", "open") => {
                status = StatusFilter::Open;
                continue;
            }
            ("status", "done") => {
                status = StatusFilter::Done;
                continue;
            }
            ("status", "all") => {
                status = StatusFilter::All;
                continue;
            }
            ("status", _) => {
                let problem = format!("\"{value}\" is no status to filter by");
                return Err(Invalid::new("filter", problem, "use status:open, status:done or status:all").into());
            }
            ("project", _) => &mut args.project,
            ("priority", _) => &mut args.priority,
            ("due", _) => &mut args.due,
            ("due.before", _) => &mut args.due_before,
            ("due.after", _) => &mut args.due_after,
            _ => {
                args.text.push(word.clone());
                continue;
            }
        };
        if place.replace(value.to_owned()).is_some() {
            let problem = format!("{key} is named twice, and no todo has two");
            return Err(Invalid::new("filter", problem, format!("name one {key}")).into());
        }
    }
    args.done = status == StatusFilter::Done;
    args.all = status == StatusFilter::All;
    Ok(args)
}

/// Asks the person at the terminal; without one the answer has to be `--yes`.
fn agreed(app: &mut App, change: &str, count: usize) -> Result<bool> {
    let todos = if count == 1 { "todo" } else { "todos" };
    if !app.out.can_ask() {
        let problem = format!("{count} {todos} would change");
        return Err(Invalid::new("filter", problem, "look at them with `todo list`, then repeat with --yes").into());
    }
    app.out.ask(&format!("{change} {count} {todos}? [y/N]"));
    let stdin = io::stdin();
    // A signal ends the waiting, which reading would go on with.
    while let Err(error) = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None) {
        app.signals.check()?;
        if error != Errno::INTR {
            return Err(Error::Io { action: "waiting for an answer".into(), source: error.into() });
        }
    }
    let mut answer = String::new();
    let read = stdin.read_line(&mut answer);
    read.map_err(|source| Error::Io { action: "reading the answer".into(), source })?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
