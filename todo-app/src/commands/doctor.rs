//! `todo doctor`

use crate::{app::App, error::Result, operate::doctor};

command!("doctor", "todo.command.doctor", ());

fn execute(app: &mut App, (): ()) -> Result<()> {
    doctor::run(app)
}
