//! The resource: what was configured, what detectors find in local files, the runtime's own defaults. Nothing here asks
//! the network or starts a program.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::Resource;

use super::install_id;
use crate::config::{Config, Role};

/// Schema of the names used, unless the user sets one.
const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";
/// All detectors together.
const BUDGET: Duration = Duration::from_millis(10);
/// Version of the OpenTelemetry crates.
const SDK_VERSION: &str = "0.33.1";

type Attributes = Vec<(&'static str, Value)>;
type Detector = fn(&Context<'_>) -> Attributes;

/// What detectors may look at.
struct Context<'a> {
    config: &'a Config,
    /// `/`, or a directory that stands for it in tests.
    root: &'a Path,
}

impl Context<'_> {
    /// Contents of a small local file, trimmed.
    fn file(&self, path: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join(path)).ok()?;
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn env(&self, name: &str) -> Option<Value> {
        self.config.resource.environment.get(name).map(|value| Value::from(value.clone()))
    }

    fn is_service(&self) -> bool {
        self.config.role == Role::Service
    }
}

const DETECTORS: [(&str, Detector); 7] = [
    ("service", service),
    ("process", process),
    ("os", os),
    ("host", host),
    ("container", container),
    ("k8s", k8s),
    ("cloud", cloud),
];

/// The resource of traces and logs.
pub(crate) fn build(config: &Config) -> Resource {
    build_in(config, Path::new("/"), BUDGET)
}

fn build_in(config: &Config, root: &Path, budget: Duration) -> Resource {
    let mut attributes: Vec<KeyValue> = Vec::new();
    let mut add = |key: &str, value: Value| {
        if !attributes.iter().any(|known| known.key.as_str() == key) {
            attributes.push(KeyValue::new(key.to_owned(), value));
        }
    };
    // Which SDK this is, nobody else can know.
    add("telemetry.sdk.name", "opentelemetry".into());
    add("telemetry.sdk.language", "rust".into());
    add("telemetry.sdk.version", SDK_VERSION.into());
    for (key, value) in &config.resource.attributes {
        let empty_name = key == "service.name" && value.as_str().trim().is_empty();
        if !empty_name {
            add(key, value.clone());
        }
    }
    let started = Instant::now();
    let context = Context { config, root };
    for (name, detect) in DETECTORS {
        if started.elapsed() >= budget {
            break;
        }
        if config.resource.detectors.iter().any(|wanted| wanted == name) {
            let found = catch_unwind(AssertUnwindSafe(|| detect(&context))).unwrap_or_default();
            found.into_iter().for_each(|(key, value)| add(key, value));
        }
    }
    add("service.name", format!("unknown_service:{}", executable_name()).into());
    add("telemetry.distro.name", env!("CARGO_PKG_NAME").into());
    add("telemetry.distro.version", env!("CARGO_PKG_VERSION").into());
    let schema_url = config.resource.schema_url.clone().unwrap_or_else(|| SCHEMA_URL.to_owned());
    Resource::builder_empty().with_schema_url(attributes, schema_url).build()
}

fn service(context: &Context<'_>) -> Attributes {
    let mut found: Attributes = vec![("service.namespace", context.config.app.clone().into())];
    let config = context.config;
    let leaves = config.leaves();
    // An id is for whoever receives data; without a receiver there is no reason to keep a file.
    if leaves || context.is_service() {
        let machine = machine_id(context).unwrap_or_default();
        let id = install_id::instance_id(config.delivery.state_dir.as_deref().filter(|_| leaves), &machine);
        found.push(("service.instance.id", id.into()));
    }
    found
}

fn process(_: &Context<'_>) -> Attributes {
    vec![
        ("process.pid", i64::from(std::process::id()).into()),
        ("process.executable.name", executable_name().into()),
        ("process.runtime.name", "rust".into()),
        ("process.runtime.version", env!("TODO_OTEL_RUSTC_VERSION").into()),
    ]
}

fn executable_name() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_name().map_or_else(|| "unknown".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn os(_: &Context<'_>) -> Attributes {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    vec![("os.type", os.into())]
}

fn host(context: &Context<'_>) -> Attributes {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        other => other,
    };
    let mut found: Attributes = vec![("host.arch", arch.into())];
    if context.is_service() {
        let name = context.file("proc/sys/kernel/hostname").or_else(|| context.file("etc/hostname"));
        found.extend(name.map(|name| ("host.name", name.into())));
        found.extend(machine_id(context).map(|id| ("host.id", id.into())));
    }
    found
}

