//! Credentials for cases, good ones and hostile ones.

mod proof;

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, json};
use tidegate_policy_compiler::Bearer;
use tidegate_policy_compiler::credentials::{Carried, Purpose};
use tidegate_shared::bundle::{ApiKeyRing, Issuer, IssuerKeys};
use tidegate_shared::time::UnixMillis;

use crate::case::{Caller, Case};
use crate::stage::Stage;

/// How the request carries a case's credentials.
///
/// # Errors
/// Where the policy has no such issuer or consumer.
pub fn carried(case: &Case, stage: &Stage) -> Result<Vec<Carried>> {
    let Some(caller) = &case.caller else {
        return Ok(Vec::new());
    };
    let key = caller.consumer.as_deref().map(|name| api_key(name, stage));
    let issuer = caller.issuer.as_deref();
    let token = issuer.map(|name| token(name, caller, case, stage));
    let server = caller.introspect.as_deref();
    let opaque = server.map(|name| opaque(name, caller, case, stage));
    key.into_iter().chain(token).chain(opaque).collect()
}

/// A token that a server vouches for.
fn opaque(name: &str, caller: &Caller, case: &Case, stage: &Stage) -> Result<Carried> {
    let mut servers = stage.tables.introspections.iter();
    let server = servers.find(|own| own.name == name);
    let server = server.context("no such server")?;
    let claims = caller
        .claims
        .iter()
        .map(|(name, value)| Ok((name.clone(), serde_json::to_value(value)?)));
    let bearer = Bearer {
        subject: caller.subject.as_deref().unwrap_or(&case.name).to_owned(),
        scopes: caller.scopes.clone(),
        claims: claims.collect::<Result<_>>()?,
        expired: caller.expired,
    };
    with_purpose(case, |purpose| {
        let carried = stage.credentials.carry_opaque(server, &bearer, purpose)?;
        match carried {
            Carried::Proven { token, .. } => {
                proof::carry(caller, &server.possession, token, purpose, stage)
            }
            Carried::Field(..) | Carried::Parameter(..) => Ok(carried),
        }
    })
}

