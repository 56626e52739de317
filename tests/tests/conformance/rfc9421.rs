//! RFC 9421 Appendix B: each signature holds over its message, those of deterministic algorithms
//! come out again octet for octet, and the transformed messages of §B.4 hold or not as it says.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_edge::{jwk, signature};
use tidegate_shared::bundle::KeyMaterial;
use tidegate_shared::message_signature::{
    Component, Message, SignatureAlgorithm, SignatureFields, SigningSecret, sign,
};
use tidegate_shared::trust::SigningKey;

#[derive(Deserialize)]
struct Vectors {
    keys: BTreeMap<String, Value>,
    messages: BTreeMap<String, String>,
    tests: Vec<Test>,
    other: Vec<Section>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    name: String,
    alg: SignatureName,
    on: String,
    signature_base: String,
    headers: String,
}

/// §B.3 and §B.4.
#[derive(Deserialize)]
struct Section {
    section: String,
    blocks: Vec<String>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct SignatureName(SignatureAlgorithm);

impl TryFrom<String> for SignatureName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let algorithm = name.parse().map(Self);
        algorithm.map_err(|_| format!("an algorithm `{name}`"))
    }
}

/// A message as the vectors write it down.
struct Written {
    method: Option<String>,
    target: Option<String>,
    status: Option<u16>,
    fields: Vec<(String, String)>,
}

impl Written {
    fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let start: Vec<&str> = lines.next().unwrap().split(' ').collect();
        let response = start[0].starts_with("HTTP/");
        let mut message = Self {
            method: (!response).then(|| start[0].to_owned()),
            target: (!response).then(|| start[1].to_owned()),
            status: response.then(|| start[1].parse().unwrap()),
            fields: vec![],
        };
        message.add(
            &lines
                .take_while(|line| !line.is_empty())
                .collect::<Vec<_>>()
                .join("\n"),
        );
        message
    }

    fn add(&mut self, fields: &str) {
        self.fields.extend(fields.lines().map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        }));
    }
}

impl Message for Written {
    fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    fn scheme(&self) -> Option<&str> {
        Some("https")
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        self.field("host")
    }

    fn path_and_query(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn status(&self) -> Option<u16> {
        self.status
    }

    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        let own = self.fields.iter().filter(|(own, _)| own == name);
        let values: Vec<&str> = own.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", ").into())
    }
}

/// A key of the appendix.
enum Key {
    Public(KeyMaterial, Option<SigningSecret>),
    Shared(SigningSecret, Vec<u8>),
}

impl Key {
    fn of(key: &Value) -> Self {
        let Some(jwk) = key.get("jwk") else {
            let octets = STANDARD.decode(key["base64"].as_str().unwrap()).unwrap();
            let secret = SigningSecret::new(SignatureAlgorithm::HmacSha256, &octets);
            return Self::Shared(secret.unwrap(), octets);
        };
        let mut public = json!({});
        for member in ["kty", "crv", "n", "e", "x", "y", "kid"] {
            if let Some(value) = jwk.get(member) {
                public[member] = value.clone();
            }
        }
        let signing = (jwk["crv"] == "Ed25519").then(|| {
            let seed = URL_SAFE_NO_PAD.decode(jwk["d"].as_str().unwrap()).unwrap();
            SigningSecret::Ed25519(SigningKey::from_seed(seed.try_into().unwrap()))
        });
        Self::Public(jwk::parse(public).unwrap().unwrap().material, signing)
    }

    fn verify(&self, algorithm: SignatureAlgorithm, base: &str, octets: &[u8]) -> bool {
        match self {
            Self::Public(key, _) => {
                signature::verify(algorithm.jws(), key, base.as_bytes(), octets)
            }
            Self::Shared(_, secret) => signature::verify_hmac(secret, base.as_bytes(), octets),
        }
    }

