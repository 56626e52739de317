//! Backends that go by the policy's signed bundle.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{Request, StatusCode};
use tidegate_shared::bundle::{
    Bundle, ConnectorAllowance, ConnectorLimit, ConnectorRules, FORMAT_VERSION, Header,
    Origin as PolicyOrigin, SignatureDemand, Tables, Upstream,
};
use tidegate_shared::channel::{self, Statement};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::{Percent, Rate};

use crate::admin::{admin_address, ask};
use crate::authority::GATEWAY_ID;
use crate::client::{Body, Client, full, problem};
use crate::origin::Origin;
use crate::program::{Running, Setup, command, patient};

const OTHER_ID: &str = "spiffe://edge.example/batch";
const POLICY: &str =
    "[policy]\nbundle = \"policy.bundle\"\ntrust = \"bundle.pub\"\nevery = \"100ms\"\n";

fn key() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

fn rules(allow: &str) -> ConnectorRules {
    ConnectorRules {
        allow: vec![allow.parse().unwrap()],
        signature: SignatureDemand::Off,
        limits: Vec::new(),
    }
}

fn allowing(allows: ConnectorAllowance, per_caller: bool) -> ConnectorRules {
    ConnectorRules {
        allow: vec![OTHER_ID.parse().unwrap(), GATEWAY_ID.parse().unwrap()],
        limits: vec![ConnectorLimit {
            name: "everybody".to_owned(),
            allows,
            per_caller,
        }],
        ..rules(GATEWAY_ID)
    }
}

fn limited(count: u32, period: u32, burst: u32, per_caller: bool) -> ConnectorRules {
    let rate = Rate { count, period };
    allowing(ConnectorAllowance::Rate { rate, burst }, per_caller)
}

/// A signed bundle whose upstream `banking` has these rules for its connectors.
fn bundle(connector: Option<ConnectorRules>, by: &SigningKey) -> Vec<u8> {
    let origin = PolicyOrigin {
        name: "dc1".to_owned(),
        url: "https://connector.example:8443".to_owned(),
        tunnel: None,
    };
    let upstream = Upstream {
        connector,
        ..Upstream::new("banking", [origin])
    };
    let bundle = Bundle {
        header: Header {
            format: FORMAT_VERSION,
            name: "bank".to_owned(),
            sequence: 1,
            source: Digest::of(b"source"),
        },
        tables: Tables {
            upstreams: vec![upstream],
            ..Tables::default()
        },
        hosts: Vec::new(),
    };
    envelope::sign::<Bundle>(bundle.encode().unwrap(), by)
}

fn setup(origin: &Origin) -> Setup {
    let address = format!("http://{}", origin.address);
    let setup = Setup::new()
        .any_backend("accounts", &address, "policy = \"banking\"\n")
        .with(POLICY);
    setup.write("bundle.pub", &format!("{}\n", key().trust_key()));
    setup
}

fn put(setup: &Setup, name: &str, octets: &[u8]) {
    let path = setup.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let new = path.with_extension("new");
    std::fs::write(&new, octets).unwrap();
    std::fs::rename(new, path).unwrap();
}

fn get() -> Request<Body> {
    Request::get("/accounts/7").body(full("")).unwrap()
}

