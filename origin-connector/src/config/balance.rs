//! `retry`, `ejection` and `health` of a backend: what is done about endpoints that fail.

use std::time::Duration;

use http::uri::PathAndQuery;
use serde::Deserialize;
use tidegate_shared::units::Percent;

use super::Problems;
use super::limits::{span, within};

/// `[backend.retry]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryFile {
    /// How often a request may be tried, the first time included, and at another endpoint where
    /// there is one. It is tried again only where nothing of it was sent, or where it has an
    /// idempotent method (RFC 9110 §9.2.2) and no body, and the endpoint broke off without an
    /// answer. `2` by default, `1` never tries again.
    pub attempts: Option<u64>,
    /// How many retries there may be for a hundred requests, as `20%`, the default.
    pub budget: Option<String>,
    /// And how many at once, saved up by requests without one. `100` by default.
    pub reserve: Option<u64>,
}

/// `[backend.ejection]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EjectionFile {
    /// After so many failures in a row an endpoint is left out for a time. `5` by default.
    pub failures: Option<u64>,
    /// For how long at first; it doubles each time. `10s` by default.
    pub time: Option<String>,
    /// For how long at most. `5m` by default.
    pub max_time: Option<String>,
}

/// `[backend.health]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthFile {
    /// What is asked for with `GET`, as `/healthz`. Any status from 200 to 299 is well.
    pub path: String,
    /// How long between two checks of an endpoint; `5s` by default.
    pub interval: Option<String>,
    /// How long an answer may take; `1s` by default.
    pub timeout: Option<String>,
}

/// When an endpoint that fails is left out, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ejection {
    /// In a row. Invariant: not 0.
    pub(crate) failures: u32,
    pub(crate) time: Duration,
    pub(crate) max_time: Duration,
}

/// How endpoints are asked whether they are well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    pub(crate) path: PathAndQuery,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

/// How often a request is tried, and how many retries all of them together may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    /// Invariant: not 0.
    pub(crate) attempts: usize,
    /// Retries for a hundred requests.
    pub(crate) percent: u8,
    pub(crate) reserve: u32,
}

impl RetryFile {
    pub(super) fn check(self, section: &str, problems: &mut Problems) -> Option<Retry> {
        let Self {
            attempts,
            budget,
            reserve,
        } = self;
        let field = |name: &str| format!("{section}.retry.{name}");
        let attempts = within(attempts.unwrap_or(2), 1..=10);
        let attempts = problems.take(field("attempts"), attempts);
        let budget = budget.as_deref().unwrap_or("20%").parse();
        let budget: Option<Percent> = problems.take(field("budget"), budget);
        let reserve = within(reserve.unwrap_or(100), 0..=100_000);
        let reserve = problems.take(field("reserve"), reserve);
        Some(Retry {
            attempts: usize::try_from(attempts?).ok()?,
            percent: budget?.0,
            reserve: u32::try_from(reserve?).ok()?,
        })
    }
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

impl EjectionFile {
    pub(super) fn check(self, section: &str, problems: &mut Problems) -> Option<Ejection> {
        let Self {
            failures,
            time,
            max_time,
        } = self;
        let field = |name: &str| format!("{section}.ejection.{name}");
        let failures = within(failures.unwrap_or(5), 1..=1000);
        let failures = problems.take(field("failures"), failures);
        let time = span(time.as_deref(), "10s", SECOND / 10..=DAY);
        let time = problems.take(field("time"), time)?;
        let max_time = span(max_time.as_deref(), "5m", time..=DAY);
        let max_time = problems.take(field("max_time"), max_time);
        Some(Ejection {
            failures: u32::try_from(failures?).ok()?,
            time,
            max_time: max_time?,
        })
    }
}

impl HealthFile {
    pub(super) fn check(self, section: &str, problems: &mut Problems) -> Option<Health> {
        let Self {
            path,
            interval,
            timeout,
        } = self;
        let field = |name: &str| format!("{section}.health.{name}");
        let target = Some(path.as_str())
            .filter(|path| path.starts_with('/'))
            .and_then(|path| path.parse().ok())
            .ok_or_else(|| format!("`{path}` is no path: write one as `/healthz`"));
        let target = problems.take(field("path"), target);
        let interval = span(interval.as_deref(), "5s", SECOND / 10..=SECOND * 3600);
        let interval = problems.take(field("interval"), interval);
        let timeout = span(timeout.as_deref(), "1s", SECOND / 100..=SECOND * 60);
        let timeout = problems.take(field("timeout"), timeout);
        Some(Health {
            path: target?,
            interval: interval?,
            timeout: timeout?,
        })
    }
}
