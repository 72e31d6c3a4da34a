//! `todo export`: every todo that is not deleted, for another program.

use crate::{
    app::App,
    cli::{ExportArgs, Format},
    commands::input,
    domain::{Filter, Sort, StatusFilter, exchange},
    error::Result,
};

command!("export", "todo.command.export", ExportArgs);

fn execute(app: &mut App, args: ExportArgs) -> Result<()> {
    let filter = Filter { status: StatusFilter::All, sort: Sort::Id, ..Filter::default() };
    let todos = app.store_to_read()?.list(&filter)?;
    app.out.export(
        &exchange::write(input::format(args.format), &todos),
        matches!(args.format, Format::Json | Format::Taskwarrior),
    )
}
