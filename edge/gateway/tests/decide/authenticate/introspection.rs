//! Opaque tokens, whose server says what they are worth.

#[path = "introspection/bound.rs"]
mod bound;
#[path = "introspection/calls.rs"]
mod calls;
#[path = "introspection/failure.rs"]
mod failure;

use proptest::prelude::*;
use serde_json::json;
use tidegate_edge::Decision;
use tidegate_shared::bundle::{
    ClientMethod, IntrospectAuth, Introspection, IntrospectionClient, Possession, TokenSource,
};

use super::*;

const SERVER: &str = "https://id.bank.example/introspect";
const TOKEN: &str = "2YotnFZFEjr1zCsicMWpAA";

pub(crate) fn sessions() -> Introspection {
    Introspection {
        name: "sessions".to_owned(),
        url: SERVER.to_owned(),
        client: IntrospectionClient {
            id: "gateway".to_owned(),
            secret: "legacy".to_owned(),
            method: ClientMethod::Basic,
        },
        audiences: vec!["mobile".to_owned()],
        issuer: Some("https://id.bank.example".to_owned()),
        cache: Span(30_000),
        negative: Span(5_000),
        keep: Span(0),
        source: TokenSource::default(),
        possession: Possession::default(),
        plan: None,
    }
}

fn gateway_asking(by: Introspection, scopes: &[&str]) -> Gateway {
    let tables = Tables {
        introspections: vec![by],
        ..tables()
    };
    let auth = Auth::Introspect(IntrospectAuth {
        introspection: 0,
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    });
    gateway(tables, vec![("/a", Route { auth, ..route("a") })])
}

/// What a server says of a good token.
fn answer() -> Value {
    with("active", json!(true))
}

fn answer_with(member: &str, value: Value) -> Value {
    let mut answer = answer();
    answer[member] = value;
    answer
}

fn answer_without(member: &str) -> Value {
    let mut answer = answer();
    answer.as_object_mut().unwrap().remove(member);
    answer
}

fn say(world: &World, token: &str, answer: &str) {
    let address = format!("{SERVER} {token}");
    let mut documents = world.documents.borrow_mut();
    documents.insert(address, answer.to_owned());
}

fn world_saying(answer: &str) -> World {
    let world = World::new();
    say(&world, TOKEN, answer);
    world
}

