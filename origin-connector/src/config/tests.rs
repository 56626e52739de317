//! Files and what is said of them.

use super::*;
use expect_test::{Expect, expect};

const MINIMAL: &str = r#"
listen = "127.0.0.1:0"
[tls]
certificate = "server.pem"
private_key = "server.key"
client_authority = "edge.pem"
[[backend]]
name = "accounts"
address = "http://127.0.0.1:8080"
allow = ["spiffe://edge.example/gateway"]
"#;

fn check(text: &str, expected: &Expect) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("connector.toml");
    std::fs::write(&path, text).unwrap();
    let message = match Config::read(&path) {
        Ok(_) => "holds".to_owned(),
        Err(error) => error
            .to_string()
            .replace(&folder.path().display().to_string(), "DIR"),
    };
    expected.assert_eq(&message);
}

#[test]
fn takes_a_minimal_file() {
    check(MINIMAL, &expect!["holds"]);
    let all = r#"
[drain]
timeout = "10s"
[limits]
connections = 20
streams = 8
header_bytes = "16KiB"
header_read_timeout = "5s"
handshake_timeout = "5s"
idle_timeout = "1m"
connect_timeout = "1s"
response_head_timeout = "2s"
"#;
    check(&format!("{MINIMAL}{all}"), &expect!["holds"]);
}

#[test]
fn the_example_holds() {
    check(
        include_str!("../../connector.example.toml"),
        &expect!["holds"],
    );
}

