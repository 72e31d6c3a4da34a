//! The formats todos travel in: our own JSON, Taskwarrior's JSON, todo.txt and CSV. Text in, text out; pure.

use std::collections::BTreeMap;

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use serde_json::{Map, Value, json};

use super::{NewTodo, Note, Priority, Status, Todo, text};

/// A format of todos in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `{"todos": […]}` as `list --json` prints it.
    Json,
    /// Output of `task export`.
    Taskwarrior,
    /// One todo a line: `(A) 2026-11-22 Buy milk +home @errand due:2026-12-01`.
    TodoTxt,
    /// Comma-separated values with a heading.
    Csv,
}

/// Most bytes of a file.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Most todos of a file.
pub const MAX_TODOS: usize = 100_000;

/// A todo of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Its fields.
    pub todo: NewTodo,
    /// Done already.
    pub done: bool,
}

/// Where a file is malformed: line or entry, from 1, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Line of text formats, entry of JSON; 0 for the whole file.
    pub entry: usize,
    /// What is wrong; quotes nothing of the file.
    pub problem: String,
}

/// Reads a file. One malformed entry refuses it whole.
///
/// # Errors
/// [`Malformed`] names the entry.
pub fn read(format: Format, input: &str) -> Result<Vec<Imported>, Malformed> {
    if input.len() > MAX_BYTES {
        return Err(whole(format!("{} bytes, at most {MAX_BYTES} are allowed", input.len())));
    }
    let todos = match format {
        Format::Json | Format::Taskwarrior => read_json(input)?,
        Format::TodoTxt => read_todo_txt(input)?,
        Format::Csv => read_csv(input)?,
    };
    if todos.len() > MAX_TODOS {
        return Err(whole(format!("{} todos, at most {MAX_TODOS} are allowed", todos.len())));
    }
    Ok(todos)
}

/// Writes todos.
pub fn write(format: Format, todos: &[Todo]) -> String {
    match format {
        Format::Json => pretty(&json!({ "todos": todos.iter().map(own_json).collect::<Vec<_>>() })),
        Format::Taskwarrior => pretty(&Value::Array(todos.iter().map(taskwarrior).collect())),
        Format::TodoTxt => todos.iter().map(todo_txt).collect(),
        Format::Csv => {
            let mut out = format!("{}\n", CSV.join(","));
            for todo in todos {
                out.push_str(&csv(todo));
            }
            out
        }
    }
}

fn whole(problem: String) -> Malformed {
    Malformed { entry: 0, problem }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// Our own list, a bare list, or one object a line, as Taskwarrior also writes.
fn read_json(input: &str) -> Result<Vec<Imported>, Malformed> {
    let broken =
        |error: serde_json::Error| whole(format!("not JSON at line {}, column {}", error.line(), error.column()));
    let entries: Vec<Value> = match serde_json::from_str::<Value>(input) {
        Ok(Value::Array(entries)) => entries,
        Ok(Value::Object(mut object)) => match object.remove("todos") {
            Some(Value::Array(entries)) => entries,
            _ => vec![Value::Object(object)],
        },
        Ok(_) => return Err(whole("neither a list nor an object".into())),
        Err(error) => {
            let lines = input.lines().map(|line| line.trim().trim_end_matches(',')).filter(|line| !line.is_empty());
            lines.map(serde_json::from_str).collect::<Result<_, _>>().map_err(|_| broken(error))?
        }
    };
    let imported = entries.iter().enumerate().filter_map(|(index, entry)| {
        from_json(entry).map_err(|problem| Malformed { entry: index + 1, problem }).transpose()
    });
    imported.collect()
}

fn from_json(entry: &Value) -> Result<Option<Imported>, String> {
    let entry = entry.as_object().ok_or("not an object")?;
    let string = |key: &str| entry.get(key).and_then(Value::as_str);
    // Ours has a title and a description; Taskwarrior calls the title description and has annotations.
    let title = string("title").or_else(|| string("description")).ok_or("no title")?;
    let list = |key: &str| entry.get(key).and_then(Value::as_array).into_iter().flatten();
    let mut notes = list("notes").map(|note| read_note(&note["at"], &note["text"])).collect::<Result<Vec<_>, _>>()?;
    notes.extend(
        list("annotations")
            .map(|note| read_note(&note["entry"], &note["description"]))
            .collect::<Result<Vec<_>, _>>()?,
    );
    notes.sort_by_key(|note| note.at);
    let mut description = string("title").and(string("description")).map(str::to_owned);
    // An annotation as old as the task itself is how a description travels.
    let added = string("entry").and_then(instant);
    if string("title").is_none() && added.is_some() && notes.first().map(|note| note.at) == added {
        description = Some(notes.remove(0).text);
    }
    let status = string("status").unwrap_or("open");
    if status == "deleted" || status == "recurring" {
        return Ok(None);
    }
    let tags = list("tags").filter_map(Value::as_str);
    let todo = fields(title, description, string("priority"), string("project"), string("due"), tags, string("uuid"))?;
    Ok(Some(Imported { todo: NewTodo { notes, ..todo }, done: matches!(status, "done" | "completed") }))
}

fn read_note(at: &Value, said: &Value) -> Result<Note, String> {
    let at = at.as_str().and_then(instant).ok_or("a note has no time")?;
    let said = said.as_str().ok_or("a note has no text")?;
    Ok(Note { at, text: text::note(said).map_err(|invalid| invalid.problem)? })
}

fn read_todo_txt(input: &str) -> Result<Vec<Imported>, Malformed> {
    let lines = input.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(index, line)| from_todo_txt(line).map_err(|problem| Malformed { entry: index + 1, problem })).collect()
}

