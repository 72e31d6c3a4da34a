//! Start and end: `init(Config)`, the guard, the report. One deadline that the runtime owns covers the whole end,
//! whoever asks for it: `shutdown`, `Drop`, `exit`, or the end of the process.
//!
//! What the pipelines are made of is not here.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use opentelemetry::logs::Severity;
use opentelemetry_sdk::{
    logs::LogExporter,
    trace::{ShouldSample, SpanExporter, SpanProcessor},
};

use crate::{
    Config, InitError,
    config::{ExporterKind, Role, Signal},
    logs, propagation,
    setup::{self, Custom, Pipelines},
};

mod at_exit;
mod background;

/// Its end tells that the thread ends, and with it what other crates keep for this thread.
struct Alive;

impl Drop for Alive {
    fn drop(&mut self) {}
}

thread_local!(static ALIVE: Alive = const { Alive });

static ON_START: AtomicBool = AtomicBool::new(false);
static RUNNING: Mutex<Option<Arc<Running>>> = Mutex::new(None);

/// Telemetry that is running; [`Telemetry::shutdown`] ends it and reports, `Drop` does the same.
#[must_use = "telemetry ends when this value is dropped; keep it until the end of `main`"]
pub struct Telemetry {
    /// `None`: telemetry is off.
    running: Option<Arc<Running>>,
    /// False for the handle of a second start, whose end is not the end of telemetry.
    owner: bool,
    /// Host and port of the scrape endpoint.
    #[cfg(feature = "prometheus")]
    scrape: (String, u16),
    #[cfg(feature = "prometheus")]
    server: Mutex<Option<crate::metrics::serve::Server>>,
}

/// What became of everything that was emitted: items are spans, data points and log records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Items a receiver has accepted.
    pub delivered: BTreeMap<Signal, u64>,
    /// Items on disk, for a later delivery.
    pub spooled: BTreeMap<Signal, u64>,
    /// Items lost, by signal and reason. `sampled` and `suppressed` are decisions, not losses.
    pub dropped: BTreeMap<(Signal, &'static str), u64>,
    /// True when the deadline came before everything was settled.
    pub timed_out: bool,
    /// Time it took.
    pub elapsed: Duration,
}

impl ShutdownReport {
    /// Items lost over all signals, decisions left out.
    pub fn lost(&self) -> u64 {
        let losses = self.dropped.iter().filter(|((_, reason), _)| !matches!(*reason, "sampled" | "suppressed"));
        losses.map(|(_, items)| items).sum()
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sum = |items: &BTreeMap<Signal, u64>| items.values().sum::<u64>();
        write!(f, "{} delivered, {} spooled, {} lost", sum(&self.delivered), sum(&self.spooled), self.lost())?;
        for ((signal, reason), items) in &self.dropped {
            write!(f, ", {} {items} {reason}", signal.as_str())?;
        }
        if self.timed_out { f.write_str(", deadline passed") } else { Ok(()) }
    }
}

struct Running {
    pipelines: Pipelines,
    role: Role,
    budget: Duration,
    /// Losses are said on standard error when nobody asks for the report.
    verbose: bool,
    pid: u32,
    phase: Mutex<Phase>,
    ended: Condvar,
}

enum Phase {
    Running,
    Ending,
    Ended(ShutdownReport),
}

/// Starts telemetry. An error means that a setting must be changed; the program can run on without telemetry.
///
/// # Errors
/// A setting that telemetry cannot start with: an endpoint that is no URL, https in a build without TLS, certificate
/// files that cannot be read, an unusable `OTEL_CONFIG_FILE`; with `strict`, any refused setting.
pub fn init(config: Config) -> Result<Telemetry, InitError> {
    Telemetry::builder(config).init()
}

/// A start with parts that the program brings along.
#[derive(Debug)]
#[must_use = "a builder does nothing until `init` is called"]
pub struct TelemetryBuilder {
    config: Config,
    custom: Custom,
}

impl TelemetryBuilder {
    /// Spans go to this exporter too. It runs on a thread of its own, as nobody knows how long it waits.
    pub fn span_exporter(mut self, exporter: impl SpanExporter + 'static) -> Self {
        self.custom.add_span_exporter(exporter);
        self
    }

    /// This processor gets `on_end` of every span that is kept, on the collector's thread; it gets no `on_start`.
    pub fn span_processor(mut self, processor: impl SpanProcessor + 'static) -> Self {
        self.custom.add_span_processor(processor);
        self
    }

    /// Asked at each root instead of the configured sampler.
    pub fn sampler(mut self, sampler: impl ShouldSample + 'static) -> Self {
        self.custom.set_sampler(sampler);
        self
    }

