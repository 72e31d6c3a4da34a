//! The workload that every competitor runs, and the loop that times it.
//!
//! One process per competitor and mode, because each owns process globals. A chunk is 10 roots with 100 calls each,
//! timed on the caller; the pipeline is flushed untimed after every chunk, so nothing overflows and the figure is what
//! the calling thread pays. `compare` starts the processes and prints the table.

use std::{
    env,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

pub use std::hint::black_box;

/// Roots of a chunk.
pub const ROOTS: u64 = 10;
/// Calls under each root.
pub const CALLS_PER_ROOT: u64 = 100;
/// Calls of a chunk.
pub const CALLS: u64 = ROOTS * CALLS_PER_ROOT;

/// The mode of this process: `sampled`, `unsampled` or `disabled`.
pub fn mode() -> String {
    env::var("BENCH_MODE").unwrap_or_else(|_| "sampled".into())
}

/// A named way to run one chunk; `make` gives a runner with its own state.
pub struct Case {
    name: &'static str,
    make: Box<dyn Fn() -> Runner>,
}

type Runner = Box<dyn FnMut() -> Duration>;

/// One chunk of calls under roots.
#[inline(always)]
pub fn calls<G>(root: impl Fn() -> G, call: impl Fn(u64) -> u64) -> Duration {
    let start = Instant::now();
    for _ in 0..ROOTS {
        let guard = root();
        for i in 0..CALLS_PER_ROOT {
            black_box(call(black_box(i)));
        }
        drop(guard);
    }
    start.elapsed()
}

/// One chunk of calls where `under` opens a root round the calls it is given (for attributes that need a function).
#[inline(always)]
pub fn calls_under(under: impl Fn(&dyn Fn()), call: impl Fn(u64) -> u64) -> Duration {
    let start = Instant::now();
    for _ in 0..ROOTS {
        under(&|| {
            for i in 0..CALLS_PER_ROOT {
                black_box(call(black_box(i)));
            }
        });
    }
    start.elapsed()
}

/// One chunk of roots without anything inside.
#[inline(always)]
pub fn roots(root: impl Fn(u64)) -> Duration {
    let start = Instant::now();
    for i in 0..CALLS {
        root(black_box(i));
    }
    start.elapsed()
}

/// A case on one thread.
pub fn case(name: &'static str, chunk: impl Fn() -> Duration + Clone + 'static) -> Case {
    Case { name, make: Box::new(move || Box::new(chunk.clone())) }
}

/// The same chunk on two threads at once, started together; the mean of the two.
pub fn case_on_two_threads(name: &'static str, chunk: impl Fn() -> Duration + Clone + Send + 'static) -> Case {
    Case {
        name,
        make: Box::new(move || {
            let (ours, theirs) = (chunk.clone(), chunk.clone());
            let shared = Arc::new(Handshake::default());
            let helper =
                Helper { shared: shared.clone(), thread: Some(thread::spawn(move || assist(&shared, theirs))) };
            let mut round = 0;
            Box::new(move || {
                round += 1;
                helper.shared.round.store(round, Ordering::Release);
                spin_until(|| helper.shared.ready.load(Ordering::Acquire) == round);
                helper.shared.go.store(round, Ordering::Release);
                let elapsed = ours();
                spin_until(|| helper.shared.done.load(Ordering::Acquire) == round);
                (elapsed + Duration::from_nanos(helper.shared.nanos.load(Ordering::Relaxed))) / 2
            })
        }),
    }
}

#[derive(Default)]
struct Handshake {
    round: AtomicU64,
    ready: AtomicU64,
    go: AtomicU64,
    done: AtomicU64,
    nanos: AtomicU64,
}

const STOP: u64 = u64::MAX;

struct Helper {
    shared: Arc<Handshake>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.shared.round.store(STOP, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the second thread ended without a panic");
        }
    }
}

fn assist(shared: &Handshake, chunk: impl Fn() -> Duration) {
    let mut seen = 0;
    loop {
        let round = shared.round.load(Ordering::Acquire);
        if round == STOP {
            return;
        }
        if round == seen {
            thread::yield_now();
            continue;
        }
        seen = round;
        shared.ready.store(round, Ordering::Release);
        spin_until(|| shared.go.load(Ordering::Acquire) == round);
        let elapsed = chunk();
        shared.nanos.store(elapsed.as_nanos() as u64, Ordering::Relaxed);
        shared.done.store(round, Ordering::Release);
    }
}

fn spin_until(condition: impl Fn() -> bool) {
    while !condition() {
        std::hint::spin_loop();
    }
}

/// Drives a future on this thread without a runtime.
#[inline(always)]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

/// Pending once, then ready.
pub struct Yield(pub bool);

impl Future for Yield {
    type Output = ();

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        Poll::Pending
    }
}

/// The work of every function without attributes.
#[inline(always)]
pub fn body(x: u64) -> u64 {
    black_box(x).wrapping_add(1)
}

/// The work of every function with three attributes.
#[inline(always)]
pub fn body3(a: i64, b: &str, c: bool) -> u64 {
    black_box(a) as u64 + black_box(b).len() as u64 + black_box(c) as u64
}

