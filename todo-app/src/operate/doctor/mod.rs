//! `todo doctor`: looks at everything the program needs and says what to mend. Each part is looked at by itself, so that
//! one finding hides no other. Not here: what the telemetry of a running server says, which is `verify`.

use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;

mod endpoint;

use crate::{
    analysis,
    app::App,
    domain::EnrichmentMode,
    enrich::ProcessState,
    error::{Error, Result},
    output::{Style, escape},
    store::Store,
};

/// What one look saw.
#[derive(Debug, Serialize)]
pub struct Check {
    /// `config`, `permissions`, `clock`, `store`, `provider` or `endpoint`.
    pub area: &'static str,
    /// Nothing is to be mended.
    pub ok: bool,
    /// What was seen.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Check {
    fn good(area: &'static str, detail: impl Into<String>) -> Check {
        Check { area, ok: true, detail: detail.into(), fix: None }
    }

    fn finding(area: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Check {
        Check { area, ok: false, detail: detail.into(), fix: Some(fix.into()) }
    }

    fn failed(area: &'static str, error: &Error) -> Check {
        Check { area, ok: false, detail: error.to_string(), fix: error.hint() }
    }
}

/// `doctor --json`.
#[derive(Debug, Serialize)]
struct Document {
    checks: Vec<Check>,
    findings: usize,
}

/// Looks at everything and prints what was seen.
///
/// # Errors
/// [`Error::Findings`] when something is to be mended.
pub fn run(app: &mut App) -> Result<()> {
    let mut checks = config(app);
    checks.extend(permissions(app));
    checks.push(clock(app));
    checks.extend(store(app));
    app.signals.check()?;
    checks.push(provider(app));
    app.signals.check()?;
    checks.extend(endpoint::check(app));
    let findings = checks.iter().filter(|check| !check.ok).count();
    let document = Document { checks, findings };
    let styles = app.out.styles;
    app.out.results(&document, || {
        let line = |check: &Check| {
            let word = match check.ok {
                true => styles.paint(Style::Good, "ok  "),
                false => styles.paint(Style::Error, "mend"),
            };
            let fix = check.fix.as_ref().map_or(String::new(), |fix| format!("{:18}fix: {}\n", "", escape(fix)));
            format!("{word}  {:<11} {}\n{fix}", check.area, escape(&check.detail))
        };
        document.checks.iter().map(line).collect()
    })?;
    match findings {
        0 => Ok(()),
        count => Err(Error::Findings(count)),
    }
}

/// The file, and what was refused or ignored in it and in the environment.
fn config(app: &App) -> Vec<Check> {
    const AREA: &str = "config";
    let config = match app.config() {
        Ok(config) => config,
        Err(error) => return vec![Check::failed(AREA, &error)],
    };
    let telemetry = app.telemetry.iter().flat_map(|telemetry| &telemetry.warnings);
    let fix = "correct or remove it; `todo config show` lists what is in force";
    let found = config.warnings.iter().chain(telemetry).map(|warning| Check::finding(AREA, warning, fix));
    let refused = app.telemetry.iter().flat_map(|telemetry| &telemetry.errors);
    let refused = refused.map(|refused| {
        Check::finding(AREA, format!("no telemetry: {}: {}", refused.setting, refused.problem), refused.hint.clone())
    });
    let found: Vec<Check> = found.chain(refused).collect();
    if !found.is_empty() {
        return found;
    }
    let file = config.file.as_ref().map_or("no file, built-in settings".to_owned(), |file| file.display().to_string());
    vec![Check::good(AREA, file)]
}

/// Todos are for their owner alone, who can change them.
fn permissions(app: &App) -> Vec<Check> {
    use rustix::fs::{Access, access};
    use std::os::unix::fs::MetadataExt;
    const AREA: &str = "permissions";
    let file = app.config().ok().and_then(|config| Store::file_of(&config.database.url));
    let Some((file, metadata)) = file.and_then(|file| std::fs::metadata(&file).ok().map(|metadata| (file, metadata)))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mode = metadata.mode() & 0o777;
    let shown = file.display();
    if mode & 0o077 != 0 {
        let detail = format!("{shown} is open to other users (mode {mode:03o})");
        found.push(Check::finding(AREA, detail, format!("chmod 600 '{shown}'")));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    for path in [Some(file.as_path()), folder].into_iter().flatten() {
        if access(path, Access::WRITE_OK).is_err() {
            let detail = format!("{} cannot be written: todos can be looked at, not changed", path.display());
            found.push(Check::finding(
                AREA,
                detail,
                format!("chmod u+w '{}', or choose another with --db", path.display()),
            ));
        }
    }
    if found.is_empty() {
        found.push(Check::good(AREA, format!("{shown} is for its owner alone (mode {mode:03o})")));
    }
    found
}

/// Due days, leases and spans depend on it.
fn clock(app: &App) -> Check {
    const AREA: &str = "clock";
    const FIX: &str = "set the clock, for example with `timedatectl set-ntp true`";
    let now = app.clock.local();
    if !(2026..2100).contains(&now.year()) {
        return Check::finding(AREA, format!("it is {now}, says the clock"), FIX);
    }
    let file = app.config().ok().and_then(|config| Store::file_of(&config.database.url));
    let written = file.and_then(|file| std::fs::metadata(file).ok()?.modified().ok());
    match written.and_then(|written| written.duration_since(SystemTime::now()).ok()) {
        Some(ahead) if ahead > Duration::from_secs(120) => {
            let detail = format!("the database was written {} s in the future: the clock is behind", ahead.as_secs());
            Check::finding(AREA, detail, FIX)
        }
        _ => Check::good(AREA, now.strftime("%Y-%m-%d %H:%M %Z").to_string()),
    }
}

/// Opens it and reads all of it.
fn store(app: &App) -> Vec<Check> {
    const AREA: &str = "store";
    let url = app.config().map(|config| config.database.url.clone()).unwrap_or_default();
    if let Some(file) = Store::file_of(&url).filter(|file| !file.exists()) {
        return vec![Check::good(AREA, format!("no database yet; `todo add` makes {}", file.display()))];
    }
    let started = Instant::now();
    let looked = app.store_to_read().and_then(|store| Ok((store.system(), store.integrity()?)));
    match looked {
        Ok((system, damage)) if damage.is_empty() => {
            vec![Check::good(AREA, format!("{system}: no damage, read in {} ms", started.elapsed().as_millis()))]
        }
        Ok((_, damage)) => {
            let fix = "copy the file away, then try `sqlite3 FILE .recover`; backups lie beside it";
            damage.into_iter().map(|line| Check::finding(AREA, line, fix)).collect()
        }
        Err(error) => vec![Check::failed(AREA, &error)],
    }
}

/// One cheap call: the suggestions for a title of two words, which are thrown away.
fn provider(app: &App) -> Check {
    const AREA: &str = "provider";
    let enricher = match app.enricher() {
        Ok(enricher) => enricher,
        Err(error) => return Check::failed(AREA, &error),
    };
    let request = analysis::sample(app.clock.today(), EnrichmentMode::Inline);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => return Check::failed(AREA, &Error::Io { action: "starting the call".into(), source }),
    };
    let started = Instant::now();
    // What a check learns holds no other command back.
    let answer = runtime.block_on(enricher.enrich(&ProcessState::default(), &request));
    runtime.shutdown_background();
    match answer {
        Ok(answer) => Check::good(
            AREA,
            format!(
                "{}, model {}: {} suggestions in {} ms",
                enricher.provider(),
                enricher.model(),
                answer.suggestions.len(),
                started.elapsed().as_millis()
            ),
        ),
        Err(error) => Check::failed(AREA, &error.into()),
    }
}
