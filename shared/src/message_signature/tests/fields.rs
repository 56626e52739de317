use super::Request;
use crate::message_signature::{
    InvalidSignature, Outdated, Parameters, SignatureFields, Validity, bounds,
};
use crate::time::UnixMillis;
use crate::units::Span;

fn parse(input: &str, signature: &str) -> Result<Parameters, InvalidSignature> {
    let fields = SignatureFields::parse(input, signature)?;
    let parameters = fields.signature("s").unwrap()?.parameters;
    Ok(parameters)
}

#[test]
fn parameters_are_read() {
    let input = "s=(\"@method\");created=1;expires=2;keyid=\"k\";alg=\"ed25519\";nonce=\"n\";tag=\"t\";more=1";
    assert_eq!(
        parse(input, "s=:AA==:"),
        Ok(Parameters {
            created: Some(1),
            expires: Some(2),
            keyid: Some("k".to_owned()),
            alg: Some("ed25519".to_owned()),
            nonce: Some("n".to_owned()),
            tag: Some("t".to_owned()),
        })
    );
}

#[test]
fn malformed_fields_are_refused() {
    let many = |count: usize, value: &str| {
        let members: Vec<String> = (0..count)
            .map(|index| format!("s{index}={value}"))
            .collect();
        members.join(", ")
    };
    let components: Vec<String> = (0..=bounds::COMPONENTS)
        .map(|index| format!("\"x-{index}\""))
        .collect();
    let long = format!("s={}", " ".repeat(bounds::FIELD));
    let octets = format!("s=:{}:", "AAAA".repeat(bounds::SIGNATURE / 3 + 1));
    let too_many = bounds::SIGNATURES + 1;
    for (input, signature, expected) in [
        (
            "s=(",
            "s=:AA==:",
            InvalidSignature::NoDictionary("Signature-Input"),
        ),
        ("s=()", "s=:A", InvalidSignature::NoDictionary("Signature")),
        ("s=()", "t=:AA==:", InvalidSignature::Unpaired),
        ("s=()", "s=:AA==:, t=:AA==:", InvalidSignature::Unpaired),
        ("s=1", "s=:AA==:", InvalidSignature::NoComponents),
        ("s=()", "s=\"AA\"", InvalidSignature::NoOctets),
        ("s=()", "s=(:AA==:)", InvalidSignature::NoOctets),
        (
            "s=();created=\"1\"",
            "s=:AA==:",
            InvalidSignature::Parameter("created"),
        ),
        (
            "s=();created=-1",
            "s=:AA==:",
            InvalidSignature::Parameter("created"),
        ),
        (
            "s=();keyid=token",
            "s=:AA==:",
            InvalidSignature::Parameter("keyid"),
        ),
        (
            &long,
            "s=:AA==:",
            InvalidSignature::TooLong("Signature-Input"),
        ),
        ("s=()", &long, InvalidSignature::TooLong("Signature")),
        ("s=()", &octets, InvalidSignature::NoOctets),
        (
            &many(too_many, "()"),
            &many(too_many, ":AA==:"),
            InvalidSignature::TooMany,
        ),
        (
            &format!("s=({})", components.join(" ")),
            "s=:AA==:",
            InvalidSignature::TooManyComponents,
        ),
    ] {
        assert_eq!(
            parse(input, signature),
            Err(expected),
            "{input} {signature}"
        );
    }
}

/// A signature that nothing can be made of leaves the others as they are.
#[test]
fn signatures_are_looked_at_one_by_one() {
    let fields = SignatureFields::parse("a=(\"x\";tr), s=()", "a=:AA==:, s=:AA==:").unwrap();
    assert_eq!(fields.labels().collect::<Vec<_>>(), ["a", "s"]);
    assert!(fields.signature("a").unwrap().is_err());
    assert!(fields.signature("s").unwrap().is_ok());
    assert!(fields.signature("b").is_none());
}

/// The parameters are signed in the one serialisation, in the order in which they came (§2.5).
#[test]
fn the_parameters_end_the_base() {
    let input = "s=( \"@method\"   );b=1;tag=\"t\"; created=007;a=?1;d=1.50";
    let fields = SignatureFields::parse(input, "s=:AA==:").unwrap();
    let base = fields
        .signature("s")
        .unwrap()
        .unwrap()
        .base(&Request::default());
    assert_eq!(
        base.unwrap(),
        "\"@method\": POST\n\"@signature-params\": (\"@method\");b=1;tag=\"t\";created=7;a;d=1.5"
    );
}

#[test]
fn dates_bound_a_signature() {
    let validity = Validity {
        max_age: Span(60_000),
        leeway: Span(5_000),
    };
    let check = |created: Option<u64>, expires: Option<u64>| {
        let parameters = Parameters {
            created,
            expires,
            ..Parameters::default()
        };
        validity.check(&parameters, UnixMillis(1_000_900))
    };
    assert_eq!(check(None, None), Err(Outdated::Undated));
    assert_eq!(check(Some(1_000), None), Ok(()));
    assert_eq!(check(Some(935), None), Ok(()));
    assert_eq!(check(Some(934), None), Err(Outdated::Expired));
    assert_eq!(check(Some(1_005), None), Ok(()));
    assert_eq!(check(Some(1_006), None), Err(Outdated::NotYet));
    assert_eq!(check(Some(1_000), Some(996)), Ok(()));
    assert_eq!(check(Some(1_000), Some(995)), Err(Outdated::Expired));
    assert_eq!(check(Some(u64::MAX), Some(u64::MAX)), Err(Outdated::NotYet));
}

#[test]
fn one_signature_is_taken_out_of_several() {
    let input = "a=(\"@method\" \"x-a\");created=1, s=();tag=\"t\", b=(\"date\";tr)";
    let fields = SignatureFields::parse(input, "s=:AA==:, b=:AQ==:, a=:Ag==:").unwrap();
    let rest = fields.without("s").unwrap();
    assert_eq!(
        rest.input,
        "a=(\"@method\" \"x-a\");created=1, b=(\"date\";tr)"
    );
    assert_eq!(rest.signature, "b=:AQ==:, a=:Ag==:");
    let alone = SignatureFields::parse("s=()", "s=:AA==:").unwrap();
    assert_eq!(alone.without("s"), None);
}
