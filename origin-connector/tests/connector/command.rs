//! The command line.

use std::process::Output;

use crate::admin::{admin_address, ask};
use crate::authority::Authority;
use crate::origin::Origin;
use crate::program::{Setup, command, in_front_of, patient};

async fn check(setup: &Setup) -> Output {
    patient(command(&setup.config()).arg("--check").output())
        .await
        .unwrap()
}

/// What a check that fails says, with the folder's name taken out.
async fn complaint(setup: &Setup) -> String {
    let output = check(setup).await;
    assert_eq!(output.status.code(), Some(1));
    let folder = setup.path("").display().to_string();
    String::from_utf8(output.stderr)
        .unwrap()
        .replace(&folder, "")
}

#[tokio::test]
async fn a_check_says_whether_configuration_and_files_hold() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let output = check(&setup).await;
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.ends_with("connector.toml: ok\n"), "{said}");
    // A key that is another certificate's.
    let other = Authority::new().issue_connector();
    setup.write("server.key", &other.key_pem());
    let message = complaint(&setup).await;
    assert!(
        message.contains("server.pem") && message.contains("keys"),
        "{message}"
    );
    let setup = setup.with("[limit]\n");
    let message = complaint(&setup).await;
    assert!(message.contains("unknown field `limit`"), "{message}");
}

#[tokio::test]
async fn a_check_reads_what_running_would_read_and_says_all_that_is_wrong() {
    let listed = "endpoints_file = \"endpoints\"";
    let setup = Setup::new()
        .backend_at("accounts", "http://accounts.invalid", listed)
        .with(
            "[[tcp]]\nname = \"ledger\"\nlisten = \"127.0.0.1:0\"\n[tcp.terminate]\n\
             address = \"ledger.invalid:1\"\nendpoints_file = \"none\"\n\
             allow = [\"dns:a.example\"]\n",
        );
    setup.write("endpoints", "127.0.0.1:80\nlocalhost:80\n");
    let expired = setup.mesh.issue_expired(&["connector.mesh.example"]);
    setup.install(&expired);
    let message = complaint(&setup).await;
    let lines: Vec<&str> = message.lines().collect();
    let starts = [
        "tidegate-connector: server: the end is ",
        "endpoints:2: `localhost:80` is no endpoint",
        "none: No such file",
    ];
    assert_eq!(lines.len(), starts.len(), "{message}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{message}");
    }
}

#[tokio::test]
async fn a_check_warns_of_what_expires_soon() {
    let origin = Origin::start().await;
    let mut setup = Setup::new().backend("accounts", origin.address, "");
    let leaf = setup.mesh.issue_for(&["connector.mesh.example"], 3600);
    setup.install(&leaf);
    let output = check(&setup).await;
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("expires soon: server: "), "{said}");
    setup.tls = "expiry_notice = \"1m\"";
    assert_eq!(check(&setup).await.stderr, b"");
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_nobody_up() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let admin = admin_address(&mut connector).await;
    // Some hundred lines fill the pipe, some thousand more what may wait.
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let mut client = connector.http2().await;
        callers.spawn(async move {
            for _ in 0..2500 {
                assert_eq!(client.get("/id").await.0, 200);
            }
        });
    }
    patient(callers.join_all()).await;
    let (_, metrics) = ask(admin, "/metrics").await;
    let lost = metrics
        .lines()
        .find_map(|line| line.strip_prefix("tidegate_connector_log_lines_lost_total "));
    assert!(lost.unwrap().parse::<u64>().unwrap() > 0, "{metrics}");
}
