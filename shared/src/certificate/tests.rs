use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, DnValue, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use x509_parser::extensions::GeneralName;

use super::*;

const ID: &str = "spiffe://partners.example/ns/pay/sa/depot";

fn issue(adjust: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    adjust(&mut params);
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

fn email(text: &str) -> SanType {
    SanType::Rfc822Name(text.try_into().unwrap())
}

fn named(names: Vec<SanType>) -> Result<ClientCertificate, InvalidCertificate> {
    ClientCertificate::read(&issue(|params| params.subject_alt_names = names))
}

fn dn(text: &str) -> DistinguishedName {
    text.parse().unwrap()
}

#[test]
fn reads_what_a_certificate_says() {
    let der = issue(|params| {
        let name = &mut params.distinguished_name;
        *name = rcgen::DistinguishedName::new();
        name.push(DnType::CountryName, "DE");
        name.push(DnType::OrganizationName, "Partner, GmbH");
        name.push(DnType::CommonName, "dépôt");
        let address = SanType::IpAddress([192, 0, 2, 1].into());
        params.subject_alt_names = vec![
            uri(ID),
            dns("Depot.Partner.example"),
            dns("*.partner.example"),
            email("Ops@Partner.example"),
            address,
        ];
        params.not_before = rcgen::date_time_ymd(2024, 2, 29);
        params.not_after = rcgen::date_time_ymd(2051, 3, 1);
        params.serial_number = Some(vec![1, 0xab].into());
    });
    let found = ClientCertificate::read(&der).unwrap();
    let name = dn("CN=dépôt,O=Partner\\, GmbH,C=DE");
    assert_eq!(
        found,
        ClientCertificate {
            sha256: Digest::of(&der),
            serial: "01ab".to_owned(),
            issuer: name.clone(),
            subject: name,
            not_before: 1_709_164_800,
            not_after: 2_561_241_600,
            spiffe: Some(ID.parse().unwrap()),
            uris: vec![ID.to_owned()],
            dns: vec!["depot.partner.example".to_owned()],
            emails: vec!["Ops@partner.example".to_owned()],
        }
    );
    assert_eq!(found.names(NameKind::Dns), ["depot.partner.example"]);
    assert_eq!(found.names(NameKind::Spiffe), [ID]);
}

/// X.509-SVID §2, §4.3.
#[test]
fn a_spiffe_id_is_the_only_uri_of_a_key_that_signs() {
    let spiffe = |names: Vec<SanType>, usages: Vec<KeyUsagePurpose>| {
        let der = issue(|params| {
            params.subject_alt_names = names;
            params.key_usages = usages;
        });
        ClientCertificate::read(&der).unwrap().spiffe
    };
    let signs = || vec![KeyUsagePurpose::DigitalSignature];
    assert!(spiffe(vec![uri(ID), dns("a.example")], signs()).is_some());
    let two = vec![uri(ID), uri("spiffe://partners.example/other")];
    assert_eq!(spiffe(two, signs()), None);
    assert_eq!(
        spiffe(vec![uri("https://partners.example/x")], signs()),
        None
    );
    assert_eq!(spiffe(vec![uri(ID)], vec![]), None);
    for usage in [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign] {
        let usages = vec![KeyUsagePurpose::DigitalSignature, usage];
        assert_eq!(spiffe(vec![uri(ID)], usages), None);
    }
}

#[test]
fn an_authority_is_no_client() {
    let der = issue(|params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    let found = ClientCertificate::read(&der);
    assert_eq!(found, Err(InvalidCertificate::Authority));
    let der = issue(|params| params.is_ca = IsCa::ExplicitNoCa);
    assert!(ClientCertificate::read(&der).is_ok());
}

/// What OpenSSL of old took for `bank.example`.
#[test]
fn a_name_that_ends_within_is_none() {
    for name in ["bank.example\0.evil.example", "bank.example evil", ""] {
        assert_eq!(
            named(vec![dns(name)]),
            Err(InvalidCertificate::Name),
            "{name:?}"
        );
        assert_eq!(
            named(vec![uri(name)]),
            Err(InvalidCertificate::Name),
            "{name:?}"
        );
        assert_eq!(
            named(vec![email(name)]),
            Err(InvalidCertificate::Name),
            "{name:?}"
        );
    }
}

#[test]
fn an_extension_stands_there_once() {
    let twice = || CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99], vec![5, 0]);
    let der = issue(|params| params.custom_extensions = vec![twice(), twice()]);
    assert_eq!(
        ClientCertificate::read(&der),
        Err(InvalidCertificate::Repeated)
    );
}

