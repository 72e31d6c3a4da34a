//! Real servers as children on loopback: found, started with the templates of `deploy/native`, ready, ended by handle.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Where a server's program is: `$STACK_BIN_DIR`, then `$PATH`.
pub fn find(names: &[&str]) -> Option<PathBuf> {
    let own = std::env::var_os("STACK_BIN_DIR").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = own.into_iter().chain(std::env::split_paths(&path)).collect();
    folders.iter().flat_map(|folder| names.iter().map(move |name| folder.join(name))).find(|path| path.is_file())
}

/// A Prometheus that takes OTLP: 3 or newer 2. Debian's 2.42 does not.
fn prometheus() -> Option<PathBuf> {
    find(&["prometheus"]).filter(|path| {
        let help = Command::new(path).arg("--help").output();
        help.is_ok_and(|help| {
            [help.stdout, help.stderr]
                .iter()
                .any(|text| String::from_utf8_lossy(text).contains("web.enable-otlp-receiver"))
        })
    })
}

/// All four servers, running.
pub struct Stack {
    pub folder: tempfile::TempDir,
    pub ports: BTreeMap<&'static str, u16>,
    children: Vec<Running>,
}

struct Running {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

const PORTS: [&str; 12] = [
    "PROMETHEUS",
    "TEMPO",
    "TEMPO_GRPC",
    "TEMPO_OTLP_GRPC",
    "TEMPO_OTLP_HTTP",
    "TEMPO_GOSSIP",
    "LOKI",
    "LOKI_GRPC",
    "COLLECTOR_GRPC",
    "COLLECTOR_HTTP",
    "COLLECTOR_HEALTH",
    "COLLECTOR_METRICS",
];

impl Stack {
    /// Starts every server that there is; without a Prometheus that takes OTLP nothing.
    pub fn start() -> Option<Stack> {
        let prometheus = prometheus()?;
        let programs = [
            ("prometheus", Some(prometheus)),
            ("tempo", find(&["tempo"])),
            ("loki", find(&["loki"])),
            ("collector", find(&["otelcol-contrib", "otelcol"])),
        ];
        // All are bound before the first is let go, so that no port is given twice.
        let bound = PORTS.map(|name| (name, TcpListener::bind("127.0.0.1:0").unwrap()));
        let ports = bound.iter().map(|(name, listener)| (*name, listener.local_addr().unwrap().port())).collect();
        drop(bound);
        let mut stack = Stack { folder: tempfile::tempdir().unwrap(), ports, children: Vec::new() };
        stack.rules();
        let dir = stack.folder.path().to_owned();
        for (name, program) in programs {
            let Some(program) = program else { continue };
            let config = |file: &str| stack.config(file).display().to_string();
            let arguments = match name {
                "prometheus" => vec![
                    format!("--config.file={}", config("prometheus.yml")),
                    format!("--storage.tsdb.path={}", dir.join("prometheus").display()),
                    format!("--web.listen-address=127.0.0.1:{}", stack.port("PROMETHEUS")),
                    "--web.enable-otlp-receiver".into(),
                    "--web.enable-remote-write-receiver".into(),
                    "--enable-feature=exemplar-storage".into(),
                ],
                "tempo" => vec![format!("-config.file={}", config("tempo.yaml"))],
                "loki" => vec![format!("-config.file={}", config("loki.yaml"))],
                _ => vec![format!("--config={}", config("otelcol.yaml"))],
            };
            stack.run(name, &program, &arguments);
        }
        for (name, port, path) in [
            ("prometheus", "PROMETHEUS", "/-/ready"),
            ("tempo", "TEMPO", "/ready"),
            ("loki", "LOKI", "/ready"),
            ("collector", "COLLECTOR_HEALTH", "/"),
        ] {
            if stack.has(name) {
                stack.ready(name, port, path);
            }
        }
        Some(stack)
    }

    /// Whether this server runs.
    pub fn has(&self, name: &str) -> bool {
        self.children.iter().any(|running| running.name == name)
    }

    /// Servers that were not found.
    pub fn absent(&self) -> Vec<&'static str> {
        ["tempo", "loki", "collector"].into_iter().filter(|name| !self.has(name)).collect()
    }

    pub fn port(&self, name: &str) -> u16 {
        self.ports[name]
    }

    /// `http://127.0.0.1:<port>`
    pub fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}", self.port(name))
    }

    /// The committed rules, evaluated every second: the long windows would otherwise have their first sample after minutes.
    fn rules(&self) {
        let to = self.folder.path().join("rules");
        fs::create_dir(&to).unwrap();
        for file in fs::read_dir(deploy().join("rules")).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "yml") {
                let text = fs::read_to_string(&file).unwrap();
                let text = text.replace("interval: 1m", "interval: 1s").replace("interval: 5m", "interval: 1s");
                fs::write(to.join(file.file_name().unwrap()), text).unwrap();
            }
        }
    }

    fn config(&self, name: &str) -> PathBuf {
        let mut text = fs::read_to_string(deploy().join("native").join(format!("{name}.tmpl"))).unwrap();
        for (name, port) in &self.ports {
            text = text.replace(&format!("@{name}@"), &port.to_string());
        }
        let to = self.folder.path().join(name);
        fs::write(&to, text.replace("@DIR@", self.folder.path().to_str().unwrap())).unwrap();
        to
    }

    fn run(&mut self, name: &'static str, program: &Path, arguments: &[String]) {
        let log = self.folder.path().join(format!("{name}.log"));
        let out = fs::File::create(&log).unwrap();
        let child = Command::new(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        self.children.push(Running { name, child, log });
    }

    fn ready(&mut self, name: &str, port: &str, path: &str) {
        let deadline = Instant::now() + Duration::from_secs(120);
        let port = self.port(port);
        while !answers(port, path) {
            let running = self.children.iter_mut().find(|running| running.name == name).unwrap();
            let ended = running.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "{name} is not ready ({ended:?}):\n{}",
                self.log(name)
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The last lines that a server wrote.
    pub fn log(&self, name: &str) -> String {
        let running = self.children.iter().find(|running| running.name == name).unwrap();
        let text = fs::read_to_string(&running.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for running in &mut self.children {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

pub fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

pub fn answers(port: u16, path: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_end(&mut answer).is_ok()
        && answer.starts_with(b"HTTP/1.1 200")
}
