#!/usr/bin/env python3
"""What 1,000 annotated functions cost to compile: ours beside tracing::instrument and fastrace::trace.

Builds one crate per attribute and kind of function, then measures only that crate again, without incremental state:
`cargo check` and a debug build, median of ROUNDS (3), interleaved. CPU seconds of the compiler, so that a busy machine
changes little. Prints the table in Markdown.

    ./benches/compile_cost.py            # everything
    ROUNDS=1 FUNCTIONS=200 ./benches/compile_cost.py traced fastrace
"""
import os, pathlib, resource, shutil, statistics, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROUNDS = int(os.environ.get("ROUNDS", "3"))
FUNCTIONS = int(os.environ.get("FUNCTIONS", "1000"))
RUNTIME = f'todo-otel-runtime = {{ path = "{ROOT}/todo-otel-runtime", default-features = false, features = ["runtime"] }}'
VARIANTS = {
    "bare": ("", ""),
    "traced": (RUNTIME, "#[todo_otel_runtime::traced]"),
    "traced + red_metrics": (RUNTIME, "#[todo_otel_runtime::traced] #[todo_otel_runtime::red_metrics]"),
    "fastrace": ('fastrace = { version = "0.7.19", features = ["enable"] }', "#[fastrace::trace]"),
    "tracing": ('tracing = "0.1.44"', "#[tracing::instrument(skip_all, err)]"),
}
BODY = '{ if c { Ok(a as u64 + b.len() as u64 + %d) } else { Err(b.to_string()) } }'


def source(attribute, kind):
    asynchronous = "async " if kind == "async" else ""
    functions = "".join(
        f"{attribute}\npub {asynchronous}fn f{i}(a: i64, b: &str, c: bool) -> Result<u64, String> {BODY % i}\n"
        for i in range(FUNCTIONS)
    )
    if kind == "sync":
        calls = "".join(f'sum += f{i}(1, "x", true).unwrap_or(0);\n' for i in range(FUNCTIONS))
    else:
        calls = "".join(f'sum += poll(Box::pin(f{i}(1, "x", true)));\n' for i in range(FUNCTIONS))
    poll = """type Boxed<'a> = std::pin::Pin<Box<dyn Future<Output = Result<u64, String>> + 'a>>;
fn poll(mut future: Boxed<'_>) -> u64 {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) { std::task::Poll::Ready(r) => r.unwrap_or(0), std::task::Poll::Pending => 0 }
}
"""
    return f'{functions}{poll if kind == "async" else ""}fn main() {{ let mut sum = 0u64;\n{calls}println!("{{sum}}"); }}\n'


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    chosen = [name for name in VARIANTS if not sys.argv[1:] or name == "bare" or any(a in name for a in sys.argv[1:])]
    work = pathlib.Path(tempfile.mkdtemp(prefix="compile-cost-"))
    environment = dict(os.environ, CARGO_INCREMENTAL="0", CARGO_TARGET_DIR=os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target")))
    environment["CARGO_TARGET_DIR"] = environment["CARGO_TARGET_DIR"] + "/compile-cost"
    jobs = {}
    for kind in ("sync", "async"):
        for index, name in enumerate(chosen):
            dependency, attribute = VARIANTS[name]
            folder = work / f"cost_{kind}_{index}"
            (folder / "src").mkdir(parents=True)
            (folder / "Cargo.toml").write_text(
                f'[package]\nname = "cost_{kind}_{index}"\nversion = "0.0.0"\nedition = "2024"\n\n[dependencies]\n{dependency}\n\n[workspace]\n'
            )
            shutil.copy(ROOT / "Cargo.lock", folder / "Cargo.lock")
            (folder / "src/main.rs").write_text(source(attribute, kind))
            for command in ("check", "build"):
                subprocess.run(["cargo", command, "-q"], cwd=folder, env=environment, check=True, stderr=subprocess.DEVNULL)
            jobs[kind, name] = folder
    seconds = {}
    for _ in range(ROUNDS):
        for (kind, name), folder in jobs.items():
            for command in ("check", "build"):
                os.utime(folder / "src/main.rs")
                before = cpu()
                subprocess.run(["cargo", command, "-q"], cwd=folder, env=environment, check=True, stderr=subprocess.DEVNULL)
                seconds.setdefault((kind, name, command), []).append(cpu() - before)
    print(f"{FUNCTIONS} functions, CPU seconds, median of {ROUNDS}; added per function in ms\n")
    print("| | sync check | sync build | async check | async build |\n|---|---|---|---|---|")
    middle = {key: statistics.median(values) for key, values in seconds.items()}
    for name in chosen:
        cells = []
        for kind in ("sync", "async"):
            for command in ("check", "build"):
                own, bare = middle[kind, name, command], middle[kind, "bare", command]
                cells.append(f"{own:.2f} (+{(own - bare) * 1000 / FUNCTIONS:.2f})")
        print(f"| {name} | " + " | ".join(cells) + " |")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