/// Asks until the connector answers with this status.
async fn becomes(client: &mut Client, status: StatusCode) {
    let asked = async {
        while client.send(get()).await.status() != status {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    patient(asked).await;
}

#[tokio::test]
async fn the_bundle_says_who_may_come_in_and_a_new_one_is_followed() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    put(
        &setup,
        "policy.bundle",
        &bundle(Some(rules(GATEWAY_ID)), &key()),
    );
    let running = setup.start().await;
    let mut gateway = running.http2().await;
    let other = running.setup.edge.issue(&[OTHER_ID]);
    let mut batch = Client::http2(running.address, &running.setup.mesh, &other).await;
    becomes(&mut gateway, StatusCode::OK).await;
    let refused = batch.send(get()).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(problem(refused).await.1, "caller-refused");
    // Both stay connected, and the other one is let in from now on.
    put(
        &running.setup,
        "policy.bundle",
        &bundle(Some(rules(OTHER_ID)), &key()),
    );
    becomes(&mut batch, StatusCode::OK).await;
    assert_eq!(gateway.send(get()).await.status(), StatusCode::FORBIDDEN);
    // What the policy says nothing of, nobody reaches.
    put(&running.setup, "policy.bundle", &bundle(None, &key()));
    becomes(&mut batch, StatusCode::FORBIDDEN).await;
    running.stop().await;
}

#[tokio::test]
async fn without_a_good_bundle_nobody_is_let_in() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let forged = bundle(Some(rules(GATEWAY_ID)), &SigningKey::from_seed([8; 32]));
    put(&setup, "policy.bundle", &forged);
    let mut running = setup.start().await;
    let admin = admin_address(&mut running).await;
    running.logged("the new bundle cannot be used").await;
    let mut gateway = running.http1().await;
    let answer = gateway.send(get()).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(problem(answer).await.1, "not-ready");
    assert_eq!(ask(admin, "/readyz").await.0, 503);
    put(
        &running.setup,
        "policy.bundle",
        &bundle(Some(rules(GATEWAY_ID)), &key()),
    );
    becomes(&mut gateway, StatusCode::OK).await;
    assert_eq!(ask(admin, "/readyz").await.0, 200);
    // From then on a bad one changes nothing.
    for bad in [&forged[..], b"no bundle", b""] {
        put(&running.setup, "policy.bundle", bad);
        let line = running.logged("the new bundle cannot be used").await;
        assert_eq!(line["level"], "WARN");
        assert_eq!(gateway.send(get()).await.status(), StatusCode::OK);
    }
    running.stop().await;
}

#[tokio::test]
async fn a_bundle_that_asks_for_signatures_needs_keys() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let signed = ConnectorRules {
        signature: SignatureDemand::Required,
        ..rules(GATEWAY_ID)
    };
    put(&setup, "policy.bundle", &bundle(Some(signed), &key()));
    let checked = command(&setup.config()).arg("--check").output();
    let checked = patient(checked).await.unwrap();
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(
        told.contains("upstream `banking` asks for signatures"),
        "{told}"
    );
    put(&setup, "policy.bundle", &bundle(None, &key()));
    let checked = patient(command(&setup.config()).arg("--check").output()).await;
    let told = String::from_utf8_lossy(&checked.unwrap().stderr).into_owned();
    assert!(
        told.contains("no `connector` for the upstream `banking`"),
        "{told}"
    );
    put(
        &setup,
        "policy.bundle",
        &bundle(Some(rules(GATEWAY_ID)), &key()),
    );
    let checked = patient(command(&setup.config()).arg("--check").output()).await;
    assert!(checked.unwrap().status.success());
}

/// What all gateways together may send: counted at the origin, over connections of two callers.
#[tokio::test]
async fn an_origin_gets_no_more_than_its_limit() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let both = limited(50, 1, 20, false);
    put(&setup, "policy.bundle", &bundle(Some(both), &key()));
    let running = Arc::new(setup.start().await);
    becomes(&mut running.http2().await, StatusCode::OK).await;
    let (admitted, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let began = tokio::time::Instant::now();
    let load = (0..8).map(|caller| {
        let (running, admitted, refused) = (running.clone(), admitted.clone(), refused.clone());
        tokio::spawn(async move {
            let other = running.setup.edge.issue(&[OTHER_ID]);
            let leaf = if caller % 2 == 0 {
                &running.gateway
            } else {
                &other
            };
            let mut client = Client::http2(running.address, &running.setup.mesh, leaf).await;
            while began.elapsed() < Duration::from_secs(2) {
                let answer = client.send(get()).await;
                match answer.status() {
                    StatusCode::OK => admitted.fetch_add(1, Ordering::Relaxed),
                    StatusCode::TOO_MANY_REQUESTS => {
                        assert_eq!(
                            answer.headers()["ratelimit-policy"],
                            "\"everybody\";q=50;w=1"
                        );
                        assert!(answer.headers().contains_key("retry-after"));
                        refused.fetch_add(1, Ordering::Relaxed)
                    }
                    status => panic!("{status}"),
                };
            }
        })
    });
    for load in load.collect::<Vec<_>>() {
        load.await.unwrap();
    }
    let most = 20 + usize::try_from(began.elapsed().as_millis()).unwrap() * 50 / 1000 + 1;
    let (admitted, refused) = (
        admitted.load(Ordering::Relaxed),
        refused.load(Ordering::Relaxed),
    );
    assert!(admitted <= most, "{admitted} of {most}");
    assert!(admitted >= 90, "{admitted}");
    assert!(refused > 0);
}

