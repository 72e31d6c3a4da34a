//! Why an enrichment failed. No variant carries text of a vendor, a key or a reply.

use std::{fmt, time::Duration};
use todo_otel_runtime::ErrorClass;

/// Why an enrichment failed; the todo itself is safe in every case.
#[derive(Clone, Debug, PartialEq)]
pub enum EnrichError {
    /// A setting cannot work or would leak a key.
    Config {
        /// What was found, without secrets.
        problem: String,
        /// What to change.
        hint: String,
    },
    /// The vendor answered with an error.
    Status {
        /// HTTP status.
        status: u16,
        /// The vendor's error code, reduced to `[a-z0-9_.-]`, at most 64 characters.
        code: Option<String>,
        /// Not before this much time has passed, as the vendor asked; at most 1 h.
        retry_after: Option<Duration>,
    },
    /// No answer in time.
    Timeout {
        /// How long was waited in all.
        after: Duration,
    },
    /// No connection; `reason` is one of `connect`, `dns`, `tls`.
    Connect {
        /// Which step failed.
        reason: &'static str,
        /// Host and port that were tried.
        host: String,
    },
    /// The connection broke in the middle of the reply.
    Interrupted,
    /// The model declined to answer.
    Refused,
    /// The reply is too large, no JSON or not of the agreed schema; names the violated rule, quotes nothing.
    InvalidResponse(&'static str),
    /// The provider failed so often that it is left alone for a while.
    Suspended {
        /// Until the next try is allowed.
        retry_after: Duration,
    },
    /// The todo's texts are larger than a prompt may be.
    PromptTooLarge {
        /// Bytes the prompt would have.
        actual: usize,
        /// Bytes it may have.
        limit: usize,
    },
}

impl EnrichError {
    /// Low-cardinality class, the value of `error.type`.
    pub fn class(&self) -> &'static str {
        match self {
            EnrichError::Config { .. } => "config",
            EnrichError::Status { status, .. } => status_class(*status),
            EnrichError::Timeout { .. } => "timeout",
            EnrichError::Connect { reason, .. } => reason,
            EnrichError::Interrupted => "body",
            EnrichError::Refused => "refused",
            EnrichError::InvalidResponse(_) => "invalid_response",
            EnrichError::Suspended { .. } => "suspended",
            EnrichError::PromptTooLarge { .. } => "invalid_input",
        }
    }

    /// 6 for a refused configuration, 5 for everything else. Only for callers that were asked to wait for the result.
    pub fn exit_code(&self) -> u8 {
        match self {
            EnrichError::Config { .. } => 6,
            _ => 5,
        }
    }

    /// Whether a later try may succeed without any change by the user.
    pub fn retryable(&self) -> bool {
        match self {
            EnrichError::Status { status, code, .. } => {
                matches!(status, 408 | 409 | 429 | 500 | 502 | 503 | 504 | 529)
                    && code.as_deref() != Some("insufficient_quota")
            }
            EnrichError::Timeout { .. }
            | EnrichError::Connect { .. }
            | EnrichError::Interrupted
            | EnrichError::InvalidResponse(_)
            | EnrichError::Suspended { .. } => true,
            EnrichError::Config { .. } | EnrichError::Refused | EnrichError::PromptTooLarge { .. } => false,
        }
    }

    /// Earliest time of the next try, when the provider or the breaker set one.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            EnrichError::Status { retry_after, .. } => *retry_after,
            EnrichError::Suspended { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            EnrichError::Config { hint, .. } => hint.clone(),
            EnrichError::Status { status: 401 | 403, .. } => {
                "check the API key (`todo config show` names its source)".to_owned()
            }
            EnrichError::Status { status: 300..=399, .. } => {
                "the server redirects, and redirects are not followed: set the base URL to the final address".to_owned()
            }
            EnrichError::Status { status: 404, .. } => {
                "check model and base URL (`todo config show`); a model may be retired or not open to this key"
                    .to_owned()
            }
            EnrichError::Status { status: 429, code: Some(code), .. } if code == "insufficient_quota" => {
                "the vendor's account has no credit left: add some, or set `[ai] provider = \"local\"`".to_owned()
            }
            EnrichError::Refused => {
                "change the wording of the todo, or enrich it with `TODO_AI_PROVIDER=local`".to_owned()
            }
            EnrichError::PromptTooLarge { .. } => "shorten the description".to_owned(),
            EnrichError::InvalidResponse(_) => {
                "try again later with `todo enrich`; a larger model follows the format more reliably".to_owned()
            }
            EnrichError::Connect { .. } => {
                "check network, proxy and base URL; try again later with `todo enrich`".to_owned()
            }
            EnrichError::Status { .. }
            | EnrichError::Timeout { .. }
            | EnrichError::Interrupted
            | EnrichError::Suspended { .. } => "try again later with `todo enrich`".to_owned(),
        }
    }
}

/// A closed set, so that the class can label a metric.
pub(super) fn status_class(status: u16) -> &'static str {
    match status {
        301 => "301",
        302 => "302",
        303 => "303",
        307 => "307",
        308 => "308",
        400 => "400",
        401 => "401",
        402 => "402",
        403 => "403",
        404 => "404",
        405 => "405",
        408 => "408",
        409 => "409",
        413 => "413",
        415 => "415",
        422 => "422",
        429 => "429",
        500 => "500",
        501 => "501",
        502 => "502",
        503 => "503",
        504 => "504",
        529 => "529",
        _ => "_OTHER",
    }
}

impl fmt::Display for EnrichError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EnrichError::Config { problem, .. } => f.write_str(problem),
            EnrichError::Status { status, code, retry_after } => {
                write!(f, "the AI provider answered {status}")?;
                if let Some(code) = code {
                    write!(f, " ({code})")?;
                }
                match retry_after {
                    Some(wait) => write!(f, " and asked to wait {} s", wait.as_secs_f64().ceil()),
                    None => Ok(()),
                }
            }
            EnrichError::Timeout { after } => {
                write!(f, "the AI provider did not answer within {:.1} s", after.as_secs_f64())
            }
            EnrichError::Connect { reason: "dns", host } => write!(f, "the host name of {host} could not be resolved"),
            EnrichError::Connect { reason: "tls", host } => write!(f, "no trusted TLS connection to {host}"),
            EnrichError::Connect { host, .. } => write!(f, "no connection to {host}"),
            EnrichError::Interrupted => f.write_str("the connection broke before the reply was complete"),
            EnrichError::Refused => f.write_str("the model declined to answer"),
            EnrichError::InvalidResponse(rule) => write!(f, "the model's reply was rejected: {rule}"),
            EnrichError::Suspended { retry_after } => {
                write!(f, "the AI provider failed repeatedly and is left alone for {} s", retry_after.as_secs().max(1))
            }
            EnrichError::PromptTooLarge { actual, limit } => {
                write!(f, "the prompt would have {actual} bytes, the limit is {limit}")
            }
        }
    }
}

impl std::error::Error for EnrichError {}

impl ErrorClass for EnrichError {
    fn class(&self) -> &'static str {
        EnrichError::class(self)
    }

    fn retryable(&self) -> bool {
        EnrichError::retryable(self)
    }

    fn exit_code(&self) -> Option<u8> {
        Some(EnrichError::exit_code(self))
    }
}