#[test]
fn names_unknown_and_missing_fields_with_their_line() {
    check(
        &MINIMAL.replace("name =", "nmae ="),
        &expect![[r#"
            `DIR/connector.toml`: TOML parse error at line 8, column 1
              |
            8 | nmae = "accounts"
              | ^^^^
            unknown field `nmae`, expected one of `name`, `address`, `endpoints`, `endpoints_file`, `srv`, `protocol`, `grpc_web`, `identity`, `host`, `path_prefix`, `allow`, `policy`, `gateway_signature`, `retry`, `limits`, `ejection`, `health`
        "#]],
    );
    check(
        &MINIMAL.replace("private_key = \"server.key\"\n", ""),
        &expect![
            "DIR/connector.toml:3: tls.private_key: a file is missing: name one, or write `workload_api`"
        ],
    );
}

#[test]
fn says_what_is_wrong_with_agents() {
    let files = "certificate = \"server.pem\"\nprivate_key = \"server.key\"\nclient_authority = \"edge.pem\"\n";
    let agent = r#"
workload_api = { endpoint = "unix:///run/agent.sock", spiffe_id = "spiffe://bank.example/connector", trust_domains = ["edge.example"], wait = "5s" }
"#;
    check(&MINIMAL.replace(files, agent), &expect!["holds"]);
    let mesh = "[mesh.workload_api]\nendpoint = \"tcp://127.0.0.1:8081\"\n";
    check(&format!("{MINIMAL}{mesh}"), &expect!["holds"]);
    let wrong = r#"
certificate = "server.pem"
[tls.workload_api]
endpoint = "/run/agent.sock"
spiffe_id = "spiffe://bank.example"
trust_domains = ["Edge"]
wait = "2h"
[mesh.workload_api]
endpoint = "unix:///run/agent.sock"
trust_domains = []
"#;
    check(
        &MINIMAL.replace(files, wrong),
        &expect![[r#"
        DIR/connector.toml:5: tls.certificate: `workload_api` has this: leave the file out
        DIR/connector.toml:7: tls.workload_api.endpoint: `/run/agent.sock` is no endpoint: write `unix:///PATH` or `tcp://IP:PORT`
        DIR/connector.toml:8: tls.workload_api.spiffe_id: `spiffe://bank.example` is a trust domain's, not a workload's
        DIR/connector.toml:9: tls.workload_api.trust_domains: `Edge` is no trust domain: write `bank.example`
        DIR/connector.toml:10: tls.workload_api.wait: `2h` is not between `100ms` and `3600s`
        DIR/connector.toml:13: mesh.workload_api.trust_domains: nobody could come from none: leave it out or name some"#]],
    );
    check(
        &MINIMAL.replace(files, "[tls.workload_api]\nsocket = \"x\"\n"),
        &expect![[r#"
            `DIR/connector.toml`: TOML parse error at line 5, column 1
              |
            5 | socket = "x"
              | ^^^^^^
            unknown field `socket`, expected one of `endpoint`, `spiffe_id`, `trust_domains`, `wait`
        "#]],
    );
}

#[test]
fn says_all_that_is_wrong_at_once() {
    let text = MINIMAL
        .replace("http://127.0.0.1:8080", "ftp://x/y")
        .replace("spiffe://edge.example/gateway", "edge.example");
    let more = "[drain]\ntimeout = \"2h\"\n[limits]\nconnections = 0\nheader_bytes = \"1\"\n";
    check(
        &format!("{text}{more}"),
        &expect![[r#"
            DIR/connector.toml:9: backend[0].address: `ftp://x/y` is no backend address: write `http://HOST:PORT` or `https://HOST:PORT`
            DIR/connector.toml:10: backend[0].allow[0]: `edge.example` is no name of a peer: write `spiffe://TRUST-DOMAIN/PATH` or `dns:HOST`
            DIR/connector.toml:12: drain.timeout: `2h` is not between `0s` and `3600s`
            DIR/connector.toml:14: limits.connections: `0` is not between `1` and `1000000`
            DIR/connector.toml:15: limits.header_bytes: `1` is not between `8192` and `1048576`"#]],
    );
}

#[test]
fn says_what_is_wrong_with_endpoints() {
    let more = r#"
endpoints = ["accounts.bank.example:80"]
srv = "accounts.bank.example"
retry = { attempts = 0 }
ejection = { failures = 0, time = "10m" }
health = { path = "healthz", timeout = "1h" }
grpc_web = true
"#;
    check(
        &format!("{MINIMAL}{more}"),
        &expect![[r#"
            DIR/connector.toml:17: backend[0].grpc_web: gRPC-Web is translated for a backend that speaks `h2c` or `h2`
            DIR/connector.toml:12: backend[0].endpoints: write one of `endpoints`, `endpoints_file` and `srv`, or none of them
            DIR/connector.toml:14: backend[0].retry.attempts: `0` is not between `1` and `10`
            DIR/connector.toml:15: backend[0].ejection.failures: `0` is not between `1` and `1000`
            DIR/connector.toml:15: backend[0].ejection.max_time: `5m` is not between `600s` and `86400s`
            DIR/connector.toml:16: backend[0].health.path: `healthz` is no path: write one as `/healthz`
            DIR/connector.toml:16: backend[0].health.timeout: `1h` is not between `10ms` and `60s`"#]],
    );
    let both = "endpoints = [\"192.0.2.1:80\"]\nendpoints_file = \"accounts.list\"\n";
    check(
        &format!("{MINIMAL}{both}"),
        &expect![
            "DIR/connector.toml:11: backend[0].endpoints: write one of `endpoints`, `endpoints_file` and `srv`, or none of them"
        ],
    );
}

#[test]
fn refuses_two_backends_for_the_same_requests() {
    let second = r#"
[[backend]]
name = "other"
address = "http://127.0.0.1:8081"
path_prefix = "/"
allow = ["dns:edge.bank.example"]
"#;
    check(
        &format!("{MINIMAL}{second}"),
        &expect![
            "DIR/connector.toml:7: backend: `accounts` and `other` both serve host `*` and path prefix `/`"
        ],
    );
}

#[test]
fn a_backend_behind_tls_needs_the_mesh() {
    let secure = MINIMAL.replace("http://127", "https://127");
    check(
        &secure,
        &expect![
            "DIR/connector.toml: mesh: an address begins with `https://` or `tls://`: add `[mesh]`"
        ],
    );
    let mesh = "[mesh]\ncertificate = \"m.pem\"\nprivate_key = \"m.key\"\nauthority = \"ca.pem\"\n";
    check(&format!("{secure}{mesh}"), &expect!["holds"]);
    let h2c = secure.replace("allow =", "protocol = \"h2c\"\nallow =");
    check(
        &format!("{h2c}{mesh}"),
        &expect![
            "DIR/connector.toml:10: backend[0].protocol: `h2c` is not spoken over `https://`: write `http/1.1` or `h2`"
        ],
    );
    let named = MINIMAL.replace("allow =", "identity = \"dns:a.example\"\nallow =");
    check(
        &named,
        &expect![
            "DIR/connector.toml:10: backend[0].identity: an identity is proved over `https://` only"
        ],
    );
}

#[test]
fn refuses_no_backend_and_a_backend_that_nobody_may_reach() {
    check(
        &MINIMAL.replace("allow = [\"spiffe://edge.example/gateway\"]", "allow = []"),
        &expect![
            "DIR/connector.toml:10: backend[0].allow: nobody may come in: name at least one caller"
        ],
    );
    let (head, _) = MINIMAL.split_once("[[backend]]").unwrap();
    check(
        &format!("backend = []\n{head}"),
        &expect![[r#"DIR/connector.toml:1: backend: there is no backend: add `[[backend]]`"#]],
    );
}

#[test]
fn says_what_is_wrong_with_forwarded_connections() {
    let more = r#"
[[tcp]]
name = "accounts"
listen = "127.0.0.1:0"
[[tcp]]
name = "none"
listen = "127.0.0.1:0"
[[tcp]]
name = "ledger"
listen = "127.0.0.1:0"
[tcp.terminate]
address = "ledger.bank.example"
allow = []
[[tcp]]
name = "partners"
listen = "127.0.0.1:0"
[[tcp.pass_through]]
server_name = "One.partner.example"
address = "192.0.2.1:443"
[[tcp.pass_through]]
server_name = "one.partner.example"
address = "192.0.2.2:443"
[[tcp.pass_through]]
server_name = "*.partner.example"
address = "192.0.2.2:443"
"#;
    check(
        &format!("{MINIMAL}{more}"),
        &expect![[r#"
            DIR/connector.toml:12: tcp[0]: write either `[tcp.terminate]` or `[[tcp.pass_through]]`
            DIR/connector.toml:15: tcp[1]: write either `[tcp.terminate]` or `[[tcp.pass_through]]`
            DIR/connector.toml:22: tcp[2].terminate.address: `ledger.bank.example` is no address: write `HOST:PORT`
            DIR/connector.toml:23: tcp[2].terminate.allow: nobody may come in: name at least one caller
            DIR/connector.toml:31: tcp[3].pass_through[1].server_name: `one.partner.example` goes elsewhere already
            DIR/connector.toml:34: tcp[3].pass_through[2].server_name: `*.partner.example` is no server name: write one as `ledger.bank.example`"#]],
    );
    let named = r#"
[[tcp]]
name = "accounts"
listen = "127.0.0.1:0"
[[tcp.pass_through]]
server_name = "one.partner.example"
address = "192.0.2.1:443"
"#;
    check(
        &format!("{MINIMAL}{named}"),
        &expect!["DIR/connector.toml:12: tcp: `accounts` is the name of another, too"],
    );
}

#[test]
fn a_listener_has_bounds_and_may_speak_tls_to_the_mesh() {
    let listener = r#"
[[tcp]]
name = "ledger"
listen = "127.0.0.1:0"
connections = 0
rate = "fast"
max_duration = "1ms"
[tcp.terminate]
address = "ledger.example:1"
identity = "spiffe://bank.example/ledger"
allow = ["dns:a.example"]
"#;
    check(
        &format!("{MINIMAL}{listener}"),
        &expect![[r#"
            DIR/connector.toml:15: tcp[0].connections: `0` is not between `1` and `1000000`
            DIR/connector.toml:16: tcp[0].rate: `fast` is not a rate: write a count of at least 1 and a period, as `5/s`, `60/m`, `1000/h` or `10000/d`
            DIR/connector.toml:17: tcp[0].max_duration: `1ms` is not between `100ms` and `2592000s`
            DIR/connector.toml:20: tcp[0].terminate.identity: an identity is proved over `tls://` only"#]],
    );
    let secure = listener
        .replace("= 0", "= 1")
        .replace("fast", "1/s")
        .replace("1ms", "1s")
        .replace("ledger.example", "tls://ledger.example");
    check(
        &format!("{MINIMAL}{secure}"),
        &expect![
            "DIR/connector.toml: mesh: an address begins with `https://` or `tls://`: add `[mesh]`"
        ],
    );
    let mesh = "[mesh]\ncertificate = \"m.pem\"\nprivate_key = \"m.key\"\nauthority = \"ca.pem\"\n";
    check(&format!("{MINIMAL}{secure}{mesh}"), &expect!["holds"]);
}

#[test]
fn says_what_is_wrong_with_signatures_of_gateways() {
    let more = r#"
[gateway_signature]
max_age = "2h"
fields = ["x caller"]
nonces = 10
[[gateway_signature.key]]
id = "a"
algorithm = "ed25519"
file = "a.pub"
[[gateway_signature.key]]
id = "a"
algorithm = "rsa-pss-sha512"
file = "a.pub"
"#;
    check(
        &format!("{MINIMAL}{more}"),
        &expect![[r#"
        DIR/connector.toml:13: gateway_signature.max_age: `2h` is not between `1s` and `3600s`
        DIR/connector.toml:14: gateway_signature.fields[0]: `x caller` is no header name
        DIR/connector.toml:15: gateway_signature.nonces: `10` is not between `1000` and `10000000`
        DIR/connector.toml:21: gateway_signature.key[1].id: there is another key of the id `a`
        DIR/connector.toml:22: gateway_signature.key[1].algorithm: no gateway signs with `rsa-pss-sha512`: write `ed25519` or `hmac-sha256`"#]],
    );
    check(
        &format!("{MINIMAL}[gateway_signature]\n"),
        &expect![
            "DIR/connector.toml:11: gateway_signature: there is no key: add `[[gateway_signature.key]]`"
        ],
    );
    let asks = |mode: &str| {
        MINIMAL.replace(
            "allow =",
            &format!("gateway_signature = \"{mode}\"\nallow ="),
        )
    };
    check(
        &asks("required"),
        &expect![
            "DIR/connector.toml:10: backend[0].gateway_signature: there are no keys of gateways: add `[gateway_signature]`"
        ],
    );
    check(&asks("off"), &expect!["holds"]);
    check(
        &asks("maybe"),
        &expect![
            "DIR/connector.toml:10: backend[0].gateway_signature: `maybe` is unknown: write `required`, `optional` or `off`"
        ],
    );
}

const DIALS: &str = r#"
[tls]
certificate = "server.pem"
private_key = "server.key"
client_authority = "edge.pem"
[[backend]]
name = "accounts"
address = "http://127.0.0.1:8080"
allow = ["spiffe://edge.example/gateway"]
"#;

#[test]
fn takes_gateways_to_dial_in_place_of_an_address_to_listen_on() {
    let dial = "[[dial]]\nname = \"edge\"\ngateway = \"edge.example:8444\"\n";
    check(&format!("{DIALS}{dial}"), &expect!["holds"]);
    check(
        DIALS,
        &expect![
            "DIR/connector.toml: listen: nothing could come in: write where to `listen`, or a `[[dial]]`"
        ],
    );
}

#[test]
fn names_what_is_wrong_with_a_gateway_to_dial() {
    let wrong = r#"
[[dial]]
name = "edge"
gateway = "https://edge.example"
tunnels = 17
backoff = "1ms"
[[dial]]
name = "edge"
gateway = "edge.example:8444"
identity = "edge.example"
authority = "web.pem"
[[dial]]
name = "worker"
gateway = "wss://edge.example/tunnel"
identity = "spiffe://edge.example/gateway"
"#;
    check(
        &format!("{DIALS}{wrong}"),
        &expect![[r#"
            DIR/connector.toml:13: dial[0].gateway: `https://edge.example` is no gateway's address: write `HOST:PORT`, or `wss://HOST` for a Worker
            DIR/connector.toml:14: dial[0].tunnels: `17` is not between `1` and `16`
            DIR/connector.toml:15: dial[0].backoff: `1ms` is not between `250ms` and `3600s`
            DIR/connector.toml:19: dial[1].identity: `edge.example` is no name of a peer: write `spiffe://TRUST-DOMAIN/PATH` or `dns:HOST`
            DIR/connector.toml:20: dial[1].authority: is for `wss://` alone: others are of `tls.client_authority`
            DIR/connector.toml:24: dial[2].identity: `spiffe://edge.example/gateway` cannot be proved behind `wss://`: write `dns:HOST`"#]],
    );
    let twice = "[[dial]]\nname = \"edge\"\ngateway = \"edge.example:8444\"\n".repeat(2);
    check(
        &format!("{DIALS}{twice}"),
        &expect!["DIR/connector.toml:10: dial: `edge` is the name of another, too"],
    );
}
