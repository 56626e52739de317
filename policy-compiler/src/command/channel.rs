//! What the commands about channels have in common: `publish`, `rollback`, `status`, `history`.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::{Value, json};
use tidegate_policy_compiler::publish::{Channel, Retrying, Store, Target, Terms};
use tidegate_shared::channel::{ChannelName, InShadow, Statement};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::{SigningKey, TrustKeys};
use tidegate_shared::units::{Percent, Span};

use super::{Failure, output};

/// Which channel of which store.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The store: a folder, kv:ACCOUNT/NAMESPACE, s3://BUCKET/FOLDER, gs://… or az://…
    #[arg(long, value_name = "TARGET")]
    to: Target,
    /// The channel
    #[arg(long, value_name = "NAME", default_value = "production")]
    channel: ChannelName,
    /// The keys whose statements count; else the public half of the signing key
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// The signing key, from `tidegate keys new`
    #[arg(long, value_name = "FILE", default_value = "tidegate.key")]
    key: PathBuf,
}

/// How a statement is to hold.
#[derive(Debug, Args)]
pub(super) struct Holds {
    /// The share of gateways that take the bundle; the others stay on the one before
    #[arg(long, value_name = "P%", default_value = "100%")]
    pub(super) rollout: Percent,
    /// How long the statement holds: publish again before, or gateways report a freeze
    #[arg(long, value_name = "SPAN", default_value = "30d")]
    expires: Span,
}

impl Place {
    pub(super) fn channel(&self) -> Result<Channel<Retrying<Store>>, Failure> {
        let trust = match &self.trust {
            Some(file) => output::read_text(file)?.parse()?,
            None => TrustKeys::from(self.key()?.trust_key()),
        };
        Ok(Channel {
            sink: Retrying(self.to.open()?),
            name: self.channel.clone(),
            trust,
        })
    }

    pub(super) fn key(&self) -> Result<SigningKey, Failure> {
        Ok(output::read_text(&self.key)?
            .parse()
            .map_err(|error| format!("`{}` is {error}", self.key.display()))?)
    }
}

impl Holds {
    pub(super) fn terms<'k>(&self, key: &'k SigningKey) -> Terms<'k> {
        Terms {
            key,
            now: now(),
            validity: self.expires,
            rollout: self.rollout,
            after: None,
        }
    }
}

/// Runs what waits for a store.
pub(super) fn wait<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(work))
}

pub(super) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    UnixMillis(millis.try_into().unwrap_or(u64::MAX))
}

/// A statement for people.
pub(super) fn show(statement: &Statement) -> String {
    let Statement {
        format: _,
        channel,
        sequence,
        issued,
        expires,
        bundle,
        rollout,
        previous,
        shadow,
    } = statement;
    let others = previous.filter(|_| rollout.0 < 100);
    let others = others.map_or(String::new(), |previous| format!("\nothers    {previous}"));
    let shadow = shadow.map_or(String::new(), |InShadow { bundle, share }| {
        format!("\nshadow    {bundle}, for {}% of requests", share.0)
    });
    format!(
        "channel   {channel}\nsequence  {sequence}\nbundle    {bundle}\nrollout   {}%{others}{shadow}\nissued    {}\nexpires   {}",
        rollout.0,
        moment(*issued),
        until(*expires, now())
    )
}

fn moment(at: UnixMillis) -> String {
    format!("{} ago", rough(now().since(at)))
}

pub(super) fn until(at: UnixMillis, now: UnixMillis) -> String {
    if at > now {
        format!("in {}", rough(at.since(now)))
    } else {
        format!("EXPIRED {} ago: publish again", rough(now.since(at)))
    }
}

/// The largest whole unit.
fn rough(millis: u64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)];
    let unit = units.into_iter().find(|(_, length)| millis >= *length);
    let (name, length) = unit.unwrap_or(("s", 1000));
    format!("{} {name}", millis / length)
}

/// A statement for programs.
pub(super) fn document(statement: &Statement) -> Value {
    json!({
        "channel": statement.channel,
        "sequence": statement.sequence,
        "bundle": statement.bundle,
        "rollout": statement.rollout.0,
        "previous": statement.previous,
        "shadow": statement.shadow.map(|InShadow { bundle, share }| {
            json!({ "bundle": bundle, "share": share.0 })
        }),
        "issued": statement.issued.0,
        "expires": statement.expires.0,
        "expired": now() >= statement.expires,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_their_largest_unit() {
        for (millis, text) in [
            (999, "0 s"),
            (59_999, "59 s"),
            (60_000, "1 min"),
            (7 * 86_400_000, "7 d"),
        ] {
            assert_eq!(rough(millis), text);
        }
        assert_eq!(until(UnixMillis(5_000), UnixMillis(2_000)), "in 3 s");
        assert_eq!(
            until(UnixMillis(5_000), UnixMillis(5_000)),
            "EXPIRED 0 s ago: publish again"
        );
    }
}
