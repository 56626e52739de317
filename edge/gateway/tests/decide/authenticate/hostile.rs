//! Tokens made to hurt. All have a good signature: what refuses them is what they are, and it is
//! asked before the signature or right after it.

use serde_json::json;

use super::*;

const INVALID: &str = "401 credential-invalid";
const HEADER: &str = r#"{"alg":"HS256"}"#;

fn gateway() -> Gateway {
    gateway_with(issuer(), &[])
}

/// The claims with more text at their end.
fn claims_and(more: &str) -> String {
    let claims = claims().to_string();
    format!("{}{more}}}", claims.strip_suffix('}').unwrap())
}

#[test]
fn length_is_bounded() {
    let gateway = gateway();
    let padded = |length: usize| {
        let text = "x".repeat(length);
        sign_raw(HEADER, &with("padding", json!(text)).to_string())
    };
    let megabyte = padded(1 << 20);
    assert!(megabyte.len() > 1 << 20);
    assert_eq!(verdict(&gateway, &megabyte), INVALID);
    // 16 KiB is the bound: the first token is just below it, the second just above.
    let (below, above) = (padded(12_000), padded(12_200));
    assert!(below.len() <= 16_384 && above.len() > 16_384);
    assert_eq!(verdict(&gateway, &below), "forward");
    assert_eq!(verdict(&gateway, &above), INVALID);
    let header = json!({ "alg": "HS256", "padding": "x".repeat(1 << 20) });
    let token = sign_raw(&header.to_string(), &claims().to_string());
    assert_eq!(verdict(&gateway, &token), INVALID);
    let (message, _) = below.rsplit_once('.').unwrap();
    assert_eq!(
        verdict(&gateway, &format!("{message}.{}", "A".repeat(1 << 20))),
        INVALID
    );
    assert_eq!(verdict(&gateway, &".".repeat(1 << 20)), INVALID);
}

#[test]
fn many_claims() {
    let gateway = gateway();
    let many = |count: usize| {
        let more: String = (0..count).map(|index| format!(",\"{index}\":0")).collect();
        sign_raw(HEADER, &claims_and(&more))
    };
    assert_eq!(verdict(&gateway, &many(1_000)), "forward");
    assert_eq!(verdict(&gateway, &many(10_000)), INVALID);
}

