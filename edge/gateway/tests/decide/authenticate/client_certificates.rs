//! Client certificates as a credential of their own.

use tidegate_edge::{End, Outcome};
use tidegate_shared::bundle::{
    AllowedOrigins, CallerFact, CallerFacts, CertificateHolder, Certificates, Cors, ListLocation,
    RevocationRules, WhenStale,
};
use tidegate_shared::certificate::{ClientCertificate, InvalidCertificate, NameKind, NamePattern};
use tidegate_shared::revocation::{PLACE, Revocation, Revocations, Revoked};
use tidegate_shared::trust::SigningKey;

use super::*;
use crate::shape::{shaped, text};

const MISSING: &str = "401 credential-missing";
const INVALID: &str = "401 credential-invalid";
const PINNED: Digest = Digest([3; 32]);

fn pattern(kind: NameKind, text: &str) -> NamePattern {
    NamePattern::new(kind, text).unwrap()
}

fn holder(consumer: &str) -> CertificateHolder {
    CertificateHolder {
        consumer: consumer.to_owned(),
        plan: None,
        pins: vec![],
        subjects: vec![],
        names: vec![],
    }
}

/// `acme` is pinned, `fleet` has SPIFFE IDs, `shop` a subject and a host, `desk` mail addresses.
fn certificates() -> Certificates {
    Certificates {
        name: "partners".to_owned(),
        issuers: vec!["CN=Partners,O=Bank".parse().unwrap()],
        holders: vec![
            CertificateHolder {
                pins: vec![PINNED],
                plan: Some("gold".to_owned()),
                ..holder("acme")
            },
            CertificateHolder {
                names: vec![pattern(
                    NameKind::Spiffe,
                    "spiffe://partners.example/fleet/*",
                )],
                ..holder("fleet")
            },
            CertificateHolder {
                subjects: vec!["CN=shop".parse().unwrap()],
                names: vec![pattern(NameKind::Dns, "*.shop.example")],
                ..holder("shop")
            },
            CertificateHolder {
                names: vec![pattern(NameKind::Email, "*@desk.example")],
                ..holder("desk")
            },
        ],
    }
}

fn world_of(certificates: Certificates) -> Tables {
    let mut tables = tables();
    tables.issuers = vec![issuer()];
    tables.certificates = vec![certificates];
    tables.plans = vec!["gold".to_owned()];
    let fact = |name: &str, fact: CallerFact| (name.to_owned(), fact);
    let says = |name: &str| CallerFact::Certificate(name.to_owned());
    tables.upstreams[0].caller = CallerFacts {
        headers: vec![
            fact("x-caller", CallerFact::Subject),
            fact("x-issuer", CallerFact::Issuer),
            fact("x-plan", CallerFact::Plan),
            fact("x-scopes", CallerFact::Scopes),
            fact("x-spiffe", says("spiffe")),
            fact("x-dns", says("dns")),
        ],
        token: None,
        remove_credential: false,
    };
    tables
}

fn gateway_of(certificates: Certificates) -> Gateway {
    let auth = Auth::Certificate(0);
    gateway(
        world_of(certificates),
        vec![("/a", Route { auth, ..route("a") })],
    )
}

/// A certificate that names nobody, of the right issuer, good for a minute from now.
fn certificate() -> ClientCertificate {
    ClientCertificate {
        sha256: Digest([9; 32]),
        serial: "01".to_owned(),
        issuer: "CN=Partners,O=Bank".parse().unwrap(),
        subject: "CN=someone".parse().unwrap(),
        not_before: NOW.seconds(),
        not_after: NOW.seconds() + 60,
        spiffe: None,
        uris: vec![],
        dns: vec![],
        emails: vec![],
    }
}

fn fleet() -> ClientCertificate {
    let id = "spiffe://partners.example/fleet/7";
    ClientCertificate {
        spiffe: Some(id.parse().unwrap()),
        uris: vec![id.to_owned()],
        dns: vec!["van-7.example".to_owned()],
        ..certificate()
    }
}

