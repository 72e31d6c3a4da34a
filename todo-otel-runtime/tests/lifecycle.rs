//! Start and end of telemetry in one process: idempotent, bounded, silent when off. One test, because the start is the
//! process's.

use std::time::{Duration, Instant};

use todo_otel_runtime::{Config, InitError, Role, Telemetry, config::Flags, init};

fn config(role: Role, env: &[(&str, &str)]) -> Config {
    Config::for_app("acme", role).env(env.iter().copied()).no_file().resolve()
}

#[test]
fn the_life_of_telemetry() {
    // A setting that cannot work is an error that says what to change.
    let error = init(config(Role::Cli, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url")])).expect_err("refused");
    assert!(
        matches!(&error, InitError::Setting { setting, .. } if setting == "OTEL_EXPORTER_OTLP_ENDPOINT"),
        "{error}"
    );
    assert!(error.hint().contains("http://localhost:4318"));

    // Off is off.
    let flags = Flags { no_telemetry: true, ..Flags::default() };
    let off = init(Config::for_app("acme", Role::Service).env([("HOME", "/nowhere")]).no_file().flags(flags).resolve())
        .expect("off");
    assert!(!off.is_on());
    assert_eq!(off.shutdown(), Default::default());

    // A second start is the first one.
    let first = init(config(Role::Service, &[])).expect("starts");
    let second = init(config(Role::Cli, &[])).expect("the same");
    assert!(first.is_on() && second.is_on());
    drop(second);
    assert!(first.is_on(), "the end of the second handle is not the end");

    // The end is the same for whoever asks, and asked by several at once.
    let second = init(config(Role::Cli, &[])).expect("the same");
    let reports: Vec<_> = std::thread::scope(|scope| {
        let ends = [first, second].map(|telemetry| scope.spawn(move || telemetry.shutdown()));
        ends.into_iter().map(|end| end.join().expect("no panic")).collect()
    });
    assert_eq!(reports[0], reports[1]);

    // After the end comes a new start; a refusing receiver delays no end past the budget.
    let nowhere = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"), ("ACME_EXIT_BUDGET_MS", "200")];
    for role in [Role::Cli, Role::Service] {
        let telemetry = init(config(role, &nowhere)).expect("starts again");
        assert!(telemetry.is_on());
        let started = Instant::now();
        let _ = telemetry.shutdown();
        assert!(started.elapsed() < Duration::from_secs(2), "{role:?} {:?}", started.elapsed());
    }

    // From async code, on both kinds of runtime and from a command.
    for role in [Role::Cli, Role::Service] {
        for threads in [None, Some(2)] {
            let mut builder = match threads {
                None => tokio::runtime::Builder::new_current_thread(),
                Some(_) => tokio::runtime::Builder::new_multi_thread(),
            };
            let runtime = builder.build().expect("a runtime");
            let report = runtime.block_on(async {
                let telemetry = init(config(role, &[])).expect("starts again");
                telemetry.shutdown_async().await
            });
            assert!(!report.timed_out, "{role:?} {threads:?}");
        }
    }
    assert!(!Telemetry::off().is_on());
}
