//! nginx as an origin.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tempfile::TempDir;
use tokio::process::Child;
use tokio::task::JoinSet;

use super::program;
use crate::client::{Client, full, read};
use crate::failure::nowhere;
use crate::program::{Running, Setup, patient};

struct Nginx {
    address: SocketAddr,
    folder: TempDir,
    child: Child,
}

impl Nginx {
    /// Serves what `locations` say; `None` where it is not installed.
    async fn start(locations: &str) -> Option<Self> {
        let mut nginx = program("nginx")?;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().display().to_string();
        let address = nowhere().await;
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {root}/{kind};"));
        // Workers of root's would else be somebody who may not enter the folder.
        let config = format!(
            "daemon off; user root; worker_processes 1; pid {root}/pid; error_log stderr;\n\
             events {{}}\nhttp {{ access_log off; gzip off; {}\n\
             server {{ listen {address}; {locations} }} }}",
            paths.join(" ")
        );
        std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
        nginx
            .args(["-p", &root, "-c", "nginx.conf"])
            .stderr(Stdio::null());
        let child = nginx.spawn().unwrap();
        patient(async {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        Some(Self {
            address,
            folder,
            child,
        })
    }

    async fn connector(&self) -> Running {
        let setup = Setup::new().backend("accounts", self.address, "");
        setup.start().await
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill")
            .args([name, &id])
            .status();
        assert!(sent.unwrap().success());
    }
}

/// Its workers, too, which a killed master would leave.
impl Drop for Nginx {
    fn drop(&mut self) {
        if let Some(id) = self.child.id() {
            let kill = std::process::Command::new("kill")
                .args(["-TERM", &id.to_string()])
                .status();
            drop(kill);
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[tokio::test]
async fn connections_are_kept_and_none_is_lost_when_it_closes_them() {
    let locations =
        "keepalive_requests 3; location / { return 200 \"nginx $request_uri $connection\"; }";
    let Some(nginx) = Nginx::start(locations).await else {
        return;
    };
    let connector = nginx.connector().await;
    let mut client = connector.http2().await;
    let mut connections = std::collections::BTreeSet::new();
    for turn in 0..50 {
        let (status, said) = client.get(&format!("/{turn}?a=b")).await;
        let words: Vec<&str> = said.split(' ').collect();
        assert_eq!(
            (status, words[..2].join(" ")),
            (200, format!("nginx /{turn}?a=b"))
        );
        connections.insert(words[2].to_owned());
    }
    // Three requests each, the last one two.
    assert_eq!(connections.len(), 17);
}

#[tokio::test]
async fn bodies_of_any_size_and_framing_go_through() {
    // What is uploaded goes through nginx whole to a second server, which says how much it was told of. What is
    // included makes the length unknown.
    let inner = nowhere().await;
    let locations = format!(
        "client_max_body_size 64m; root files;\n\
         location /upload {{ proxy_pass http://{inner}; }}\n\
         location /chunked {{ ssi on; ssi_types text/plain; default_type text/plain; }} }}\n\
         server {{ listen {inner}; client_max_body_size 64m;\n\
         location / {{ return 200 \"$http_content_length\"; }}"
    );
    let Some(nginx) = Nginx::start(&locations).await else {
        return;
    };
    let files = nginx.folder.path().join("files");
    std::fs::create_dir(&files).unwrap();
    let large: String = (0..1_000_000).map(|line| format!("{line:07}\n")).collect();
    std::fs::write(files.join("large"), &large).unwrap();
    std::fs::write(
        files.join("chunked"),
        "before <!--# include virtual=\"/large\" --> after",
    )
    .unwrap();
    let connector = nginx.connector().await;
    for mut client in [connector.http1().await, connector.http2().await] {
        let request = Request::get("/large").body(full("")).unwrap();
        let response = client.send(request).await;
        assert_eq!(response.headers()["content-length"], "8000000");
        assert!(patient(read(response)).await == (200, large.clone()));
        let request = Request::get("/chunked").body(full("")).unwrap();
        let response = client.send(request).await;
        assert!(!response.headers().contains_key("content-length"));
        let (status, body) = patient(read(response)).await;
        assert_eq!(status, 200);
        assert!(body == format!("before {large} after"), "{}", body.len());
        // With a length, and in pieces without one.
        let request = Request::post("/upload").body(full(large.clone())).unwrap();
        let answer = patient(read(client.send(request).await)).await;
        assert_eq!(answer, (200, "8000000".to_owned()));
        let piece = Bytes::from(large.clone().into_bytes()).slice(..100_000);
        let pieces = (0..50).map(move |_| Ok::<_, std::io::Error>(Frame::data(piece.clone())));
        let body = StreamBody::new(futures_util::stream::iter(pieces)).boxed();
        let request = Request::post("/upload").body(body).unwrap();
        let answer = patient(read(client.send(request).await)).await;
        assert_eq!(answer, (200, "5000000".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_loses_no_request_that_may_be_sent_again() {
    let Some(nginx) = Nginx::start("location / { return 200 \"$pid\"; }").await else {
        return;
    };
    let connector = nginx.connector().await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut callers = JoinSet::new();
    for number in 0..4 {
        let mut client: Client = match number % 2 {
            0 => connector.http1().await,
            _ => connector.http2().await,
        };
        let stopped = stopped.clone();
        callers.spawn(async move {
            let mut pids = Vec::new();
            while !*stopped.borrow() {
                let (status, pid) = patient(client.get("/")).await;
                assert_eq!(status, 200, "{pid}");
                pids.push(pid);
            }
            pids
        });
    }
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        nginx.signal("-HUP");
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.send_replace(true);
    let answers: Vec<String> = callers.join_all().await.into_iter().flatten().collect();
    let workers: std::collections::BTreeSet<&String> = answers.iter().collect();
    assert!(answers.len() > 200, "{}", answers.len());
    assert!(workers.len() >= 3, "{workers:?}");
}
