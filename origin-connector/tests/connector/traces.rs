//! Spans, as a collector gets them. It is decoded by the messages that OpenTelemetry publishes for
//! Python; no collector is at hand as a program.

use std::collections::HashSet;
use std::process::Stdio;
use std::time::Duration;

use http::Request;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::task::JoinSet;

use crate::admin::{admin_address, ask};
use crate::authority::GATEWAY_ID;
use crate::client::{Client, full, read};
use crate::failure::nowhere;
use crate::interop::python;
use crate::origin::Origin;
use crate::program::{Setup, patient};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// Stands for a collector.
struct Collector {
    endpoint: String,
    spans: Lines<BufReader<ChildStdout>>,
    process: Child,
}

impl Collector {
    /// Answers with these statuses first. `None` where there is no Python.
    async fn start(statuses: &[&str]) -> Option<Self> {
        let mut command = python::program("python")?;
        command.arg(python::script("collector.py")).args(statuses);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut spans = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = patient(spans.next_line()).await.unwrap().unwrap();
        Some(Self {
            endpoint: format!("http://127.0.0.1:{port}"),
            spans,
            process,
        })
    }

    /// So many spans, by the time of their beginning.
    async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut spans = Vec::new();
        while spans.len() < count {
            let line = patient(self.spans.next_line()).await.unwrap();
            spans.push(serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        }
        spans.sort_by_key(|span| span["began"].as_u64());
        spans
    }
}

fn section(endpoint: &str, more: &str) -> String {
    format!("[traces]\nendpoint = \"{endpoint}\"\nevery = \"100ms\"\n{more}\n")
}

async fn send(client: &mut Client, path: &str, flags: Option<&str>) -> (u16, String) {
    let mut request = Request::get(path);
    if let Some(flags) = flags {
        request = request.header("traceparent", format!("00-{TRACE}-{PARENT}-{flags}"));
    }
    read(client.send(request.body(full("")).unwrap()).await).await
}

