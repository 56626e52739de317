//! Tokens that are bound to a key, with proofs, good ones and others.

use anyhow::{Context, Result, bail};
use http::HeaderName;
use http::header::AUTHORIZATION;
use tidegate_policy_compiler::credentials::{Carried, Purpose};
use tidegate_shared::bundle::Possession;

use crate::case::Caller;
use crate::stage::Stage;

pub(super) fn carry(
    caller: &Caller,
    possession: &Possession,
    token: String,
    purpose: &Purpose<'_>,
    stage: &Stage,
) -> Result<Carried> {
    let proof = sign(caller, possession, &token, purpose, stage)?;
    Ok(match caller.carried.as_deref() {
        None => Carried::Proven { token, proof },
        Some("unproven") => Carried::Field(AUTHORIZATION, format!("DPoP {token}")),
        Some("bearer") => Carried::Field(AUTHORIZATION, format!("Bearer {token}")),
        Some("proof alone") => Carried::Field(HeaderName::from_static("dpop"), proof),
        Some("twice") => Carried::Proven {
            token,
            proof: format!("{proof}, {proof}"),
        },
        Some(other) => bail!("no way to carry a token called `{other}`"),
    })
}

fn sign(
    caller: &Caller,
    possession: &Possession,
    token: &str,
    purpose: &Purpose<'_>,
    stage: &Stage,
) -> Result<String> {
    let mut claims = stage.credentials.proof_claims(possession, token, purpose)?;
    let members = claims.as_object_mut().context("an object")?;
    for (name, value) in &caller.proof {
        match (name.as_str(), value) {
            (_, toml::Value::String(text)) if text == "absent" => {
                members.remove(name);
            }
            ("iat", toml::Value::Integer(seconds)) => {
                let date = purpose.now.seconds().saturating_add_signed(*seconds);
                members.insert(name.clone(), date.into());
            }
            (_, value) => {
                members.insert(name.clone(), serde_json::to_value(value)?);
            }
        }
    }
    let holder = stage.credentials.holder();
    Ok(holder.sign(&holder.header(), &claims))
}