fn revoke(world: &World) {
    say(world, TOKEN, r#"{"active":false}"#);
}

#[test]
fn the_answer_is_held_against_the_policy() {
    let gateway = gateway_asking(sessions(), &[]);
    let now = NOW.seconds();
    for (answer, expected) in [
        (answer(), "forward"),
        (json!({ "active": false }), "401 credential-invalid"),
        (answer_without("iss"), "401 credential-invalid"),
        (
            answer_with("iss", json!("https://id.bank.example/")),
            "401 credential-invalid",
        ),
        (answer_without("aud"), "401 credential-invalid"),
        (answer_with("aud", json!("desk")), "401 credential-invalid"),
        (answer_with("aud", json!(["desk", "mobile"])), "forward"),
        (answer_with("aud", json!(7)), "401 credential-invalid"),
        (answer_with("exp", json!(now)), "401 credential-expired"),
        (answer_with("exp", json!("soon")), "401 credential-invalid"),
        (answer_without("exp"), "forward"),
        (answer_with("sub", json!("")), "401 credential-invalid"),
        (answer_with("sub", json!(7)), "401 credential-invalid"),
        (answer_with("scope", json!(7)), "401 credential-invalid"),
        (
            answer_with("cnf", json!({ "x5t#S256": "x" })),
            "401 credential-invalid",
        ),
        (answer_with("cnf", json!(null)), "401 credential-invalid"),
    ] {
        let world = world_saying(&answer.to_string());
        let verdict = world.verdict(&gateway, &bearer(TOKEN));
        assert_eq!(verdict, expected, "{answer}");
        // Once more, from memory.
        let verdict = world.verdict(&gateway, &bearer(TOKEN));
        assert_eq!(verdict, expected, "{answer}");
        assert_eq!(world.fetches.get(), 1, "{answer}");
    }
}

#[test]
fn a_token_of_a_client_alone_speaks_for_the_client() {
    let gateway = gateway_asking(sessions(), &[]);
    let consumer = |answer: Value| {
        let world = world_saying(&answer.to_string());
        let Decision::Forward(forward) = world.decide(&gateway, &bearer(TOKEN)) else {
            return None;
        };
        let outcome = tidegate_edge::Outcome {
            status: 200,
            plan: None,
            end: tidegate_edge::End::Complete,
            now: NOW,
        };
        gateway.finish(forward.exchange, &outcome).consumer
    };
    let mut answer = answer_without("sub");
    answer["username"] = json!("alice");
    assert_eq!(consumer(answer.clone()), None);
    answer["client_id"] = json!("batch");
    assert_eq!(consumer(answer.clone()).as_deref(), Some("batch"));
    answer["sub"] = json!("42");
    assert_eq!(consumer(answer.clone()).as_deref(), Some("42"));
    answer["sub"] = json!(null);
    assert_eq!(consumer(answer), None);
}

#[test]
fn scopes_are_asked_each_time() {
    let world = world_saying(&answer().to_string());
    let enough = gateway_asking(sessions(), &["accounts:read"]);
    assert_eq!(world.verdict(&enough, &bearer(TOKEN)), "forward");
    let more = gateway_asking(sessions(), &["accounts:read", "admin"]);
    let reply = world.reply(&more, &bearer(TOKEN));
    assert_eq!(problem(&reply).as_deref(), Some("scope-insufficient"));
    assert_eq!(
        field(&reply, "www-authenticate").as_deref(),
        Some(r#"Bearer realm="bank", error="insufficient_scope", scope="accounts:read admin""#)
    );
}

#[test]
fn an_answer_is_believed_for_as_long_as_the_policy_says() {
    let gateway = gateway_asking(sessions(), &[]);
    let world = world_saying(&answer_without("exp").to_string());
    assert_eq!(world.verdict(&gateway, &bearer(TOKEN)), "forward");
    revoke(&world);
    world.pass(Span(22_499));
    assert_eq!(world.verdict(&gateway, &bearer(TOKEN)), "forward");
    assert_eq!(world.fetches.get(), 1);
    // Asked ahead of time, so that not everyone waits at once.
    world.pass(Span(1));
    assert_eq!(
        world.verdict(&gateway, &bearer(TOKEN)),
        "401 credential-invalid"
    );
    // And that for as long as it says.
    say(&world, TOKEN, &answer().to_string());
    world.pass(Span(4_999));
    assert_eq!(
        world.verdict(&gateway, &bearer(TOKEN)),
        "401 credential-invalid"
    );
    world.pass(Span(1));
    assert_eq!(world.verdict(&gateway, &bearer(TOKEN)), "forward");
    assert_eq!(world.fetches.get(), 3);
}

#[test]
fn an_answer_ends_with_its_token() {
    let gateway = gateway_asking(sessions(), &[]);
    let soon = answer_with("exp", json!(NOW.seconds() + 5));
    let world = world_saying(&soon.to_string());
    assert_eq!(world.verdict(&gateway, &bearer(TOKEN)), "forward");
    world.pass(Span(4_999));
    assert_eq!(world.verdict(&gateway, &bearer(TOKEN)), "forward");
    world.pass(Span(1));
    assert_eq!(
        world.verdict(&gateway, &bearer(TOKEN)),
        "401 credential-expired"
    );
    assert_eq!(world.fetches.get(), 1);
}

#[test]
fn nothing_is_remembered_where_the_policy_says_so() {
    let by = Introspection {
        cache: Span(0),
        negative: Span(0),
        ..sessions()
    };
    let gateway = gateway_asking(by, &[]);
    let world = world_saying(&answer().to_string());
    for _ in 0..3 {
        assert_eq!(world.verdict(&gateway, &bearer(TOKEN)), "forward");
    }
    revoke(&world);
    for _ in 0..3 {
        assert_eq!(
            world.verdict(&gateway, &bearer(TOKEN)),
            "401 credential-invalid"
        );
    }
    assert_eq!(world.fetches.get(), 6);
}

#[test]
fn a_flood_of_unknown_tokens_takes_the_place_of_no_known_one() {
    let by = Introspection {
        cache: Span(3_600_000),
        ..sessions()
    };
    let gateway = gateway_asking(by, &[]);
    let world = world_saying(&answer_without("exp").to_string());
    assert_eq!(world.verdict(&gateway, &bearer(TOKEN)), "forward");
    for number in 0..20_000 {
        let unknown = format!("unknown-{number}");
        say(&world, &unknown, r#"{"active":false}"#);
        assert_eq!(
            world.verdict(&gateway, &bearer(&unknown)),
            "401 credential-invalid"
        );
    }
    assert_eq!(world.fetches.get(), 20_001);
    assert_eq!(world.verdict(&gateway, &bearer(TOKEN)), "forward");
    assert_eq!(world.fetches.get(), 20_001);
}

#[test]
fn what_is_no_token_asks_nobody() {
    let gateway = gateway_asking(sessions(), &[]);
    let world = World::new();
    for token in ["é", "a\tb", &"x".repeat(4097)] {
        let verdict = world.verdict(&gateway, &bearer(token));
        assert_eq!(verdict, "401 credential-invalid");
    }
    let verdict = world.verdict(&gateway, &request("GET /a"));
    assert_eq!(verdict, "401 credential-missing");
    let verdict = world.verdict(&gateway, &bearer("a, b"));
    assert_eq!(verdict, "400 credential-ambiguous");
    assert_eq!(world.fetches.get(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A token next to a known one is as unknown as without it.
    #[test]
    fn no_change_of_a_known_token_is_accepted(place in any::<prop::sample::Index>(), octet in 0x20_u8..0x7f) {
        let gateway = gateway_asking(sessions(), &[]);
        let mut changed = TOKEN.to_owned().into_bytes();
        let place = place.index(changed.len());
        changed[place] = octet;
        let changed = String::from_utf8(changed).unwrap();
        prop_assume!(changed.trim() != TOKEN);
        let told = |world: &World| {
            for changed in changed.split(',') {
                say(world, changed.trim(), r#"{"active":false}"#);
            }
        };
        let world = world_saying(&answer().to_string());
        told(&world);
        prop_assert_eq!(world.verdict(&gateway, &bearer(TOKEN)), "forward");
        let with = world.verdict(&gateway, &bearer(&changed));
        prop_assert_ne!(&with, "forward");
        let without = World::new();
        told(&without);
        prop_assert_eq!(&without.verdict(&gateway, &bearer(&changed)), &with);
        // Refused from memory as it was the first time.
        prop_assert_eq!(world.verdict(&gateway, &bearer(&changed)), with);
    }
}
