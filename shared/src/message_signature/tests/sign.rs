use proptest::prelude::*;

use super::Request;
use crate::message_signature::{
    Component, InvalidSecret, Parameters, SignatureAlgorithm, SignatureFields, SigningSecret,
    VerifyingKey, sign,
};
use crate::trust::SigningKey;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn pairs() -> [(SigningSecret, VerifyingKey); 2] {
    let pair = SigningKey::from_seed([7; 32]);
    let text = pair.to_secret_text();
    [
        (
            SigningSecret::new(SignatureAlgorithm::HmacSha256, SECRET).unwrap(),
            VerifyingKey::hmac(SECRET).unwrap(),
        ),
        (
            SigningSecret::new(SignatureAlgorithm::Ed25519, text.as_bytes()).unwrap(),
            VerifyingKey::ed25519(&pair.trust_key().to_string()).unwrap(),
        ),
    ]
}

fn components() -> Vec<Component> {
    let written = ["@method", "@authority", "@path", "@query", "x-a"];
    written.map(|component| component.parse().unwrap()).to_vec()
}

fn request<'r>(
    method: &'r str,
    authority: &'r str,
    target: &'r str,
    field: &'r str,
) -> Request<'r> {
    Request {
        method,
        authority,
        target,
        fields: vec![("x-a", field)],
        ..Request::default()
    }
}

#[test]
fn secrets_are_judged_and_never_shown() {
    let weak = SigningSecret::new(SignatureAlgorithm::HmacSha256, b"short");
    assert_eq!(weak.unwrap_err(), InvalidSecret::Weak);
    assert_eq!(
        VerifyingKey::hmac(b"short").unwrap_err(),
        InvalidSecret::Weak
    );
    let key = SigningSecret::new(SignatureAlgorithm::Ed25519, SECRET);
    assert!(matches!(key, Err(InvalidSecret::Key(_))));
    let other = SigningSecret::new(SignatureAlgorithm::RsaPssSha512, SECRET);
    assert!(matches!(other, Err(InvalidSecret::Algorithm { .. })));
    for (secret, key) in pairs() {
        let shown = format!("{secret:?} {key:?}");
        assert!(
            !shown.contains("0123") && !shown.contains("secret:"),
            "{shown}"
        );
    }
}

proptest! {
    /// What is signed verifies; a change of anything that is covered does not.
    #[test]
    fn no_change_of_what_is_covered_is_accepted(
        signed in ("[A-Z]{1,5}", "[a-z.]{1,9}", "/[a-z/?&=]{0,9}", "[a-z ,]{0,9}"),
        sent in ("[A-Z]{1,5}", "[a-z.]{1,9}", "/[a-z/?&=]{0,9}", "[a-z ,]{0,9}"),
        kept in any::<[bool; 4]>(),
        created in 0_u64..1_000_000_000,
    ) {
        let pick = |index: usize, signed: &'_ str, sent: &'_ str| {
            if kept[index] { signed.to_owned() } else { sent.to_owned() }
        };
        let sent = (
            pick(0, &signed.0, &sent.0),
            pick(1, &signed.1, &sent.1),
            pick(2, &signed.2, &sent.2),
            pick(3, &signed.3, &sent.3),
        );
        let same = (&signed.0, &signed.1, &signed.2, signed.3.trim()) == (&sent.0, &sent.1, &sent.2, sent.3.trim())
            // An empty query and none are one (RFC 9421 §2.2.7).
            || (&signed.0, &signed.1, signed.2.strip_suffix('?').unwrap_or(&signed.2), signed.3.trim())
                == (&sent.0, &sent.1, sent.2.strip_suffix('?').unwrap_or(&sent.2), sent.3.trim());
        let parameters = Parameters { created: Some(created), keyid: Some("k".to_owned()), ..Parameters::default() };
        let original = request(&signed.0, &signed.1, &signed.2, &signed.3);
        let received = request(&sent.0, &sent.1, &sent.2, &sent.3);
        for (secret, key) in pairs() {
            let fields = sign("s", &components(), &parameters, &original, &secret).unwrap();
            let fields = SignatureFields::parse(&fields.input, &fields.signature).unwrap();
            let signature = fields.signature("s").unwrap().unwrap();
            prop_assert_eq!(&signature.parameters, &parameters);
            let base = signature.base(&received).unwrap();
            prop_assert_eq!(key.verify(&base, &signature.octets), same);
        }
    }

    /// No octet of a signature or its parameters can be another.
    #[test]
    fn no_change_of_a_signature_is_accepted(place in any::<prop::sample::Index>(), flip in 1_u8..=127) {
        for (secret, key) in pairs() {
            let original = request("GET", "a", "/", "b");
            let parameters = Parameters { created: Some(1_700_000_000), keyid: Some("k".to_owned()), ..Parameters::default() };
            let fields = sign("s", &components(), &parameters, &original, &secret).unwrap();
            let both = format!("{}\n{}", fields.input, fields.signature);
            let mut octets = both.clone().into_bytes();
            let index = place.index(octets.len());
            octets[index] ^= flip;
            let Ok(changed) = String::from_utf8(octets) else { continue };
            let Some((input, signature)) = changed.split_once('\n') else { continue };
            let Ok(parsed) = SignatureFields::parse(input, signature) else { continue };
            let label = parsed.labels().next().map(str::to_owned);
            let Some(Ok(signature)) = label.and_then(|label| parsed.signature(&label)) else { continue };
            let Ok(base) = signature.base(&original) else { continue };
            let original_base = SignatureFields::parse(&fields.input, &fields.signature).unwrap();
            let first = original_base.signature("s").unwrap().unwrap();
            let unchanged = base == first.base(&original).unwrap() && signature.octets == first.octets;
            prop_assert_eq!(key.verify(&base, &signature.octets), unchanged, "{}", changed);
        }
    }
}
