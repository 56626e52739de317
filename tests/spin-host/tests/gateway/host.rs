//! The test host with the component, as a process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tempfile::TempDir;
use tidegate_policy_compiler::bake::bake;

use crate::bundle::{HOST, SECRET, key};

/// A running host. Dropping it stops it.
pub(crate) struct Host {
    process: Child,
    address: SocketAddr,
    directory: TempDir,
}

/// What differs between hosts.
#[derive(Default)]
pub(crate) struct Options<'a> {
    pub(crate) bundle: Vec<u8>,
    /// Freezes the bundle into the component; the store then holds nothing.
    pub(crate) baked: bool,
    /// Instead of the key that signs the tests' bundles.
    pub(crate) trust: Option<String>,
    pub(crate) runtime_config: Option<&'a Path>,
}

impl Host {
    pub(crate) async fn start(options: Options<'_>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let trust = options
            .trust
            .unwrap_or_else(|| key().trust_key().to_string());
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate-spin-host"));
        command
            .args(["--listen", "127.0.0.1:0"])
            .arg(format!("--variable={SECRET}"));
        if options.baked {
            let gateway = std::fs::read(component()).unwrap();
            let baked = directory.path().join("baked.wasm");
            let content = bake(&gateway, &options.bundle, &trust).await.unwrap();
            std::fs::write(&baked, content).unwrap();
            command.arg("--component").arg(baked);
        } else {
            let bundle = directory.path().join("bundle");
            std::fs::write(&bundle, options.bundle).unwrap();
            command
                .arg("--component")
                .arg(component())
                .arg(format!("--key-value=bundle={}", bundle.display()))
                .arg(format!("--variable=tidegate_trust={trust}"));
        }
        if let Some(path) = options.runtime_config {
            command.arg("--runtime-config").arg(path);
        }
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().strip_prefix("listening http://").unwrap();
        Self {
            process,
            address: address.parse().unwrap(),
            directory,
        }
    }

    /// Replaces the bundle in the key-value store, all at once.
    pub(crate) fn publish(&self, bundle: Vec<u8>) {
        let new = self.directory.path().join("new");
        std::fs::write(&new, bundle).unwrap();
        std::fs::rename(new, self.directory.path().join("bundle")).unwrap();
    }

    /// A request to the policy's host.
    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("host", HOST)
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let response = self.send(empty(self.request("GET", path))).await;
        let status = response.status().as_u16();
        (status, text(response).await)
    }

    pub(crate) async fn send<B>(&self, request: Request<B>) -> Response<Incoming>
    where
        B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static,
    {
        let client: Client<HttpConnector, B> = Client::builder(TokioExecutor::new()).build_http();
        client.request(request).await.unwrap()
    }

    /// Sends over HTTP/2 without TLS.
    pub(crate) async fn send_h2c<B>(&self, mut request: Request<B>) -> Response<Incoming>
    where
        B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static,
    {
        // Its `:authority` comes from the URI, so the connector must know the way.
        request.headers_mut().remove("host");
        let path = request.uri().path_and_query().unwrap().clone();
        *request.uri_mut() = format!("http://{HOST}{path}").parse().unwrap();
        let stream = tokio::net::TcpStream::connect(self.address).await.unwrap();
        let stream = hyper_util::rt::TokioIo::new(stream);
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
                .await
                .unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn empty(request: http::request::Builder) -> Request<Empty<Bytes>> {
    request.body(Empty::new()).unwrap()
}

pub(crate) async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.into()).unwrap()
}

/// Builds the component; nothing happens where it is up to date.
pub(crate) fn component() -> &'static Path {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--profile=wasm", "--target=wasm32-wasip2"])
            .args(["--package=tidegate-edge-spin", "--message-format=json"])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "the component does not build");
        let messages = String::from_utf8(output.stdout).unwrap();
        let mut files = messages.lines().flat_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).unwrap();
            let files = message["filenames"].as_array().cloned().unwrap_or_default();
            files
                .into_iter()
                .filter_map(|file| file.as_str().map(PathBuf::from))
        });
        files
            .find(|file| file.ends_with("tidegate_edge_spin.wasm"))
            .expect("no component among what was built")
    })
}