fn from_todo_txt(line: &str) -> Result<Imported, String> {
    let mut words = line.split_whitespace().peekable();
    let done = words.next_if_eq(&"x").is_some();
    let is_date = |word: &&str| word.len() == 10 && word.parse::<Date>().is_ok();
    while done && words.next_if(is_date).is_some() {}
    let priority = words.next_if(|word| matches!(word.as_bytes(), [b'(', b'A'..=b'Z', b')']));
    while words.next_if(is_date).is_some() {}
    let (mut title, mut tags, mut project, mut due) = (Vec::new(), Vec::new(), None, None);
    for word in words {
        match word.split_at(word.chars().next().map_or(0, char::len_utf8)) {
            ("+", name) if !name.is_empty() && project.is_none() => project = Some(name),
            ("@", name) if !name.is_empty() => tags.push(name),
            _ => match word.strip_prefix("due:") {
                Some(day) if day.parse::<Date>().is_ok() => due = Some(day),
                _ => title.push(word),
            },
        }
    }
    let priority = priority.map(|letter| match letter {
        "(A)" => "high",
        "(B)" => "medium",
        _ => "low",
    });
    Ok(Imported { todo: fields(&title.join(" "), None, priority, project, due, tags, None)?, done })
}

/// Columns of our CSV; others are ignored when reading.
const CSV: [&str; 7] = ["title", "status", "priority", "project", "due", "tags", "description"];

fn read_csv(input: &str) -> Result<Vec<Imported>, Malformed> {
    let mut rows = csv_rows(input).into_iter();
    let (_, heading) = rows.next().ok_or_else(|| whole("no heading".into()))?;
    let heading: Vec<String> = heading.iter().map(|name| name.trim().to_lowercase()).collect();
    if !heading.iter().any(|name| name == "title") {
        return Err(Malformed { entry: 1, problem: "the heading has no column `title`".into() });
    }
    rows.map(|(line, row)| {
        let cells: BTreeMap<&str, &str> =
            heading.iter().map(String::as_str).zip(row.iter().map(|cell| unguarded(cell))).collect();
        let cell = |name: &str| cells.get(name).copied().filter(|text| !text.trim().is_empty());
        let tags = cell("tags").unwrap_or_default().split_whitespace();
        let todo = fields(
            cell("title").unwrap_or_default(),
            cell("description").map(str::to_owned),
            cell("priority"),
            cell("project"),
            cell("due"),
            tags,
            None,
        );
        let done = matches!(cell("status"), Some("done" | "completed"));
        todo.map(|todo| Imported { todo, done }).map_err(|problem| Malformed { entry: line, problem })
    })
    .collect()
}

/// Rows with the line they begin on. Quoted cells may hold commas, quotes and line ends.
fn csv_rows(input: &str) -> Vec<(usize, Vec<String>)> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut line, mut begin) = (false, 1, 1);
    let mut chars = input.chars().peekable();
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                if row.iter().any(|cell| !cell.is_empty()) {
                    rows.push((begin, std::mem::take(&mut row)));
                }
                row.clear();
                begin = line;
            }
            c => cell.push(c),
        }
    }
    row.push(cell);
    if row.iter().any(|cell| !cell.is_empty()) {
        rows.push((begin, row));
    }
    rows
}

fn fields<'a>(
    title: &str,
    description: Option<String>,
    priority: Option<&str>,
    project: Option<&str>,
    due: Option<&str>,
    tags: impl IntoIterator<Item = &'a str>,
    uuid: Option<&str>,
) -> Result<NewTodo, String> {
    let say = |invalid: super::Invalid| invalid.problem;
    Ok(NewTodo {
        uuid: uuid.filter(|uuid| uuid.len() == 36).unwrap_or_default().to_owned(),
        title: text::title(title).map_err(say)?,
        description: description.as_deref().map(text::description).transpose().map_err(say)?.flatten(),
        priority: priority.map(Priority::parse).transpose().map_err(say)?,
        project: project.map(text::project).transpose().map_err(say)?,
        due: due.map(|day| day_of(day).ok_or("the due date is no date")).transpose()?,
        tags: text::tags(tags).map_err(say)?,
        notes: Vec::new(),
    })
}

