//! The file itself: who may have written it, what stands where. Values are not judged here.

use super::{ConfigError, Inputs};
use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};
use toml::de::{DeTable, DeValue};

/// Most bytes of a configuration file.
const FILE_LIMIT: u64 = 256 * 1024;
/// Most bytes of a file that holds one key.
const KEY_LIMIT: u64 = 16 * 1024;
/// Tables that somebody else reads.
const FOREIGN_TABLES: [&str; 2] = ["observability", "grafana"];

/// What the file says, by `table.key`.
pub(super) struct ConfigFile {
    pub path: PathBuf,
    pub entries: BTreeMap<String, Entry>,
    /// Nobody but the owner can read it.
    pub private: bool,
}

/// One value and its line.
pub(super) struct Entry {
    pub value: FileValue,
    pub line: usize,
    /// The text named a variable: no literal stands in the file.
    pub substituted: bool,
}

/// The kinds of values that our settings have.
#[derive(Clone)]
pub(super) enum FileValue {
    Text(String),
    Bool(bool),
    Number(String),
    List(Vec<String>),
}

/// `Ok(None)`: there is no file, and nobody asked for one by name.
pub(super) fn read(
    path: &Path,
    named: bool,
    inputs: &Inputs,
    warnings: &mut Vec<String>,
) -> Result<Option<ConfigFile>, ConfigError> {
    let shown = path.display();
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound && !named => return Ok(None),
        Err(error) => {
            return Err(ConfigError {
                problem: format!("configuration file {shown}: {error}"),
                hint: "check the path and its permissions, or write a new file with `todo config init`".to_owned(),
            });
        }
    };
    let unreadable = |error: std::io::Error| ConfigError {
        problem: format!("configuration file {shown}: {error}"),
        hint: "check the file".to_owned(),
    };
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(ConfigError {
            problem: format!("configuration file {shown} is not a regular file"),
            hint: "name a TOML file".to_owned(),
        });
    }
    if metadata.len() > FILE_LIMIT {
        return Err(ConfigError {
            problem: format!("configuration file {shown} has {} bytes, the limit is {FILE_LIMIT}", metadata.len()),
            hint: "is this the right file?".to_owned(),
        });
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(ConfigError {
            problem: format!("configuration file {shown} can be written by other users"),
            hint: format!("chmod go-w {}", quoted(path)),
        });
    }
    if !is_trusted_owner(metadata.uid()) {
        return Err(ConfigError {
            problem: format!("configuration file {shown} belongs to another user"),
            hint: "copy it, so that it is your own".to_owned(),
        });
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(unreadable)?;
    let entries = parse(&text, &shown.to_string(), inputs, warnings)?;
    let private = metadata.mode() & 0o077 == 0;
    if !private && entries.contains_key("ai.api_key_file") {
        warnings.push(format!("{shown} names a key file and can be read by other users: chmod 600 {}", quoted(path)));
    }
    Ok(Some(ConfigFile { path: path.to_owned(), entries, private }))
}

