//! Answers that do not hold change nothing, and are said.

use bytes::Bytes;
use prost::Message as _;

use super::agent::{Say, X509SvidResponse};
use super::{issue, scene, shown};
use crate::authority::{Authority, CONNECTOR_ID};
use crate::origin::Origin;

type Spoil = fn(&mut X509SvidResponse);

/// What is done to an answer, and what is said of it.
const SPOILT: [(Spoil, &str); 12] = [
    (|answer| answer.svids.clear(), "`svids` is missing"),
    (
        |answer| answer.svids[0].spiffe_id.clear(),
        "`spiffe_id` is missing",
    ),
    (
        |answer| answer.svids[0].x509_svid.clear(),
        "`x509_svid` is missing",
    ),
    (
        |answer| answer.svids[0].x509_svid_key.clear(),
        "`x509_svid_key` is missing",
    ),
    (
        |answer| answer.svids[0].bundle.clear(),
        "`bundle` is missing",
    ),
    (
        |answer| answer.svids[0].spiffe_id = "https://bank.example".to_owned(),
        "`https://bank.example` does not begin with `spiffe://`",
    ),
    (
        |answer| answer.svids[0].spiffe_id = "spiffe://bank.example".to_owned(),
        "`spiffe://bank.example` is a trust domain's, not a workload's",
    ),
    (
        |answer| answer.svids[0].spiffe_id = "spiffe://bank.example/other".to_owned(),
        "the certificate of `spiffe://bank.example/other` is another's",
    ),
    (
        |answer| answer.svids[0].x509_svid.truncate(100),
        "the certificates of `spiffe://bank.example/connector` cannot be read",
    ),
    (
        |answer| {
            let bundle = std::mem::take(&mut answer.federated_bundles);
            let bundle = bundle.into_values().next().unwrap();
            answer.federated_bundles.insert("Edge".to_owned(), bundle);
        },
        "`Edge` is no trust domain",
    ),
    (
        |answer| answer.svids[0].bundle.push(0),
        "the certificates of `spiffe://bank.example/connector` cannot be read",
    ),
    (
        |answer| answer.crl.push(b"junk".to_vec()),
        "a revocation list cannot be read",
    ),
];

#[tokio::test]
async fn an_answer_that_does_not_hold_changes_nothing() {
    let origin = Origin::start().await;
    let (mut connector, agent) = scene(&origin).await;
    let before = shown(&connector).await;
    let next = connector.setup.mesh.issue_connector();
    let good = issue(&connector.setup, &next);
    let mut said = Vec::new();
    for (spoil, reason) in SPOILT {
        let mut answer = good.clone();
        spoil(&mut answer);
        said.push((
            Say::from(answer),
            format!("its answer does not hold: {reason}"),
        ));
    }
    let octets = |octets: Vec<u8>| Say::Octets(Bytes::from(octets));
    let large = octets(vec![0; 1024 * 1024 + 1]);
    let too_large = "the answer has 1048577 octets, more than 1048576";
    said.push((
        octets(b"rubbish".to_vec()),
        "its answer does not hold: it is no message".to_owned(),
    ));
    said.push((large, too_large.to_owned()));
    for (say, reason) in said {
        agent.say(say);
        // A large one ends the call, so that the next call may hear of the one before.
        loop {
            let line = connector.logged("the workload API does not answer").await;
            let heard = line["reason"].as_str().unwrap();
            if heard.starts_with(&reason) {
                break;
            }
            assert!(
                heard.contains("octets") || heard.contains("ended"),
                "{heard}, not {reason}"
            );
        }
    }
    assert_eq!(shown(&connector).await, before);
    assert_eq!(connector.http2().await.get("/").await.0, 200);
    // Of several identities each must hold, also those that are not used.
    let mut second = good
        .clone()
        .and(&connector.setup.mesh, "spiffe://bank.example/b", &next);
    agent.say(second.clone());
    let line = connector.logged("the workload API does not answer").await;
    let other =
        "its answer does not hold: the certificate of `spiffe://bank.example/b` is another's";
    assert_eq!(line["reason"], other);
    second.svids.truncate(1);
    agent.say(second);
    connector.logged("the workload API answers again").await;
    connector.logged("certificates reloaded").await;
    assert_eq!(shown(&connector).await, next.certificate);
}

#[tokio::test]
async fn credentials_that_do_not_belong_together_change_nothing() {
    let origin = Origin::start().await;
    let (mut connector, agent) = scene(&origin).await;
    let before = shown(&connector).await;
    let next = connector.setup.mesh.issue_connector();
    let mut answer = issue(&connector.setup, &next);
    answer.svids[0].x509_svid_key = Authority::new().issue(&[CONNECTOR_ID]).key_der();
    agent.say(answer.clone());
    let refused = "certificates not reloaded, the old ones stay in use";
    let line = connector.logged(refused).await;
    let error = line["error"].as_str().unwrap();
    assert!(
        error.starts_with(&format!("`{}`: ", agent.endpoint())),
        "{error}"
    );
    assert_eq!(shown(&connector).await, before);
    answer.svids[0].x509_svid_key = b"junk".to_vec();
    agent.say(answer.clone());
    connector.logged(refused).await;
    answer.svids[0].x509_svid_key = next.key_der();
    agent.say(answer);
    connector.logged("certificates reloaded").await;
    assert_eq!(shown(&connector).await, next.certificate);
}

#[test]
fn the_messages_are_those_of_the_specification() {
    // Field numbers and wire types as `workloadapi.proto` has them, written out by hand.
    let message = X509SvidResponse {
        svids: vec![super::agent::X509Svid {
            spiffe_id: "a".to_owned(),
            x509_svid: vec![1],
            x509_svid_key: vec![2],
            bundle: vec![3],
            hint: "h".to_owned(),
        }],
        crl: vec![vec![4]],
        federated_bundles: [("b".to_owned(), vec![5])].into(),
    };
    let expected = [
        &[0x0A, 15][..],
        &[
            0x0A, 1, b'a', 0x12, 1, 1, 0x1A, 1, 2, 0x22, 1, 3, 0x2A, 1, b'h',
        ],
        &[0x12, 1, 4],
        &[0x1A, 6, 0x0A, 1, b'b', 0x12, 1, 5],
    ];
    assert_eq!(message.encode_to_vec(), expected.concat());
}
