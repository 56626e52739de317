//! TLS as OpenSSL speaks it.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;

use super::{equip, program};
use crate::authority::{Authority, CONNECTOR, GATEWAY_ID};
use crate::origin::Origin;
use crate::program::{Running, in_front_of, patient};

/// One handshake and one request over it; whether that went well, and all that OpenSSL said. `None`
/// where there is none.
async fn shake(
    connector: &Running,
    folder: &str,
    leaf: Option<&str>,
    options: &[&str],
) -> Option<(bool, String)> {
    let mut openssl = program("openssl")?;
    openssl
        .args(["s_client", "-verify_return_error", "-ign_eof"])
        .args(["-connect", &connector.address.to_string()])
        .args(["-servername", CONNECTOR])
        .args(["-CAfile", &format!("{folder}/mesh.pem")])
        .args(options)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(leaf) = leaf {
        openssl.args(["-cert", &format!("{folder}/{leaf}.pem")]);
        openssl.args(["-key", &format!("{folder}/{leaf}.key")]);
    }
    let mut child = openssl.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let request = format!("GET /id HTTP/1.1\r\nhost: {CONNECTOR}\r\nconnection: close\r\n\r\n");
    // It may have ended already.
    let _ = input.write_all(request.as_bytes()).await;
    let output = patient(child.wait_with_output()).await.unwrap();
    drop(input);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Some((said.contains("HTTP/1.1 200 OK"), said))
}

async fn reason(connector: &mut Running) -> String {
    let line = connector.logged("handshake refused").await;
    line["reason"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn it_agrees_on_tls_1_3_and_on_nothing_older() {
    let origin = Origin::start().await;
    let connector = in_front_of(&origin).await;
    let folder = equip(&connector);
    for (flag, spoken, word) in [
        ("-tls1_3", true, "New, TLSv1.3"),
        ("-tls1_2", false, "alert protocol version"),
    ] {
        let Some((success, said)) = shake(&connector, &folder, Some("gateway"), &[flag]).await
        else {
            return;
        };
        assert_eq!(success, spoken, "{said}");
        assert!(said.contains(word), "{said}");
    }
}

#[tokio::test]
async fn every_suite_and_group_of_tls_1_3_that_should_work_does() {
    let origin = Origin::start().await;
    let connector = in_front_of(&origin).await;
    let folder = equip(&connector);
    for (option, value, spoken) in [
        ("-ciphersuites", "TLS_AES_128_GCM_SHA256", true),
        ("-ciphersuites", "TLS_AES_256_GCM_SHA384", true),
        ("-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", true),
        ("-ciphersuites", "TLS_AES_128_CCM_SHA256", false),
        ("-groups", "X25519", true),
        ("-groups", "P-256", true),
        ("-groups", "P-384", true),
        ("-groups", "P-521", false),
        ("-groups", "X448", false),
    ] {
        let options = ["-tls1_3", option, value];
        let Some((success, said)) = shake(&connector, &folder, Some("gateway"), &options).await
        else {
            return;
        };
        assert_eq!(success, spoken, "{value}: {said}");
        if spoken && option == "-ciphersuites" {
            assert!(said.contains(&format!("Cipher is {value}")), "{said}");
        }
    }
    // One that a first guess was wrong about (RFC 8446 §4.1.4).
    let retry = ["-tls1_3", "-groups", "P-521:P-256"];
    let shaken = shake(&connector, &folder, Some("gateway"), &retry).await;
    let (success, said) = shaken.unwrap();
    assert!(
        success && said.contains("Server Temp Key: ECDH, prime256v1"),
        "{said}"
    );
}

#[tokio::test]
async fn who_shows_no_certificate_or_anothers_is_refused() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let folder = equip(&connector);
    let stranger = Authority::new().issue(&[GATEWAY_ID]);
    connector.setup.write("stranger.pem", stranger.pem());
    connector.setup.write("stranger.key", &stranger.key_pem());
    for (leaf, alert, expected) in [
        (None, "certificate required", "no-certificate"),
        (Some("stranger"), "unknown ca", "unknown-authority"),
    ] {
        let Some((success, said)) = shake(&connector, &folder, leaf, &["-tls1_3"]).await else {
            return;
        };
        assert!(!success && said.contains(alert), "{said}");
        assert_eq!(reason(&mut connector).await, expected);
    }
    assert_eq!(origin.seen().len(), 0);
    // And OpenSSL is as strict: this is not the connector that it trusts.
    connector.setup.write("mesh.pem", &Authority::new().pem());
    let (success, said) = shake(&connector, &folder, Some("gateway"), &[])
        .await
        .unwrap();
    assert!(!success && said.contains("verify error"), "{said}");
}

#[tokio::test]
async fn protocols_are_agreed_on_where_there_is_one_in_common() {
    let origin = Origin::start().await;
    let connector = in_front_of(&origin).await;
    let folder = equip(&connector);
    for (offered, agreed) in [
        ("http/1.1", "ALPN protocol: http/1.1"),
        ("h2,http/1.1", "ALPN protocol: h2"),
        ("nothing,http/1.1", "ALPN protocol: http/1.1"),
        // RFC 7301 §3.2.
        ("nothing", "no application protocol"),
        ("", "No ALPN negotiated"),
    ] {
        let alpn = ["-alpn", offered];
        let options = if offered.is_empty() { &[][..] } else { &alpn };
        let Some((success, said)) = shake(&connector, &folder, Some("gateway"), options).await
        else {
            return;
        };
        assert!(said.contains(agreed), "{offered}: {said}");
        // What is sent is HTTP/1.1.
        let speaks = !agreed.ends_with("h2") && offered != "nothing";
        assert_eq!(success, speaks, "{offered}: {said}");
    }
}

#[tokio::test]
async fn a_session_is_resumed() {
    let origin = Origin::start().await;
    let connector = in_front_of(&origin).await;
    let folder = equip(&connector);
    let session = format!("{folder}/session");
    for (option, kind) in [
        ("-sess_out", "New, TLSv1.3"),
        ("-sess_in", "Reused, TLSv1.3"),
    ] {
        let options = ["-tls1_3", option, &session];
        let Some((success, said)) = shake(&connector, &folder, Some("gateway"), &options).await
        else {
            return;
        };
        assert!(success && said.contains(kind), "{said}");
    }
    // Who resumes has shown a certificate before, and needs it no more; who does not has to.
    let options = ["-tls1_3", "-sess_in", &session];
    let (_, said) = shake(&connector, &folder, None, &options).await.unwrap();
    assert!(said.contains("Reused, TLSv1.3"), "{said}");
    let (success, said) = shake(&connector, &folder, None, &["-tls1_3"])
        .await
        .unwrap();
    assert!(!success, "{said}");
}
