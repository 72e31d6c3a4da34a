//! `todo completions`

use clap::CommandFactory;

use crate::{
    app::App,
    cli::{Cli, CompletionsArgs},
    error::Result,
};

command!("completions", "todo.command.completions", CompletionsArgs);

fn execute(app: &mut App, args: CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "todo", &mut script);
    app.out.text(&String::from_utf8_lossy(&script))
}
