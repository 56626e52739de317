//! RFC 8949 Appendix A: what is deterministic and of a type that a bundle holds is read, and
//! nothing else.

use serde::Deserialize;
use tidegate_shared::cbor::{self, Bounds, InvalidCbor};

#[derive(Deserialize)]
struct Vector {
    hex: String,
    roundtrip: bool,
}

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn appendix_a() {
    let text = std::fs::read(crate::vectors().join("cbor/appendix_a.json")).unwrap();
    let vectors: Vec<Vector> = serde_json::from_slice(&text).unwrap();
    let bounds = Bounds {
        octets: 1 << 16,
        items: 1 << 10,
    };
    let (mut accepted, mut unsupported, mut refused) = (0, 0, 0);
    for vector in &vectors {
        let octets = decode_hex(&vector.hex);
        match cbor::check(&octets, &bounds) {
            Ok(()) => {
                assert!(vector.roundtrip, "{} has another encoding", vector.hex);
                accepted += 1;
            }
            Err(InvalidCbor::Unsupported(_)) => unsupported += 1,
            Err(error) => {
                assert!(!vector.roundtrip, "{}: {error}", vector.hex);
                refused += 1;
            }
        }
    }
    println!(
        "CBOR, RFC 8949 Appendix A: {} vectors: {accepted} read, {unsupported} of a type that a bundle never \
         holds, {refused} refused as not deterministic",
        vectors.len()
    );
}

/// The octets that hexadecimal digits stand for.
pub(crate) fn decode_hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
