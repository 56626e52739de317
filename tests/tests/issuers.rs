//! Key sets at their issuers, on every runtime: an issuer that behaves, changes its keys, stalls,
//! fails, talks nonsense and never ends.

#![cfg(test)]

#[path = "issuers/introspection.rs"]
mod introspection;
#[path = "issuers/issuer.rs"]
mod issuer;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tidegate_tests::client::{self, Answer};
use tidegate_tests::runtime::Runtime;
use tidegate_tests::stage::Stage;

use issuer::{Issuer, Key};

/// A route for each way in which an issuer may behave.
fn stage(issuer: &Issuer) -> Stage {
    let mut policy = String::from("tidegate: v1\nname: issuers\nhosts: [api.test.example]\n");
    let mut issuers = String::from("issuers:\n");
    let mut routes = String::from("apis:\n  all:\n    routes:\n");
    for name in issuer::BEHAVIOURS {
        let url = issuer.url(name);
        let keys = match name {
            "discovered" => "{ discover: true }".to_owned(),
            _ => format!("{{ url: {url}/jwks }}"),
        };
        issuers.push_str(&format!(
            "  {name}: {{ issuer: \"{url}\", audiences: [tests], algorithms: [ES256], keys: {keys} }}\n"
        ));
        routes.push_str(&format!(
            "      - {{ get: /{name}, auth: {{ jwt: {name} }}, reply: {{ status: 204 }} }}\n"
        ));
    }
    policy.push_str(&issuers);
    policy.push_str(&routes);
    Stage::asking(&policy, Vec::new()).unwrap()
}

/// What a runtime answers to a token on the route for a behaviour.
async fn get(runtime: &Runtime, behaviour: &str, token: &str) -> Answer {
    let request = Request::get(format!("/{behaviour}"))
        .header("host", "api.test.example")
        .header("authorization", format!("Bearer {token}"))
        .body(Full::<Bytes>::default());
    let answer = client::exchange(runtime.address(), request.unwrap()).await;
    answer.unwrap()
}

/// What the runtimes are asked.
struct Client<'r> {
    runtime: &'r Runtime,
    issuer: &'r Issuer,
}

impl Client<'_> {
    async fn get(&self, behaviour: &str, key: &Key) -> Answer {
        let token = key.token(&self.issuer.url(behaviour));
        get(self.runtime, behaviour, &token).await
    }

    async fn status(&self, behaviour: &str, key: &Key) -> u16 {
        self.get(behaviour, key).await.status
    }
}

async fn check(issuer: &Issuer, runtime: &Runtime) {
    let client = Client { runtime, issuer };
    let (known, unknown) = (issuer.key(), Key::new("unknown"));

    for behaviour in ["good", "discovered"] {
        assert_eq!(client.status(behaviour, known).await, 204, "{behaviour}");
    }
    // Neither many requests nor a flood of unknown keys asks the issuer again at once.
    for _ in 0..30 {
        assert_eq!(client.status("good", known).await, 204);
        assert_eq!(client.status("good", &unknown).await, 401);
    }
    assert_eq!(issuer.asked("good"), 1);

    for behaviour in ["refusing", "redirecting", "nonsense", "endless", "stalling"] {
        let began = Instant::now();
        let answer = client.get(behaviour, known).await;
        assert_eq!(answer.status, 503, "{behaviour}");
        assert!(answer.field("retry-after").is_some(), "{behaviour}");
        let body = String::from_utf8_lossy(&answer.body);
        assert!(body.contains("issuer-unavailable"), "{behaviour}: {body}");
        assert!(began.elapsed() < Duration::from_secs(10), "{behaviour}");
        assert_eq!(client.status(behaviour, known).await, 503, "{behaviour}");
        assert_eq!(issuer.asked(behaviour), 1, "{behaviour}");
    }
    // Not much more was read than a key set may have.
    assert!(issuer.poured() < 16 * 1024 * 1024, "{}", issuer.poured());

    // The issuer changes its keys: the new one works as soon as it may be asked again, and from
    // then on the old one does not.
    assert_eq!(client.status("changing", known).await, 204);
    let new = issuer.change();
    let patience = Instant::now() + Duration::from_secs(30);
    while client.status("changing", new).await != 204 {
        assert!(Instant::now() < patience, "the new key is still unknown");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(client.status("changing", known).await, 401);
    assert_eq!(issuer.asked("changing"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn native() {
    let issuer = Issuer::start().await;
    let stage = stage(&issuer);
    check(&issuer, &Runtime::native(&stage).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workerd() {
    let issuer = Issuer::start().await;
    let stage = stage(&issuer);
    check(&issuer, &Runtime::workerd(&stage).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spin() {
    let issuer = Issuer::start().await;
    let stage = stage(&issuer);
    check(&issuer, &Runtime::spin(&stage).await.unwrap()).await;
}
