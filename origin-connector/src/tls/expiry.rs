//! When what was loaded expires, and when to say so. Pure: the time is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

/// Something with an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Material {
    /// The connector's certificate for gateways.
    Server,
    /// The connector's certificate for backends.
    Mesh,
    /// The revocation list that is to be replaced first.
    Crl,
}

impl Material {
    /// A stable label.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Mesh => "mesh",
            Self::Crl => "crl",
        }
    }
}

/// When it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expiry {
    pub(crate) of: Material,
    /// Seconds since the Unix epoch.
    pub(crate) at: i64,
    /// The longest time before that which can be called soon.
    pub(crate) late: Duration,
}

/// How near an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Nearness {
    Soon,
    Over,
}

impl Expiry {
    /// `None` where there is time yet. `now` is in seconds since the Unix epoch.
    pub(crate) fn nearness(&self, now: i64, notice: Duration) -> Option<Nearness> {
        let notice = i64::try_from(notice.min(self.late).as_secs()).unwrap_or(i64::MAX);
        match self.at.saturating_sub(now) {
            ..=0 => Some(Nearness::Over),
            left if left < notice => Some(Nearness::Soon),
            _ => None,
        }
    }
}

/// What was said already, so that it is said once.
#[derive(Debug, Default)]
pub(super) struct Warnings(BTreeMap<Material, (i64, Nearness)>);

impl Warnings {
    /// What is to be said now, where `now` is in seconds since the Unix epoch.
    pub(super) fn due(
        &mut self,
        expiries: &[Expiry],
        now: i64,
        notice: Duration,
    ) -> Vec<(Expiry, Nearness)> {
        let mut due = Vec::new();
        for expiry in expiries {
            let Some(nearness) = expiry.nearness(now, notice) else {
                continue;
            };
            let said = self.0.insert(expiry.of, (expiry.at, nearness));
            if said != Some((expiry.at, nearness)) {
                due.push((*expiry, nearness));
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_said_once() {
        let notice = Duration::from_secs(1000);
        let at = |at| {
            let of = Material::Server;
            let late = Duration::from_secs(100);
            [Expiry { of, at, late }]
        };
        let mut warnings = Warnings::default();
        let mut said = |expiry: [Expiry; 1], now| {
            let due = warnings.due(&expiry, now, notice);
            due.first().map(|(_, nearness)| *nearness)
        };
        assert_eq!(said(at(1000), 900), None);
        assert_eq!(said(at(1000), 901), Some(Nearness::Soon));
        assert_eq!(said(at(1000), 902), None);
        // Renewed, but not for long.
        assert_eq!(said(at(1001), 902), Some(Nearness::Soon));
        assert_eq!(said(at(1001), 1001), Some(Nearness::Over));
        assert_eq!(said(at(1001), 2000), None);
        assert_eq!(said(at(5000), 2000), None);
    }
}