/// An RFC 3339 time, or Taskwarrior's `20261201T093000Z`.
fn instant(text: &str) -> Option<Timestamp> {
    let basic = || DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse().ok().or_else(|| basic().map(|at| at.timestamp()))
}

/// `2026-12-01`, Taskwarrior's `20261201T000000Z`, or an RFC 3339 time.
fn day_of(text: &str) -> Option<Date> {
    let in_utc = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    text.parse().ok().or_else(|| text.parse().ok().map(in_utc)).or_else(|| {
        let (day, _) = text.split_once('T')?;
        Date::strptime("%Y%m%d", day).ok()
    })
}

fn own_json(todo: &Todo) -> Value {
    json!({
        "uuid": todo.uuid,
        "title": todo.title,
        "description": todo.description,
        "status": todo.status.as_str(),
        "priority": todo.priority.map(Priority::as_str),
        "project": todo.project,
        "due": todo.due.map(|due| due.to_string()),
        "tags": todo.tags,
        "notes": todo.notes.iter().map(|note| json!({ "at": note.at.to_string(), "text": note.text })).collect::<Vec<_>>(),
    })
}

fn taskwarrior(todo: &Todo) -> Value {
    let time = |at: Timestamp| at.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut entry = Map::new();
    let done = todo.status == Status::Done;
    entry.insert("uuid".into(), todo.uuid.clone().into());
    entry.insert("description".into(), todo.title.clone().into());
    entry.insert("status".into(), if done { "completed" } else { "pending" }.into());
    entry.insert("entry".into(), time(todo.created_at).into());
    if let Some(at) = todo.completed_at {
        entry.insert("end".into(), time(at).into());
    }
    if let Some(priority) = todo.priority {
        entry.insert("priority".into(), priority.as_str()[..1].to_uppercase().into());
    }
    if let Some(project) = &todo.project {
        entry.insert("project".into(), project.clone().into());
    }
    if let Some(due) = todo.due {
        entry.insert("due".into(), due.strftime("%Y%m%dT000000Z").to_string().into());
    }
    if !todo.tags.is_empty() {
        entry.insert("tags".into(), todo.tags.clone().into());
    }
    // Taskwarrior keeps one annotation a second. That of the task's own second is the description.
    let mut last = todo.created_at;
    let mut annotations: Vec<Value> = Vec::new();
    annotations.extend(todo.description.iter().map(|text| json!({ "entry": time(last), "description": text })));
    for note in &todo.notes {
        last = note.at.max(last.saturating_add(1.second()).unwrap_or(last));
        annotations.push(json!({ "entry": time(last), "description": note.text }));
    }
    if !annotations.is_empty() {
        entry.insert("annotations".into(), annotations.into());
    }
    entry.into()
}

fn todo_txt(todo: &Todo) -> String {
    let mut words = Vec::new();
    if todo.status == Status::Done {
        words.push("x".to_owned());
    }
    match todo.priority.filter(|_| todo.status != Status::Done) {
        Some(Priority::High) => words.push("(A)".into()),
        Some(Priority::Medium) => words.push("(B)".into()),
        Some(Priority::Low) => words.push("(C)".into()),
        None => {}
    }
    words.extend(todo.title.split_whitespace().map(str::to_owned));
    words.extend(
        todo.project.iter().map(|project| format!("+{}", project.split_whitespace().collect::<Vec<_>>().join("_"))),
    );
    words.extend(todo.tags.iter().map(|tag| format!("@{tag}")));
    words.extend(todo.due.map(|due| format!("due:{due}")));
    words.join(" ") + "\n"
}

fn csv(todo: &Todo) -> String {
    let cells = [
        todo.title.clone(),
        todo.status.as_str().to_owned(),
        todo.priority.map_or(String::new(), |priority| priority.as_str().to_owned()),
        todo.project.clone().unwrap_or_default(),
        todo.due.map_or(String::new(), |due| due.to_string()),
        todo.tags.join(" "),
        todo.description.clone().unwrap_or_default(),
    ];
    let cells = cells.map(|cell| {
        // A cell that begins like a formula is marked as text, or a spreadsheet would run it.
        let cell = if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) { format!("'{cell}") } else { cell };
        if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
    });
    cells.join(",") + "\n"
}

