//! YAML to a tree, with references to the environment replaced inside scalars: text from the environment can become a
//! value, never structure. The type of a plain scalar is settled after the replacement, by the core schema.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

const MAX_DEPTH: usize = 64;
/// Nodes of a document with its aliases written out.
const MAX_NODES: usize = 100_000;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    pub fn kind(&self) -> &'static str {
        match self {
            Node::Null => "nothing",
            Node::Bool(_) => "a boolean",
            Node::Int(_) | Node::Float(_) => "a number",
            Node::Text(_) => "a text",
            Node::List(_) => "a list",
            Node::Map(_) => "a mapping",
        }
    }

    fn size(&self) -> usize {
        match self {
            Node::List(members) => 1 + members.iter().map(Node::size).sum::<usize>(),
            Node::Map(entries) => 1 + entries.iter().map(|(_, node)| node.size()).sum::<usize>(),
            _ => 1,
        }
    }
}

/// The single document of a text. The error names a line, never a value.
pub(super) fn parse(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Node, String> {
    let mut reader = Reader { parser: Parser::new_from_str(text), line: 1, lookup, anchors: HashMap::new(), nodes: 0 };
    let mut document = None;
    loop {
        match reader.next()? {
            Event::DocumentStart(_) if document.is_some() => return Err("expected one document".into()),
            Event::DocumentStart(_) => {
                let event = reader.next()?;
                document = Some(reader.node(event, 0)?);
            }
            Event::StreamEnd => break,
            _ => {}
        }
    }
    Ok(document.unwrap_or(Node::Null))
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    line: usize,
    lookup: &'a dyn Fn(&str) -> Option<String>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, String> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(event)
            }
            Some(Err(error)) => Err(format!("line {}: not valid YAML", error.marker().line())),
            None => Ok(Event::StreamEnd),
        }
    }

    fn node(&mut self, event: Event<'a>, depth: usize) -> Result<Node, String> {
        if depth > MAX_DEPTH {
            return Err(format!("line {}: nested deeper than {MAX_DEPTH}", self.line));
        }
        self.count(1)?;
        let line = self.line;
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                if tag.is_some() {
                    return Err(format!("line {line}: tags are not supported"));
                }
                let text = substitute(&text, self.lookup).map_err(|problem| format!("line {line}: {problem}"))?;
                let plain = style == ScalarStyle::Plain;
                (if plain { core_schema(&text) } else { Node::Text(text) }, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                let mut members = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => break,
                        event => members.push(self.node(event, depth + 1)?),
                    }
                }
                (Node::List(members), anchor)
            }
            Event::MappingStart(anchor, _) => (self.mapping(depth)?, anchor),
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or_else(|| format!("line {line}: an alias of something unfinished"))?;
                self.count(node.size())?;
                (node, 0)
            }
            _ => return Err(format!("line {line}: not valid YAML")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn mapping(&mut self, depth: usize) -> Result<Node, String> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        loop {
            let key = match self.next()? {
                Event::MappingEnd => return Ok(Node::Map(entries)),
                // Keys are never replaced.
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err(format!("line {}: a key must be a plain text", self.line)),
            };
            if entries.iter().any(|(known, _)| *known == key) {
                return Err(format!("line {}: `{key}` stands twice", self.line));
            }
            let event = self.next()?;
            let value = self.node(event, depth + 1)?;
            entries.push((key, value));
        }
    }

    fn count(&mut self, nodes: usize) -> Result<(), String> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES { Err(format!("more than {MAX_NODES} values")) } else { Ok(()) }
    }
}

