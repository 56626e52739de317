//! Requests that a case signs (RFC 9421).

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tidegate_shared::bundle::SignerMaterial;
use tidegate_shared::message_signature::{
    Component, Message, Parameters, SignatureAlgorithm, SignedFields, SigningSecret, sign,
};

use crate::case::{Case, Signing};
use crate::stage::Stage;

/// The fields of the case's signature.
///
/// # Errors
/// Where the policy has no such key.
pub fn fields(case: &Case, signing: &Signing, stage: &Stage) -> Result<SignedFields> {
    let mut keys = stage.tables.signatures.iter().flat_map(|one| &one.keys);
    let key = keys.find(|key| key.id == signing.keyid);
    let SignerMaterial::Secret(name) = &key.context("no such key")?.material else {
        anyhow::bail!("cases sign with a shared secret");
    };
    let secret = stage.secrets.iter().find(|(own, _)| own == name);
    let secret = secret.context("no secret")?.1.as_bytes();
    let secret = SigningSecret::new(SignatureAlgorithm::HmacSha256, secret)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let named = signing.named.as_deref();
    let parameters = Parameters {
        created: Some(now.saturating_sub(signing.age)),
        keyid: Some(named.unwrap_or(&signing.keyid).to_owned()),
        nonce: signing.nonce.clone(),
        ..Parameters::default()
    };
    let components = signing.components.iter().map(|component| component.parse());
    let components: Vec<Component> = components.collect::<Result<_, _>>()?;
    let (method, target) = signing
        .of
        .as_ref()
        .unwrap_or(&case.send)
        .split_once(' ')
        .context("method and target")?;
    let message = Sent {
        case,
        method,
        target,
    };
    Ok(sign("case", &components, &parameters, &message, &secret)?)
}

/// The request as its sender means it.
struct Sent<'c> {
    case: &'c Case,
    method: &'c str,
    target: &'c str,
}

impl Message for Sent<'_> {
    fn method(&self) -> Option<&str> {
        Some(self.method)
    }

    fn scheme(&self) -> Option<&str> {
        Some("http")
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        Some(self.case.host.as_str().into())
    }

    fn path_and_query(&self) -> Option<&str> {
        Some(self.target)
    }

    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut headers = self.case.headers.iter();
        let (_, value) = headers.find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(value.as_str().into())
    }
}
