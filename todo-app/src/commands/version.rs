//! `todo version`

use crate::{app::App, error::Result, output::json, store};

command!("version", "todo.command.version", ());

fn execute(app: &mut App, (): ()) -> Result<()> {
    let document = json::Version {
        version: env!("CARGO_PKG_VERSION"),
        sqlite: store::sqlite_version(),
        target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
    };
    app.out
        .results(&document, || format!("todo {} (SQLite {}, {})\n", document.version, document.sqlite, document.target))
}
