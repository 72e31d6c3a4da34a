//! Where the todos are: a file, or a database of a PostgreSQL server. Not here: connecting.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::StoreError;

/// A database as it was configured.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// A file of SQLite.
    File(PathBuf),
    /// A database of a server.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "made by a build with the feature `postgres`"))]
    Server(Server),
}

/// A database of a PostgreSQL server. Its `Debug` and everything else that is shown holds no password.
#[derive(Clone)]
pub(super) struct Server {
    /// What libpq is given; may hold the password.
    #[cfg(feature = "postgres")]
    url: String,
    /// The same for people.
    pub(super) shown: String,
    /// Host name, address, or directory of the socket.
    pub(super) address: String,
    pub(super) port: u16,
    /// As written in the address, and decoded.
    #[cfg(feature = "postgres")]
    secrets: Vec<String>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Place {
    /// A path, `sqlite:path`, `sqlite://path`, or `postgres://…` as libpq knows it.
    pub(super) fn parse(url: &str) -> Result<Place, StoreError> {
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or(url);
        match path.split_once("://") {
            #[cfg(feature = "postgres")]
            Some(("postgres" | "postgresql", rest)) => Ok(Place::Server(Server::new(url, rest))),
            #[cfg(not(feature = "postgres"))]
            Some(("postgres" | "postgresql", _)) => Err(StoreError::Unsupported("PostgreSQL".into())),
            Some((scheme, _)) => Err(StoreError::Unsupported(format!("databases of kind {scheme}"))),
            None => Ok(Place::File(PathBuf::from(path))),
        }
    }

    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Place::File(path) => Some(path),
            Place::Server(_) => None,
        }
    }

    /// `db.system.name`
    pub(super) fn system(&self) -> &'static str {
        match self {
            Place::File(_) => "sqlite",
            Place::Server(_) => "postgresql",
        }
    }
}

#[cfg(feature = "postgres")]
impl Server {
    fn new(url: &str, rest: &str) -> Server {
        let rest = rest.split('#').next().unwrap_or_default();
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = before.split_once('/').unwrap_or((before, ""));
        let (login, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let parameter = |name: &str| {
            let given = query.split('&').filter_map(|pair| pair.split_once('='));
            given.rev().find(|(key, _)| *key == name).map(|(_, value)| decode(value))
        };
        // Of several hosts the first one; an address in brackets holds colons.
        let host = host.split(',').next().unwrap_or_default();
        let (name, port) = match host.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
            Some((name, port)) => (name, port),
            None => (host, ""),
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let address = parameter("host").unwrap_or_else(|| decode(name));
        let address = if address.is_empty() { "localhost".to_owned() } else { address };
        let port = parameter("port").unwrap_or_else(|| port.to_owned()).parse().unwrap_or(5432);
        let user = if user.is_empty() { String::new() } else { format!("{user}@") };
        let mut secrets = vec![password.to_owned(), decode(password)];
        for name in ["password", "sslpassword"] {
            secrets.extend(parameter(name));
            let raw = query.split('&').filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            secrets.extend(raw.map(Into::into));
        }
        secrets.retain(|secret| !secret.is_empty());
        // Without a limit of its own libpq waits for a silent host as long as the system does.
        let joint = if query.is_empty() { "?" } else { "&" };
        let patience =
            if query.contains("connect_timeout=") { String::new() } else { format!("{joint}connect_timeout=5") };
        let base = url.split('#').next().unwrap_or_default();
        Server {
            url: format!("{}{patience}", base.trim_end_matches('?')),
            shown: format!("postgresql://{user}{address}:{port}/{}", decode(database)),
            address,
            port,
            secrets,
        }
    }

    /// For libpq alone.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What the library or the server said, without a password that it may have repeated.
    pub(super) fn said(&self, text: &str) -> String {
        let clean = self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "[redacted]"));
        clean.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// `%41` is `A`; what is no such sequence stays as it is.
#[cfg(feature = "postgres")]
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).filter(|_| first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;

    #[track_caller]
    fn server(url: &str) -> Server {
        match Place::parse(url).unwrap() {
            Place::Server(server) => server,
            Place::File(path) => panic!("a file: {}", path.display()),
        }
    }

    #[test]
    fn an_address_is_read_as_libpq_reads_it() {
        for (url, shown, address, port) in [
            ("postgres://ann:p%40ss@db.example:6432/todo", "postgresql://ann@db.example:6432/todo", "db.example", 6432),
            ("postgresql://db.example/todo", "postgresql://db.example:5432/todo", "db.example", 5432),
            ("postgres:///todo", "postgresql://localhost:5432/todo", "localhost", 5432),
            ("postgres:///todo?host=/run/pg&port=7000", "postgresql:///run/pg:7000/todo", "/run/pg", 7000),
            ("postgres://%2Frun%2Fpg/todo", "postgresql:///run/pg:5432/todo", "/run/pg", 5432),
            ("postgres://[::1]:7/todo", "postgresql://::1:7/todo", "::1", 7),
            ("postgres://a:1,b:2/todo", "postgresql://a:1/todo", "a", 1),
        ] {
            let server = server(url);
            assert_eq!((server.shown.as_str(), server.address.as_str(), server.port), (shown, address, port), "{url}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for url in [
            "postgres://ann:s%33cret@h/todo",
            "postgres://ann@h/todo?password=s3cret",
            "postgres://ann@h/todo?password=s%33cret&x=y",
        ] {
            let server = server(url);
            let told = server.said(&format!("could not parse {url}: s3cret"));
            for text in [format!("{server:?}"), server.shown.clone(), told] {
                assert!(!text.contains("s3cret") && !text.contains("s%33cret"), "{url}: {text}");
            }
        }
    }

    #[test]
    fn a_silent_host_is_not_waited_for_without_end() {
        assert_eq!(server("postgres://h/todo").url(), "postgres://h/todo?connect_timeout=5");
        assert_eq!(server("postgres://h/todo?a=b#x").url(), "postgres://h/todo?a=b&connect_timeout=5");
        assert_eq!(server("postgres://h/todo?connect_timeout=9").url(), "postgres://h/todo?connect_timeout=9");
    }
}
