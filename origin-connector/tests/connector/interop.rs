//! Programs of others as callers and origins. What is not installed is skipped, and says so:
//! `cargo xtask setup` installs what can be.

mod nginx;
mod openssl;
pub(crate) mod python;
mod tonic;

use std::path::PathBuf;
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::authority::CONNECTOR;
use crate::origin::Origin;
use crate::program::{Running, in_front_of, patient};

/// The program, from the path or from where `cargo xtask setup` puts such.
fn program(name: &str) -> Option<Command> {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers/usr/sbin");
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&paths).chain([PathBuf::from(own), "/usr/sbin".into()]);
    let found = folders
        .map(|folder| folder.join(name))
        .find(|path| path.exists());
    let Some(found) = found else {
        return skip(name);
    };
    let mut command = Command::new(found);
    command.stdin(Stdio::piped()).kill_on_drop(true);
    Some(command)
}

/// Says that a test is skipped.
fn skip(name: &str) -> Option<Command> {
    println!("SKIPPED: `{name}` is not installed; `cargo xtask setup` may do it");
    None
}

/// Writes what a caller needs into the connector's folder: `gateway.pem`, `gateway.key`, `mesh.pem`.
fn equip(connector: &Running) -> String {
    let setup = &connector.setup;
    setup.write("gateway.pem", connector.gateway.pem());
    setup.write("gateway.key", &connector.gateway.key_pem());
    setup.write("mesh.pem", &setup.mesh.pem());
    setup.path("").display().to_string()
}

async fn run(mut command: Command) -> (bool, String) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let output: Output = patient(child.wait_with_output()).await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[tokio::test]
async fn curl_calls_over_both_versions() {
    let origin = Origin::start().await;
    let connector = in_front_of(&origin).await;
    let folder = equip(&connector);
    for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let Some(mut curl) = program("curl") else {
            return;
        };
        let port = connector.address.port();
        curl.args(["--silent", "--show-error", "--max-time", "15", flag])
            .args(["--resolve", &format!("{CONNECTOR}:{port}:127.0.0.1")])
            .args(["--cacert", &format!("{folder}/mesh.pem")])
            .args(["--cert", &format!("{folder}/gateway.pem")])
            .args(["--key", &format!("{folder}/gateway.key")])
            .args([
                "--data-binary",
                "a body of curl",
                "--write-out",
                "|%{http_code}|%{http_version}",
            ])
            .arg(format!("https://{CONNECTOR}:{port}/echo"));
        let (_, said) = run(curl).await;
        assert_eq!(said, format!("a body of curl|200|{version}"));
    }
}

const NODE: &str = r"
const http2 = require('node:http2'), fs = require('node:fs');
const [address, folder, name] = process.argv.slice(1);
const read = file => fs.readFileSync(folder + '/' + file);
const session = http2.connect('https://' + address, {
  ca: read('mesh.pem'), cert: read('gateway.pem'), key: read('gateway.key'), servername: name,
});
session.on('error', error => { console.log('error ' + error.code); process.exit(1); });
let open = 20;
for (let turn = 0; turn < 20; turn++) {
  const stream = session.request({ ':method': 'POST', ':path': '/echo', ':authority': name });
  let status, body = '';
  stream.on('response', headers => { status = headers[':status']; });
  stream.setEncoding('utf8').on('data', data => { body += data; });
  stream.on('end', () => {
    if (status !== 200 || body !== 'turn ' + turn) { console.log('wrong', status, body); process.exit(1); }
    if (--open === 0) { console.log('all there'); session.close(); }
  });
  stream.end('turn ' + turn);
}
";

#[tokio::test]
async fn node_calls_over_http2() {
    let origin = Origin::start().await;
    let connector = in_front_of(&origin).await;
    let folder = equip(&connector);
    let Some(mut node) = program("node") else {
        return;
    };
    let address = connector.address.to_string();
    node.args(["-e", NODE, &address, &folder, CONNECTOR]);
    assert_eq!(run(node).await, (true, "all there\n".to_owned()));
    assert_eq!(origin.seen().len(), 20);
}
