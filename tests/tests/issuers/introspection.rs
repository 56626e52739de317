//! Servers that say what opaque tokens are worth, on every runtime: one that behaves, is slow,
//! withdraws a token, fails, stalls, talks nonsense and never ends.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tidegate_tests::client::Answer;
use tidegate_tests::runtime::Runtime;
use tidegate_tests::stage::Stage;

use crate::get;
use crate::issuer::{ANSWERS, CLIENT_SECRET, Issuer, KNOWN};

/// A route for each way in which a server may behave.
fn stage(issuer: &Issuer) -> Stage {
    let mut policy = String::from(
        "tidegate: v1\nname: introspections\nhosts: [api.test.example]\nintrospections:\n",
    );
    let mut routes = String::from("apis:\n  all:\n    routes:\n");
    for name in ANSWERS {
        let url = issuer.url(name);
        let times = match name {
            "withdrawing" => "cache: 500ms",
            "failing-later" => "cache: 500ms, keep: 1h",
            _ => "cache: 10m, negative: 10m",
        };
        policy.push_str(&format!(
            "  {name}: {{ url: \"{url}/introspect\", client: {{ id: gateway, secret: client }}, audiences: [tests], {times} }}\n"
        ));
        routes.push_str(&format!(
            "      - {{ get: /{name}, auth: {{ introspect: {name} }}, reply: {{ status: 204 }} }}\n"
        ));
    }
    policy.push_str(&routes);
    let secrets = vec![("client".to_owned(), CLIENT_SECRET.to_owned())];
    Stage::asking(&policy, secrets).unwrap()
}

struct Client<'r> {
    runtime: &'r Runtime,
    issuer: &'r Issuer,
}

impl Client<'_> {
    async fn get(&self, behaviour: &str, token: &str) -> Answer {
        get(self.runtime, behaviour, token).await
    }

    async fn status(&self, behaviour: &str, token: &str) -> u16 {
        self.get(behaviour, token).await.status
    }

    fn asked(&self, behaviour: &str) -> u64 {
        self.issuer.asked(&format!("{behaviour}/introspect"))
    }
}

/// `shares` says that requests of the runtime can wait for each other.
async fn check(issuer: &Issuer, runtime: &Runtime, shares: bool) {
    let client = Client { runtime, issuer };

    // A known token is asked about once, and no flood of unknown ones makes it forgotten.
    assert_eq!(client.status("good", KNOWN).await, 204);
    for number in 0..100 {
        let unknown = format!("unknown-{number}");
        assert_eq!(client.status("good", &unknown).await, 401);
        assert_eq!(client.status("good", &unknown).await, 401);
        assert_eq!(client.status("good", KNOWN).await, 204);
    }
    assert_eq!(client.asked("good"), 101);

    // Many at once with a new token.
    let statuses = join_all((0..64).map(|_| client.status("slow", KNOWN))).await;
    let good = statuses.iter().filter(|status| **status == 204).count();
    if shares {
        assert_eq!((good, client.asked("slow")), (64, 1));
    } else {
        assert!(good >= 32, "{statuses:?}");
        assert!(statuses.iter().all(|status| [204, 503].contains(status)));
    }

    // Many at once with different tokens, while the server stalls.
    let tokens: Vec<_> = (0..64).map(|number| format!("unknown-{number}")).collect();
    let statuses = tokens.iter().map(|token| client.status("stalling", token));
    let statuses = join_all(statuses).await;
    assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
    assert!(issuer.most_open() <= 32, "{}", issuer.most_open());

    for behaviour in ["refusing", "redirecting", "nonsense", "endless", "stalling"] {
        let began = Instant::now();
        let answer = client.get(behaviour, KNOWN).await;
        assert_eq!(answer.status, 503, "{behaviour}");
        assert_eq!(answer.field("retry-after").as_deref(), Some("1"));
        let body = String::from_utf8_lossy(&answer.body);
        assert!(body.contains("issuer-unavailable"), "{behaviour}: {body}");
        assert!(began.elapsed() < Duration::from_secs(10), "{behaviour}");
    }
    // A redirect is not followed, and not much more was read than an answer may have.
    assert_eq!(client.asked("good"), 101);
    assert!(issuer.poured() < 16 * 1024 * 1024, "{}", issuer.poured());

    // A token is withdrawn, and a server fails that said something before.
    assert_eq!(client.status("withdrawing", KNOWN).await, 204);
    assert_eq!(client.status("failing-later", KNOWN).await, 204);
    issuer.change();
    let patience = Instant::now() + Duration::from_secs(10);
    while client.status("withdrawing", KNOWN).await != 401 {
        assert!(Instant::now() < patience, "the token is still good");
    }
    while client.asked("failing-later") < 2 {
        assert_eq!(client.status("failing-later", KNOWN).await, 204);
        assert!(Instant::now() < patience, "the server is not asked again");
    }
    assert_eq!(client.status("failing-later", KNOWN).await, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn native() {
    let issuer = Issuer::start().await;
    let stage = stage(&issuer);
    check(&issuer, &Runtime::native(&stage).await.unwrap(), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workerd() {
    let issuer = Issuer::start().await;
    let stage = stage(&issuer);
    check(&issuer, &Runtime::workerd(&stage).await.unwrap(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spin() {
    let issuer = Issuer::start().await;
    let stage = stage(&issuer);
    check(&issuer, &Runtime::spin(&stage).await.unwrap(), false).await;
}
