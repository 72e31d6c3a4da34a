//! A mapping that is read key by key, strictly: what nobody asked for is an error at the end.

use std::time::Duration;

use super::yaml::Node;

/// A mapping and where it stands.
pub(super) struct Map {
    pub path: String,
    entries: Vec<(String, Node)>,
}

impl Map {
    /// A mapping; null is the empty one.
    pub fn new(path: &str, node: Node) -> Result<Map, String> {
        match node {
            Node::Map(entries) => Ok(Map { path: path.to_owned(), entries }),
            Node::Null => Ok(Map { path: path.to_owned(), entries: Vec::new() }),
            other => Err(format!("{path}: expected a mapping, found {}", other.kind())),
        }
    }

    pub fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value of a key, null included.
    pub fn take(&mut self, key: &str) -> Option<Node> {
        let index = self.entries.iter().position(|(known, _)| known == key)?;
        Some(self.entries.remove(index).1)
    }

    /// The mapping under a key; missing and null are told apart by `Some` of an empty one.
    pub fn map(&mut self, key: &str) -> Result<Option<Map>, String> {
        let path = self.at(key);
        self.take(key).map(|node| Map::new(&path, node)).transpose()
    }

    /// The members of a list; missing and null are none.
    pub fn list(&mut self, key: &str) -> Result<Vec<(String, Node)>, String> {
        let path = self.at(key);
        match self.take(key) {
            None | Some(Node::Null) => Ok(Vec::new()),
            Some(Node::List(members)) => {
                Ok(members.into_iter().enumerate().map(|(i, node)| (format!("{path}[{i}]"), node)).collect())
            }
            Some(other) => Err(format!("{path}: expected a list, found {}", other.kind())),
        }
    }

    pub fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        let path = self.at(key);
        match self.take(key) {
            None | Some(Node::Null) => Ok(None),
            Some(Node::Text(text)) => Ok(Some(text)),
            Some(other) => Err(format!("{path}: expected a text, found {}", other.kind())),
        }
    }

    pub fn boolean(&mut self, key: &str) -> Result<Option<bool>, String> {
        let path = self.at(key);
        match self.take(key) {
            None | Some(Node::Null) => Ok(None),
            Some(Node::Bool(flag)) => Ok(Some(flag)),
            Some(other) => Err(format!("{path}: expected true or false, found {}", other.kind())),
        }
    }

    /// An integer of at least `least`.
    pub fn integer(&mut self, key: &str, least: i64) -> Result<Option<i64>, String> {
        let path = self.at(key);
        match self.take(key) {
            None | Some(Node::Null) => Ok(None),
            Some(Node::Int(number)) if number >= least => Ok(Some(number)),
            Some(Node::Int(_)) => Err(format!("{path}: must be at least {least}")),
            Some(other) => Err(format!("{path}: expected an integer, found {}", other.kind())),
        }
    }

    pub fn u32(&mut self, key: &str, least: i64) -> Result<Option<u32>, String> {
        Ok(self.integer(key, least)?.map(|number| u32::try_from(number).unwrap_or(u32::MAX)))
    }

    pub fn usize(&mut self, key: &str, least: i64) -> Result<Option<usize>, String> {
        Ok(self.integer(key, least)?.map(|number| usize::try_from(number).unwrap_or(usize::MAX)))
    }

    pub fn millis(&mut self, key: &str) -> Result<Option<Duration>, String> {
        Ok(self.integer(key, 0)?.and_then(|number| u64::try_from(number).ok()).map(Duration::from_millis))
    }

    /// A ratio from 0 to 1.
    pub fn ratio(&mut self, key: &str) -> Result<Option<f64>, String> {
        let path = self.at(key);
        match self.take(key) {
            None | Some(Node::Null) => Ok(None),
            Some(node) => {
                let ratio = number(&node).ok_or_else(|| format!("{path}: expected a number, found {}", node.kind()))?;
                if (0.0..=1.0).contains(&ratio) { Ok(Some(ratio)) } else { Err(format!("{path}: must be from 0 to 1")) }
            }
        }
    }

    /// One of a closed set of texts.
    pub fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Result<Option<T>, String> {
        let path = self.at(key);
        let Some(text) = self.text(key)? else { return Ok(None) };
        match choices.iter().find(|(name, _)| *name == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
                Err(format!("{path}: expected one of {}", names.join(", ")))
            }
        }
    }

    /// The single component of a mapping such as `{batch: {…}}`: its name and its settings.
    pub fn component(mut self) -> Result<(String, Map), String> {
        if self.entries.len() != 1 {
            return Err(format!("{}: expected exactly one component", self.path));
        }
        let (name, node) = self.entries.remove(0);
        let map = Map::new(&self.at(&name), node)?;
        Ok((name, map))
    }

    /// What is left over, key by key.
    pub fn rest(self) -> Vec<(String, Node)> {
        self.entries
    }

    /// Nothing may be left over.
    pub fn finish(self) -> Result<(), String> {
        match self.entries.first() {
            None => Ok(()),
            Some((key, _)) => Err(format!("{}: unknown key", self.at(key))),
        }
    }
}

pub(super) fn number(node: &Node) -> Option<f64> {
    match node {
        Node::Int(number) => Some(*number as f64),
        Node::Float(number) => Some(*number),
        _ => None,
    }
}
