//! One logical call: as many attempts as fit one time budget, polite to a vendor in trouble.

use super::{
    EnrichError,
    breaker::{Admission, ProviderState},
    client::{Client, Failure, Post, Rejection},
    error::status_class,
    shared::{self, ProcessState, SharedState, Unavailable},
};
use crate::domain::EnrichmentMode;
use std::{
    hash::BuildHasher,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// With less time than this left an attempt would only be noise.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(250);
/// A vendor that asks for more is not waited for by a command.
const ASKED_WAIT_INLINE: Duration = Duration::from_secs(60);
const ASKED_WAIT_BACKGROUND: Duration = Duration::from_secs(3600);
/// A pause left by another command is sat out if it is no longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

/// The attempts of one logical call.
pub(super) struct Attempts<'a> {
    pub client: &'a Client,
    pub shared: &'a dyn SharedState,
    /// Used while the shared state cannot be reached.
    pub own: &'a ProcessState,
    pub mode: EnrichmentMode,
    pub timeout: Duration,
    pub started: Instant,
    pub deadline: Instant,
    /// Attempts made so far.
    pub made: u32,
    /// The shared state as it was last seen: what would not change it needs no look at the store.
    pub known: Option<ProviderState>,
    /// The shared state could not be reached: for the rest of the call there is only `own`.
    pub alone: bool,
}

impl Attempts<'_> {
    /// Asked once, before the first attempt.
    pub async fn admit(&mut self) -> Result<(), EnrichError> {
        match self.state(|state| state.admit(now_ms())) {
            Admission::Go => Ok(()),
            Admission::Wait(wait) if wait <= PATIENCE && Instant::now() + wait + SHORTEST_ATTEMPT < self.deadline => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            Admission::Wait(retry_after) | Admission::Open(retry_after) => Err(EnrichError::Suspended { retry_after }),
        }
    }

    /// Posts until there is a reply, a final refusal, or no time left.
    pub async fn post(&mut self, post: &Post) -> Result<String, Failure> {
        let mut wait = FIRST_WAIT;
        loop {
            let resend = self.made;
            self.made += 1;
            let deadline = self.deadline.min(Instant::now() + self.timeout);
            let failure = match self.client.exchange(post, resend, deadline).await {
                Ok(text) => {
                    self.state(|state| state.record(false, now_ms()));
                    return Ok(text);
                }
                Err(failure) => failure,
            };
            let verdict = Verdict::of(&failure);
            let pause = self.pause(verdict.asked_wait, wait).filter(|_| verdict.retry);
            let pause = pause.filter(|pause| Instant::now() + *pause + SHORTEST_ATTEMPT < self.deadline);
            let may_retry = self.state(|state| {
                if let Some(failed) = verdict.counts {
                    state.record(failed, now_ms());
                }
                if let Some(wait) = verdict.asked_wait {
                    state.wait(wait, now_ms());
                }
                pause.is_some() && state.may_retry()
            });
            let Some(pause) = pause.filter(|_| may_retry) else { return Err(self.in_total(failure)) };
            tracing::debug!(
                name: "ai.provider.retry",
                {
                    gen_ai.provider.name = self.client.provider,
                    error.r#type = verdict.class,
                    http.request.resend_count = self.made,
                },
                "the AI provider is asked again"
            );
            tokio::time::sleep(pause).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// What the vendor asked for is a floor; else a random time in the upper half of `wait`. `None`: too long.
    fn pause(&self, asked: Option<Duration>, wait: Duration) -> Option<Duration> {
        let random = std::hash::RandomState::new().hash_one(self.made);
        let share = 0.5 + 0.5 * (random >> 11) as f64 / (1_u64 << 53) as f64;
        let backoff = wait.mul_f64(share);
        let cap = match self.mode {
            EnrichmentMode::Inline => ASKED_WAIT_INLINE,
            EnrichmentMode::Background => ASKED_WAIT_BACKGROUND,
        };
        match asked {
            Some(asked) if asked > cap => None,
            // A little more than asked, so that a hundred clients do not come back at the same instant.
            Some(asked) => Some(asked + backoff.mul_f64(0.1)),
            None => Some(backoff),
        }
    }

    /// The user waited for all attempts, not for the last one.
    fn in_total(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Other(EnrichError::Timeout { .. }) => {
                Failure::Other(EnrichError::Timeout { after: self.started.elapsed() })
            }
            other => other,
        }
    }

    fn state<R>(&mut self, change: impl Fn(&mut ProviderState) -> R) -> R {
        if let Some(known) = &self.known {
            let mut after = known.clone();
            let answer = change(&mut after);
            if after == *known {
                return answer;
            }
        }
        let key = format!("{} {}", self.client.provider, self.client.endpoint.shown());
        let mut changed = Err(Unavailable);
        if !self.alone {
            changed = shared::change(self.shared, &key, &change);
            self.alone = changed.is_err();
        }
        let changed = changed.or_else(|_| shared::change(self.own, &key, &change));
        let Ok((answer, state)) = changed else { return change(&mut ProviderState::default()) };
        self.known = Some(state);
        answer
    }
}

/// What follows from a failed attempt.
struct Verdict {
    retry: bool,
    /// Whether the breaker hears of it, and as what.
    counts: Option<bool>,
    asked_wait: Option<Duration>,
    class: &'static str,
}

impl Verdict {
    fn of(failure: &Failure) -> Verdict {
        match failure {
            Failure::Rejected(rejection) => Verdict::of_rejection(rejection),
            Failure::Other(error) => {
                let trouble = matches!(
                    error,
                    EnrichError::Connect { .. } | EnrichError::Timeout { .. } | EnrichError::Interrupted
                );
                // A certificate that is not trusted now will not be trusted in a second.
                let tls = matches!(error, EnrichError::Connect { reason: "tls", .. });
                Verdict {
                    retry: trouble && !tls,
                    counts: trouble.then_some(true),
                    asked_wait: None,
                    class: error.class(),
                }
            }
        }
    }

    fn of_rejection(rejection: &Rejection) -> Verdict {
        let retry = matches!(rejection.status, 408 | 409 | 429 | 500 | 502 | 503 | 504 | 529)
            && !rejection.final_answer
            && rejection.code.as_deref() != Some("insufficient_quota");
        let counts = match rejection.status {
            // A limit that was reached says nothing about the vendor's health.
            429 => None,
            408 | 500.. => Some(true),
            _ => Some(false),
        };
        let asked_wait = rejection.retry_after.filter(|_| retry);
        Verdict { retry, counts, asked_wait, class: status_class(rejection.status) }
    }
}

/// What a caller of the whole enrichment gets to see.
impl From<Failure> for EnrichError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Rejected(Rejection { status, code, retry_after, .. }) => EnrichError::Status {
                status,
                code,
                retry_after: retry_after.map(|wait| wait.min(ASKED_WAIT_BACKGROUND)),
            },
            Failure::Other(error) => error,
        }
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