#[test]
fn what_is_no_certificate_is_refused() {
    let der = issue(|params| params.subject_alt_names = vec![uri(ID)]);
    for end in 0..der.len() {
        assert!(ClientCertificate::read(&der[..end]).is_err(), "{end}");
    }
    let longer = [&der[..], &[0]].concat();
    assert!(ClientCertificate::read(&longer).is_err());
    let long = vec![0x30; MAX_CERTIFICATE + 1];
    assert_eq!(
        ClientCertificate::read(&long),
        Err(InvalidCertificate::TooLong)
    );
    let names = (0..300).map(|at| dns(&format!("n{at}.example"))).collect();
    assert_eq!(named(names), Err(InvalidCertificate::TooMany));
}

/// RFC 4514 §2.4, §3.
#[test]
fn a_name_has_one_form() {
    for (written, one) in [
        ("CN=acme,O=Partner", "CN=acme,O=Partner"),
        ("cn=acme,o=Partner", "CN=acme,O=Partner"),
        ("2.5.4.3=acme", "CN=acme"),
        ("CN=a\\2cb", "CN=a\\,b"),
        ("CN=Lu\\C4\\8Di\\C4\\87", "CN=Lučić"),
        ("CN=\\20a\\ ", "CN=\\ a\\ "),
        ("CN=\\#a", "CN=\\#a"),
        ("CN=Before\\0DAfter", "CN=Before\\0dAfter"),
        (
            "OU=Sales+CN=J.  Smith,DC=example",
            "OU=Sales+CN=J.  Smith,DC=example",
        ),
        (
            "1.3.6.1.4.1.1466.0=#04024869",
            "1.3.6.1.4.1.1466.0=#04024869",
        ),
        ("", ""),
    ] {
        assert_eq!(dn(written).as_str(), one, "{written}");
        assert_eq!(dn(one).as_str(), one);
    }
    for written in [
        "acme",
        "CN",
        "CN=",
        "CN=,O=a",
        "CN=a,",
        "CN=a, O=b",
        "CN = a",
        "X=a",
        "CN=#0",
        "CN=#xy",
    ] {
        assert!(written.parse::<DistinguishedName>().is_err(), "{written}");
    }
}

/// The string type of a value does not matter, its characters do.
#[test]
fn names_are_compared_by_their_characters() {
    let subject = |value: DnValue| {
        let der = issue(|params| {
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, value);
        });
        ClientCertificate::read(&der).map(|found| found.subject)
    };
    let utf8 = subject(DnValue::Utf8String("acme".to_owned()));
    let printable = subject(DnValue::PrintableString("acme".try_into().unwrap()));
    assert_eq!(utf8, printable);
    assert_eq!(utf8, Ok(dn("CN=acme")));
    assert_ne!(utf8, subject(DnValue::Utf8String("Acme".to_owned())));
    // A value of two octets a character is its encoding.
    let wide = subject(DnValue::BmpString("a".try_into().unwrap()));
    assert_eq!(wide, Ok(dn("2.5.4.3=#1e020061")));
    let cut = subject(DnValue::Utf8String("acme\0".to_owned()));
    assert_eq!(cut, Ok(dn("CN=acme\\00")));
}

#[test]
fn patterns_stand_for_whole_pieces() {
    use NameKind::{Dns, Email, Spiffe, Uri};
    for (kind, pattern, has, has_not) in [
        (
            Spiffe,
            "spiffe://td.example/ns/*/sa/depot",
            &["spiffe://td.example/ns/a/sa/depot"][..],
            &[
                "spiffe://td.example/ns//sa/depot",
                "spiffe://td.example/ns/a/b/sa/depot",
                "spiffe://td.example/ns/a/sa/depot/x",
                "spiffe://other.example/ns/a/sa/depot",
                "spiffe://td.example/ns/a/sa",
            ][..],
        ),
        (
            Spiffe,
            "spiffe://td.example/fleet/**",
            &[
                "spiffe://td.example/fleet/1",
                "spiffe://td.example/fleet/a/b",
            ],
            &["spiffe://td.example/fleet", "spiffe://td.example/fleet2/a"],
        ),
        (
            Uri,
            "urn://partner.example/*",
            &["urn://partner.example/a"],
            &["urn://partner.example/", "urn://partner.example.evil/a"],
        ),
        (
            Dns,
            "*.fleet.example",
            &["a.fleet.example"],
            &["fleet.example", "a.b.fleet.example", "a.fleet.example.evil"],
        ),
        (
            Email,
            "*@partner.example",
            &["ops@partner.example"],
            &[
                "@partner.example",
                "a@b@partner.example",
                "ops@evil.example",
            ],
        ),
        (
            Dns,
            "a.example",
            &["a.example"],
            &["b.example", "a.example.b"],
        ),
    ] {
        let pattern = NamePattern::new(kind, pattern).unwrap();
        for name in has {
            assert!(pattern.has(name), "{pattern} {name}");
        }
        for name in has_not {
            assert!(!pattern.has(name), "{pattern} {name}");
        }
        assert!(pattern.has(&pattern.example()), "{pattern}");
    }
}

