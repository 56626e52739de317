//! A namespace of Workers KV, which a stand-in for Cloudflare's API serves.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tidegate_shared::revocation::{PLACE, Revoked};

use crate::cloudflare::FakeApi;
use crate::revocations::{opened, prepared};
use crate::{Said, program};

fn tidegate(address: SocketAddr, token: &str, folder: &Path, arguments: &str) -> Said {
    Said::by(
        program::tidegate(folder)
            .args(arguments.split_whitespace())
            .args(["--store", "kv:a1/b2"])
            .env("CLOUDFLARE_API_TOKEN", token)
            .env("CLOUDFLARE_API_BASE_URL", format!("http://{address}")),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_the_list_of_revocations_go_to_workers_kv() {
    let api = Arc::new(FakeApi::default());
    let address = api.start().await;
    let folder = prepared();
    let run = |arguments: &str| {
        let said = tidegate(address, "right", folder.path(), arguments);
        assert_eq!(said.status, Some(0), "{arguments}: {}", said.errors);
        said.output.trim_end().to_owned()
    };
    // More than one page of the API's.
    let keys = ["one", "two", "three"].map(|name| {
        run(&format!(
            "credentials create --ring partners --consumer {name}"
        ))
    });
    run(&format!("credentials revoke {}", crate::id(&keys[1])));
    let list: Vec<Value> = serde_json::from_str(&run("credentials list --format json")).unwrap();
    let states = list.iter().map(|key| {
        let member = |name: &str| key[name].as_str().unwrap();
        (member("consumer"), member("state"))
    });
    assert_eq!(
        states.collect::<Vec<_>>(),
        [("one", "good"), ("three", "good"), ("two", "revoked")]
    );

    run("revocations create");
    run("revocations add --subject customers=eve");
    let list = opened(&api.values.lock().unwrap()[PLACE]);
    let eve = Revoked::Subject("customers".to_owned(), "eve".to_owned());
    assert_eq!(list.records()[0].revoked, eve);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_token_nothing_is_done() {
    let api = Arc::new(FakeApi::default());
    let address = api.start().await;
    let folder = prepared();
    let create = "credentials create --ring partners --consumer acme";
    let said = tidegate(address, "wrong", folder.path(), create);
    assert_eq!((said.status, said.output.as_str()), (Some(1), ""));
    assert!(
        said.errors.contains("CLOUDFLARE_API_TOKEN"),
        "{}",
        said.errors
    );
}
