//! Servers that fail.

use super::*;

const SECOND: Span = Span(1_000);

/// What a failing server may say.
fn failures() -> Vec<String> {
    let mut twice = answer().to_string();
    twice.insert_str(1, r#""active":false,"#);
    vec![
        "500".to_owned(),
        "401".to_owned(),
        "302".to_owned(),
        "204".to_owned(),
        "<html>".to_owned(),
        "[true]".to_owned(),
        "{}".to_owned(),
        answer_with("active", json!("true")).to_string(),
        answer_with("active", json!(1)).to_string(),
        twice,
        format!("{}{}", answer(), " ".repeat(16 * 1024)),
    ]
}

#[test]
fn a_failing_server_refuses_for_now() {
    let gateway = gateway_asking(sessions(), &[]);
    for failure in failures() {
        let world = world_saying(&failure);
        let reply = world.reply(&gateway, &bearer(TOKEN));
        let problem = problem(&reply);
        assert_eq!(
            problem.as_deref(),
            Some("issuer-unavailable"),
            "{failure:.40}"
        );
        assert_eq!(field(&reply, "retry-after").as_deref(), Some("1"));
        // A good token is asked about again soon, but not at once.
        say(&world, TOKEN, &answer().to_string());
        world.pass(Span(999));
        let verdict = world.verdict(&gateway, &bearer(TOKEN));
        assert_eq!(verdict, "503 issuer-unavailable", "{failure:.40}");
        assert_eq!(world.fetches.get(), 1);
        world.pass(Span(1));
        let verdict = world.verdict(&gateway, &bearer(TOKEN));
        assert_eq!(verdict, "forward", "{failure:.40}");
    }
}

#[test]
fn a_known_token_outlives_a_failing_server_where_the_policy_says_so() {
    let by = Introspection {
        keep: Span(60_000),
        ..sessions()
    };
    let gateway = gateway_asking(by, &[]);
    for failure in failures() {
        let world = world_saying(&answer_without("exp").to_string());
        assert_eq!(world.verdict(&gateway, &bearer(TOKEN)), "forward");
        say(&world, TOKEN, &failure);
        world.pass(Span(89_999));
        let verdict = world.verdict(&gateway, &bearer(TOKEN));
        assert_eq!(verdict, "forward", "{failure:.40}");
        assert_eq!(world.fetches.get(), 2);
        world.pass(SECOND);
        let verdict = world.verdict(&gateway, &bearer(TOKEN));
        assert_eq!(verdict, "503 issuer-unavailable", "{failure:.40}");
    }
}

#[test]
fn a_withdrawn_token_does_not_come_back_when_the_server_fails() {
    let by = Introspection {
        keep: Span(3_600_000),
        ..sessions()
    };
    let gateway = gateway_asking(by, &[]);
    let world = world_saying(&answer_without("exp").to_string());
    assert_eq!(world.verdict(&gateway, &bearer(TOKEN)), "forward");
    revoke(&world);
    world.pass(Span(30_000));
    assert_eq!(
        world.verdict(&gateway, &bearer(TOKEN)),
        "401 credential-invalid"
    );
    say(&world, TOKEN, "500");
    world.pass(Span(5_000));
    assert_eq!(
        world.verdict(&gateway, &bearer(TOKEN)),
        "503 issuer-unavailable"
    );
}

#[test]
fn a_secret_that_is_not_there_is_the_operators_fault() {
    let mut by = sessions();
    by.client.secret = "absent".to_owned();
    let gateway = gateway_asking(by, &[]);
    let world = world_saying(&answer().to_string());
    assert_eq!(world.verdict(&gateway, &bearer(TOKEN)), "500 internal");
    assert_eq!(world.fetches.get(), 0);
}
