//! COSE_Sign1 of the COSE working group's examples: the signature holds where it should, and only
//! there; and none of them is an envelope, whose one protected header is `EdDSA`, a content type
//! and a key id of eight octets.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coset::{
    CborSerializable, CoseSign1, RegisteredLabelWithPrivate, TaggedCborSerializable, iana,
};
use serde::Deserialize;
use serde_bytes::ByteBuf;
use serde_json::Value;
use tidegate_edge::signature;
use tidegate_shared::bundle::{Algorithm, KeyMaterial};
use tidegate_shared::envelope::Signed;

use crate::cbor::decode_hex;

#[derive(Deserialize)]
struct Vector {
    #[serde(default)]
    fail: bool,
    input: Value,
    output: Output,
}

#[derive(Deserialize)]
struct Output {
    cbor: String,
}

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn signatures_hold_where_they_should() {
    let (mut held, mut refused, mut left_out) = (0, 0, Vec::new());
    for (name, vector) in examples() {
        let octets = decode_hex(&vector.output.cbor);
        assert!(Signed::parse(&octets).is_err(), "{name} is an envelope");
        let Some(signer) = vector.input.get("sign0") else {
            left_out.push(format!("{name} (COSE_Sign)"));
            continue;
        };
        if name == "sign-pass-01" {
            left_out.push(format!(
                "{name} (an empty protected header, which no envelope has)"
            ));
            continue;
        }
        let Some((algorithm, key)) = key(&signer["key"]) else {
            left_out.push(format!("{name} (Ed448)"));
            continue;
        };
        let external = decode_hex(signer["external"].as_str().unwrap_or_default());
        assert_eq!(
            holds(&octets, algorithm, &key, &external),
            !vector.fail,
            "{name}"
        );
        if vector.fail {
            refused += 1;
        } else {
            held += 1;
        }
    }
    println!(
        "COSE_Sign1: {} examples: {held} held, {refused} refused as they should be; not run: {}",
        held + refused + left_out.len(),
        left_out.join(", ")
    );
}

fn examples() -> Vec<(String, Vector)> {
    let mut examples = Vec::new();
    for suite in ["sign1-tests", "eddsa-examples"] {
        let folder = crate::vectors().join("cose-wg-examples").join(suite);
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            let vector = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            examples.push((name, vector));
        }
    }
    examples.sort_by(|(one, _), (other, _)| one.cmp(other));
    examples
}

/// The algorithm and the public key; `None` where Tidegate has no such algorithm.
fn key(key: &Value) -> Option<(Algorithm, KeyMaterial)> {
    let octets = |name: &str| match key[format!("{name}_hex")].as_str() {
        Some(hex) => decode_hex(hex),
        None => URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap(),
    };
    match key["crv"].as_str() {
        Some("P-256") => {
            let point = [vec![4], octets("x"), octets("y")].concat();
            Some((Algorithm::ES256, KeyMaterial::P256(ByteBuf::from(point))))
        }
        Some("Ed25519") => {
            let point = ByteBuf::from(octets("x"));
            Some((Algorithm::EdDSA, KeyMaterial::Ed25519(point)))
        }
        _ => None,
    }
}

/// Whether this is a COSE_Sign1, tagged or not, of that algorithm, whose signature holds.
fn holds(octets: &[u8], algorithm: Algorithm, key: &KeyMaterial, external: &[u8]) -> bool {
    let parsed = CoseSign1::from_tagged_slice(octets).or_else(|_| CoseSign1::from_slice(octets));
    let Ok(sign1) = parsed else {
        return false;
    };
    let expected = match algorithm {
        Algorithm::EdDSA => iana::Algorithm::EdDSA,
        Algorithm::ES256 => iana::Algorithm::ES256,
        Algorithm::HS256
        | Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512
        | Algorithm::ES384 => return false,
    };
    let named = sign1.protected.header.alg.as_ref();
    named.or(sign1.unprotected.alg.as_ref())
        == Some(&RegisteredLabelWithPrivate::Assigned(expected))
        && signature::verify(algorithm, key, &sign1.tbs_data(external), &sign1.signature)
}