/// Defines `f0 f3 a0 a1 a3 n1..n10` under the given attributes: sync, sync with three arguments, async with one poll,
/// async with one suspension, async with three arguments, ten functions that call each other. The arguments' names come
/// from the caller, because an attribute can only name what its own hygiene sees.
#[macro_export]
macro_rules! functions {
    (plain = [$($plain:tt)*], three = [$($three:tt)*], arguments = $a:ident $b:ident $c:ident) => {
        $($plain)* #[inline(never)] fn f0(x: u64) -> u64 { $crate::body(x) }
        $($three)* #[inline(never)] fn f3($a: i64, $b: &str, $c: bool) -> u64 { $crate::body3($a, $b, $c) }
        $($plain)* #[inline(never)] async fn a0(x: u64) -> u64 { $crate::body(x) }
        $($plain)* #[inline(never)] async fn a1(x: u64) -> u64 { $crate::Yield(false).await; $crate::body(x) }
        $($three)* #[inline(never)] async fn a3($a: i64, $b: &str, $c: bool) -> u64 { $crate::body3($a, $b, $c) }
        $($plain)* #[inline(never)] fn n10(x: u64) -> u64 { $crate::body(x) }
        $crate::functions!(@nest [$($plain)*] n9 n10; n8 n9; n7 n8; n6 n7; n5 n6; n4 n5; n3 n4; n2 n3; n1 n2);
    };
    (@nest $plain:tt $($outer:ident $inner:ident);*) => { $($crate::functions!(@one $plain $outer $inner);)* };
    (@one [$($plain:tt)*] $outer:ident $inner:ident) => {
        $($plain)* #[inline(never)] fn $outer(x: u64) -> u64 { $inner($crate::body(x)) }
    };
}

/// The cases over the functions of [`functions!`]; `$under` opens a root round a closure, `$root` is one empty root.
#[macro_export]
macro_rules! cases {
    ($under:expr, $root:expr) => {{
        use $crate::{CALLS_PER_ROOT, ROOTS, black_box, block_on, calls_under, case, case_on_two_threads, roots};
        vec![
            case("sync", || calls_under($under, f0)),
            case("sync + 3 attributes", || calls_under($under, |i| f3(i as i64, black_box("hello"), black_box(true)))),
            case("async, one poll", || calls_under($under, |i| block_on(a0(i)))),
            case("async, one suspension", || calls_under($under, |i| block_on(a1(i)))),
            case("async + 3 attributes", || {
                calls_under($under, |i| block_on(a3(i as i64, black_box("hello"), black_box(true))))
            }),
            case("each of 10 nested", || {
                let start = std::time::Instant::now();
                for _ in 0..ROOTS {
                    $under(&|| {
                        for i in 0..CALLS_PER_ROOT / 10 {
                            black_box(n1(black_box(i)));
                        }
                    });
                }
                start.elapsed()
            }),
            case("root", || roots($root)),
            case_on_two_threads("sync on 2 threads", || calls_under($under, f0)),
        ]
    }};
}

/// Runs the cases: all of them, or the one named by `BENCH_CASE`. `flush` runs untimed after every chunk and must
/// leave the pipeline empty. `BENCH_LIST` prints the names; `BENCH_CHUNKS=n` runs n chunks for instruction counts.
pub fn run(peer: &str, cases: Vec<Case>, flush: impl Fn()) {
    if env::var_os("BENCH_LIST").is_some() {
        cases.iter().for_each(|case| println!("{}", case.name));
        return;
    }
    let only = env::var("BENCH_CASE").ok();
    let chosen = cases.iter().filter(|case| only.as_deref().is_none_or(|only| only == case.name));
    if let Some(chunks) = number("BENCH_CHUNKS") {
        for case in chosen {
            let mut runner = (case.make)();
            (0..chunks).for_each(|_| {
                runner();
            });
        }
        return;
    }
    let mut criterion = criterion::Criterion::default()
        .without_plots()
        .nresamples(1001)
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(number("BENCH_MS").unwrap_or(250)));
    for case in chosen {
        let mut runner = (case.make)();
        let mut group = criterion.benchmark_group(format!("{peer} {}", mode()));
        group.throughput(criterion::Throughput::Elements(CALLS));
        group.bench_function(case.name, |bencher| {
            bencher.iter_custom(|iterations| {
                let mut total = Duration::ZERO;
                for _ in 0..iterations {
                    total += runner();
                    flush();
                }
                total
            })
        });
        group.finish();
    }
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

/// What OpenTelemetry-based competitors share: a batch processor before an exporter that drops, and counts.
pub mod dropping {
    use super::*;
    use opentelemetry_sdk::{
        error::OTelSdkResult,
        trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter},
    };

    /// Spans that reached the exporter.
    pub static EXPORTED: AtomicU64 = AtomicU64::new(0);

    /// Counts spans and drops them.
    #[derive(Debug)]
    pub struct DroppingExporter;

    impl SpanExporter for DroppingExporter {
        fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
            EXPORTED.fetch_add(batch.len() as u64, Ordering::Relaxed);
            drop(black_box(batch));
            std::future::ready(Ok(()))
        }
    }

    /// A provider whose queue holds a whole chunk of two threads, so that nothing is dropped between flushes.
    pub fn provider() -> SdkTracerProvider {
        let root = if mode() == "unsampled" { Sampler::AlwaysOff } else { Sampler::AlwaysOn };
        let processor = BatchSpanProcessor::builder(DroppingExporter)
            .with_batch_config(BatchConfigBuilder::default().with_max_queue_size(8192).build())
            .build();
        SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(root)))
            .with_span_processor(processor)
            .build()
    }
}