/// Takes away the mark that keeps a spreadsheet from running a cell.
fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) => rest,
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn note(second: i64, text: &str) -> Note {
        Note { at: Timestamp::from_second(second).unwrap(), text: text.into() }
    }

    fn todo(title: &str) -> Todo {
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        Todo {
            id: 1,
            uuid: "00000000-0000-4000-8000-000000000001".into(),
            title: title.into(),
            description: Some("two, \"quoted\"\nlines".into()),
            status: Status::Open,
            priority: Some(Priority::High),
            project: Some("home.garden".into()),
            category: None,
            due: Some(date(2026, 12, 1)),
            estimate_minutes: None,
            next_step: None,
            tags: vec!["a".into(), "b".into()],
            notes: [0, 1, 90].map(|late| note(at.as_second() + late, &format!("said {late}"))).into(),
            created_at: at,
            updated_at: at,
            completed_at: None,
            version: 1,
        }
    }

    #[test]
    fn every_format_brings_back_what_it_took() {
        for format in [Format::Json, Format::Taskwarrior, Format::TodoTxt, Format::Csv] {
            for title in ["Plant a tree", "=SUM(A1)", "'quoted", "comma, \"quotes\""] {
                let original = todo(title);
                let text = write(format, std::slice::from_ref(&original));
                let back = read(format, &text).unwrap().remove(0);
                assert_eq!(back.todo.title, original.title, "{format:?}: {text}");
                assert_eq!(
                    (back.todo.priority, &back.todo.project, back.todo.due, &back.todo.tags, back.done),
                    (original.priority, &original.project, original.due, &original.tags, false),
                    "{format:?}: {text}"
                );
                if format != Format::TodoTxt {
                    assert_eq!(back.todo.description, original.description, "{format:?}: {text}");
                }
                let said: Vec<_> = back.todo.notes.iter().map(|note| note.text.as_str()).collect();
                match format {
                    Format::Json => assert_eq!(back.todo.notes, original.notes),
                    Format::Taskwarrior => assert_eq!(said, ["said 0", "said 1", "said 90"], "{text}"),
                    Format::TodoTxt | Format::Csv => assert!(said.is_empty()),
                }
            }
        }
    }

    #[test]
    fn a_real_taskwarrior_export_is_understood() {
        let export = r#"[
{"id":1,"description":"Pay rent","due":"20261201T230000Z","entry":"20261101T090000Z","modified":"20261101T090000Z","priority":"H","project":"home","status":"pending","tags":["money"],"uuid":"6d8e7ba1-3b5e-4f0c-9d5c-2c2a3e6c9f01","urgency":15.8,"annotations":[{"entry":"20261102T090000Z","description":"ask about heating"}]},
{"id":0,"description":"Buy milk","end":"20261103T100000Z","entry":"20261102T090000Z","status":"completed","uuid":"6d8e7ba1-3b5e-4f0c-9d5c-2c2a3e6c9f02","urgency":0},
{"id":0,"description":"gone","status":"deleted","uuid":"6d8e7ba1-3b5e-4f0c-9d5c-2c2a3e6c9f03"}
]"#;
        let todos = read(Format::Taskwarrior, export).unwrap();
        assert_eq!(todos.len(), 2);
        assert_eq!(todos[0].todo.due, Some(date(2026, 12, 1)));
        assert_eq!(todos[0].todo.description, None);
        assert_eq!(todos[0].todo.notes[0].text, "ask about heating");
        assert_eq!(todos[0].todo.notes[0].at, "2026-11-02T09:00:00Z".parse().unwrap());
        assert_eq!((todos[0].todo.priority, todos[0].done, todos[1].done), (Some(Priority::High), false, true));
    }

    #[test]
    fn a_malformed_entry_is_named_and_nothing_of_it_quoted() {
        for (format, input, entry, problem) in [
            (Format::Json, "[{\"title\": \"a\"}, {\"title\": \"\"}]", 2, "the title is empty"),
            (Format::Json, "{", 0, "not JSON at line 1"),
            (Format::Json, "[1]", 1, "not an object"),
            (Format::Taskwarrior, "[{\"description\":\"x\",\"due\":\"soon\"}]", 1, "the due date is no date"),
            (Format::TodoTxt, "ok\n(A) 2026-01-01\n", 2, "the title is empty"),
            (Format::Csv, "name\nx\n", 1, "no column `title`"),
            (Format::Csv, "title,priority\na,high\n\nb,urgent\n", 4, "is no priority"),
        ] {
            let error = read(format, input).unwrap_err();
            assert_eq!(error.entry, entry, "{error:?}");
            assert!(error.problem.contains(problem), "{error:?}");
        }
    }

    #[test]
    fn no_file_panics() {
        use proptest::prelude::*;
        proptest!(|(text in "[\\[\\]{}\":,a-z0-9()@+x\n =-]{0,80}")| {
            for format in [Format::Json, Format::Taskwarrior, Format::TodoTxt, Format::Csv] {
                let _ = read(format, &text);
            }
        });
    }
}
