//! The two telemetry tables of the TOML file, flattened to texts under dotted keys. Other tables belong to the program;
//! what the texts mean is not here.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use super::{source::Layers, table};

/// Largest file that is read.
const MAX_BYTES: u64 = 256 * 1024;

/// Where the file comes from.
#[derive(Clone, Debug, Default)]
pub(super) enum FileSource {
    /// `$XDG_CONFIG_HOME/<app>/config.toml`; may be absent.
    #[default]
    Default,
    /// A path the user named; must be there.
    Path(PathBuf),
    /// Contents the program vouches for.
    Contents(String),
    /// No file.
    None,
}

/// Reads the file into the layers. Nothing here ends the start: an unusable file is a warning.
pub(super) fn load(layers: &mut Layers, app: &str, source: FileSource) {
    let (contents, private) = match source {
        FileSource::None => return,
        FileSource::Contents(contents) => (contents, true),
        FileSource::Path(path) => match read(&path) {
            Ok(read) => read,
            Err(problem) => return layers.refuse(&path.display().to_string(), None, &problem, "file ignored"),
        },
        FileSource::Default => {
            let Some(path) = default_path(layers, app) else { return };
            match read(&path) {
                Ok(read) => read,
                Err(_) if !path.exists() => return,
                Err(problem) => return layers.refuse(&path.display().to_string(), None, &problem, "file ignored"),
            }
        }
    };
    let document = match contents.parse::<toml::Table>() {
        Ok(document) => document,
        Err(error) => {
            // The message of the parser quotes the line, which may hold a secret.
            let line =
                error.span().map_or(1, |span| contents[..span.start.min(contents.len())].matches('\n').count() + 1);
            return layers.refuse(
                "configuration file",
                None,
                &format!("line {line} is not valid TOML"),
                "file ignored",
            );
        }
    };
    for name in ["observability", "grafana"] {
        match document.get(name) {
            Some(toml::Value::Table(entries)) => read_table(layers, name, entries, private),
            Some(_) => layers.refuse(name, None, "expected a table", "ignored"),
            None => {}
        }
    }
}

fn default_path(layers: &Layers, app: &str) -> Option<PathBuf> {
    base_directory(layers, "XDG_CONFIG_HOME", ".config").map(|base| base.join(app).join("config.toml"))
}

/// An XDG base directory; relative paths do not count.
pub(super) fn base_directory(layers: &Layers, variable: &str, below_home: &str) -> Option<PathBuf> {
    let given = layers.plain(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    given.or_else(|| layers.plain("HOME").map(PathBuf::from).filter(|p| p.is_absolute()).map(|p| p.join(below_home)))
}

/// Contents, and whether their owner alone can read them.
pub(super) fn read(path: &Path) -> Result<(String, bool), String> {
    let file = fs::File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let metadata = file.metadata().map_err(|error| format!("cannot be examined: {error}"))?;
    if !metadata.is_file() {
        return Err("is not a file".into());
    }
    let mode = mode(&metadata);
    if mode & 0o002 != 0 {
        return Err(format!("can be written by everybody; `chmod o-w {}` mends it", path.display()));
    }
    let mut contents = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut contents).map_err(|error| format!("cannot be read: {error}"))?;
    if contents.len() as u64 > MAX_BYTES {
        return Err("is longer than 256 KiB".into());
    }
    Ok((contents, mode & 0o077 == 0))
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(metadata)
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> u32 {
    0
}

fn read_table(layers: &mut Layers, table_name: &str, entries: &toml::Table, private: bool) {
    for (entry, value) in entries {
        let key = format!("{table_name}.{entry}");
        if !table::variables().iter().any(|row| row.file == Some(key.as_str())) {
            layers.refuse(&key, None, "unknown key", "ignored");
            continue;
        }
        let Some(text) = text_of(value) else {
            layers.refuse(&key, None, "expected a text, number, boolean or list of texts", "ignored");
            continue;
        };
        if key == "grafana.api_key" && !private && !text.contains("${") {
            layers.refuse(
                &key,
                None,
                "a literal key is taken only from a file that its owner alone can read",
                "ignored; `chmod 600` the file or write \"${VARIABLE}\"",
            );
            continue;
        }
        match substitute(&text, |name| layers.plain(name).map(str::to_owned)) {
            Ok(text) => {
                layers.file.insert(key, text);
            }
            Err(name) => layers.refuse(&key, None, &format!("${{{name}}} is not set"), "setting ignored"),
        }
    }
}

fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Array(members) => {
            let members: Option<Vec<&str>> = members.iter().map(toml::Value::as_str).collect();
            Some(members?.join(","))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// `${NAME}` and `${NAME:-default}`, once; `$$` is `$`. An undefined name without default is the error.
fn substitute(text: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let reference = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((reference, after)) = reference else {
            out.push('$');
            continue;
        };
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        match lookup(name).or_else(|| default.map(str::to_owned)) {
            Some(value) => out.push_str(&value),
            None => return Err(name.to_owned()),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_replaced_once() {
        let lookup = |name: &str| match name {
            "KEY" => Some("value".to_owned()),
            "NESTED" => Some("${KEY}".to_owned()),
            _ => None,
        };
        for (text, expected) in [
            ("a ${KEY} b", "a value b"),
            ("${NONE:-other}", "other"),
            ("${KEY:-other}", "value"),
            ("$${KEY}", "${KEY}"),
            ("${NESTED}", "${KEY}"),
            ("5 $ and ${", "5 $ and ${"),
            ("${NONE:-}", ""),
        ] {
            assert_eq!(substitute(text, lookup).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(substitute("${NONE}", lookup), Err("NONE".to_owned()));
    }
}