/// Acts for the request of a case.
fn with_purpose<T>(case: &Case, act: impl FnOnce(&Purpose<'_>) -> Result<T>) -> Result<T> {
    let (method, target) = case.send.split_once(' ').context("method and target")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    act(&Purpose {
        method: &method.parse()?,
        address: &format!("http://{}{target}", case.host),
        now: UnixMillis(now.try_into()?),
    })
}

fn api_key(consumer: &str, stage: &Stage) -> Result<Carried> {
    let has = |(_, ring): &(u32, &ApiKeyRing)| ring.consumers().any(|own| own == consumer);
    let mut rings = (0..).zip(&stage.tables.api_keys);
    let (index, ring) = rings.find(has).context("no such consumer")?;
    let carried = stage.credentials.carry_api_key(index, ring, consumer);
    carried.context("no such consumer")
}

fn token(name: &str, caller: &Caller, case: &Case, stage: &Stage) -> Result<Carried> {
    let mut issuers = stage.tables.issuers.iter().zip(0..);
    let (issuer, index) = issuers
        .find(|(issuer, _)| issuer.name == name)
        .context("no such issuer")?;
    let subject = caller.subject.as_deref().unwrap_or(&case.name);
    let by_hand = caller.header.is_some() || !caller.claims.is_empty() || caller.payload.is_some();
    let token = if by_hand {
        self::by_hand(caller, issuer, subject, stage)?
    } else {
        let mut claims = Map::new();
        if let Some(thumbprint) = &caller.bound_to {
            claims.insert("cnf".to_owned(), json!({ "jkt": thumbprint }));
        }
        let scopes = &caller.scopes;
        stage
            .credentials
            .token(index, subject, scopes, claims, false)?
    };
    let token = tampered(&token, caller)?;
    with_purpose(case, |purpose| {
        let carried = stage.credentials.carry(index, &token, purpose)?;
        match carried {
            Carried::Proven { token, .. } => {
                proof::carry(caller, &issuer.possession, token, purpose, stage)
            }
            Carried::Field(..) | Carried::Parameter(..) => Ok(carried),
        }
    })
}

/// A token signed with the issuer's secret, whatever its header and claims say.
fn by_hand(caller: &Caller, issuer: &Issuer, subject: &str, stage: &Stage) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut claims = json!({
        "iss": issuer.issuer, "aud": "tests", "sub": subject,
        "iat": now, "exp": now.saturating_add(600), "scope": caller.scopes.join(" "),
    });
    let members = claims.as_object_mut().context("an object")?;
    for (name, value) in &caller.claims {
        match (name.as_str(), value) {
            (_, toml::Value::String(text)) if text == "absent" => {
                members.remove(name);
            }
            ("exp" | "nbf" | "iat", toml::Value::Integer(seconds)) => {
                members.insert(name.clone(), now.saturating_add_signed(*seconds).into());
            }
            (_, value) => {
                members.insert(name.clone(), serde_json::to_value(value)?);
            }
        }
    }
    let header = caller
        .header
        .as_deref()
        .unwrap_or(r#"{"alg":"HS256","typ":"JWT"}"#);
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let payload = payload(&claims.to_string(), caller.payload.as_deref())?;
    let message = format!("{}.{payload}", encode(header));
    let IssuerKeys::Secret(name) = &issuer.keys else {
        bail!("the issuer has no secret");
    };
    let secret = stage.secrets.iter().find(|(own, _)| own == name);
    let secret = secret.context("no secret")?;
    Ok(format!(
        "{message}.{}",
        URL_SAFE_NO_PAD.encode(hmac_sha256::HMAC::mac(&message, &secret.1))
    ))
}

/// The encoded payload of a token.
fn payload(claims: &str, like: Option<&str>) -> Result<String> {
    let members = claims.strip_suffix('}').context("an object")?;
    Ok(match like {
        None => URL_SAFE_NO_PAD.encode(claims),
        Some("nested") => {
            let (open, close) = ("[".repeat(1_000), "]".repeat(1_000));
            URL_SAFE_NO_PAD.encode(format!("{members},\"a\":{open}{close}}}"))
        }
        Some("repeated") => URL_SAFE_NO_PAD.encode(format!("{members},\"sub\":\"mallory\"}}")),
        Some("stray") => {
            // One octet over a group of three: the last character has four bits to spare.
            let padded = (0..3).map(|spaces| format!("{claims}{}", " ".repeat(spaces)));
            let mut padded = padded.filter(|text| text.len() % 3 == 1);
            let mut text = URL_SAFE_NO_PAD.encode(padded.next().context("one of three")?);
            let last = text.pop().context("some text")?;
            text.push(char::from(u8::try_from(last)?.saturating_add(1)));
            text
        }
        Some(other) => bail!("no payload called `{other}`"),
    })
}

fn tampered(token: &str, caller: &Caller) -> Result<String> {
    let (message, signature) = token.rsplit_once('.').context("three parts")?;
    let (header, payload) = message.split_once('.').context("three parts")?;
    let flip = |text: &str| match text.strip_prefix('A') {
        Some(rest) => format!("B{rest}"),
        None => format!("A{}", text.chars().skip(1).collect::<String>()),
    };
    Ok(match caller.tamper.as_deref() {
        None => token.to_owned(),
        Some("signature") => format!("{message}.{}", flip(signature)),
        Some("payload") => format!("{header}.{}.{signature}", flip(payload)),
        Some("unsigned") => format!("{message}."),
        Some("padding") => format!("{token}="),
        Some("parts") => format!("{token}.x"),
        Some("long") => format!("{token}{}", "A".repeat(17_000)),
        Some(other) => bail!("no way to tamper called `{other}`"),
    })
}
