//! Requests that are signed towards a connector (RFC 9421), so that it can refuse what did not come
//! through a gateway, whoever ends the TLS between the two.
//!
//! Each attempt is signed anew: another origin has another authority and base path, and a `nonce`
//! is good once. Bodies are never read, and so not covered.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use tidegate_shared::bundle::{RequestSigning, Upstream};
use tidegate_shared::gateway_signature::{self, TAG};
use tidegate_shared::message_signature::{
    Component, Message, Parameters, SignedFields, SigningSecret, sign,
};
use tidegate_shared::problem::Problem;
use tidegate_shared::time::UnixMillis;

use crate::decision::{Exchange, HeadEdits};
use crate::head::RequestHead;
use crate::ports::Ports;
use crate::refusal::Refusal;
use crate::state::State;

const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");

/// What signs the attempts of one request.
#[derive(Debug)]
pub(crate) struct Signer {
    key: Arc<SigningSecret>,
    method: String,
    path_and_query: String,
    /// The covered fields as the origin gets them.
    fields: Vec<(String, String)>,
    components: Vec<Component>,
    parameters: Parameters,
    /// In seconds.
    lifetime: u64,
}

impl Signer {
    /// Prepares what all attempts have in common. A client's own signature ends here: it is over
    /// the request as the client sent it, which no origin gets.
    pub(crate) fn prepare<H: RequestHead>(
        signing: &RequestSigning,
        upstream: &Upstream,
        request: &Outgoing<'_, H>,
        state: &State,
        ports: &impl Ports,
    ) -> Result<Self, Refusal> {
        let RequestSigning {
            key: name,
            algorithm,
            lifetime,
            fields,
        } = signing;
        let unusable = |cause: String| {
            Refusal::new(Problem::Internal, format!("the secret `{name}`: {cause}"))
        };
        let secret = ports.secret(name);
        let secret = secret.ok_or_else(|| unusable("the platform holds none".to_owned()))?;
        let key = state.signing_keys.read(name, *algorithm, &secret);
        let key = key.map_err(|error| unusable(error.to_string()))?;
        let told = upstream.caller.headers.iter().map(|(name, _)| name);
        let token = upstream.caller.token.iter().map(|token| &token.header);
        let named = fields.iter().chain(told).chain(token).map(String::as_str);
        let mut covered = Vec::new();
        for name in named.chain([gateway_signature::FORWARDED]) {
            if let Some(value) = request.field(name)? {
                covered.push((name.to_owned(), value));
            }
        }
        let names = covered.iter().map(|(name, _)| name.as_str());
        Ok(Self {
            key,
            method: request.head.method().as_str().to_owned(),
            path_and_query: request.path_and_query.to_owned(),
            components: gateway_signature::components(names),
            fields: covered,
            parameters: Parameters {
                keyid: Some(name.clone()),
                nonce: Some(request.exchange.request_id()),
                tag: Some(TAG.to_owned()),
                ..Parameters::default()
            },
            lifetime: lifetime.0.div_ceil(1000),
        })
    }

    /// The fields that sign an attempt at an origin; the attempts of a request have numbers of
    /// their own. `None` where the origin's address is none.
    pub(crate) fn sign(
        &self,
        url: &str,
        attempt: u8,
        now: UnixMillis,
    ) -> Option<[(HeaderName, HeaderValue); 2]> {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, base) = match rest.find('/') {
            Some(slash) => rest.split_at_checked(slash)?,
            None => (rest, ""),
        };
        let attempted = Attempted {
            signer: self,
            scheme,
            authority,
            path_and_query: format!("{base}{}", self.path_and_query),
        };
        let created = now.seconds();
        let nonce = self.parameters.nonce.as_deref().unwrap_or_default();
        let parameters = Parameters {
            created: Some(created),
            expires: Some(created.saturating_add(self.lifetime)),
            nonce: Some(format!("{nonce}-{attempt}")),
            ..self.parameters.clone()
        };
        let signed = sign(TAG, &self.components, &parameters, &attempted, &self.key).ok()?;
        let SignedFields { input, signature } = signed;
        Some([
            (SIGNATURE_INPUT, HeaderValue::from_str(&input).ok()?),
            (SIGNATURE, HeaderValue::from_str(&signature).ok()?),
        ])
    }
}

