//! `todo man`

use clap::CommandFactory;

use crate::{
    app::App,
    cli::{Cli, ManArgs},
    domain::Invalid,
    error::Result,
};

command!("man", "todo.command.man", ManArgs);

fn execute(app: &mut App, args: ManArgs) -> Result<()> {
    let mut program = Cli::command();
    // Names such as `todo-add` stand in the pages of the verbs.
    program.build();
    let page = match &args.verb {
        None => program,
        Some(verb) => program.find_subcommand(verb).cloned().ok_or_else(|| {
            Invalid::new("verb", format!("there is no verb \"{verb}\""), "see `todo --help` for the verbs")
        })?,
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    app.out.text(&String::from_utf8_lossy(&text))
}