/// `${NAME}`, `${env:NAME}`, `${NAME:-default}`; `$$` is `$`, from left to right, once.
fn substitute(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((reference, after)) = rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            let body = reference.strip_prefix("env:").unwrap_or(reference);
            let (name, default) = match body.split_once(":-") {
                Some((name, default)) => (name, default),
                None => (body, ""),
            };
            let mut letters = name.bytes();
            let valid = letters.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
                && letters.all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !valid || default.contains('\n') {
                return Err("a reference must be ${NAME}, ${env:NAME} or ${NAME:-default}".into());
            }
            out.push_str(&lookup(name).filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned()));
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The type of a plain scalar in YAML 1.2.
fn core_schema(text: &str) -> Node {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Node::Null,
        "true" | "True" | "TRUE" => return Node::Bool(true),
        "false" | "False" | "FALSE" => return Node::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Node::Float(f64::NAN),
        _ => {}
    }
    let (sign, digits) = match text.as_bytes()[0] {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if matches!(digits, ".inf" | ".Inf" | ".INF") {
        return Node::Float(f64::from(sign) * f64::INFINITY);
    }
    let based = |prefix: &str, base: u32| {
        let number = text.strip_prefix(prefix).filter(|n| n.bytes().all(|b| b.is_ascii_alphanumeric()))?;
        i64::from_str_radix(number, base).ok()
    };
    if let Some(number) = based("0x", 16).or_else(|| based("0o", 8)) {
        return Node::Int(number);
    }
    let numeric = digits.bytes().any(|b| b.is_ascii_digit())
        && digits.bytes().next().is_some_and(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b));
    if !numeric {
        return Node::Text(text.to_owned());
    }
    if digits.bytes().all(|b| b.is_ascii_digit())
        && let Ok(number) = text.parse::<i64>()
    {
        return Node::Int(number);
    }
    text.parse::<f64>().map_or_else(|_| Node::Text(text.to_owned()), Node::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "STRING" => Some("value".into()),
            "BOOL" => Some("true".into()),
            "INT" => Some("1".into()),
            "FLOAT" => Some("1.1".into()),
            "HEX" => Some("0xdeadbeef".into()),
            "NESTED" => Some("${STRING}".into()),
            "EVIL" => Some("value\nkey:value".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[track_caller]
    fn value(yaml: &str) -> Node {
        match parse(yaml, &env) {
            Ok(Node::Map(mut entries)) => entries.remove(0).1,
            other => panic!("{yaml}: {other:?}"),
        }
    }

    fn text(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    /// The examples of the configuration specification.
    #[test]
    fn references_are_replaced_as_the_specification_shows() {
        for (yaml, expected) in [
            ("key: ${STRING}", text("value")),
            ("key: ${BOOL}", Node::Bool(true)),
            ("key: ${INT}", Node::Int(1)),
            ("key: ${FLOAT}", Node::Float(1.1)),
            ("key: ${HEX}", Node::Int(0xdead_beef)),
            ("key: \"${STRING}\"", text("value")),
            ("key: \"${INT}\"", text("1")),
            ("key: ${env:STRING}", text("value")),
            ("key: ${UNDEFINED}", Node::Null),
            ("key: ${EMPTY:-fallback}", text("fallback")),
            ("key: foo ${STRING} ${FLOAT}", text("foo value 1.1")),
            ("key: ${UNDEFINED:-fallback}", text("fallback")),
            ("key: $${STRING}", text("${STRING}")),
            ("key: $$${STRING}", text("$value")),
            ("key: $$$${STRING}", text("$${STRING}")),
            ("key: ${NESTED}", text("${STRING}")),
            ("key: ${EVIL}", text("value\nkey:value")),
            ("key: a $ b", text("a $ b")),
        ] {
            assert_eq!(value(yaml), expected, "{yaml}");
        }
        let keys = parse("${STRING}: 1", &env).expect("parses");
        assert_eq!(keys, Node::Map(vec![("${STRING}".into(), Node::Int(1))]));
    }

    #[test]
    fn an_invalid_reference_fails_the_file() {
        for yaml in ["key: ${1A}", "key: ${A:?x}", "key: ${sys:A}", "key: ${}"] {
            assert!(parse(yaml, &env).is_err(), "{yaml}");
        }
    }

    #[test]
    fn missing_and_null_differ_and_repeated_keys_are_refused() {
        assert_eq!(value("console:"), Node::Null);
        assert_eq!(value("n: -12"), Node::Int(-12));
        assert_eq!(value("n: 1.5.2"), text("1.5.2"));
        assert_eq!(value("n: 0.5"), Node::Float(0.5));
        assert_eq!(value("n: 2024-01-02"), text("2024-01-02"));
        assert!(parse("a: 1\na: 2", &env).is_err());
        assert!(parse("a: [1, 2", &env).is_err_and(|problem| problem.contains("line")));
    }

    #[test]
    fn aliases_cannot_grow_without_bound() {
        let mut yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..10 {
            let alias = format!("*a{}", n - 1);
            yaml.push_str(&format!("a{n}: &a{n} [{}]\n", vec![alias; 10].join(", ")));
        }
        assert!(parse(&yaml, &env).is_err_and(|problem| problem.contains("more than")));
    }

    proptest! {
        #[test]
        fn no_text_panics(yaml in "\\PC{0,200}") {
            let _ = parse(&yaml, &env);
        }

        #[test]
        fn a_variable_never_becomes_structure(value in "\\PC{0,60}") {
            let lookup = |_: &str| Some(value.clone());
            let node = parse("key: \"${X}\"\nother: 1", &lookup).expect("parses");
            prop_assert_eq!(node, Node::Map(vec![("key".into(), Node::Text(value.clone())), ("other".into(), Node::Int(1))]));
        }
    }
}
