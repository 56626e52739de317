//! The fields `Signature-Input` and `Signature` of a request, each in a line of the input.

use std::borrow::Cow;
use std::sync::LazyLock;

use tidegate_shared::message_signature::{
    Component, Message, Parameters, SignatureAlgorithm, SignatureFields, SignedFields,
    SigningSecret, VerifyingKey, sign,
};

use crate::texts;

const SECRET: &[u8; 32] = b"the secret of the fuzzed signers";

struct Request;

impl Message for Request {
    fn method(&self) -> Option<&str> {
        Some("GET")
    }

    fn scheme(&self) -> Option<&str> {
        Some("https")
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        Some("api.bank.example".into())
    }

    fn path_and_query(&self) -> Option<&str> {
        Some("/v1/accounts?id=7")
    }

    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        matches!(name, "date" | "priority").then_some("u=1, i".into())
    }
}

/// The only signature that was made.
static ISSUED: LazyLock<Option<SignedFields>> = LazyLock::new(|| {
    let secret = SigningSecret::new(SignatureAlgorithm::HmacSha256, SECRET).ok()?;
    let parameters = Parameters {
        created: Some(1_700_000_000),
        keyid: Some("machine".to_owned()),
        ..Parameters::default()
    };
    let components = [Component::Method, Component::Authority, Component::Path];
    sign("a", &components, &parameters, &Request, &secret).ok()
});

/// What is signed can be read again as the same; only what was signed verifies.
pub fn run(octets: &[u8]) {
    let Some((input, signature)) = std::str::from_utf8(octets)
        .ok()
        .and_then(|text| text.split_once('\n'))
    else {
        return;
    };
    let Ok(fields) = SignatureFields::parse(input, signature) else {
        return;
    };
    for label in fields.labels() {
        let Some(Ok(signature)) = fields.signature(label) else {
            continue;
        };
        let Ok(base) = signature.base(&Request) else {
            continue;
        };
        let (_, parameters) = base
            .rsplit_once("\"@signature-params\": ")
            .unwrap_or_default();
        let again = SignatureFields::parse(&format!("a={parameters}"), "a=:AA==:");
        let again = again.ok().and_then(|fields| fields.signature("a")?.ok());
        let again = again.and_then(|signature| signature.base(&Request).ok());
        assert!(again.as_ref() == Some(&base), "`{base}` is read as another");

        let key = VerifyingKey::hmac(SECRET);
        if key.is_ok_and(|key| key.verify(&base, &signature.octets)) {
            let issued = ISSUED.as_ref().map_or("", |issued| issued.input.as_str());
            let own = format!("a={parameters}");
            assert_eq!(own, issued, "a signature that nobody made");
        }
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = texts([
        "a=(\"@method\" \"@target-uri\" \"date\");created=1;expires=2;keyid=\"k\";alg=\"ed25519\";tag=\"t\"\na=:AAAA:",
        "a=(\"@query-param\";name=\"id\" \"@query\");nonce=\"n\", b=(\"priority\";sf \"priority\";key=\"u\")\na=:AAAA:, b=:AA==:",
        "a=(\"priority\";bs \"x\";tr);b=1.5;c=?0;d=@1\na=:AAAA:",
    ]);
    if let Some(issued) = &*ISSUED {
        seeds.push(format!("{}\n{}", issued.input, issued.signature).into_bytes());
    }
    seeds
}
