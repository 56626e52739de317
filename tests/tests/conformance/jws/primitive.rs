//! Bare signatures of Project Wycheproof, in the form in which a token has them.

use serde_bytes::ByteBuf;
use serde_json::Value;
use tidegate_edge::signature;
use tidegate_shared::bundle::{Algorithm, KeyMaterial};

use super::{Suite, jwk, read};
use crate::cbor::decode_hex;

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn es256() {
    signatures("ecdsa_secp256r1_sha256_p1363_test", Algorithm::ES256);
}

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn es384() {
    signatures("ecdsa_secp384r1_sha384_p1363_test", Algorithm::ES384);
}

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn eddsa() {
    signatures("ed25519_test", Algorithm::EdDSA);
}

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn ps256() {
    signatures("rsa_pss_2048_sha256_mgf1_32_test", Algorithm::PS256);
}

/// Despite their names these are of RSAES-PKCS1-v1_5, which encrypts.
#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn rsa_pkcs1_encryption() {
    for name in ["rsa_pkcs1_2048_test", "rsa_pkcs1_3072_test"] {
        let file = read(&format!("wycheproof/{name}.json"));
        assert_eq!(file["algorithm"], "RSAES-PKCS1-v1_5");
        let mut suite = Suite::new(name);
        for group in file["testGroups"].as_array().unwrap() {
            for test in group["tests"].as_array().unwrap() {
                suite.leave_out(test["tcId"].to_string(), "encryption, not signatures");
            }
        }
        suite.finish();
    }
}

fn signatures(name: &str, algorithm: Algorithm) {
    let mut suite = Suite::new(name);
    let file = read(&format!("wycheproof/{name}.json"));
    for group in file["testGroups"].as_array().unwrap() {
        let key = key(group);
        for test in group["tests"].as_array().unwrap() {
            let octets = |member: &str| decode_hex(test[member].as_str().unwrap());
            let vector = format!("{} {}", test["tcId"], test["comment"]);
            let accepted = signature::verify(algorithm, &key, &octets("msg"), &octets("sig"));
            suite.run(vector, test["result"] == "valid", accepted);
        }
    }
    suite.finish();
}

/// The group's JWK; the point of a curve where it has none.
fn key(group: &Value) -> KeyMaterial {
    if let Some(jwk) = group.get("publicKeyJwk") {
        return jwk::parse(jwk.clone()).unwrap().unwrap().material;
    }
    let key = &group["publicKey"];
    let point = ByteBuf::from(decode_hex(key["uncompressed"].as_str().unwrap()));
    match key["curve"].as_str() {
        Some("secp256r1") => KeyMaterial::P256(point),
        Some("secp384r1") => KeyMaterial::P384(point),
        other => panic!("{other:?}"),
    }
}
