//! `todo worker`

use std::time::Duration;

use crate::{app::App, cli::WorkerArgs, error::Result, worker};

command!("worker", "todo.command.worker", WorkerArgs);

fn execute(app: &mut App, args: WorkerArgs) -> Result<()> {
    let lease = Duration::from_secs(args.lease.into());
    worker::run(app, worker::Options { concurrency: usize::from(args.concurrency), once: args.once, lease })
}