fn parse(
    text: &str,
    shown: &str,
    inputs: &Inputs,
    warnings: &mut Vec<String>,
) -> Result<BTreeMap<String, Entry>, ConfigError> {
    let line_of = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let document = DeTable::parse(text).map_err(|error| {
        // The error's own text would quote the line, and the line may hold a key.
        let line = error.span().map_or(1, |span| line_of(span.start));
        ConfigError {
            problem: format!("configuration file {shown}, line {line}: not valid TOML"),
            hint: "text values need quotes, tables stand in brackets; `todo config init` writes a valid example"
                .to_owned(),
        }
    })?;
    let mut entries = BTreeMap::new();
    for (table, value) in document.get_ref() {
        let (name, line) = (table.get_ref(), line_of(table.span().start));
        if FOREIGN_TABLES.contains(&&**name) {
            continue;
        }
        let DeValue::Table(keys) = value.get_ref() else {
            warnings
                .push(format!("{shown}, line {line}: `{}` stands outside of any table and is ignored", plain(name)));
            continue;
        };
        for (key, value) in keys {
            let line = line_of(key.span().start);
            let path = format!("{name}.{}", key.get_ref());
            let mut substituted = false;
            let mut expand = |text: &str| -> Option<String> {
                substituted |= text.contains("${");
                match substitute(text, inputs) {
                    Ok(text) => Some(text),
                    Err(variable) => {
                        warnings.push(format!(
                            "{shown}, line {line}: variable {} is not set, `{}` counts as absent",
                            plain(&variable),
                            plain(&path)
                        ));
                        None
                    }
                }
            };
            let value = match value.get_ref() {
                DeValue::String(text) => expand(text).map(FileValue::Text),
                DeValue::Boolean(value) => Some(FileValue::Bool(*value)),
                DeValue::Integer(value) => Some(FileValue::Number(value.to_string())),
                DeValue::Float(value) => Some(FileValue::Number(value.to_string())),
                DeValue::Array(items) => items
                    .iter()
                    .map(|item| match item.get_ref() {
                        DeValue::String(text) => expand(text),
                        _ => None,
                    })
                    .collect::<Option<Vec<_>>>()
                    .map(FileValue::List),
                DeValue::Datetime(_) | DeValue::Table(_) => {
                    warnings.push(format!("{shown}, line {line}: `{}` is not a setting", plain(&path)));
                    None
                }
            };
            if let Some(value) = value {
                entries.insert(path, Entry { value, line, substituted });
            }
        }
    }
    Ok(entries)
}

/// `${NAME}`, `${NAME:-default}`, `$$`; once, not recursive. `Err` names the variable that is not set.
fn substitute(text: &str, inputs: &Inputs) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((inner, after)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
            out.push_str(inputs.var(name).or(default).ok_or_else(|| name.to_owned())?);
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Reads a key from a file that nobody else can read; surrounding white space does not count.
pub(super) fn read_key(path: &Path) -> Result<String, ConfigError> {
    let shown = path.display();
    let failed = |problem: String, hint: String| Err(ConfigError { problem, hint });
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) => return failed(format!("key file {shown}: {error}"), "check `[ai] api_key_file`".to_owned()),
    };
    let mode = match file.metadata() {
        Ok(metadata) if !metadata.is_file() || metadata.len() > KEY_LIMIT => {
            return failed(
                format!("key file {shown} is not a regular file of at most {KEY_LIMIT} bytes"),
                "put the key, and nothing else, into the file".to_owned(),
            );
        }
        Ok(metadata) if !is_trusted_owner(metadata.uid()) => {
            return failed(
                format!("key file {shown} belongs to another user"),
                "copy it, so that it is your own".to_owned(),
            );
        }
        Ok(metadata) => metadata.mode(),
        Err(error) => return failed(format!("key file {shown}: {error}"), "check the file".to_owned()),
    };
    if mode & 0o077 != 0 {
        return failed(
            format!("key file {shown} is open to other users (mode {:03o})", mode & 0o777),
            format!("chmod 600 {}", quoted(path)),
        );
    }
    let mut key = String::new();
    if let Err(error) = file.read_to_string(&mut key) {
        return failed(format!("key file {shown}: {error}"), "the file must hold one line of text".to_owned());
    }
    Ok(key.trim().to_owned())
}

/// Writes a new file, private from its first moment on.
pub(super) fn create(path: &Path, text: &str) -> Result<(), ConfigError> {
    let failed = |error: std::io::Error| ConfigError {
        problem: format!("{}: {error}", path.display()),
        hint: match error.kind() {
            ErrorKind::AlreadyExists => "edit the file, or move it away first".to_owned(),
            _ => "check the directory, or name another file with `--config`".to_owned(),
        },
    };
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

fn is_trusted_owner(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

/// A path for the shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// Part of a file in a message: short, one line.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
