//! The app's settings: which source wins, what is refused, and that no secret is ever shown.

use secrecy::ExposeSecret;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};
use todo_app::config::{self, AppConfig, Color, ConfigError, EnrichDefault, Inputs, Row, Source, TEMPLATE, Vendor};

const KEY: &str = "sk-proj-canary-5f2c9b1e7d";

struct Home {
    folder: tempfile::TempDir,
    inputs: Inputs,
}

fn home() -> Home {
    let folder = tempfile::tempdir().unwrap();
    let mut inputs = Inputs::default();
    inputs.env.insert("HOME".into(), folder.path().display().to_string());
    Home { folder, inputs }
}

impl Home {
    fn file(mut self, text: &str) -> Home {
        let path = self.path("config.toml");
        write(&path, text, 0o600);
        self.inputs.config_flag = Some(path);
        self
    }

    fn env(mut self, name: &str, value: &str) -> Home {
        self.inputs.env.insert(name.into(), value.into());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn load(&self) -> Result<AppConfig, ConfigError> {
        config::load(&self.inputs)
    }

    #[track_caller]
    fn row(&self, key: &str) -> Row {
        self.load().unwrap().rows().iter().find(|row| row.key == key).cloned().expect(key)
    }

    #[track_caller]
    fn refused(&self, part: &str) -> ConfigError {
        let error = self.load().expect_err("refused");
        assert!(error.problem.contains(part), "{:?} does not say {part:?}", error.problem);
        assert!(!error.hint.is_empty());
        assert!(!format!("{error:?}").contains(KEY), "the error shows the key");
        error
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn nothing_configured_means_the_local_rules_and_the_usual_places() {
    let home = home();
    let config = home.load().unwrap();
    assert_eq!((config.ai.vendor, config.ai.model.as_str()), (Vendor::Local, "rules-1"));
    assert_eq!((config.ai.timeout, config.ai.budget), (Duration::from_secs(10), Duration::from_secs(20)));
    assert_eq!((config.ai.enrich, config.ai.allow_http), (EnrichDefault::Inline, false));
    assert_eq!(config.database.url, home.path(".local/share/todo/todo.db").display().to_string());
    assert_eq!(config.ui.color, Color::Auto);
    assert!(config.file.is_none() && config.warnings.is_empty());
    assert_eq!(home.row("ai.provider").source.to_string(), "auto");
    assert!(config.rows().iter().all(|row| row.key == "ai.provider" || row.source == Source::Default));
}

#[test]
fn auto_takes_the_vendor_whose_key_or_address_is_set() {
    for (variables, vendor, model) in [
        (&["OPENAI_API_KEY"][..], Vendor::OpenAi, "gpt-4.1-mini"),
        (&["OPENAI_BASE_URL"], Vendor::OpenAi, "gpt-4.1-mini"),
        (&["ANTHROPIC_API_KEY"], Vendor::Anthropic, "claude-haiku-4-5"),
        (&["ANTHROPIC_BASE_URL"], Vendor::Anthropic, "claude-haiku-4-5"),
        (&["ANTHROPIC_API_KEY", "OPENAI_BASE_URL"], Vendor::OpenAi, "gpt-4.1-mini"),
    ] {
        let home = variables.iter().fold(home(), |home, name| home.env(name, "http://localhost:1"));
        let ai = home.load().unwrap().ai;
        assert_eq!((ai.vendor, ai.model.as_str()), (vendor, model), "{variables:?}");
        let decisive = variables.iter().find(|name| name.starts_with("OPENAI")).unwrap_or(&variables[0]);
        assert_eq!(home.row("ai.provider").source.to_string(), *decisive);
    }
    let empty = home().env("OPENAI_API_KEY", "");
    assert_eq!(empty.load().unwrap().ai.vendor, Vendor::Local, "empty counts as unset");
}

#[test]
fn the_environment_wins_over_the_file_and_a_flag_over_both() {
    let file = "[ai]\nprovider = \"anthropic\"\nmodel = \"from-file\"\n[database]\nurl = \"/from/file.db\"\n";
    let home = home().file(file).env("TODO_AI_PROVIDER", "openai").env("TODO_DATABASE_URL", "/from/env.db");
    let config = home.load().unwrap();
    assert_eq!((config.ai.vendor, config.ai.model.as_str()), (Vendor::OpenAi, "from-file"));
    assert_eq!(home.row("ai.provider").source, Source::Env("TODO_AI_PROVIDER"));
    assert_eq!(home.row("ai.model").source, Source::File(3));
    assert_eq!(home.row("database.url").value, "/from/env.db");

    let mut flagged = home;
    flagged.inputs.database_flag = Some("/from/flag.db".into());
    assert_eq!(
        flagged.row("database.url"),
        Row { key: "database.url", value: "/from/flag.db".into(), source: Source::Flag("--db") }
    );
}

#[test]
fn a_key_comes_from_the_environment_a_variable_or_a_private_file() {
    let from_env = home().env("OPENAI_API_KEY", KEY);
    assert_eq!(from_env.row("ai.api_key").source, Source::Env("OPENAI_API_KEY"));

    let named = home().file("[ai]\nprovider = \"anthropic\"\napi_key = \"${MY_KEY}\"\n").env("MY_KEY", KEY);
    write(&named.path("config.toml"), "[ai]\nprovider = \"anthropic\"\napi_key = \"${MY_KEY}\"\n", 0o644);

    let in_file = home().file("[ai]\nprovider = \"openai\"\napi_key_file = \"~/key\"\n");
    write(&in_file.path("key"), &format!("{KEY}\n"), 0o600);

    let literal = home().file(&format!("[ai]\nprovider = \"openai\"\napi_key = \"{KEY}\"\n"));

    for home in [from_env, named, in_file, literal] {
        let config = home.load().unwrap();
        assert_eq!(config.ai.api_key.as_ref().unwrap().expose_secret(), KEY);
        let row = home.row("ai.api_key");
        assert_eq!(row.value, "[redacted]");
        assert!(!format!("{config:?}").contains(KEY));
        assert!(!format!("{:?}", config.rows()).contains(KEY));
    }
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_remedy() {
    let home1 = home().file("[ai]\nprovider = \"openai\"\napi_key_file = \"~/key\"\n");
    for mode in [0o640, 0o604, 0o620, 0o644] {
        write(&home1.path("key"), KEY, mode);
        assert!(home1.refused("open to other users").hint.starts_with("chmod 600 "));
    }
    fs::remove_file(home1.path("key")).unwrap();
    home1.refused("key file");

    let home2 = home().file("");
    write(&home2.path("config.toml"), &format!("[ai]\nprovider = \"openai\"\napi_key = \"{KEY}\"\n"), 0o644);
    assert!(home2.refused("can be read by other users").hint.contains("chmod 600"));
}

#[test]
fn a_file_that_others_can_write_is_not_trusted() {
    for mode in [0o620, 0o602, 0o666] {
        let home = home().file("");
        write(&home.path("config.toml"), "[ai]\n", mode);
        assert!(home.refused("can be written by other users").hint.contains("chmod go-w"));
    }
}

#[test]
fn keys_and_addresses_need_a_named_vendor() {
    for line in ["api_key = \"x\"", "api_key_file = \"x\"", "base_url = \"http://localhost:1\""] {
        home().file(&format!("[ai]\n{line}\n")).refused("needs an explicit vendor");
    }
    home().file("[ai]\nprovider = \"openai\"\nbase_url = \"http://localhost:1\"\n").load().unwrap();
}

#[test]
fn bad_values_are_refused_by_name_and_place() {
    for (text, part) in [
        ("[ai]\nprovider = \"gemini\"\n", "ai.provider (file, line 2): unknown value `gemini`"),
        ("[ai]\nprovider = 7\n", "(line 2) must be text"),
        ("[ai]\ntimeout = 10\n", "ai.timeout"),
        ("[ai]\ntimeout = \"10\"\n", "ai.timeout"),
        ("[ai]\nbudget = \"2h\"\n", "ai.budget"),
        ("[ai]\nbudget = \"1ms\"\n", "ai.budget"),
        ("[ai]\nallow_http = \"yes\"\n", "allow_http"),
        ("[ai]\nmodels = \"gpt\"\n", "models"),
        ("[ai]\nenrich = \"later\"\n", "ai.enrich"),
        ("[ui]\ncolor = \"blue\"\n", "ui.color"),
        ("[ui]\nfirst_weekday = \"noday\"\n", "ui.first_weekday"),
        ("[ui]\ndate_format = \"%Q\"\n", "date_format"),
        ("[ai\n", "line 1: not valid TOML"),
        ("[ai]\nmodel = gpt\n", "line 2: not valid TOML"),
    ] {
        home().file(text).refused(part);
    }
    // A variable of the environment stops only what asks the provider.
    for (name, value, part) in
        [("TODO_AI_PROVIDER", "gemini", "TODO_AI_PROVIDER"), ("OPENAI_API_KEY", "sk-with a blank", "API key of openai")]
    {
        let refused = home().env(name, value).load().unwrap().ai.refused.expect("refused");
        assert!(refused.problem.contains(part) && !refused.hint.is_empty(), "{refused:?}");
    }
}

#[test]
fn a_broken_line_with_a_key_in_it_is_not_quoted() {
    let error = home().file(&format!("[ai]\napi_key = {KEY}\n")).refused("line 2");
    assert!(!error.problem.contains("api_key"));
}

#[test]
fn a_file_that_was_asked_for_must_exist() {
    let mut missing = home();
    missing.load().unwrap();
    missing.inputs.config_flag = Some(missing.path("nowhere.toml"));
    missing.refused("nowhere.toml");
    let by_variable = home().env("TODO_CONFIG", "/nowhere/at/all.toml");
    by_variable.refused("/nowhere/at/all.toml");
    let folder = home();
    let mut as_file = home();
    as_file.inputs.config_flag = Some(folder.folder.path().to_owned());
    as_file.refused("not a regular file");
    home().file(&"#".repeat(300 * 1024)).refused("limit is 262144");
}

#[test]
fn mistakes_that_change_nothing_are_warned_about() {
    let home =
        home().file("loose = 1\n[ai]\nprovder = \"openai\"\nmodel = \"${UNSET}\"\n[observability]\nanything = 1\n");
    let config = home.load().unwrap();
    assert_eq!(config.warnings.len(), 3, "{:?}", config.warnings);
    assert!(
        config.warnings.iter().any(|line| line.contains("unknown setting `ai.provder`") && line.contains("line 3"))
    );
    assert!(config.warnings.iter().any(|line| line.contains("variable UNSET is not set")));
    assert!(config.warnings.iter().any(|line| line.contains("`loose`")));
}

#[test]
fn variables_stand_in_for_parts_of_a_text_once() {
    let home = home()
        .file("[ai]\nprovider = \"openai\"\nmodel = \"${A}-${B:-mini}-$$5-${EMPTY:-x}\"\n")
        .env("A", "${B}")
        .env("EMPTY", "");
    assert_eq!(home.load().unwrap().ai.model, "${B}-mini-$5-x");
}

#[test]
fn passwords_in_addresses_are_not_shown() {
    for (url, shown) in [
        ("postgres://ann:s3cret-s3cret@db.example/todo", "postgres://ann:[redacted]@db.example/todo"),
        ("postgres://db/todo?user=ann&password=s3cret-s3cret", "postgres://db/todo?user=ann&password=[redacted]"),
        ("postgres://ann@db/todo", "postgres://ann@db/todo"),
        ("/home/ann/todo.db", "/home/ann/todo.db"),
    ] {
        let home = home().env("TODO_DATABASE_URL", url);
        assert_eq!(home.row("database.url").value, shown);
        assert_eq!(home.load().unwrap().database.shown(), shown);
        assert_eq!(home.load().unwrap().database.url, url);
    }
}

#[test]
fn colour_follows_no_color_unless_it_was_asked_for() {
    assert_eq!(home().env("NO_COLOR", "1").load().unwrap().ui.color, Color::Never);
    assert_eq!(home().env("NO_COLOR", "").load().unwrap().ui.color, Color::Auto);
    assert_eq!(home().env("NO_COLOR", "1").env("TODO_COLOR", "always").load().unwrap().ui.color, Color::Always);
}

#[test]
fn the_template_is_valid_changes_nothing_and_shows_real_defaults() {
    let plain = home();
    let fresh = home().file(TEMPLATE);
    let config = fresh.load().unwrap();
    assert_eq!(config.warnings, Vec::<String>::new());
    assert!(config.rows().iter().all(|row| matches!(row.source, Source::Default | Source::Auto)));

    // With every setting switched on, nothing is unknown and every value but the place of the database is the default.
    let active: Vec<String> = TEMPLATE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.contains(" = ") && !setting.starts_with("api_key") => setting.to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    let all_on = home().file(&active.join("\n"));
    let config = all_on.load().unwrap();
    assert_eq!(config.warnings, Vec::<String>::new());
    for row in config.rows().iter().filter(|row| row.key != "database.url") {
        assert_eq!(row.value, plain.row(row.key).value, "{}", row.key);
    }
    assert_eq!(config.ui, plain.load().unwrap().ui);
    let described =
        config.rows().iter().filter(|row| TEMPLATE.contains(&format!("# {} = ", row.key.split_once('.').unwrap().1)));
    assert_eq!(described.count(), config.rows().len(), "every setting stands in the template");
}

#[test]
fn init_writes_a_private_file_once() {
    let home = home();
    let path = home.path("new/folder/config.toml");
    config::init_file(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_to_string(&path).unwrap(), TEMPLATE);
    fs::write(&path, "mine").unwrap();
    assert!(config::init_file(&path).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}
