//! The command line.

use std::process::Output;

use crate::authority::Authority;
use crate::origin::Origin;
use crate::program::{Setup, command, patient};

async fn check(setup: &Setup) -> Output {
    patient(command(&setup.config()).arg("--check").output())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_check_says_whether_configuration_and_certificates_hold() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let output = check(&setup).await;
    assert!(output.status.success());
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .ends_with("connector.toml: ok\n")
    );
    // A key that is another certificate's.
    let other = Authority::new().issue_connector();
    setup.write("server.key", &other.key_pem());
    let output = check(&setup).await;
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("server.pem") && message.contains("keys"),
        "{message}"
    );
    let setup = setup.with("[limit]\n");
    let output = check(&setup).await;
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("unknown field `limit`"), "{message}");
}