#[test]
fn members_that_stand_twice() {
    let gateway = gateway();
    assert_eq!(
        verdict(&gateway, &sign_raw(HEADER, &claims_and(r#","a":1,"b":1"#))),
        "forward"
    );
    for more in [
        r#","sub":"alice""#,
        r#","sub":"mallory""#,
        r#","exp":99999999999"#,
        r#","\u0073ub":"mallory""#,
        r#","a":1,"a":1"#,
        r#","a":{"b":{"c":1,"c":1}}"#,
        r#","a":[[{"b":1,"b":null}]]"#,
        r#","":1,"":2"#,
    ] {
        assert_eq!(
            verdict(&gateway, &sign_raw(HEADER, &claims_and(more))),
            INVALID,
            "{more}"
        );
    }
    for header in [
        r#"{"alg":"HS256","alg":"none"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"HS256"}"#,
        r#"{"alg":"HS256","kid":"a","kid":"a"}"#,
    ] {
        let token = sign_raw(header, &claims().to_string());
        assert_eq!(verdict(&gateway, &token), INVALID, "{header}");
    }
}

#[test]
fn nesting_is_bounded() {
    let gateway = gateway();
    let nested = |depth: usize, open: &str, close: &str| {
        let (open, close) = (open.repeat(depth), close.repeat(depth));
        claims_and(&format!(",\"a\":{open}1{close}"))
    };
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let shallow = sign_raw(HEADER, &nested(100, open, close));
        assert_eq!(verdict(&gateway, &shallow), "forward", "{open}");
        let deep = sign_raw(HEADER, &nested(1_000, open, close));
        assert!(deep.len() < 16_384);
        assert_eq!(verdict(&gateway, &deep), INVALID, "{open}");
    }
    // Never closed, and as deep as fits.
    let open = sign_raw(HEADER, &"[".repeat(12_000));
    assert_eq!(verdict(&gateway, &open), INVALID);
    let open = sign_raw(&"[".repeat(12_000), &claims().to_string());
    assert_eq!(verdict(&gateway, &open), INVALID);
}

/// RFC 7515 §2: base64url has one form. The signature covers the text, so that another form of
/// the same octets is signed too.
#[test]
fn base64url_has_one_form() {
    let gateway = gateway();
    let sign = |header: &str, payload: &str| {
        let message = format!("{header}.{payload}");
        let tag = hmac_sha256::HMAC::mac(&message, SECRET);
        format!("{message}.{}", base64url(tag))
    };
    let header = base64url(HEADER);
    // One octet over a group of three, so that the last character has four bits to spare.
    let text = (0..3)
        .map(|spaces| format!("{}{}", claims(), " ".repeat(spaces)))
        .find(|text| text.len() % 3 == 1)
        .unwrap();
    let payload = base64url(text);
    assert_eq!(verdict(&gateway, &sign(&header, &payload)), "forward");
    let last = payload.chars().next_back().unwrap();
    let next = char::from(u8::try_from(last).unwrap() + 1);
    let stray = format!("{}{next}", payload.strip_suffix(last).unwrap());
    let (front, rest) = payload.split_at(4);
    let spaced = format!("{front} {rest}");
    for (header, payload) in [
        (header.clone(), stray),
        (header.clone(), format!("{payload}==")),
        (header.clone(), format!("{payload}=")),
        (header.clone(), format!("{payload}A")),
        (header.clone(), format!("{payload}\n")),
        (header.clone(), spaced),
        (format!("{header}="), payload.clone()),
        (header.to_uppercase(), payload.clone()),
    ] {
        assert_eq!(
            verdict(&gateway, &sign(&header, &payload)),
            INVALID,
            "{header}.{payload}"
        );
    }
    // The other alphabet: octets that have `-` and `_` in this one.
    let text = with("a", json!("???>>>~~~")).to_string();
    let payload = base64url(text);
    assert!(payload.contains(['-', '_']));
    let other = payload.replace('-', "+").replace('_', "/");
    assert_eq!(verdict(&gateway, &sign(&header, &payload)), "forward");
    assert_eq!(verdict(&gateway, &sign(&header, &other)), INVALID);
    // The signature's last character has bits to spare too.
    let token = sign(&header, &payload);
    let last = token.chars().next_back().unwrap();
    let next = char::from(u8::try_from(last).unwrap() + 1);
    let stray = format!("{}{next}", token.strip_suffix(last).unwrap());
    assert_eq!(verdict(&gateway, &stray), INVALID);
}

#[test]
fn every_octet_in_the_header() {
    let gateway = gateway();
    let sign = |header: &[u8]| {
        let message = format!("{}.{}", base64url(header), base64url(claims().to_string()));
        let tag = hmac_sha256::HMAC::mac(&message, SECRET);
        format!("{message}.{}", base64url(tag))
    };
    for octet in 0..=u8::MAX {
        let expected = |holds| if holds { "forward" } else { INVALID };
        // RFC 8259 §7: within a text all but controls, quotes and what is not UTF-8.
        let text = [br#"{"alg":"HS256","a":""#, &[octet][..], br#""}"#].concat();
        let holds = matches!(octet, b' '..=0x7f) && !matches!(octet, b'"' | b'\\');
        assert_eq!(
            verdict(&gateway, &sign(&text)),
            expected(holds),
            "{octet:#x} in a text"
        );
        // RFC 8259 §2: between members white space alone.
        let between = [b"{", &[octet][..], br#""alg":"HS256"}"#].concat();
        let holds = matches!(octet, b' ' | b'\t' | b'\n' | b'\r');
        assert_eq!(
            verdict(&gateway, &sign(&between)),
            expected(holds),
            "{octet:#x} between"
        );
        // Behind the name of the algorithm it is another algorithm.
        let behind = [br#"{"alg":"HS256"#, &[octet][..], br#""}"#].concat();
        assert_eq!(
            verdict(&gateway, &sign(&behind)),
            INVALID,
            "{octet:#x} behind"
        );
    }
}

/// As a field carries it, in place of each of some characters of the token.
#[test]
fn every_octet_in_the_token() {
    let gateway = gateway();
    let good = hs256(&claims());
    let dot = good.find('.').unwrap();
    for octet in 0..=u8::MAX {
        for at in [0, 1, dot - 1, dot, dot + 1, good.len() - 1] {
            let altered: String = good
                .chars()
                .enumerate()
                .map(|(index, own)| if index == at { char::from(octet) } else { own })
                .collect();
            let found = verdict(&gateway, &altered);
            if altered == good {
                assert_eq!(found, "forward");
            } else {
                // A comma makes two of it; white space at its end belongs to the field, and what
                // is left is another token.
                let refused = [INVALID, "400 credential-ambiguous"].contains(&found.as_str());
                assert!(refused, "{octet:#x} at {at}: {found}");
            }
        }
    }
}
