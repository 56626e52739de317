//! The connector as a process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::authority::{Authority, GATEWAY_ID, Leaf};
use crate::client::Client;
use crate::origin::Origin;

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with a configuration and certificates.
pub(crate) struct Setup {
    folder: TempDir,
    pub(crate) mesh: Authority,
    pub(crate) edge: Authority,
    pub(crate) min_version: &'static str,
    /// Whether gateways can connect; else there is a `[[dial]]`.
    pub(crate) listens: bool,
    /// What `[tls]` has in place of files.
    pub(crate) own: Option<String>,
    /// More fields of `[tls]`.
    pub(crate) tls: &'static str,
    /// What is logged, as in `RUST_LOG`; all of it by default.
    pub(crate) log: Option<&'static str>,
    /// Variables of the environment.
    pub(crate) environment: Vec<(&'static str, String)>,
    backends: String,
    more: String,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let setup = Self {
            folder: tempfile::tempdir().unwrap(),
            mesh: Authority::new(),
            edge: Authority::new(),
            min_version: "1.3",
            listens: true,
            own: None,
            tls: "",
            log: None,
            environment: Vec::new(),
            backends: String::new(),
            more: String::new(),
        };
        setup.install(&setup.mesh.issue_connector());
        setup.write("edge.pem", &setup.edge.pem());
        setup
    }

    /// Sets the connector's certificate and key.
    pub(crate) fn install(&self, leaf: &Leaf) {
        self.write("server.pem", leaf.pem());
        self.write("server.key", &leaf.key_pem());
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A backend for the gateway.
    pub(crate) fn backend(self, name: &str, address: SocketAddr, more: &str) -> Self {
        self.backend_for(name, address, GATEWAY_ID, more)
    }

    pub(crate) fn backend_for(
        self,
        name: &str,
        address: SocketAddr,
        caller: &str,
        more: &str,
    ) -> Self {
        let scheme = match more.contains("identity") {
            true => "https",
            false => "http",
        };
        let more = format!("allow = [\"{caller}\"]\n{more}");
        self.any_backend(name, &format!("{scheme}://{address}"), &more)
    }

    /// A backend for the gateway at a URL.
    pub(crate) fn backend_at(self, name: &str, url: &str, more: &str) -> Self {
        let more = format!("allow = [\"{GATEWAY_ID}\"]\n{more}");
        self.any_backend(name, url, &more)
    }

    pub(crate) fn any_backend(mut self, name: &str, url: &str, more: &str) -> Self {
        self.backends += &format!("[[backend]]\nname = \"{name}\"\naddress = \"{url}\"\n{more}\n");
        self
    }

    /// A list of revoked client certificates.
    pub(crate) fn revoking(mut self, list: &str) -> Self {
        self.tls = "client_crl = [\"edge.crl\"]";
        self.write("edge.crl", list);
        self
    }

    /// More sections of the configuration.
    pub(crate) fn with(mut self, text: &str) -> Self {
        self.more += text;
        self
    }

    /// Writes the configuration.
    pub(crate) fn config(&self) -> PathBuf {
        let listen = if self.listens {
            "listen = \"127.0.0.1:0\"\n"
        } else {
            ""
        };
        let files = "certificate = \"server.pem\"\nprivate_key = \"server.key\"\n\
                     client_authority = \"edge.pem\"";
        let own = self.own.as_deref().unwrap_or(files);
        let text = format!(
            "{listen}admin = \"127.0.0.1:0\"\n[tls]\n{own}\nmin_version = \"{}\"\n{}\n{}\n{}\n",
            self.min_version, self.tls, self.backends, self.more
        );
        self.write("connector.toml", &text);
        self.path("connector.toml")
    }

    pub(crate) async fn start(self) -> Running {
        Arc::new(self).run().await
    }

    async fn run(self: Arc<Self>) -> Running {
        let mut child = command(&self.config())
            .args(["--log", "json"])
            .envs(self.environment.iter().cloned())
            .envs(self.log.map(|filter| ("RUST_LOG", filter)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = patient(stdout.next_line()).await.unwrap().unwrap();
        let address = match line.strip_prefix("listening https://") {
            Some(address) => address.parse().unwrap(),
            None => {
                assert!(line.starts_with("dialling "), "{line}");
                SocketAddr::from(([0, 0, 0, 0], 0))
            }
        };
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Running {
            address,
            gateway: self.edge.issue(&[GATEWAY_ID]),
            setup: self,
            child,
            log,
        }
    }
}

/// A connector in front of one origin, by default.
pub(crate) async fn in_front_of(origin: &Origin) -> Running {
    Setup::new()
        .backend("accounts", origin.address, "")
        .start()
        .await
}

pub(crate) fn command(config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate-connector"));
    command.arg("--config").arg(config).env_remove("RUST_LOG");
    command.env_remove("SPIFFE_ENDPOINT_SOCKET");
    command
}

pub(crate) async fn patient<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}

pub(crate) struct Running {
    /// Where it listens; nowhere, if it is unspecified.
    pub(crate) address: SocketAddr,
    pub(crate) setup: Arc<Setup>,
    /// The caller that backends allow.
    pub(crate) gateway: Leaf,
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Running {
    pub(crate) async fn http1(&self) -> Client {
        Client::http1(self.address, &self.setup.mesh, &self.gateway).await
    }

    pub(crate) async fn http2(&self) -> Client {
        Client::http2(self.address, &self.setup.mesh, &self.gateway).await
    }

    /// Another connector with the same configuration.
    pub(crate) async fn another(&self) -> Self {
        self.setup.clone().run().await
    }

    /// The next log line with this message; lines before it are gone.
    pub(crate) async fn logged(&mut self, message: &str) -> Value {
        loop {
            let line = patient(self.log.next_line()).await.unwrap();
            let line: Value = serde_json::from_str(&line.expect("a log line")).unwrap();
            if line["message"] == message {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill")
            .args([name, &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Sockets and files that the process has open.
    pub(crate) fn descriptors(&self) -> usize {
        let id = self.child.id().unwrap();
        std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count()
    }

    /// Octets of memory that the process has to itself.
    pub(crate) fn memory(&self) -> u64 {
        let id = self.child.id().unwrap();
        let rollup = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap();
        let lines = rollup.lines();
        let private = lines.filter_map(|line| line.strip_prefix("Private_Dirty:"));
        let kib: u64 = private
            .map(|size| {
                size.trim()
                    .strip_suffix(" kB")
                    .unwrap()
                    .parse::<u64>()
                    .unwrap()
            })
            .sum();
        kib * 1024
    }

    /// Waits for the end and returns what else was logged.
    pub(crate) async fn ended(mut self) -> (ExitStatus, Vec<Value>) {
        let status = patient(self.child.wait()).await.unwrap();
        let mut rest = Vec::new();
        while let Some(line) = patient(self.log.next_line()).await.unwrap() {
            rest.push(serde_json::from_str(&line).unwrap());
        }
        (status, rest)
    }

    /// Stops in an orderly way and returns what else was logged.
    pub(crate) async fn stop(self) -> Vec<Value> {
        self.signal("-TERM");
        let (status, rest) = self.ended().await;
        assert!(status.success(), "{status}");
        rest
    }
}
