//! `todo import`: a file is taken whole or not at all; what is here already is left alone.

use std::{
    fs::File,
    io::{self, Read},
};

use crate::{
    app::App,
    cli::ImportArgs,
    commands::input,
    domain::exchange::{self, MAX_BYTES},
    error::{Error, Result},
    names::{Source, TODOS_CREATED},
    output::json,
};

command!("import", "todo.command.import", ImportArgs);

fn execute(app: &mut App, args: ImportArgs) -> Result<()> {
    let text = read(&args.file)?;
    let mut todos = exchange::read(input::format(args.format), &text).map_err(|malformed| Error::Data {
        problem: match malformed.entry {
            0 => malformed.problem,
            entry => format!("entry {entry}: {}", malformed.problem),
        },
        hint: "correct it and import again; nothing was stored".into(),
    })?;
    app.signals.check()?;
    for imported in &mut todos {
        if uuid::Uuid::try_parse(&imported.todo.uuid).is_err() {
            imported.todo.uuid = uuid::Uuid::new_v4().to_string();
        }
    }
    let created = app.store()?.import(&todos, app.clock.now())?;
    TODOS_CREATED.add(created as u64, (Source::Import,));
    let document = json::Import { imported: created, skipped: todos.len() - created };
    app.out.results(&document, || match document.skipped {
        0 => format!("Imported {created} todos.\n"),
        skipped => format!("Imported {created} todos; {skipped} were here already.\n"),
    })
}

/// A file, or standard input for `-`; never more than the limit.
fn read(file: &std::path::Path) -> Result<String> {
    let failed = |source: io::Error| Error::Io { action: format!("reading {}", file.display()), source };
    let mut text = String::new();
    let limit = MAX_BYTES as u64 + 1;
    let result = match file.as_os_str() == "-" {
        true => io::stdin().lock().take(limit).read_to_string(&mut text),
        false => File::open(file).map_err(failed)?.take(limit).read_to_string(&mut text),
    };
    match result {
        Ok(_) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(Error::Data {
            problem: "the file is not UTF-8".into(),
            hint: "convert it with `iconv -t utf-8`".into(),
        }),
        Err(error) => Err(failed(error)),
    }
}
