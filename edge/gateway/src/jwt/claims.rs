//! The claims of a token whose signature holds (RFC 7519 §4.1, RFC 9068 §2.2).

use serde_json::{Map, Value};
use tidegate_shared::bundle::Issuer;
use tidegate_shared::time::UnixMillis;

use super::{InvalidToken, rules, unacceptable};
use crate::identity::Identity;
use crate::json;
use crate::jws::InvalidJws;
use crate::state::Lifetime;

/// The latest date that is believed: the year 9999.
const MAX_DATE: f64 = 253_402_300_799.0;

#[derive(Debug)]
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, InvalidToken> {
        let members = json::object(payload).ok_or(InvalidJws::Shape(
            "its payload is no JSON object of unique members",
        ))?;
        Ok(Self(members))
    }

    /// Claims that are read already.
    pub(crate) fn of(members: Map<String, Value>) -> Self {
        Self(members)
    }

    pub(crate) fn into_members(self) -> Map<String, Value> {
        self.0
    }

    /// Whether the claim is there, whatever it is.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A text that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    }

    /// `iss`.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.0.get("iss").and_then(Value::as_str)
    }

    /// Holds the claims against what the policy says of the issuer, and says when they do. `exp`
    /// and `sub` are required: a token without an end or an owner is of no use to a gateway.
    pub(super) fn check(
        self,
        issuer: &Issuer,
        now: UnixMillis,
    ) -> Result<(Identity, Lifetime), InvalidToken> {
        if self.issuer() != Some(&issuer.issuer) {
            return Err(unacceptable("iss"));
        }
        if !self
            .words("aud")?
            .iter()
            .any(|audience| issuer.audiences.iter().any(|own| own == audience))
        {
            return Err(unacceptable("aud"));
        }
        let lifetime = self.lifetime(issuer)?;
        lifetime.check(now)?;
        rules::check_claims(&issuer.rules, &self.0)?;
        let subject = self.text("sub").ok_or_else(|| unacceptable("sub"))?;
        let identity = Identity {
            issuer: issuer.name.clone(),
            subject: subject.to_owned(),
            scopes: self.scopes()?.into_iter().map(str::to_owned).collect(),
            claims: self.0,
            certificate: Map::new(),
            plan: None,
            key: None,
        };
        Ok((identity, lifetime))
    }

    fn lifetime(&self, issuer: &Issuer) -> Result<Lifetime, InvalidToken> {
        let leeway = issuer.leeway.0 / 1000;
        let expires = self.date("exp")?.ok_or_else(|| unacceptable("exp"))?;
        let (begins, issued) = (self.date("nbf")?, self.date("iat")?);
        let too_old = rules::too_old(&issuer.rules, issued)?;
        Ok(Lifetime {
            begins: begins.max(issued).unwrap_or(0).saturating_sub(leeway),
            ends: too_old
                .map_or(expires, |end| end.min(expires))
                .saturating_add(leeway),
        })
    }

    /// A date in whole seconds.
    pub(crate) fn date(&self, name: &'static str) -> Result<Option<u64>, InvalidToken> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        numeric_date(value)
            .map(Some)
            .ok_or_else(|| unacceptable(name))
    }

    /// One string or an array of strings; empty where the claim is absent.
    pub(crate) fn words(&self, name: &'static str) -> Result<Vec<&str>, InvalidToken> {
        match self.0.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(word)) => Ok(vec![word]),
            Some(Value::Array(words)) => words
                .iter()
                .map(|word| word.as_str().ok_or_else(|| unacceptable(name)))
                .collect(),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
                Err(unacceptable(name))
            }
        }
    }

    /// `scope` (RFC 8693 §4.2), one text with spaces between; `scp`, as some issuers have it,
    /// as a text or an array.
    pub(crate) fn scopes(&self) -> Result<Vec<&str>, InvalidToken> {
        let mut scopes = self.words("scope")?;
        scopes.extend(self.words("scp")?);
        Ok(scopes
            .into_iter()
            .flat_map(str::split_ascii_whitespace)
            .collect())
    }
}

/// A `NumericDate` (RFC 7519 §2) in whole seconds.
pub(crate) fn numeric_date(value: &Value) -> Option<u64> {
    let seconds = value
        .as_f64()
        .filter(|seconds| (0.0..=MAX_DATE).contains(seconds))?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to lie between zero and the year 9999"
    )]
    Some(seconds as u64)
}
