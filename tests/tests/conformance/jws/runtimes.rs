//! The same tokens through every runtime: which code checked a signature, and where, tells nobody
//! anything. On Workers that is WebCrypto, on Spin the gateway's own code as Wasm.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_bytes::ByteBuf;
use tidegate_dev::{Apart, World};
use tidegate_policy_compiler::credentials::Credentials;
use tidegate_shared::bundle::{
    Auth, Bundle, FORMAT_VERSION, Header, HostRoutes, HostSection, Issuer, PathEntry, Reply, Route,
    Tables, Target,
};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope;
use tidegate_shared::trust::SigningKey;
use tidegate_tests::client;
use tidegate_tests::logs::Logs;
use tidegate_tests::runtime::Runtime;
use tidegate_tests::stage::Stage;

use super::*;

const HOST: &str = "api.test.example";
const FILES: [&str; 3] = [
    "json_web_crypto_test",
    "json_web_key_test",
    "json_web_signature_test",
];

/// A token, and the issuer that has its key.
struct Vector {
    name: String,
    issuer: usize,
    token: String,
}

/// Vectors of keys of key pairs, each with the issuer that has its key. What is no text for a
/// header field cannot be sent.
fn vectors() -> (Vec<IssuerKeys>, Vec<Vector>) {
    let (mut issuers, mut vectors) = (Vec::new(), Vec::new());
    for file in FILES {
        let content = read(&format!("wycheproof/{file}.json"));
        for group in content["testGroups"].as_array().unwrap() {
            let jwk = group.get("public").unwrap_or(&group["private"]);
            let Keys::Usable(keys @ IssuerKeys::Pinned(_), _) = Keys::of(jwk) else {
                continue;
            };
            for test in group["tests"].as_array().unwrap() {
                let Some(Value::String(token)) = test.get("jws") else {
                    continue;
                };
                if token.bytes().all(|octet| octet.is_ascii_graphic()) {
                    vectors.push(Vector {
                        name: format!("{file} {}", test["tcId"]),
                        issuer: issuers.len(),
                        token: token.clone(),
                    });
                }
            }
            issuers.push(keys);
        }
    }
    (issuers, vectors)
}

/// A route for each issuer, whose tokens may have every algorithm.
fn stage(keys: Vec<IssuerKeys>) -> Stage {
    let issuer = |(keys, index): (IssuerKeys, usize)| Issuer {
        algorithms: Algorithm::ALL.to_vec(),
        ..Issuer::new(format!("i{index}"), "https://id.example", "tests", keys)
    };
    let issuers: Vec<Issuer> = keys.into_iter().zip(0..).map(issuer).collect();
    let indices = || (0..).take(issuers.len());
    let route = |index: u32| {
        let reply = Reply {
            status: 204,
            headers: Vec::new(),
            body: ByteBuf::new(),
        };
        Route::new(format!("r{index}"), Auth::jwt(index), Target::Reply(reply))
    };
    let entry = |index: u32| PathEntry {
        pattern: format!("/{index}").parse().unwrap(),
        routes: vec![index],
        otherwise: Vec::new(),
    };
    let routes = HostRoutes {
        paths: indices().map(entry).collect(),
        routes: indices().map(route).collect(),
    };
    let key = SigningKey::from_seed([7; 32]);
    let bundle = Bundle {
        header: Header {
            format: FORMAT_VERSION,
            name: "vectors".to_owned(),
            sequence: 1,
            source: Digest::of(b"vectors"),
        },
        tables: Tables {
            issuers,
            ..Tables::default()
        },
        hosts: vec![HostSection::encode(HOST.parse().unwrap(), &routes).unwrap()],
    };
    Stage {
        world: World::new(Apart::Ports, &key.trust_key()).unwrap(),
        credentials: Credentials::default(),
        bundle: envelope::sign::<Bundle>(bundle.encode().unwrap(), &key),
        tables: bundle.tables,
        trust: key.trust_key(),
        secrets: Vec::new(),
        store: tempfile::tempdir().unwrap(),
    }
}

/// Why each token was refused, by its request's id, from the access records.
fn reasons(log: &str) -> BTreeMap<String, String> {
    let record = |line: &str| {
        // The native log has the record as a text within the line.
        let json = line.get(line.find('{')?..=line.rfind('}')?)?;
        let record: Value = serde_json::from_str(json)
            .or_else(|_| serde_json::from_str(&json.replace("\\\"", "\"").replace("\\\\", "\\")))
            .ok()?;
        let text = |member: &str| Some(record.get(member)?.as_str()?.to_owned());
        Some((text("request_id")?, text("reason")?))
    };
    log.lines().filter_map(record).collect()
}

/// What a runtime says of every token. No payload is a set of claims that the policy accepts, so
/// that every one is refused: where the signature holds, for what it says.
async fn judge(vectors: &[Vector], mut runtime: Runtime) -> Vec<String> {
    let mut ids = Vec::new();
    for vector in vectors {
        let request = Request::get(format!("/{}", vector.issuer))
            .header("host", HOST)
            .header("authorization", format!("Bearer {}", vector.token))
            .body(Full::<Bytes>::default());
        let answer = client::exchange(runtime.address(), request.unwrap()).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status, 401, "{}", vector.name);
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        let id = problem["instance"].as_str().unwrap();
        ids.push(id.rsplit(':').next().unwrap().to_owned());
    }
    let log = runtime.logged(ids.last().unwrap()).await.unwrap();
    let reasons = reasons(&log);
    let reason = |id: &String| reasons.get(id).cloned().unwrap_or_default();
    ids.iter().map(reason).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
async fn one_verdict() {
    Logs::of_this_process();
    let (keys, vectors) = vectors();
    let stage = stage(keys);
    let native = judge(&vectors, Runtime::native(&stage).await.unwrap()).await;
    assert!(native.iter().all(|reason| !reason.is_empty()), "{native:?}");
    let broken = "the token's signature does not hold";
    let held = native.iter().filter(|reason| {
        let claims = reason.contains("payload is no JSON") || reason.contains("claim `");
        claims || reason.contains("the token's type")
    });
    let (held, broken) = (
        held.count(),
        native.iter().filter(|reason| *reason == broken).count(),
    );
    for (name, runtime) in [
        ("workerd", Runtime::workerd(&stage).await.unwrap()),
        ("Spin", Runtime::spin(&stage).await.unwrap()),
    ] {
        let other = judge(&vectors, runtime).await;
        let differing: Vec<_> = vectors
            .iter()
            .zip(native.iter().zip(&other))
            .filter(|(_, (native, other))| native != other)
            .map(|(vector, reasons)| (&vector.name, reasons))
            .collect();
        assert!(differing.is_empty(), "{name}: {differing:#?}");
        println!(
            "Wycheproof's tokens through {name}: {} judged as natively, {held} whose signature \
             holds, {broken} whose does not",
            vectors.len(),
        );
    }
}