#[tokio::test]
async fn an_exchange_and_its_attempts_are_one_chain() {
    let Some(mut collector) = Collector::start(&[]).await else {
        return;
    };
    let origin = Origin::start().await;
    let dead = nowhere().await;
    let listed = format!(
        "endpoints = [\"{}\", \"{dead}\"]\nejection = {{ failures = 1000 }}\n",
        origin.address
    );
    let setup = Setup::new()
        .backend_at("accounts", "http://accounts.invalid:8080", &listed)
        .with(&section(&collector.endpoint, ""));
    let connector = setup.start().await;
    let mut client = connector.http2().await;
    // Until an attempt was made in vain.
    let (mut spans, told) = loop {
        let seen = origin.seen().len();
        let answer = send(&mut client, "/v1/accounts?secret=7", Some("01")).await;
        assert_eq!(answer.0, 200);
        let told = origin.seen()[seen].headers["traceparent"].clone();
        let mut spans = collector.take(2).await;
        if spans
            .iter()
            .all(|span| span["kind"] == "SPAN_KIND_CLIENT" || span["status"] != "STATUS_CODE_ERROR")
            && spans
                .iter()
                .any(|span| span["status"] == "STATUS_CODE_ERROR")
        {
            spans.extend(collector.take(1).await);
            break (spans, told);
        }
    };
    spans.sort_by_key(|span| span["began"].as_u64());
    let text = serde_json::to_string(&spans).unwrap();
    assert!(!text.contains("secret"), "{text}");
    let [exchange, failed, good] = spans.as_slice() else {
        panic!("{spans:?}");
    };
    for span in &spans {
        assert_eq!(span["trace"], TRACE);
        assert_eq!(span["name"], "GET");
        assert_eq!(span["resource"]["service.name"], "tidegate-connector");
        assert_eq!(span["flags"].as_u64().unwrap() & 1, 1);
        assert!(span["nanoseconds"].as_u64().unwrap() > 0);
    }
    // The gateway's span, the exchange's, and that of which the origin is told.
    assert_eq!(exchange["parent"], PARENT);
    assert_eq!(exchange["flags"], 0x301);
    assert_eq!(failed["parent"], exchange["id"]);
    assert_eq!(good["parent"], exchange["id"]);
    let expected = format!("00-{TRACE}-{}-01", good["id"].as_str().unwrap());
    assert_eq!(told, expected);
    let ids: HashSet<&str> = spans
        .iter()
        .map(|span| span["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 3);

    assert_eq!(exchange["kind"], "SPAN_KIND_SERVER");
    assert_eq!(exchange["status"], "STATUS_CODE_UNSET");
    let mut attributes = exchange["attributes"].clone();
    let peer = attributes
        .as_object_mut()
        .unwrap()
        .remove("network.peer.port");
    assert!(peer.unwrap().is_number());
    assert_eq!(
        attributes,
        json!({
            "http.request.method": "GET",
            "url.scheme": "https",
            "url.path": "/v1/accounts",
            "server.address": crate::authority::CONNECTOR,
            "network.peer.address": "127.0.0.1",
            "network.protocol.version": "2",
            "tidegate.caller": GATEWAY_ID,
            "tidegate.backend": "accounts",
            "http.response.status_code": 200,
        })
    );
    assert_eq!(good["kind"], "SPAN_KIND_CLIENT");
    assert_eq!(
        good["attributes"],
        json!({
            "http.request.method": "GET",
            "url.full": "http://accounts.invalid:8080/v1/accounts",
            "server.address": "accounts.invalid",
            "server.port": 8080,
            "network.peer.address": "127.0.0.1",
            "network.peer.port": origin.address.port(),
            "network.protocol.version": "1.1",
            "http.request.resend_count": 1,
            "http.response.status_code": 200,
        })
    );
    assert_eq!(failed["status"], "STATUS_CODE_ERROR");
    assert_eq!(failed["attributes"]["error.type"], "origin-unreachable");
    assert_eq!(failed["attributes"]["network.peer.port"], dead.port());
    assert!(failed["attributes"]["http.request.resend_count"].is_null());
}

#[tokio::test]
async fn whoever_began_a_trace_says_whether_it_is_recorded() {
    let Some(mut collector) = Collector::start(&[]).await else {
        return;
    };
    let origin = Origin::start().await;
    let setup = Setup::new()
        .backend("accounts", origin.address, "")
        .with(&section(&collector.endpoint, ""));
    let mut connector = setup.start().await;
    let mut client = connector.http1().await;
    // Not this one, and the origin is told what the caller has said.
    assert_eq!(send(&mut client, "/", Some("00")).await.0, 200);
    let told = &origin.only_head()["traceparent"];
    assert_eq!(told, &format!("00-{TRACE}-{PARENT}-00"));
    // One that begins here, which ends in a refusal of the backend.
    assert_eq!(send(&mut client, "/unavailable", None).await.0, 503);
    let spans = collector.take(2).await;
    let [exchange, attempt] = spans.as_slice() else {
        panic!("{spans:?}");
    };
    assert_eq!(
        (&exchange["parent"], &attempt["parent"]),
        (&json!(""), &exchange["id"])
    );
    assert_ne!(exchange["trace"], TRACE);
    for span in &spans {
        assert_eq!(span["status"], "STATUS_CODE_ERROR");
        assert_eq!(span["attributes"]["error.type"], "503");
    }
    let line = connector.logged("request").await;
    assert_eq!(line["trace_id"], TRACE);
    assert_eq!(
        connector.logged("request").await["trace_id"],
        exchange["trace"]
    );
    // Those of others, too, by another configuration; what is refused has no attempt.
    let path = connector.setup.path("connector.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace("[traces]", "[traces]\nunsampled = 1.0");
    let text = text.replace(GATEWAY_ID, "spiffe://edge.example/another");
    connector.setup.write("connector.toml", &text);
    connector.signal("-HUP");
    connector.logged("configuration reloaded").await;
    assert_eq!(send(&mut client, "/", Some("00")).await.0, 403);
    let [refused] = &collector.take(1).await[..] else {
        panic!("one span");
    };
    assert_eq!(refused["trace"], TRACE);
    assert_eq!(refused["attributes"]["tidegate.problem"], "caller-refused");
    assert_eq!(refused["status"], "STATUS_CODE_UNSET");
}

#[tokio::test]
async fn what_a_collector_refuses_for_now_is_sent_again_and_the_last_at_the_end() {
    let Some(mut collector) = Collector::start(&["503", "429"]).await else {
        return;
    };
    let origin = Origin::start().await;
    let mut setup = Setup::new()
        .backend("accounts", origin.address, "")
        .with(&section(&collector.endpoint, ""));
    setup.environment = vec![
        ("OTEL_SERVICE_NAME", "door".to_owned()),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=test".to_owned(),
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20secret".to_owned(),
        ),
    ];
    let mut connector = setup.start().await;
    let admin = admin_address(&mut connector).await;
    let mut client = connector.http2().await;
    assert_eq!(send(&mut client, "/", Some("01")).await.0, 200);
    let line = connector.logged("the collector does not take spans").await;
    assert!(line["error"].as_str().unwrap().contains("503"), "{line}");
    let spans = collector.take(2).await;
    assert_eq!(spans[0]["resource"]["service.name"], "door");
    assert_eq!(spans[0]["resource"]["deployment.environment.name"], "test");
    assert_eq!(spans[0]["authorization"], "Bearer secret");
    let exported = "tidegate_connector_spans_exported_total 2";
    patient(async {
        while !ask(admin, "/metrics")
            .await
            .1
            .lines()
            .any(|line| line == exported)
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let (_, text) = ask(admin, "/metrics").await;
    assert!(
        !text.contains("tidegate_connector_spans_dropped_total{"),
        "{text}"
    );
    // With this configuration nothing is sent for minutes, but at the end.
    let path = connector.setup.path("connector.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace("every = \"100ms\"", "every = \"5m\"");
    connector.setup.write("connector.toml", &text);
    connector.signal("-HUP");
    connector.logged("configuration reloaded").await;
    assert_eq!(send(&mut client, "/", Some("01")).await.0, 200);
    drop(client);
    connector.stop().await;
    assert_eq!(collector.take(2).await.len(), 2);
}

#[tokio::test]
async fn a_collector_that_is_dead_changes_nothing_for_requests() {
    let Some(mut collector) = Collector::start(&[]).await else {
        return;
    };
    let origin = Origin::start().await;
    let drain = "[drain]\ntimeout = \"500ms\"\n";
    let mut setup = Setup::new()
        .backend("accounts", origin.address, "")
        .with(&section(&collector.endpoint, drain));
    setup.log = Some("info,access=off");
    let mut connector = setup.start().await;
    let admin = admin_address(&mut connector).await;
    let mut client = connector.http2().await;
    assert_eq!(send(&mut client, "/", Some("01")).await.0, 200);
    collector.take(2).await;
    collector.process.kill().await.unwrap();
    let mut callers = JoinSet::new();
    for _ in 0..4 {
        let mut client = connector.http2().await;
        callers.spawn(async move {
            for _ in 0..1250 {
                assert_eq!(send(&mut client, "/id", Some("01")).await.0, 200);
            }
        });
    }
    patient(callers.join_all()).await;
    let (_, text) = ask(admin, "/metrics").await;
    let dropped = "tidegate_connector_spans_dropped_total{reason=\"queue-full\"} ";
    let dropped = text.lines().find_map(|line| line.strip_prefix(dropped));
    // All but those that wait, and those that are being sent.
    assert!(
        dropped.unwrap().parse::<u64>().unwrap() >= 10_000 - 8192 - 2 * 512,
        "{text}"
    );
    // The end waits for the drain's bound, and no longer.
    let rest = connector.stop().await;
    let lost = "the collector has not taken the last spans";
    assert!(rest.iter().any(|line| line["message"] == lost));
}