    /// Log records go to this exporter instead of the configured ones.
    pub fn log_exporter(mut self, exporter: impl LogExporter + 'static) -> Self {
        self.custom.set_log_exporter(exporter);
        self
    }

    /// Starts telemetry, see [`init`].
    ///
    /// # Errors
    /// As [`init`].
    pub fn init(self) -> Result<Telemetry, InitError> {
        let Self { config, custom } = self;
        // In this order: what is touched later is destroyed earlier when the thread ends.
        opentelemetry::Context::map_current(|_| ALIVE.with(|_| ()));
        let mut slot = running();
        if let Some(running) = slot.as_ref().filter(|running| running.is_alive()) {
            logs::say(Severity::Warn, "telemetry was started before", "the second start changes nothing");
            return Ok(Telemetry::new(Some(running.clone()), false, &config));
        }
        // Context crosses this process even when nothing is recorded.
        propagation::install(&config);
        config.check()?;
        if !config.enabled {
            if config.logs.console.is_some() || !config.warnings.is_empty() {
                let _ = logs::install(&config, &setup::resource::build(&config), None);
            }
            say("settings", &config.warnings);
            return Ok(Telemetry::new(None, false, &config));
        }
        let pipelines = match catch_unwind(AssertUnwindSafe(|| Pipelines::start(&config, custom))) {
            Ok(started) => started?,
            Err(_) => {
                say("telemetry is off", &["its start failed".to_owned()]);
                return Ok(Telemetry::new(None, false, &config));
            }
        };
        say("settings", &config.warnings);
        #[cfg(feature = "diesel")]
        crate::diesel::configure(&config.app, config.traces.n_plus_one);
        if config.role == Role::Cli {
            propagation::adopt_incoming(setup::install_id::baggage(&config));
        }
        setup::panic::set(true);
        let running = Arc::new(Running {
            pipelines,
            role: config.role,
            budget: config.delivery.exit_budget,
            verbose: config.logs.console.is_some(),
            pid: std::process::id(),
            phase: Mutex::new(Phase::Running),
            ended: Condvar::new(),
        });
        *slot = Some(running.clone());
        drop(slot);
        if config.role == Role::Service {
            background::end_with_process();
        }
        let telemetry = Telemetry::new(Some(running), true, &config);
        #[cfg(feature = "prometheus")]
        if config.role == Role::Service
            && config.metrics.exporters.contains(&ExporterKind::Prometheus)
            && let Err(error) = telemetry.serve()
        {
            say("no scrape endpoint", &[format!("port {}: {error}", config.metrics.prometheus_port)]);
        }
        Ok(telemetry)
    }
}

impl Telemetry {
    /// A start with own exporters.
    pub fn builder(config: Config) -> TelemetryBuilder {
        TelemetryBuilder { config, custom: Custom::default() }
    }

    fn new(running: Option<Arc<Running>>, owner: bool, config: &Config) -> Self {
        #[cfg(not(feature = "prometheus"))]
        let _ = config;
        Self {
            running,
            owner,
            #[cfg(feature = "prometheus")]
            scrape: (config.metrics.prometheus_host.clone(), config.metrics.prometheus_port),
            #[cfg(feature = "prometheus")]
            server: Mutex::new(None),
        }
    }

    /// Telemetry that is off: records nothing, holds nothing.
    pub fn off() -> Self {
        Self {
            running: None,
            owner: false,
            #[cfg(feature = "prometheus")]
            scrape: (String::from("localhost"), 0),
            #[cfg(feature = "prometheus")]
            server: Mutex::new(None),
        }
    }