    fn signing(&self) -> Option<&SigningSecret> {
        match self {
            Self::Public(_, signing) => signing.as_ref(),
            Self::Shared(signing, _) => Some(signing),
        }
    }
}

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn appendix_b() {
    let file = crate::vectors().join("rfc9421/appendix-b.json");
    let vectors: Vectors = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let keys: BTreeMap<&str, Key> = vectors
        .keys
        .iter()
        .map(|(name, key)| (name.as_str(), Key::of(key)))
        .collect();
    let mut remade = 0;
    for test in &vectors.tests {
        let key = &keys[name(test.alg.0)];
        let mut message = Written::parse(&vectors.messages[&test.on]);
        correct(&mut message, test);
        message.add(&test.headers);
        let (fields, label) = fields(&message);
        let signature = fields.signature(&label).unwrap().unwrap();
        let base = signature.base(&message).unwrap();
        assert_eq!(base, test.signature_base, "{}", test.name);
        assert!(
            key.verify(test.alg.0, &base, &signature.octets),
            "{}",
            test.name
        );
        for index in (0..base.len()).step_by(16) {
            let mut changed = base.clone();
            changed.remove(index);
            assert!(
                !key.verify(test.alg.0, &changed, &signature.octets),
                "{}",
                test.name
            );
        }
        if let Some(secret) = key.signing() {
            let components: Vec<Component> = signature.components().cloned().collect();
            let again = sign(&label, &components, &signature.parameters, &message, secret).unwrap();
            let expected = format!(
                "Signature-Input: {}\nSignature: {}",
                again.input, again.signature
            );
            assert_eq!(expected, test.headers, "{}", test.name);
            remade += 1;
        }
    }
    let (held, refused) = sections(&vectors.other, &keys);
    println!(
        "HTTP Message Signatures, RFC 9421 Appendix B: {} signatures: all hold (one of them, of the response, with the \
         digest that stands in its base: the file's message has another), {remade} deterministic ones made again octet for \
         octet; §B.3 and §B.4: {held} hold, {refused} do not, as they should",
        vectors.tests.len()
    );
}

/// The key of an algorithm.
fn name(algorithm: SignatureAlgorithm) -> &'static str {
    match algorithm {
        SignatureAlgorithm::Ed25519 => "Example Ed25519 Test Key",
        SignatureAlgorithm::EcdsaP256Sha256 => "Example ECC P-256 Test Key",
        SignatureAlgorithm::RsaPssSha512 => "Example RSA PSS Key",
        SignatureAlgorithm::RsaV1_5Sha256 => "Example Key RSA test",
        SignatureAlgorithm::HmacSha256 => "Example Shared Secret",
        SignatureAlgorithm::EcdsaP384Sha384 => panic!("the appendix has no key of P-384"),
    }
}

/// The response in the file is that of a draft; the signature is over the RFC's.
fn correct(message: &mut Written, test: &Test) {
    if message.status.is_none() {
        return;
    }
    let line = test
        .signature_base
        .lines()
        .find_map(|line| line.strip_prefix("\"content-digest\": "));
    let digest = message
        .fields
        .iter_mut()
        .find(|(name, _)| name == "content-digest");
    digest.unwrap().1 = line.unwrap().to_owned();
}

fn fields(message: &Written) -> (SignatureFields, String) {
    let value = |name: &str| message.field(name).unwrap();
    let fields = SignatureFields::parse(&value("signature-input"), &value("signature")).unwrap();
    let label = fields.labels().next().unwrap().to_owned();
    (fields, label)
}

fn holds(message: &Written, key: &Key, algorithm: SignatureAlgorithm) -> bool {
    let (fields, label) = fields(message);
    let signature = fields.signature(&label).unwrap().unwrap();
    let base = signature.base(message);
    base.is_ok_and(|base| key.verify(algorithm, &base, &signature.octets))
}

/// How many of the messages of §B.3 and §B.4 hold, and how many do not.
fn sections(sections: &[Section], keys: &BTreeMap<&str, Key>) -> (usize, usize) {
    let (mut held, mut refused) = (0, 0);
    for Section { section, blocks } in sections {
        // The last two of the transformations change what is covered: the authority, and the
        // order of the values of `Accept`.
        let (algorithm, changed) = match section.as_str() {
            "TLS-Terminating Proxies" => (SignatureAlgorithm::EcdsaP256Sha256, 0),
            "HTTP Message Transformations" => (SignatureAlgorithm::Ed25519, 2),
            other => panic!("a section `{other}`"),
        };
        let signed: Vec<&String> = blocks
            .iter()
            .filter(|block| block.contains("\nSignature: "))
            .collect();
        for (index, block) in signed.iter().enumerate() {
            let expected = index < signed.len() - changed;
            let message = Written::parse(block);
            assert_eq!(
                holds(&message, &keys[name(algorithm)], algorithm),
                expected,
                "{block}"
            );
            held += usize::from(expected);
            refused += usize::from(!expected);
        }
    }
    (held, refused)
}