#[tokio::test]
async fn a_limit_for_each_caller_leaves_the_others_alone() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let each = limited(2, 3600, 2, true);
    put(&setup, "policy.bundle", &bundle(Some(each), &key()));
    let running = setup.start().await;
    let mut gateway = running.http2().await;
    // One at least is used up by waiting for the policy.
    becomes(&mut gateway, StatusCode::TOO_MANY_REQUESTS).await;
    let other = running.setup.edge.issue(&[OTHER_ID]);
    let mut batch = Client::http2(running.address, &running.setup.mesh, &other).await;
    assert_eq!(batch.send(get()).await.status(), StatusCode::OK);
    assert_eq!(batch.send(get()).await.status(), StatusCode::OK);
    let refused = batch.send(get()).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(problem(refused).await.1, "rate-limited");
    running.stop().await;
}

fn at(path: &str) -> Request<Body> {
    Request::get(path).body(full("")).unwrap()
}

/// A request is under way until its answer has ended, or one of both ends has broken off.
#[tokio::test]
async fn no_more_requests_are_under_way_than_the_policy_allows() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let two = allowing(ConnectorAllowance::AtOnce(2), false);
    put(&setup, "policy.bundle", &bundle(Some(two), &key()));
    let running = setup.start().await;
    let mut gateway = running.http2().await;
    becomes(&mut gateway, StatusCode::OK).await;
    let other = running.setup.edge.issue(&[OTHER_ID]);
    let mut batch = Client::http2(running.address, &running.setup.mesh, &other).await;
    // One waits for the head of its answer, one has it and not yet the end.
    let waiting = tokio::spawn({
        let mut client = running.http2().await;
        async move { client.send(at("/gate")).await }
    });
    patient(async {
        while !origin.seen().iter().any(|seen| seen.uri.path() == "/gate") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let endless = batch.send(at("/endless")).await;
    assert_eq!(endless.status(), StatusCode::OK);
    let refused = gateway.send(get()).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        refused.headers()["ratelimit-policy"],
        "\"everybody\";q=2;qu=\"concurrent-requests\""
    );
    assert_eq!(refused.headers()["ratelimit"], "\"everybody\";r=0");
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(problem(refused).await.1, "concurrency-limited");
    // The caller breaks off.
    drop((endless, batch));
    becomes(&mut gateway, StatusCode::OK).await;
    // The answer ends.
    origin.gate.add_permits(1);
    let answer = waiting.await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    drop(answer);
    for _ in 0..20 {
        assert_eq!(gateway.send(get()).await.status(), StatusCode::OK);
    }
    running.stop().await;
}

fn publish(setup: &Setup, sequence: u64, allow: &str) {
    let octets = bundle(Some(rules(allow)), &key());
    let digest = Digest::of(&octets);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_millis()).unwrap();
    let channel = "production".parse().unwrap();
    let path = channel::statement_path(&channel);
    let statement = Statement {
        format: channel::FORMAT_VERSION,
        channel,
        sequence,
        bundle: digest,
        issued: UnixMillis(now),
        expires: UnixMillis(now + 3_600_000),
        rollout: Percent(100),
        previous: None,
        shadow: None,
    };
    put(
        setup,
        &format!("site/{}", channel::bundle_path(digest)),
        &octets,
    );
    put(
        setup,
        &format!("site/{path}"),
        &statement.sign(&key()).unwrap(),
    );
}