/// Takes a client's own signature out.
pub(crate) fn strip(edits: &mut HeadEdits) {
    edits.remove.extend([SIGNATURE, SIGNATURE_INPUT]);
}

/// The query as every runtime sends it on: those that follow the URL standard encode these four
/// ("special-query percent-encode set").
pub(crate) fn canonical_query(query: Cow<'_, str>) -> Cow<'_, str> {
    if !query.contains(['"', '\'', '<', '>']) {
        return query;
    }
    let mut encoded = String::with_capacity(query.len() + 8);
    for character in query.chars() {
        match character {
            '"' => encoded.push_str("%22"),
            '\'' => encoded.push_str("%27"),
            '<' => encoded.push_str("%3C"),
            '>' => encoded.push_str("%3E"),
            other => encoded.push(other),
        }
    }
    Cow::Owned(encoded)
}

/// A request as origins get it, but for the origin's own part of the address.
pub(crate) struct Outgoing<'r, H> {
    pub(crate) head: &'r H,
    pub(crate) edits: &'r HeadEdits,
    pub(crate) path_and_query: &'r str,
    pub(crate) exchange: &'r Exchange,
}

impl<H: RequestHead> Outgoing<'_, H> {
    /// A field's value after all changes; `None` where there is none left.
    fn field(&self, name: &str) -> Result<Option<String>, Refusal> {
        let unsignable = || {
            let cause = format!("`{name}` is to be signed and is not in ASCII");
            Refusal::new(Problem::FieldInvalid, cause)
        };
        let HeadEdits { remove, set, add } = self.edits;
        let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
            return Ok(None);
        };
        let text = |value: &HeaderValue| {
            let text = value.to_str().map(str::to_owned);
            text.map_err(|_| unsignable())
        };
        let last = set.iter().rev().find(|(own, _)| *own == parsed);
        let mut value = match last {
            Some((_, value)) => Some(text(value)?),
            None if remove.contains(&parsed) => None,
            None => self.head.header(&parsed).map(Cow::into_owned),
        };
        for (_, more) in add.iter().filter(|(own, _)| *own == parsed) {
            let more = text(more)?;
            value = Some(match value {
                None => more,
                Some(value) => format!("{value}, {more}"),
            });
        }
        match value {
            Some(value)
                if !value
                    .bytes()
                    .all(|octet| matches!(octet, b'\t' | b' '..=b'~')) =>
            {
                Err(unsignable())
            }
            value => Ok(value),
        }
    }
}

/// A request on its way to one origin, as a signature reads it.
struct Attempted<'s> {
    signer: &'s Signer,
    scheme: &'s str,
    authority: &'s str,
    path_and_query: String,
}

impl Message for Attempted<'_> {
    fn method(&self) -> Option<&str> {
        Some(&self.signer.method)
    }

    fn scheme(&self) -> Option<&str> {
        Some(self.scheme)
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        Some(self.authority.into())
    }

    fn path_and_query(&self) -> Option<&str> {
        Some(&self.path_and_query)
    }

    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut fields = self.signer.fields.iter();
        let (_, value) = fields.find(|(own, _)| own == name)?;
        Some(value.as_str().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_written_as_every_runtime_writes_it() {
        for (query, canonical) in [
            ("a=1&b=%27", "a=1&b=%27"),
            ("name=O'Brien&x=\"<>\"", "name=O%27Brien&x=%22%3C%3E%22"),
            ("a={b}|c`^", "a={b}|c`^"),
        ] {
            assert_eq!(canonical_query(query.into()), canonical);
        }
    }
}
