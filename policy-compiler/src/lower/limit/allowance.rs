//! What a limit allows: a rate, a quota of the calendar, or so many requests at once.

use tidegate_shared::bundle::{Allowance, Calendar, Tables, Unreachable};

use super::super::Context;
use super::{MAX_BURST, accuracy};
use crate::calendar;
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::syntax::{Limit, LimitAccuracy, Quota};

/// The zone of a quota that names none.
const ZONE: &str = "UTC";

/// What a limit says that it allows.
pub(super) enum Stated<'l> {
    Rate(&'l Spanned<tidegate_shared::units::Rate>),
    Quota(&'l Spanned<Quota>),
    Concurrency(&'l Spanned<u64>),
}

impl<'l> Stated<'l> {
    /// The only thing that it says; `None` where that is none or several.
    pub(super) fn of(limit: &'l Limit) -> Option<Self> {
        match (&limit.rate, &limit.quota, &limit.concurrency) {
            (Some(rate), None, None) => Some(Self::Rate(rate)),
            (None, Some(quota), None) => Some(Self::Quota(quota)),
            (None, None, Some(units)) => Some(Self::Concurrency(units)),
            _ => None,
        }
    }

    /// The most that a request can take, by a sound limit.
    pub(super) fn most(&self, limit: &Limit) -> u64 {
        match self {
            Self::Rate(rate) => {
                let burst = limit.burst.as_ref();
                burst.map_or(rate.value.count.into(), |burst| burst.value)
            }
            Self::Quota(quota) => quota.value.units.into(),
            Self::Concurrency(units) => units.value,
        }
    }
}

/// Reports what does not go together.
pub(super) fn check(name: &Spanned<String>, limit: &Limit, cx: &mut Context<'_>) {
    let Some(stated) = Stated::of(limit) else {
        let none = limit.rate.is_none() && limit.quota.is_none() && limit.concurrency.is_none();
        let (code, message) = if none {
            (
                "missing-field",
                "the limit says nothing of how much it allows",
            )
        } else {
            ("invalid-value", "a limit allows one thing only")
        };
        let help = "say one of `rate: 60/m`, `quota: 10000/day` and `concurrency: 10`; a route may \
                    have several limits";
        cx.diagnostics
            .push(Diagnostic::error(code, name.span, message).help(help));
        return;
    };
    let mut refuse = |span: Span, message: &str, help: &str| {
        cx.diagnostics
            .push(Diagnostic::error("invalid-value", span, message).help(help));
    };
    let (mut bursts, mut zones) = (false, false);
    match stated {
        Stated::Rate(_) => {
            bursts = true;
            if let Some(burst) = &limit.burst
                && !(1..=MAX_BURST).contains(&burst.value)
            {
                let message = format!("`burst` is 1 to {MAX_BURST}");
                cx.error("invalid-value", burst.span, message);
            }
        }
        Stated::Quota(quota) => {
            zones = true;
            let span = limit.accuracy.as_ref().map_or(quota.span, |own| own.span);
            if accuracy(limit) == LimitAccuracy::Local {
                refuse(
                    span,
                    "a quota that each place counts for itself is as many quotas as there are places",
                    "use leased or strict",
                );
            }
            if let Some(rule) = &limit.when_unreachable
                && rule.value.0 == Unreachable::Local
            {
                refuse(
                    rule.span,
                    "a quota has no rate of which a place could go on with its part",
                    "use refuse or allow",
                );
            }
        }
        Stated::Concurrency(units) => {
            if let Some(own) = &limit.accuracy
                && own.value != LimitAccuracy::Local
            {
                refuse(
                    own.span,
                    "requests at once are counted by each place for itself",
                    "leave `accuracy` out",
                );
            }
            if !(1..=MAX_BURST).contains(&units.value) {
                let message = format!("`concurrency` is 1 to {MAX_BURST}");
                cx.error("invalid-value", units.span, message);
            }
        }
    }
    if let Some(burst) = &limit.burst
        && !bursts
    {
        let message = "`burst` is of a bucket that fills again, at a `rate`";
        cx.error("invalid-value", burst.span, message.to_owned());
    }
    if let Some(zone) = &limit.zone {
        if !zones {
            let message = "only a `quota` counts by the calendar of a zone";
            cx.error("invalid-value", zone.span, message.to_owned());
        } else if calendar::zone(&zone.value).is_none() {
            let message = format!("`{}` is no time zone of the IANA database", zone.value);
            let names = calendar::zones();
            let error = Diagnostic::error("invalid-value", zone.span, message)
                .suggest(&zone.value, names.iter().map(String::as_str));
            cx.diagnostics.push(error);
        }
    }
}

/// The allowance, with its calendar among the tables'; `None` where [`check`] has reported why.
pub(super) fn lower(limit: &Limit, tables: &mut Tables) -> Option<Allowance> {
    let stated = Stated::of(limit)?;
    let most = u32::try_from(stated.most(limit)).unwrap_or(u32::MAX);
    match stated {
        Stated::Rate(rate) => Some(Allowance::Rate {
            rate: rate.value,
            burst: most,
        }),
        Stated::Concurrency(_) => Some(Allowance::AtOnce(most)),
        Stated::Quota(quota) => {
            let zone = limit.zone.as_ref().map_or(ZONE, |zone| &zone.value);
            let (zone, period) = (calendar::zone(zone)?, quota.value.period);
            let mut known = tables.calendars.iter();
            let same = |own: &Calendar| {
                (Some(own.zone.as_str()), own.period) == (zone.iana_name(), period)
            };
            let index = match known.position(same) {
                Some(index) => index,
                None => {
                    tables.calendars.push(calendar::calendar(&zone, period)?);
                    tables.calendars.len().saturating_sub(1)
                }
            };
            Some(Allowance::Quota {
                units: most,
                calendar: u32::try_from(index).ok()?,
            })
        }
    }
}