#[tokio::test]
async fn a_channel_is_followed_and_never_back() {
    let origin = Origin::start().await;
    let address = format!("http://{}", origin.address);
    let policy = POLICY.replace("policy.bundle", "site") + "state = \"policy.state\"\n";
    let setup = Setup::new()
        .any_backend("accounts", &address, "policy = \"banking\"\n")
        .with(&policy);
    setup.write("bundle.pub", &format!("{}\n", key().trust_key()));
    publish(&setup, 5, GATEWAY_ID);
    let mut running: Running = setup.start().await;
    let admin = admin_address(&mut running).await;
    let mut gateway = running.http2().await;
    assert_eq!(gateway.send(get()).await.status(), StatusCode::OK);
    publish(&running.setup, 6, OTHER_ID);
    becomes(&mut gateway, StatusCode::FORBIDDEN).await;
    let (_, metrics) = ask(admin, "/metrics").await;
    assert!(
        metrics.contains("tidegate_connector_policy_sequence 6"),
        "{metrics}"
    );
    // An older statement, put back by somebody, is refused.
    publish(&running.setup, 5, GATEWAY_ID);
    let line = running.logged("the channel is not followed").await;
    assert_eq!(line["sequence"], 6);
    assert_eq!(gateway.send(get()).await.status(), StatusCode::FORBIDDEN);
    // So does one that begins with what was remembered.
    let again = running.another().await;
    let mut gateway = again.http2().await;
    assert_eq!(gateway.send(get()).await.status(), StatusCode::FORBIDDEN);
    again.stop().await;
    running.stop().await;
}

#[tokio::test]
async fn a_reload_keeps_the_policy_or_takes_another_one_that_is_good() {
    let origin = Origin::start().await;
    let address = format!("http://{}", origin.address);
    let backend = "policy = \"banking\"\npath_prefix = \"/accounts\"\n";
    let setup = Setup::new().any_backend("accounts", &address, backend);
    let setup = setup.with(POLICY);
    setup.write("bundle.pub", &format!("{}\n", key().trust_key()));
    let first = bundle(Some(limited(1, 3600, 2, false)), &key());
    put(&setup, "policy.bundle", &first);
    let mut running = setup.start().await;
    let mut gateway = running.http2().await;
    becomes(&mut gateway, StatusCode::OK).await;
    becomes(&mut gateway, StatusCode::TOO_MANY_REQUESTS).await;
    // Another backend of the upstream has rules at once, and nothing is given back.
    let path = running.setup.path("connector.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let more = format!(
        "[[backend]]\nname = \"more\"\naddress = \"http://{}\"\npath_prefix = \"/more\"\n\
         policy = \"banking\"\n",
        origin.address
    );
    running
        .setup
        .write("connector.toml", &(text.clone() + &more));
    running.signal("-HUP");
    running.logged("configuration reloaded").await;
    let request = Request::get("/more").body(full("")).unwrap();
    let answer = gateway.send(request).await;
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    // Another source counts where it has a bundle that can be kept.
    let other = text.replace("policy.bundle", "other.bundle");
    running.setup.write("connector.toml", &other);
    let signed = ConnectorRules {
        signature: SignatureDemand::Required,
        ..rules(GATEWAY_ID)
    };
    let signed = bundle(Some(signed), &key());
    for (octets, cause) in [
        (None, "No such file"),
        (Some(signed), "asks for signatures"),
    ] {
        if let Some(octets) = octets {
            put(&running.setup, "other.bundle", &octets);
        }
        running.signal("-HUP");
        let line = "configuration not reloaded, the one in force stays";
        let line = running.logged(line).await;
        assert!(line["error"].as_str().unwrap().contains(cause), "{line}");
        assert_eq!(
            gateway.send(get()).await.status(),
            StatusCode::TOO_MANY_REQUESTS
        );
    }
    let allowing = bundle(Some(rules(OTHER_ID)), &key());
    put(&running.setup, "other.bundle", &allowing);
    running.signal("-HUP");
    running.logged("configuration reloaded").await;
    assert_eq!(gateway.send(get()).await.status(), StatusCode::FORBIDDEN);
    put(
        &running.setup,
        "other.bundle",
        &bundle(Some(rules(GATEWAY_ID)), &key()),
    );
    becomes(&mut gateway, StatusCode::OK).await;
    running.stop().await;
}