#[test]
fn no_pattern_leaves_open_whose_names_it_has() {
    use NameKind::{Dns, Email, Spiffe, Uri};
    for (kind, pattern) in [
        (Spiffe, "spiffe://*/a"),
        (Spiffe, "spiffe://**"),
        (Spiffe, "*"),
        (Spiffe, "spiffe://td.example/a*"),
        (Spiffe, "spiffe://td.example/**/a"),
        (Spiffe, "https://td.example/a"),
        (Spiffe, ""),
        (Uri, "https://*/a"),
        (Uri, "*://a.example/a"),
        (Uri, "a.example/a"),
        (Uri, "https:///a"),
        (Dns, "*"),
        (Dns, "*.example"),
        (Dns, "a.*.example"),
        (Dns, "A.example"),
        (Dns, "a.example:443"),
        (Dns, "fo*.a.example"),
        (Email, "*@*"),
        (Email, "ops@*"),
        (Email, "ops"),
        (Email, "@a.example"),
        (Email, "a@b@c.example"),
    ] {
        assert!(
            NamePattern::new(kind, pattern).is_err(),
            "{kind:?} {pattern}"
        );
    }
}

#[test]
fn patterns_that_share_a_name_meet() {
    let spiffe = |text: &str| NamePattern::new(NameKind::Spiffe, text).unwrap();
    for (one, other, meet) in [
        ("spiffe://a.example/x", "spiffe://a.example/x", true),
        ("spiffe://a.example/x", "spiffe://a.example/y", false),
        ("spiffe://a.example/*", "spiffe://a.example/y", true),
        ("spiffe://a.example/*/b", "spiffe://a.example/a/*", true),
        ("spiffe://a.example/*/b", "spiffe://a.example/a/c", false),
        ("spiffe://a.example/**", "spiffe://a.example/a/c", true),
        ("spiffe://a.example/**", "spiffe://a.example", false),
        ("spiffe://a.example/*", "spiffe://a.example/a/c", false),
        ("spiffe://a.example/x/**", "spiffe://a.example/**", true),
    ] {
        assert_eq!(spiffe(one).meets(&spiffe(other)), meet, "{one} {other}");
        assert_eq!(spiffe(other).meets(&spiffe(one)), meet, "{other} {one}");
    }
}

proptest! {
    /// Another reader finds the same, whatever happened to the octets.
    #[test]
    fn reads_no_other_names_than_another_reader(
        at in 0_usize..600,
        octet in any::<u8>(),
    ) {
        let mut der = issue(|params| {
            params.subject_alt_names = vec![uri(ID), dns("depot.partner.example")];
        });
        let at = at % der.len();
        der[at] = octet;
        let other = x509_parser::parse_x509_certificate(&der);
        // The other reader looks at what names nobody, too.
        if let (Ok(found), Ok((rest, other))) = (ClientCertificate::read(&der), other) {
            prop_assert!(rest.is_empty());
            let validity = other.validity();
            prop_assert_eq!(validity.not_after.timestamp().max(0), i64::try_from(found.not_after).unwrap());
            prop_assert_eq!(validity.not_before.timestamp().max(0), i64::try_from(found.not_before).unwrap());
            let Ok(names) = other.subject_alternative_name() else {
                return Ok(());
            };
            let names = names.map_or(vec![], |names| names.value.general_names.clone());
            if names.iter().any(|name| matches!(name, GeneralName::Invalid(..))) {
                return Ok(());
            }
            let uris = names.iter().filter_map(|name| {
                let GeneralName::URI(uri) = name else {
                    return None;
                };
                Some((*uri).to_owned())
            });
            prop_assert_eq!(uris.collect::<Vec<_>>(), found.uris);
        }
    }

    #[test]
    fn the_one_form_stays(text in "[A-Z]{1,3}=[ -~]{1,12}(,[A-Z]{1,2}=[ -~é]{0,12})?") {
        if let Ok(name) = text.parse::<DistinguishedName>() {
            let again = name.as_str().parse();
            prop_assert_eq!(Ok(name), again);
        }
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ClientCertificate::read(&octets);
    }
}
