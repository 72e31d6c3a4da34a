//! Questions to Prometheus, Tempo and Loki over HTTP, and how much they answer. Not here: what is asked.

use std::time::Duration;

use reqwest::Url;
use serde_json::Value;

use crate::operate::stack::dashboard::Source;

/// Longest time for one answer.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The query APIs to ask; a server without an address is not asked.
pub struct Servers {
    /// Base URL of Prometheus or Mimir.
    pub prometheus: Option<Url>,
    /// Base URL of Tempo.
    pub tempo: Option<Url>,
    /// Base URL of Loki.
    pub loki: Option<Url>,
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Addresses may hold a password.
        f.write_str("Servers")
    }
}

/// Part of time that a query looks at, unix seconds.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Begin.
    pub from: u64,
    /// End.
    pub to: u64,
    /// Distance of points.
    pub step: u64,
}

impl Servers {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// An address that is no `http` or `https` URL, or a system that refuses a client.
    pub fn new(prometheus: Option<&str>, tempo: Option<&str>, loki: Option<&str>) -> Result<Servers, String> {
        let url = |text: Option<&str>| text.map(base).transpose();
        // The provider of TLS may be installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
        Ok(Servers {
            prometheus: url(prometheus)?,
            tempo: url(tempo)?,
            loki: url(loki)?,
            http: http.build().map_err(|error| format!("no HTTP client: {error}"))?,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| format!("no runtime: {error}"))?,
        })
    }

    /// Whether an address of this server is known.
    pub fn has(&self, source: Source) -> bool {
        self.address(source).is_some()
    }

    fn address(&self, source: Source) -> Option<&Url> {
        match source {
            Source::Prometheus => self.prometheus.as_ref(),
            Source::Tempo => self.tempo.as_ref(),
            Source::Loki => self.loki.as_ref(),
        }
    }

    /// The JSON that a server answers.
    ///
    /// # Errors
    /// No answer, a status other than 2xx with the server's words, or no JSON.
    pub fn get(&self, source: Source, path: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let base = self.address(source).ok_or("no address of this server was given")?;
        let mut url = base.join(path).map_err(|error| error.to_string())?;
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        self.runtime.block_on(async {
            let answer = self.http.get(url).send().await.map_err(|error| error.without_url().to_string())?;
            let status = answer.status();
            let body = answer.text().await.map_err(|error| error.without_url().to_string())?;
            if !status.is_success() {
                return Err(format!("{status}: {}", body.trim().chars().take(300).collect::<String>()));
            }
            serde_json::from_str(&body).map_err(|error| format!("no JSON: {error}"))
        })
    }

    /// How many points a query returns that are neither null nor NaN. `instant` asks for the end of the window only.
    ///
    /// # Errors
    /// As [`Servers::get`]; also a query that the server refuses.
    pub fn points(&self, source: Source, query: &str, instant: bool, window: Window) -> Result<usize, String> {
        let Window { from, to, step } = window;
        let (start, end, step) = (from.to_string(), to.to_string(), step.max(1).to_string());
        match source {
            Source::Prometheus if instant => {
                let answer = self.get(source, "api/v1/query", &[("query", query), ("time", &end)])?;
                Ok(prometheus_points(&answer))
            }
            Source::Prometheus => {
                let parameters = [("query", query), ("start", &*start), ("end", &end), ("step", &step)];
                Ok(prometheus_points(&self.get(source, "api/v1/query_range", &parameters)?))
            }
            Source::Loki => {
                let (start, end) = (format!("{from}000000000"), format!("{to}000000000"));
                let parameters = [("query", query), ("start", &*start), ("end", &end), ("step", &step)];
                Ok(prometheus_points(&self.get(source, "loki/api/v1/query_range", &parameters)?))
            }
            Source::Tempo if is_metric(query) => {
                let step = format!("{step}s");
                let parameters = [("q", query), ("start", &*start), ("end", &end), ("step", &step)];
                let answer = self.get(source, "api/metrics/query_range", &parameters)?;
                let samples = list(&answer["series"]).flat_map(|series| list(&series["samples"]));
                Ok(samples.filter(|sample| sample["value"].is_number()).count())
            }
            Source::Tempo => {
                let parameters = [("q", query), ("start", &*start), ("end", &end), ("limit", "20")];
                Ok(list(&self.get(source, "api/search", &parameters)?["traces"]).count())
            }
        }
    }
}

/// TraceQL that returns series, not traces.
fn is_metric(query: &str) -> bool {
    ["_over_time(", "rate(", "histogram_over_time("].iter().any(|function| query.contains(function))
}

/// Elements of an array; nothing if it is none.
pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Points of a vector, a matrix or streams of log lines.
fn prometheus_points(answer: &Value) -> usize {
    let result = list(&answer["data"]["result"]);
    let is_line = answer["data"]["resultType"] == "streams";
    let useful = |point: &&Value| point[1].as_str().is_some_and(|value| is_line || value != "NaN");
    result
        .map(|series| {
            let one = series.get("value").into_iter().filter(useful).count();
            one + list(&series["values"]).filter(useful).count()
        })
        .sum()
}

fn base(text: &str) -> Result<Url, String> {
    // `join` replaces what follows the last slash.
    let url = Url::parse(&format!("{}/", text.trim_end_matches('/'))).map_err(|error| format!("{error} in a URL"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("{other}: is no scheme of a query API; http or https is")),
    }
}
