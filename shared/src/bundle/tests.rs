//! A bundle's whole way: encode, sign, parse, verify, decode; and every way to fail on it.

use expect_test::expect;
use http::Method;

use super::*;
use crate::envelope::{self, InvalidEnvelope, Signed, VerifyError};
use crate::method::MethodSet;
use crate::trust::{SigningKey, TrustKeys};

fn route() -> Route {
    let reply = Reply {
        status: 200,
        headers: vec![],
        body: ByteBuf::from("ok"),
    };
    Route {
        methods: MethodSet::of(&Method::GET),
        ..Route::new("status", Auth::Public, Target::Reply(reply))
    }
}

fn routes() -> HostRoutes {
    let entry = PathEntry {
        pattern: "/status".parse().unwrap(),
        routes: vec![0],
        otherwise: vec![],
    };
    HostRoutes {
        paths: vec![entry],
        routes: vec![route()],
    }
}

fn bundle() -> Bundle {
    let host = HostSection::encode("api.bank.example".parse().unwrap(), &routes()).unwrap();
    Bundle {
        header: Header {
            format: FORMAT_VERSION,
            name: "bank".to_owned(),
            sequence: 7,
            source: Digest::of(b"policy"),
        },
        tables: Tables::default(),
        hosts: vec![host],
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed([1; 32])
}

fn trust() -> TrustKeys {
    TrustKeys::from(key().trust_key())
}

fn signed() -> Vec<u8> {
    envelope::sign::<Bundle>(bundle().encode().unwrap(), &key())
}

/// The format is a contract between releases: a change of a single octet must be meant.
#[test]
fn golden_bundle() {
    let golden = expect![
        "d2845834a301270378246170706c69636174696f6e2f766e642e74696465676174652e62756e646c652b63626f72044834750f98bd59fcfca0589d8384016462616e6b075820823412d1eacb67956220e532959f0104603057c88704863ca38e7cd188fda8128c8080808080808080808080f68182706170692e62616e6b2e6578616d706c65585087818200672f7374617475738182810080818600f40100f600818200667374617475738182665075626c6963818080818c808080808080f6f6a1655265706c798318c880426f6bf683808080838080805840159a102a1cb0ba6cce58811ce870193f84bb496ba90013a837f936999ce8b8e8759d1fd65bd4adbac0ed8cc1ae88042912e77891fcaf2ead31a69c2a5f8a3d07"
    ];
    golden.assert_eq(&hex::encode(signed()));
}

#[test]
fn what_was_signed_is_what_is_read() {
    let verified = Signed::parse(&signed())
        .unwrap()
        .verify::<Bundle>(&trust())
        .unwrap();
    assert_eq!(verified.digest(), Digest::of(&signed()));
    assert_eq!(verified.key_id(), key().trust_key().id());
    assert_eq!(*verified.content(), bundle());
    let host = &verified.content().hosts[0];
    assert_eq!(host.decode(&verified.content().tables), Ok(routes()));
}

#[test]
fn no_tampered_octet_is_accepted() {
    let good = signed();
    for index in 0..good.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[index] ^= flip;
            let accepted =
                Signed::parse(&bad).is_ok_and(|signed| signed.verify::<Bundle>(&trust()).is_ok());
            assert!(!accepted, "octet {index} xor {flip:#x} was accepted");
        }
    }
    for end in 0..good.len() {
        assert!(
            Signed::parse(&good[..end]).is_err(),
            "cut at {end} was accepted"
        );
    }
}

#[test]
fn envelope_deviations_have_their_own_errors() {
    let good = signed();
    assert_eq!(
        Signed::parse(&[&good[..], &[0]].concat()).unwrap_err(),
        InvalidEnvelope::TrailingOctets
    );
    // The payload's length, which is in its shortest form, in a longer one.
    let payload = bundle().encode().unwrap();
    let at = good
        .windows(payload.len())
        .position(|window| window == payload)
        .unwrap();
    let (before, rest) = (&good[..at - 2], &good[at..]);
    let longer = [
        before,
        &[0x59, 0, u8::try_from(payload.len()).unwrap()],
        rest,
    ]
    .concat();
    assert_eq!(
        Signed::parse(&longer).unwrap_err(),
        InvalidEnvelope::NotDeterministic
    );
    assert!(matches!(
        Signed::parse(&[0x80]).unwrap_err(),
        InvalidEnvelope::NotCose(_)
    ));
    assert_eq!(
        Signed::parse(&vec![0; envelope::MAX_ENVELOPE + 1]).unwrap_err(),
        InvalidEnvelope::TooLarge(envelope::MAX_ENVELOPE + 1)
    );
}

