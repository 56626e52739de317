//! What PyPI has: gRPC as Python speaks it, on both sides, and a scanner that looks for what is weak.

use std::path::PathBuf;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::{equip, run, skip};
use crate::authority::CONNECTOR;
use crate::origin::Origin;
use crate::program::{Setup, in_front_of, patient};

/// A program of the environment that `cargo xtask setup` makes.
pub(crate) fn program(name: &str) -> Option<Command> {
    let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/python/bin");
    let path = PathBuf::from(target).join(name);
    if !path.exists() {
        return skip(name);
    }
    let mut command = Command::new(path);
    command.kill_on_drop(true);
    Some(command)
}

/// A script beside this file.
pub(crate) fn script(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/connector/interop/");
    format!("{folder}{name}")
}

#[tokio::test]
async fn grpc_of_python_goes_through_on_both_sides() {
    let (Some(mut service), Some(mut client)) = (program("python"), program("python")) else {
        return;
    };
    service.arg(script("service.py"));
    service.stdin(std::process::Stdio::piped());
    service.stdout(std::process::Stdio::piped());
    let mut service = service.spawn().unwrap();
    let said = BufReader::new(service.stdout.take().unwrap());
    let port = patient(said.lines().next_line()).await.unwrap().unwrap();
    let origin = format!("127.0.0.1:{port}").parse().unwrap();
    let setup = Setup::new().backend("echo", origin, "protocol = \"h2c\"");
    let connector = setup.start().await;
    let folder = equip(&connector);
    client.arg(script("client.py"));
    client.args([&connector.address.to_string(), &folder, CONNECTOR]);
    assert_eq!(run(client).await, (true, "all there\n".to_owned()));
}

#[tokio::test]
async fn sslyze_finds_nothing_weak() {
    let origin = Origin::start().await;
    let connector = in_front_of(&origin).await;
    let folder = equip(&connector);
    let Some(mut sslyze) = program("sslyze") else {
        return;
    };
    let report = connector.setup.path("sslyze.json");
    sslyze
        .args(["--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2"])
        .args(["--tlsv1_3", "--early_data", "--reneg", "--compression"])
        .args([
            "--heartbleed",
            "--openssl_ccs",
            "--robot",
            "--elliptic_curves",
        ])
        .args(["--cert", &format!("{folder}/gateway.pem")])
        .args(["--key", &format!("{folder}/gateway.key")])
        .args(["--sni", CONNECTOR, "--mozilla_config", "disable"])
        .arg("--json_out")
        .arg(&report)
        .arg(connector.address.to_string());
    let (_, said) = run(sslyze).await;
    let report: Value = serde_json::from_slice(&std::fs::read(&report).expect(&said)).unwrap();
    let server = &report["server_scan_results"][0];
    assert_eq!(server["scan_status"], "COMPLETED", "{said}");
    let result = |name: &str| {
        let attempt = &server["scan_result"][name];
        assert_eq!(attempt["status"], "COMPLETED", "{name}: {attempt}");
        attempt["result"].clone()
    };
    let names = |list: &Value, of: &dyn Fn(&Value) -> Value| -> Vec<String> {
        let all = list.as_array().unwrap().iter();
        let mut all: Vec<String> = all
            .map(|one| of(one).as_str().unwrap().to_owned())
            .collect();
        all.sort();
        all
    };
    let suites = |version: &str| {
        let accepted = result(version)["accepted_cipher_suites"].clone();
        names(&accepted, &|one| one["cipher_suite"]["name"].clone())
    };
    for version in ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_2"] {
        let none: [&str; 0] = [];
        assert_eq!(
            suites(&format!("{version}_cipher_suites")),
            none,
            "{version}"
        );
    }
    let expected = [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
    ];
    assert_eq!(suites("tls_1_3_cipher_suites"), expected);
    let curves = result("elliptic_curves")["supported_curves"].clone();
    let curves = names(&curves, &|one| one["name"].clone());
    assert_eq!(curves, ["X25519", "secp256r1", "secp384r1"]);
    assert_eq!(result("tls_1_3_early_data")["supports_early_data"], false);
    assert_eq!(result("tls_compression")["supports_compression"], false);
    assert_eq!(result("heartbleed")["is_vulnerable_to_heartbleed"], false);
    let injection = result("openssl_ccs_injection");
    assert_eq!(injection["is_vulnerable_to_ccs_injection"], false);
    assert_eq!(
        result("robot")["robot_result"],
        "NOT_VULNERABLE_RSA_NOT_SUPPORTED"
    );
    let renegotiation = result("session_renegotiation");
    assert_eq!(
        renegotiation["is_vulnerable_to_client_renegotiation_dos"],
        false
    );
}
