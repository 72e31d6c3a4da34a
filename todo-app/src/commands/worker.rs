//! `todo worker`

use crate::{app::App, cli::WorkerArgs, error::Result, worker};

command!("worker", "todo.command.worker", WorkerArgs);

fn execute(app: &mut App, args: WorkerArgs) -> Result<()> {
    worker::run(app, usize::from(args.concurrency), args.once)
}