#[test]
fn another_key_is_named() {
    let other = SigningKey::from_seed([2; 32]).trust_key();
    let error = Signed::parse(&signed())
        .unwrap()
        .verify::<Bundle>(&other.into())
        .unwrap_err();
    assert_eq!(error, VerifyError::UnknownKey(key().trust_key().id()));
}

#[test]
fn a_signed_payload_that_is_no_bundle_is_refused() {
    let payload = |bundle: &Bundle| cbor::encode(bundle);
    let verify = |payload: Vec<u8>| {
        let signed = envelope::sign::<Bundle>(payload, &key());
        Signed::parse(&signed)
            .unwrap()
            .verify::<Bundle>(&trust())
            .unwrap_err()
            .to_string()
    };
    expect!["malformed bundle: CBOR ends early at offset 0"].assert_eq(&verify(vec![]));
    let trailing = [payload(&bundle()), vec![0]].concat();
    expect!["malformed bundle: octets after the CBOR value at offset 157"]
        .assert_eq(&verify(trailing));
    let mut newer = bundle();
    newer.header.format = 2;
    expect!["bundle format 2, this program reads format 1"].assert_eq(&verify(payload(&newer)));
    let mut repeated = bundle();
    repeated.hosts.push(repeated.hosts[0].clone());
    expect!["the hosts are not sorted, or one is repeated"].assert_eq(&verify(payload(&repeated)));
}

#[test]
fn a_section_over_its_bounds_is_refused() {
    let host: HostPattern = "api.bank.example".parse().unwrap();
    let dangling = HostRoutes {
        routes: vec![Route {
            target: Target::Upstream(0),
            ..route()
        }],
        ..HostRoutes::default()
    };
    let section = HostSection::encode(host.clone(), &dangling).unwrap();
    assert_eq!(
        section.decode(&Tables::default()),
        Err(InvalidBundle::DanglingReference(
            "api.bank.example".to_owned()
        ))
    );
    let many = HostRoutes {
        paths: vec![],
        routes: vec![route(); bounds::ROUTES + 1],
    };
    let error = HostSection::encode(host.clone(), &many).unwrap_err();
    expect!["more routes in host `api.bank.example` than 50000"].assert_eq(&error.to_string());
    let malformed = HostSection(host, ByteBuf::from(vec![0x82, 0x80]));
    let error = malformed.decode(&Tables::default()).unwrap_err();
    expect!["malformed section of host `api.bank.example`: CBOR ends early at offset 2"]
        .assert_eq(&error.to_string());
}

#[test]
fn connectors_rules_are_within_bounds_and_in_order() {
    let caller = |name: &str| format!("spiffe://edge.example/{name}").parse().unwrap();
    let allowing = |name: &str, allows| ConnectorLimit {
        name: name.to_owned(),
        allows,
        per_caller: false,
    };
    let limit = |name: &str, burst| {
        let rate = "10/s".parse().unwrap();
        allowing(name, ConnectorAllowance::Rate { rate, burst })
    };
    let at_once = |name: &str, requests| allowing(name, ConnectorAllowance::AtOnce(requests));
    let encode = |allow, limits| {
        let mut upstream = Upstream::new("banking", []);
        upstream.connector = Some(ConnectorRules {
            allow,
            signature: SignatureDemand::Required,
            limits,
        });
        let mut bundle = bundle();
        bundle.tables.upstreams.push(upstream);
        let decoded = bundle.encode().map(Bundle::decode)?;
        assert_eq!(decoded.unwrap(), bundle);
        Ok(())
    };
    let good = vec![limit("total", 5), limit("each", 1), at_once("busy", 1)];
    assert_eq!(encode(vec![caller("a"), caller("b")], good), Ok(()));
    let refused = Err(InvalidBundle::Connector("banking".to_owned()));
    let many = (0..=MAX_CALLERS).map(|each| caller(&format!("{each:03}")));
    let nine = (0..=MAX_LIMITS).map(|each| limit(&each.to_string(), 1));
    for (allow, limits) in [
        (vec![], vec![]),
        (vec![caller("b"), caller("a")], vec![]),
        (vec![caller("a"), caller("a")], vec![]),
        (many.collect(), vec![]),
        (vec![caller("a")], nine.collect()),
        (vec![caller("a")], vec![limit("total", 0)]),
        (vec![caller("a")], vec![at_once("busy", 0)]),
        (
            vec![caller("a")],
            vec![limit("l", 1), limit("m", 1), limit("l", 2)],
        ),
    ] {
        assert_eq!(encode(allow, limits), refused);
    }
}
