//! The process itself, as the conventions name it; read from `/proc` at each collection, in role `Service` only.

use std::{sync::Once, time::Instant};

use super::{Observer, counter, gauge, up_down_counter};

counter! {
    /// Processor time.
    static CPU_TIME: f64 = "process.cpu.time", unit = "s", description = "Processor time.",
        labels = { "cpu.mode": &'static str };
    /// Context switches.
    static CONTEXT_SWITCHES: u64 = "process.context_switches", unit = "{context_switch}",
        description = "Context switches.", labels = { "process.context_switch.type": &'static str };
    /// Page faults.
    static PAGE_FAULTS: u64 = "process.paging.faults", unit = "{fault}", description = "Page faults.",
        labels = { "system.paging.fault.type": &'static str };
    /// Bytes from and to storage.
    static DISK_IO: u64 = "process.disk.io", unit = "By", description = "Bytes from and to storage.",
        labels = { "disk.io.direction": &'static str };
}

up_down_counter! {
    /// Resident memory.
    static MEMORY: i64 = "process.memory.usage", unit = "By", description = "Resident memory.";
    /// Address space.
    static MEMORY_VIRTUAL: i64 = "process.memory.virtual", unit = "By", description = "Address space.";
    /// Threads.
    static THREADS: i64 = "process.thread.count", unit = "{thread}", description = "Threads.";
    /// Open files.
    static FILES: i64 = "process.unix.file_descriptor.count", unit = "{file_descriptor}", description = "Open files.";
}

gauge! {
    /// Time since metrics were started.
    static UPTIME: f64 = "process.uptime", unit = "s", description = "Time since telemetry was started.";
}

/// Ticks of `/proc` per second: `USER_HZ`, which is 100 wherever Linux runs today.
const TICKS: f64 = 100.0;

/// Registers the callback, once per process.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    let started = Instant::now();
    ONCE.call_once(|| {
        super::observe(move |o| {
            o.set(&UPTIME, started.elapsed().as_secs_f64(), ());
            stat(o);
            status(o);
            io(o);
            if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
                o.level(&FILES, files.count() as i64, ());
            }
        });
    });
}

fn stat(o: &Observer) -> Option<()> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name may hold spaces and parentheses; what follows the last one has neither.
    let fields: Vec<u64> =
        text.rsplit_once(')')?.1.split_whitespace().skip(1).map(|f| f.parse().unwrap_or(0)).collect();
    // Numbered from the field after the state, which is the fourth of the manual page.
    let field = |manual: usize| fields.get(manual - 4).copied();
    o.total(&PAGE_FAULTS, field(10)?, ("minor",));
    o.total(&PAGE_FAULTS, field(12)?, ("major",));
    o.total(&CPU_TIME, field(14)? as f64 / TICKS, ("user",));
    o.total(&CPU_TIME, field(15)? as f64 / TICKS, ("system",));
    o.level(&THREADS, field(20)? as i64, ());
    Some(())
}

fn status(o: &Observer) -> Option<()> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = |key: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim_start_matches(':').split_whitespace().next()?.parse().ok()
    };
    o.level(&MEMORY, value("VmRSS")? as i64 * 1024, ());
    o.level(&MEMORY_VIRTUAL, value("VmSize")? as i64 * 1024, ());
    o.total(&CONTEXT_SWITCHES, value("voluntary_ctxt_switches")?, ("voluntary",));
    o.total(&CONTEXT_SWITCHES, value("nonvoluntary_ctxt_switches")?, ("involuntary",));
    Some(())
}

fn io(o: &Observer) -> Option<()> {
    let text = std::fs::read_to_string("/proc/self/io").ok()?;
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
    o.total(&DISK_IO, value("read_bytes:")?, ("read",));
    o.total(&DISK_IO, value("write_bytes:")?, ("write",));
    Some(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::{
        catalogue::{Checker, declarations},
        metrics::{snapshot, state},
    };

    #[test]
    fn a_service_tells_about_its_process_by_the_names_of_the_conventions() {
        state::set_enabled(true);
        state::set_in_flight(true);
        watch();
        let all = snapshot();
        for name in ["process.uptime", "process.cpu.time", "process.memory.usage", "process.thread.count"] {
            assert!(all.metric(name).is_some_and(|metric| !metric.data.is_empty()), "{name}");
        }
        let own: Vec<_> = declarations().into_iter().filter(|d| d.name.starts_with("process.")).collect();
        assert_eq!(own.len(), 9);
        assert_eq!(Checker { app: "acme", own: &[] }.declared(&own), []);
    }
}