    /// Serves `/healthz`, `/readyz` and, while metrics are on, `/metrics` on the configured host and port, until telemetry
    /// ends. A second call returns the address of the first. A service whose metrics exporters include `prometheus` serves
    /// from the start.
    ///
    /// # Errors
    /// What the system says about host and port; everything else goes on.
    #[cfg(feature = "prometheus")]
    pub fn serve(&self) -> std::io::Result<std::net::SocketAddr> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = &*server {
            return Ok(server.address());
        }
        let metrics = self.running.as_ref().and_then(|running| running.pipelines.metrics());
        let page = metrics.map(|handle| {
            let page: Box<dyn Fn(crate::metrics::prometheus::Format) -> String + Send> =
                Box::new(move |format| handle.page(format));
            page
        });
        let started = crate::metrics::serve::Server::start(&self.scrape.0, self.scrape.1, page)?;
        Ok(server.insert(started).address())
    }

    /// True while anything is recorded or exported.
    pub fn is_on(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.is_alive())
    }

    /// Exports what waits, for at most the exit budget; telemetry goes on.
    pub fn flush(&self) -> ShutdownReport {
        match &self.running {
            Some(running) if running.is_alive() => running.pipelines.flush(Instant::now() + running.budget),
            _ => ShutdownReport::default(),
        }
    }

    /// Another handle, for who flushes from elsewhere; dropping it ends nothing.
    pub fn handle(&self) -> Telemetry {
        Self {
            running: self.running.clone(),
            owner: false,
            #[cfg(feature = "prometheus")]
            scrape: self.scrape.clone(),
            #[cfg(feature = "prometheus")]
            server: Mutex::new(None),
        }
    }

    /// Ends telemetry within the exit budget and says what became of everything. What is emitted later is counted,
    /// nothing else. Blocks: in async code of a service use [`Telemetry::shutdown_async`].
    pub fn shutdown(mut self) -> ShutdownReport {
        self.running.take().map(|running| running.end()).unwrap_or_default()
    }

    /// As [`Telemetry::shutdown`], for async code: a service ends on a plain thread, so that no thread of the async
    /// runtime waits; a command, which waits for nothing, ends right here.
    pub fn shutdown_async(mut self) -> impl Future<Output = ShutdownReport> + Send {
        let running = self.running.take();
        async move {
            match running {
                None => ShutdownReport::default(),
                Some(running) if running.role == Role::Cli => running.end(),
                Some(running) => background::on_thread(move || running.end()).await,
            }
        }
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("on", &self.is_on()).finish_non_exhaustive()
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        let Some(running) = self.running.take().filter(|_| self.owner) else { return };
        let verbose = running.verbose;
        let report = running.end();
        if verbose && (report.lost() > 0 || report.timed_out) {
            say("not everything got out", &[report.to_string()]);
        }
    }
}

impl Running {
    fn is_alive(&self) -> bool {
        self.pid == std::process::id() && matches!(*self.phase(), Phase::Running)
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first caller does the work; others wait for its report within their own budget.
    fn end(&self) -> ShutdownReport {
        // A forked child has its parent's records only as copies.
        if self.pid != std::process::id() {
            return ShutdownReport::default();
        }
        let started = Instant::now();
        let deadline = started + self.budget;
        let mut phase = self.phase();
        loop {
            match &*phase {
                Phase::Running => break,
                Phase::Ended(report) => return report.clone(),
                Phase::Ending => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return ShutdownReport { timed_out: true, elapsed: started.elapsed(), ..Default::default() };
                    }
                    phase = self.ended.wait_timeout(phase, left).unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        *phase = Phase::Ending;
        drop(phase);
        setup::panic::set(false);
        propagation::release_incoming();
        let shut = || catch_unwind(AssertUnwindSafe(|| self.pipelines.shutdown(deadline)));
        let report = match ALIVE.try_with(|_| ()) {
            Ok(()) => shut(),
            // From the destructor of a thread-local: exporters would miss theirs.
            Err(_) => std::thread::scope(|scope| {
                let thread = std::thread::Builder::new().name("otel-shutdown".to_owned());
                match thread.spawn_scoped(scope, shut) {
                    Ok(thread) => thread.join().unwrap_or_else(Err),
                    Err(_) => shut(),
                }
            }),
        };
        let report = report.unwrap_or_else(|_| ShutdownReport { timed_out: true, ..Default::default() });
        *self.phase() = Phase::Ended(report.clone());
        self.ended.notify_all();
        report
    }
}

/// Ends telemetry as [`Telemetry::shutdown`] does, then the process: for code that cannot return to `main`.
pub fn exit(code: i32) -> ! {
    end_running();
    std::process::exit(code)
}

/// First thing in `main`: turns the process into the detached drainer when that is what it was started for.
pub fn on_start() {
    ON_START.store(true, Ordering::Relaxed);
    #[cfg(all(feature = "otlp", target_os = "linux"))]
    crate::deliver::drainer::run_if_asked();
}

/// Whether a detached drainer can be started from this program.
pub(crate) fn on_start_was_called() -> bool {
    ON_START.load(Ordering::Relaxed)
}

fn running() -> MutexGuard<'static, Option<Arc<Running>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends whatever runs.
fn end_running() {
    let running = running().clone();
    if let Some(running) = running {
        running.end();
    }
}

/// One line on standard error about telemetry itself.
fn say(what: &'static str, parts: &[String]) {
    if !parts.is_empty() {
        logs::say(Severity::Warn, what, &parts.join("; "));
    }
}
