//! `X-Forwarded-Client-Cert`, in the form that Envoy gave it.

use std::fmt::Write as _;

use http::HeaderValue;
use http::header::HeaderName;
use tidegate_shared::digest::Digest;

use crate::identity::{Identity, SpiffeId};

pub(crate) const X_FORWARDED_CLIENT_CERT: HeaderName =
    HeaderName::from_static("x-forwarded-client-cert");

/// `By=<own id>;Hash=<SHA-256 of the certificate>;URI=<id>;DNS=<name>;DNS=…`. `By` is left out
/// where the connector's certificate has no SPIFFE ID.
pub(crate) fn value(identity: &Identity, leaf: &[u8], own_id: Option<&SpiffeId>) -> HeaderValue {
    let mut text = String::new();
    if let Some(id) = own_id {
        let _ = write!(text, "By={id};");
    }
    let Digest(hash) = Digest::of(leaf);
    let _ = write!(text, "Hash={}", hex::encode(hash));
    if let Some(id) = identity.spiffe() {
        let _ = write!(text, ";URI={id}");
    }
    for name in identity.dns() {
        let _ = write!(text, ";DNS={name}");
    }
    // Names hold nothing that a field value forbids or that needs quotes here, so this is the
    // text; an empty value would still hide nothing that a caller has set.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_envoys_form() {
        let id = |text: &str| text.parse::<SpiffeId>().unwrap();
        let names = vec!["edge.bank.example".to_owned(), "b.example".to_owned()];
        let identity = Identity::new(Some(id("spiffe://edge.example/gateway")), names);
        let own = id("spiffe://bank.example/connector");
        assert_eq!(
            value(&identity, b"abc", Some(&own)),
            "By=spiffe://bank.example/connector;\
             Hash=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad;\
             URI=spiffe://edge.example/gateway;DNS=edge.bank.example;DNS=b.example"
        );
        let identity = Identity::new(None, vec!["b.example".to_owned()]);
        assert_eq!(
            value(&identity, b"abc", None),
            "Hash=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad;DNS=b.example"
        );
    }
}