fn machine_id(context: &Context<'_>) -> Option<String> {
    let id = context.file("etc/machine-id").or_else(|| context.file("var/lib/dbus/machine-id"))?;
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
}

/// The 64 digits that container runtimes put into the paths of the control group or of the mounts.
fn container(context: &Context<'_>) -> Attributes {
    if !context.is_service() {
        return Vec::new();
    }
    let in_paths = |text: String| {
        let id = text.split(|c: char| !c.is_ascii_alphanumeric()).find(|part| {
            part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        });
        id.map(str::to_owned)
    };
    let from_group = context.file("proc/self/cgroup").and_then(in_paths);
    let from_mounts = || {
        let mounts = context.file("proc/self/mountinfo")?;
        // Only mounts that a runtime makes into the container: other lines may name other containers.
        let own = mounts.lines().filter(|line| line.contains("/containers/") || line.contains("/sandboxes/"));
        in_paths(own.filter(|line| line.contains("/hostname ") || line.contains("resolv.conf")).collect())
    };
    from_group.or_else(from_mounts).map(|id| ("container.id", id.into())).into_iter().collect()
}

/// From the downward API: variables and mounted files, only inside a cluster.
fn k8s(context: &Context<'_>) -> Attributes {
    if context.env("KUBERNETES_SERVICE_HOST").is_none() {
        return Vec::new();
    }
    let first = |names: &[&str]| names.iter().find_map(|name| context.env(name));
    let namespace = first(&["K8S_NAMESPACE_NAME", "POD_NAMESPACE"])
        .or_else(|| context.file("var/run/secrets/kubernetes.io/serviceaccount/namespace").map(Value::from));
    let found = [
        ("k8s.namespace.name", namespace),
        ("k8s.pod.name", first(&["K8S_POD_NAME", "POD_NAME", "HOSTNAME"])),
        ("k8s.pod.uid", first(&["K8S_POD_UID", "POD_UID"])),
        ("k8s.node.name", first(&["K8S_NODE_NAME", "NODE_NAME"])),
        ("k8s.container.name", first(&["K8S_CONTAINER_NAME", "CONTAINER_NAME"])),
    ];
    found.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// From variables that the platforms set.
fn cloud(context: &Context<'_>) -> Attributes {
    let env = |name| context.env(name);
    if env("AWS_EXECUTION_ENV").is_some() || env("AWS_LAMBDA_FUNCTION_NAME").is_some() {
        let platform = match env("AWS_LAMBDA_FUNCTION_NAME") {
            Some(_) => Some("aws_lambda"),
            None => env("AWS_EXECUTION_ENV").filter(|e| e.as_str().starts_with("AWS_ECS")).map(|_| "aws_ecs"),
        };
        return pairs([
            ("cloud.provider", Some("aws".into())),
            ("cloud.platform", platform.map(Value::from)),
            ("cloud.region", env("AWS_REGION").or_else(|| env("AWS_DEFAULT_REGION"))),
        ]);
    }
    if env("K_SERVICE").is_some() {
        return pairs([
            ("cloud.provider", Some("gcp".into())),
            ("cloud.platform", Some("gcp_cloud_run".into())),
            ("cloud.account.id", env("GOOGLE_CLOUD_PROJECT")),
        ]);
    }
    if env("WEBSITE_SITE_NAME").is_some() {
        return pairs([
            ("cloud.provider", Some("azure".into())),
            ("cloud.platform", Some("azure.app_service".into())),
            ("cloud.region", env("REGION_NAME")),
        ]);
    }
    Vec::new()
}

fn pairs(found: [(&'static str, Option<Value>); 3]) -> Attributes {
    found.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

#[cfg(test)]
mod tests {
    use opentelemetry::Key;

    use super::*;

    fn text(resource: &Resource, key: &'static str) -> Option<String> {
        resource.get(&Key::from_static_str(key)).map(|value| value.to_string())
    }

    fn resource(role: Role, env: &[(&str, &str)], files: &[(&str, &str)]) -> Resource {
        let root = tempfile::tempdir().expect("a directory");
        for (path, contents) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, contents).expect("written");
        }
        let config = Config::for_app("acme", role).version("1.2.3").env(env.iter().copied()).no_file().resolve();
        build_in(&config, root.path(), Duration::from_secs(5))
    }

    #[test]
    fn a_service_in_a_cluster_is_described_from_files_and_variables() {
        let id = "0123456789abcdef".repeat(4);
        let found = resource(
            Role::Service,
            &[("KUBERNETES_SERVICE_HOST", "10.0.0.1"), ("POD_NAME", "acme-7"), ("OTEL_ENVIRONMENT", "prod")],
            &[
                ("proc/sys/kernel/hostname", "box\n"),
                ("etc/machine-id", "00112233445566778899aabbccddeeff\n"),
                ("proc/self/cgroup", &format!("0::/kubepods/besteffort/cri-containerd-{id}.scope\n")),
                ("var/run/secrets/kubernetes.io/serviceaccount/namespace", "shop"),
            ],
        );
        for (key, expected) in [
            ("service.name", "acme"),
            ("service.version", "1.2.3"),
            ("service.namespace", "acme"),
            ("deployment.environment.name", "production"),
            ("host.name", "box"),
            ("host.id", "00112233445566778899aabbccddeeff"),
            ("container.id", id.as_str()),
            ("k8s.pod.name", "acme-7"),
            ("k8s.namespace.name", "shop"),
            ("telemetry.sdk.name", "opentelemetry"),
            ("telemetry.distro.name", "todo-otel-runtime"),
        ] {
            assert_eq!(text(&found, key).as_deref(), Some(expected), "{key}");
        }
        assert_eq!(found.schema_url(), Some(SCHEMA_URL));
    }

    #[test]
    fn a_command_tells_nothing_of_the_machine() {
        let found = resource(
            Role::Cli,
            &[("POD_NAME", "acme-7")],
            &[("proc/sys/kernel/hostname", "box"), ("etc/machine-id", "00112233445566778899aabbccddeeff")],
        );
        for absent in ["host.name", "host.id", "container.id", "k8s.pod.name", "cloud.provider"] {
            assert_eq!(text(&found, absent), None, "{absent}");
        }
        assert!(text(&found, "host.arch").is_some() && text(&found, "os.type").is_some());
    }

    #[test]
    fn the_cloud_is_told_by_the_variables_of_its_platforms() {
        for (env, expected) in [
            (
                &[("AWS_EXECUTION_ENV", "AWS_ECS_FARGATE"), ("AWS_REGION", "eu-west-1")][..],
                &[("cloud.provider", "aws"), ("cloud.platform", "aws_ecs"), ("cloud.region", "eu-west-1")][..],
            ),
            (
                &[("K_SERVICE", "acme"), ("GOOGLE_CLOUD_PROJECT", "shop")],
                &[("cloud.provider", "gcp"), ("cloud.platform", "gcp_cloud_run"), ("cloud.account.id", "shop")],
            ),
            (
                &[("WEBSITE_SITE_NAME", "acme"), ("REGION_NAME", "West Europe")],
                &[("cloud.provider", "azure"), ("cloud.region", "West Europe")],
            ),
        ] {
            let found = resource(Role::Service, env, &[]);
            for (key, value) in expected {
                assert_eq!(text(&found, key).as_deref(), Some(*value), "{key} by {env:?}");
            }
            assert_eq!(text(&resource(Role::Service, &[], &[]), "cloud.provider"), None);
        }
    }

    #[test]
    fn nobody_overrides_the_sdk_and_an_empty_name_is_unknown() {
        let env = [("OTEL_RESOURCE_ATTRIBUTES", "telemetry.sdk.name=mine,service.name=%20")];
        let found = resource(Role::Cli, &env, &[]);
        assert_eq!(text(&found, "telemetry.sdk.name").as_deref(), Some("opentelemetry"));
        assert!(text(&found, "service.name").is_some_and(|name| name.starts_with("unknown_service:")), "{found:?}");
    }

    #[test]
    fn detectors_can_be_switched_off_and_stop_when_the_time_is_over() {
        let off = resource(Role::Service, &[("ACME_DETECTORS", "none")], &[]);
        assert_eq!((text(&off, "os.type"), text(&off, "process.pid")), (None, None));
        let config = Config::for_app("acme", Role::Service).env([("A", "b")]).no_file().resolve();
        let late = build_in(&config, Path::new("/nowhere"), Duration::ZERO);
        assert_eq!(text(&late, "os.type"), None);
        assert_eq!(text(&late, "service.name").as_deref(), Some("acme"));
    }
}
