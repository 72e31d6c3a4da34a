//! The effective value and the origin of every setting, for people. Values that are secret never get here.

use super::{Config, Signal, Source, redact, table};

/// One setting with its effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Variable or key.
    pub name: String,
    /// Effective value; credentials are redacted, `-` is none.
    pub value: String,
    /// Where the value came from.
    pub source: String,
}

/// Every setting with its effective value and its origin, in the order of the documentation.
pub fn explain(config: &Config) -> Vec<Setting> {
    let prefix = config.app.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let redactor = config.redactor();
    let mut settings = Vec::new();
    let mut push = |name: String, value: Option<String>, origin: Option<&Source>| {
        let value = match (value, origin) {
            (Some(value), _) => redact::url_credentials(&redactor.redact(&value)),
            (None, Some(_)) => "set".to_owned(),
            (None, None) => "-".to_owned(),
        };
        let source = origin.unwrap_or(&Source::Default).to_string();
        settings.push(Setting { name: name.replace("{APP}", &prefix), value, source });
    };
    for row in table::variables() {
        let origin = |name: &str| config.origins.get(name);
        match row.show {
            table::Show::One(show) => push(row.name().to_owned(), Some(show(config)), origin(row.name())),
            table::Show::Source => push(row.name().replace('*', ""), None, origin(row.name())),
            table::Show::Each(show) => {
                for signal in Signal::ALL {
                    let name = table::signal_name(row.name(), signal);
                    push(name.clone(), Some(show(config, signal)), origin(&name));
                }
            }
        }
    }
    settings
}
