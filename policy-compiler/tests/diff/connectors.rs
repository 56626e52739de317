//! Random policies and mutations of them: what `diff` says of connectors must be what they do.
//!
//! Who a caller is and what limits have left is the connector's own code; whether a signature was
//! asked for and held, a line here.

use proptest::prelude::*;
use tidegate_limits::Slot;
use tidegate_origin_connector::{Identity, Limiter, PeerName};
use tidegate_policy_compiler::diff::{Change, ChangeKind, diff};
use tidegate_shared::bundle::{ConnectorRules, SignatureDemand};
use tidegate_shared::time::UnixMillis;

use crate::model::PEERS;
use crate::observe::BEGIN;
use crate::oracle::pair;
use crate::{compiled, side};

/// Upstreams of the model, before and after it was renamed.
const UPSTREAMS: [&str; 4] = ["u0", "u1", "u0-new", "u1-new"];

#[derive(Clone, Copy, Debug)]
enum Signature {
    Absent,
    Good,
    Forged,
}

/// A connector of one upstream that follows a policy.
struct Connector<'r> {
    upstream: &'r str,
    rules: Option<&'r ConnectorRules>,
    limiter: Limiter,
}

impl<'r> Connector<'r> {
    fn new(upstream: &'r str, rules: Option<&'r ConnectorRules>) -> Self {
        let limiter = Limiter::new([1; 16]);
        Self {
            upstream,
            rules,
            limiter,
        }
    }

    /// What a request holds, or what its caller is told.
    fn admit(&self, peer: &PeerName, signature: Signature, at: u64) -> Result<Vec<Slot>, String> {
        let rules = self.rules.ok_or("nobody is let in")?;
        let vouched = match (rules.signature, signature) {
            (SignatureDemand::Off, _)
            | (SignatureDemand::Optional, Signature::Absent | Signature::Good)
            | (SignatureDemand::Required, Signature::Good) => true,
            (SignatureDemand::Optional, Signature::Forged)
            | (SignatureDemand::Required, Signature::Absent | Signature::Forged) => false,
        };
        let caller = Identity::from(peer.clone());
        if !vouched {
            return Err("not vouched for".to_owned());
        }
        if !rules.allow.iter().any(|name| caller.is(name)) {
            return Err("not allowed".to_owned());
        }
        let taken = self
            .limiter
            .take(self.upstream, &rules.limits, &caller, UnixMillis(at));
        taken.map_err(|error| format!("{:?} {:?}", error.problem, error.fields))
    }
}

/// What callers see of the connectors of an upstream.
#[derive(Debug, PartialEq)]
struct Seen {
    /// Each alone, with each signature.
    alone: Vec<String>,
    /// All of them at once, and again as time goes on.
    together: Vec<String>,
}

fn observe(text: &str, upstream: &str) -> Seen {
    let ir = compiled(text).unwrap();
    let mut upstreams = ir.tables.upstreams.iter();
    let rules = upstreams.find(|own| own.name == upstream);
    let rules = rules.and_then(|own| own.connector.as_ref());
    let peers = PEERS.map(|name| name.parse::<PeerName>().unwrap());
    let mut alone = Vec::new();
    for peer in &peers {
        for signature in [Signature::Absent, Signature::Good, Signature::Forged] {
            let admitted = Connector::new(upstream, rules).admit(peer, signature, BEGIN);
            alone.push(format!("{peer} {signature:?}: {:?}", admitted.map(drop)));
        }
    }
    let connector = Connector::new(upstream, rules);
    let mut together = Vec::new();
    for after in [0, 0, 500, 1_000, 2_000, 10_000, 70_000] {
        // All of them are under way until the last one has come.
        let mut held = Vec::new();
        for peer in peers.iter().flat_map(|peer| [peer; 5]) {
            let admitted = connector.admit(peer, Signature::Good, BEGIN + after);
            let told = admitted.map(|slots| held.extend(slots));
            together.push(format!("{peer} after {after}: {told:?}"));
        }
    }
    Seen { alone, together }
}

/// The upstream of whose connectors a change speaks.
fn concerned(change: &Change) -> Option<&'static str> {
    let of_connectors = matches!(
        change.kind,
        ChangeKind::ConnectorCallers | ChangeKind::ConnectorSignature | ChangeKind::ConnectorLimits
    );
    let said = [&change.before, &change.after];
    let mut said = said.into_iter().flatten().filter(|_| of_connectors);
    let said = said.next()?;
    let mut upstreams = UPSTREAMS.into_iter();
    upstreams.find(|name| said.starts_with(&format!("connectors of `{name}`:")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 200, max_global_rejects: 20_000, ..ProptestConfig::default() })]

    /// The connectors of an upstream do the same where no change speaks of them, and something else
    /// where one does; but of several limits one may hide another.
    #[test]
    fn connectors_change_where_it_is_said((old, new) in pair()) {
        let changes = diff(&side(&old), &side(&new));
        for upstream in UPSTREAMS {
            let said: Vec<_> = changes.iter().filter(|change| concerned(change) == Some(upstream)).collect();
            let [before, after] = [&old, &new].map(|text| observe(text, upstream));
            if said.is_empty() {
                prop_assert_eq!(&before, &after, "{}\n{}\n{}\n{:#?}", upstream, old, new, changes);
            }
            for change in said {
                let shown = if change.kind == ChangeKind::ConnectorLimits {
                    before.together != after.together
                } else {
                    before.alone != after.alone
                };
                let hidden = [&old, &new].iter().any(|text| text.contains("}, m: "));
                prop_assert!(shown || hidden, "{:#?}\n{}\n{}", change, old, new);
            }
        }
    }
}
