//! `todo edit`

use crate::{
    app::App,
    cli::EditArgs,
    commands::{input, selection},
    domain::{Edit, Invalid, StatusFilter, limits, text},
    error::Result,
    output::json,
};

command!("edit", "todo.command.edit", EditArgs);

fn execute(app: &mut App, args: EditArgs) -> Result<()> {
    if let Some(id) = args.ids {
        todo_otel_runtime::set_attribute("todo.id", &id);
    }
    let edit = edit(app, &args)?;
    let ids = selection::ids(app, args.ids.as_slice(), &args.selection, "Change", StatusFilter::Open)?;
    let store = app.store()?;
    for current in store.get(&ids)? {
        let tags = current.tags.len() + edit.add_tags.len();
        if tags > limits::TAGS + edit.remove_tags.len() {
            let problem = format!("#{} would have {tags} tags, at most {} are allowed", current.id, limits::TAGS);
            return Err(Invalid::new("tag", problem, "remove some with --untag").into());
        }
    }
    let todos = store.update(&ids, &edit, None, app.clock.now())?;
    let view = app.view();
    if let (Some(_), [todo]) = (args.ids, todos.as_slice()) {
        let document = json::One { todo: todo.into(), suggestions: None, enrichment: None };
        return app.out.results(&document, || view.todo(todo, &[]));
    }
    let document = json::Todos { todos: todos.iter().map(Into::into).collect(), suggestions: None };
    app.out.results(&document, || view.changed("Changed", &todos))
}

fn edit(app: &App, args: &EditArgs) -> Result<Edit> {
    let edit = Edit {
        title: args.title.as_deref().map(text::title).transpose()?,
        description: args.description.as_deref().map(text::description).transpose()?,
        priority: args.priority.as_deref().map(|text| input::or_none(text, input::priority)).transpose()?,
        project: args
            .project
            .as_deref()
            .map(|name| input::or_none(name, |name| Ok(text::project(name)?)))
            .transpose()?,
        category: args
            .category
            .as_deref()
            .map(|name| input::or_none(name, |name| Ok(text::category(name)?)))
            .transpose()?,
        due: args.due.as_deref().map(|due| input::or_none(due, |due| input::day(app, due))).transpose()?,
        estimate_minutes: args.estimate.as_deref().map(|time| input::or_none(time, input::minutes)).transpose()?,
        next_step: None,
        add_tags: text::tags(args.tags.iter().map(String::as_str))?,
        remove_tags: text::tags(args.untag.iter().map(String::as_str))?,
    };
    if edit.is_empty() {
        let hint = "name what to change, as in `todo edit 3 --due fri`; see `todo edit --help`";
        return Err(Invalid::new("edit", "nothing to change", hint).into());
    }
    Ok(edit)
}