fn shop() -> ClientCertificate {
    ClientCertificate {
        subject: "CN=shop".parse().unwrap(),
        dns: vec!["other.example".to_owned(), "till.shop.example".to_owned()],
        ..certificate()
    }
}

fn pinned() -> ClientCertificate {
    ClientCertificate {
        sha256: PINNED,
        ..certificate()
    }
}

/// A request over a connection with a certificate.
fn over(certificate: ClientCertificate) -> Request {
    Request {
        certificate: Some(certificate.sha256),
        details: Some(Ok(certificate)),
        ..request("GET /a")
    }
}

/// The same where the runtime tells no more than the digest.
fn over_digest(digest: Digest) -> Request {
    Request {
        certificate: Some(digest),
        ..request("GET /a")
    }
}

/// The head that the origin gets.
fn sees(world: &World, gateway: &Gateway, request: &Request) -> http::HeaderMap {
    shaped(request, world.forward(gateway, request))
}

fn check(request: &Request, expected: &str) {
    let gateway = gateway_of(certificates());
    assert_eq!(
        World::new().verdict(&gateway, request),
        expected,
        "{request:?}"
    );
}

#[test]
fn a_certificate_is_that_of_one_consumer() {
    let gateway = gateway_of(certificates());
    for (certificate, consumer, plan) in [
        (pinned(), "acme", Some("gold")),
        (fleet(), "fleet", None),
        (shop(), "shop", None),
    ] {
        let world = World::new();
        let told = sees(&world, &gateway, &over(certificate.clone()));
        assert_eq!(text(&told, "x-caller"), Some(consumer));
        assert_eq!(text(&told, "x-issuer"), Some("partners"));
        assert_eq!(text(&told, "x-plan"), plan);
        let forward = world.forward(&gateway, &over(certificate));
        let outcome = Outcome {
            status: 200,
            plan: None,
            end: End::Complete,
            now: NOW,
        };
        let record = gateway.finish(forward.exchange, &outcome);
        assert_eq!(record.consumer.as_deref(), Some(consumer));
    }
    let told = sees(&World::new(), &gateway, &over(fleet()));
    let spiffe = text(&told, "x-spiffe");
    assert_eq!(spiffe, Some("spiffe://partners.example/fleet/7"));
    assert_eq!(text(&told, "x-dns"), Some(r#"["van-7.example"]"#));
}

#[test]
fn who_shows_none_is_told() {
    check(&request("GET /a"), MISSING);
    let reply = World::new().reply(&gateway_of(certificates()), &request("GET /a"));
    let challenge = field(&reply, "www-authenticate");
    assert_eq!(
        challenge.as_deref(),
        Some("ClientCertificate realm=\"bank\"")
    );
}

#[test]
fn a_header_is_no_certificate() {
    let mut request = request("GET /a");
    for name in ["client-cert", "x-forwarded-client-cert", "x-client-cert"] {
        request = request.with(name, "spiffe://partners.example/fleet/7");
    }
    check(&request, MISSING);
}

#[test]
fn each_kind_of_rule_must_hold() {
    for certificate in [
        certificate(),
        ClientCertificate {
            spiffe: Some("spiffe://partners.example/other/7".parse().unwrap()),
            ..fleet()
        },
        // A URI is no SPIFFE ID only because it looks like one.
        ClientCertificate {
            spiffe: None,
            ..fleet()
        },
        ClientCertificate {
            subject: "CN=Shop".parse().unwrap(),
            ..shop()
        },
        ClientCertificate {
            dns: vec!["shop.example".to_owned()],
            ..shop()
        },
        ClientCertificate {
            emails: vec!["a@desk.example.evil".to_owned()],
            ..certificate()
        },
    ] {
        check(&over(certificate), INVALID);
    }
    check(&over(shop()), "forward");
}

#[test]
fn the_issuer_is_one_of_the_policys() {
    for good in [fleet(), shop(), pinned()] {
        let other = ClientCertificate {
            issuer: "CN=Partners,O=Other".parse().unwrap(),
            ..good.clone()
        };
        check(&over(other), INVALID);
        check(&over(good), "forward");
    }
}

/// No compiler writes it, and it is nobody.
#[test]
fn a_consumer_without_rules_has_no_certificate() {
    let mut certificates = certificates();
    certificates.holders.push(holder("anyone"));
    let gateway = gateway_of(certificates);
    let verdict = World::new().verdict(&gateway, &over(certificate()));
    assert_eq!(verdict, INVALID);
}

#[test]
fn who_fits_two_consumers_is_neither() {
    let both = ClientCertificate {
        emails: vec!["ops@desk.example".to_owned()],
        ..fleet()
    };
    check(&over(both.clone()), INVALID);
    // What is pinned is judged by its own rules alone.
    let own = ClientCertificate {
        sha256: PINNED,
        ..both
    };
    check(&over(own), "forward");
    let mut strict = certificates();
    strict.holders[0].subjects = vec!["CN=acme".parse().unwrap()];
    let gateway = gateway_of(strict);
    let other = ClientCertificate {
        sha256: PINNED,
        ..fleet()
    };
    assert_eq!(World::new().verdict(&gateway, &over(other)), INVALID);
}

/// A connection may outlive the certificate that it began with.
#[test]
fn dates_are_looked_at_with_each_request() {
    let gateway = gateway_of(certificates());
    let world = World::new();
    let verdict = |world: &World| world.verdict(&gateway, &over(fleet()));
    assert_eq!(verdict(&world), "forward");
    world.pass(Span(60_000));
    assert_eq!(verdict(&world), "forward");
    world.pass(Span(1_000));
    assert_eq!(verdict(&world), "401 credential-expired");
    world.now.set(UnixMillis(NOW.0 - 1));
    assert_eq!(verdict(&world), INVALID);
}

/// Some platforms tell the names of small certificates alone.
#[test]
fn a_digest_alone_is_good_for_what_is_pinned_alone() {
    let mut anyone = certificates();
    anyone.issuers.clear();
    anyone.holders.truncate(1);
    let gateway = gateway_of(anyone);
    let verdict = |digest| World::new().verdict(&gateway, &over_digest(digest));
    assert_eq!(verdict(PINNED), "forward");
    assert_eq!(verdict(Digest([4; 32])), INVALID);
    // Who issued it is not known.
    check(&over_digest(PINNED), INVALID);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let unreadable = Request {
        details: Some(Err(InvalidCertificate::Name)),
        ..over(pinned())
    };
    check(&unreadable, INVALID);
    let mixed = Request {
        certificate: Some(PINNED),
        ..over(certificate())
    };
    check(&mixed, INVALID);
}

/// Browsers show certificates to whatever a page sends a request to, as they do cookies.
#[test]
fn requests_of_another_sites_page_are_refused() {
    const REFUSED: &str = "403 cors-refused";
    let auth = Auth::Certificate(0);
    let routes = |cors| {
        vec![(
            "/a",
            Route {
                auth: auth.clone(),
                cors,
                ..route("a")
            },
        )]
    };
    let mut tables = world_of(certificates());
    tables.cors = vec![Cors {
        origins: AllowedOrigins::Listed(vec!["https://app.bank.example".to_owned()]),
        methods: vec!["POST".to_owned()],
        headers: vec![],
        expose: vec![],
        credentials: true,
        max_age: None,
    }];
    let closed = gateway(tables.clone(), routes(None));
    let open = gateway(tables, routes(Some(0)));
    let post = |origin: &str| {
        let sent = request("POST /a").with("origin", origin);
        Request {
            certificate: Some(fleet().sha256),
            details: Some(Ok(fleet())),
            ..sent
        }
    };
    for (gateway, request, expected) in [
        (&closed, post("https://evil.example"), REFUSED),
        (&closed, post("https://app.bank.example"), REFUSED),
        (&closed, post("https://api.bank.example"), "forward"),
        (&open, post("https://app.bank.example"), "forward"),
        (&open, post("https://evil.example"), REFUSED),
    ] {
        assert_eq!(
            World::new().verdict(gateway, &request),
            expected,
            "{request:?}"
        );
    }
}

#[test]
fn certificates_combine_with_other_credentials() {
    let verdict = |auth: Auth, request: &Request| {
        let tables = world_of(certificates());
        let gateway = gateway(tables, vec![("/a", Route { auth, ..route("a") })]);
        World::new().verdict(&gateway, request)
    };
    let (own, token) = (|| Auth::Certificate(0), || Auth::jwt(0));
    let bearing =
        |request: Request| request.with("authorization", format!("Bearer {}", hs256(&claims())));
    let any = || Auth::Any(vec![own(), token()]);
    assert_eq!(verdict(any(), &over(fleet())), "forward");
    assert_eq!(verdict(any(), &bearing(request("GET /a"))), "forward");
    // The first that is carried decides.
    assert_eq!(verdict(any(), &bearing(over(certificate()))), INVALID);
    let reversed = Auth::Any(vec![token(), own()]);
    assert_eq!(verdict(reversed, &bearing(over(certificate()))), "forward");
    let open = Auth::Any(vec![own(), Auth::Anonymous]);
    assert_eq!(verdict(open.clone(), &request("GET /a")), "forward");
    assert_eq!(verdict(open, &over(certificate())), INVALID);

    let all = || Auth::All(vec![own(), token()]);
    assert_eq!(verdict(all(), &bearing(over(fleet()))), "forward");
    assert_eq!(verdict(all(), &over(fleet())), MISSING);
    assert_eq!(verdict(all(), &bearing(request("GET /a"))), MISSING);
    let shadow = Auth::Shadow(Box::new(own()));
    assert_eq!(verdict(shadow, &over(certificate())), "forward");
}

/// The first says who calls, and the token's scopes and claims are known beside it.
#[test]
fn a_token_beside_a_certificate_adds_its_facts() {
    let auth = Auth::All(vec![Auth::Certificate(0), Auth::jwt(0)]);
    let tables = world_of(certificates());
    let gateway = gateway(tables, vec![("/a", Route { auth, ..route("a") })]);
    let request = over(fleet()).with("authorization", format!("Bearer {}", hs256(&claims())));
    let told = sees(&World::new(), &gateway, &request);
    assert_eq!(text(&told, "x-caller"), Some("fleet"));
    let scopes = text(&told, "x-scopes");
    assert_eq!(scopes, Some("accounts:read transfers:write"));
    assert!(text(&told, "x-spiffe").is_some());
}

#[test]
fn a_revoked_certificate_is_refused() {
    let signer = SigningKey::from_seed([5; 32]);
    let mut tables = world_of(certificates());
    tables.revocations = Some(RevocationRules {
        location: ListLocation::Store("kv".to_owned()),
        trust: signer.trust_key().to_string(),
        refresh: Span(30_000),
        keep: Span(300_000),
        when_stale: WhenStale::Refuse,
    });
    let auth = Auth::Certificate(0);
    let gateway = gateway(tables, vec![("/a", Route { auth, ..route("a") })]);
    let own = |value: &str| ("partners".to_owned(), value.to_owned());
    let key = |digest: Digest| {
        let (issuer, digits) = own(&hex::encode(digest.0));
        Revoked::Key(issuer, digits)
    };
    let (issuer, consumer) = own("fleet");
    for (revoked, expected) in [
        (key(fleet().sha256), "401 credential-revoked"),
        (Revoked::Subject(issuer, consumer), "401 credential-revoked"),
        (key(PINNED), "forward"),
    ] {
        let world = World::new();
        let records = vec![Revocation {
            revoked,
            until: None,
        }];
        let list = Revocations::default().next(records, NOW, Span(86_400_000));
        let list = list.sign(&signer).unwrap();
        let mut store = world.store.borrow_mut();
        store.as_mut().unwrap().insert(PLACE.to_owned(), list);
        drop(store);
        assert_eq!(world.verdict(&gateway, &over(fleet())), expected);
    }
}
