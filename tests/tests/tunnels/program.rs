//! Gateway and connector as processes that can be killed: this program begun anew, with the task
//! in its environment.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tidegate_edge_native::{
    Config, LimitAuthority, LogRecords, NativeGateway, Secrets, TunnelConfig, TunnelFiles,
};
use tidegate_origin_connector::Connector;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn patient<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}

/// What a process is.
const ROLE: &str = "TIDEGATE_TEST_ROLE";
/// The file that says how.
const TASK: &str = "TIDEGATE_TEST_TASK";
/// The test that is the program.
const PROGRAM: &str = "program::the_program_that_other_tests_start";

/// A process with its log.
pub(crate) struct Program {
    child: Child,
    log: mpsc::UnboundedReceiver<Value>,
}

impl Program {
    fn start(role: &str, task: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", PROGRAM, "--ignored", "--nocapture"])
            .env(ROLE, role)
            .env(TASK, task)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, log) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(line) = serde_json::from_str(&line) {
                    let _ = sender.send(line);
                }
            }
        });
        Self { child, log }
    }

    /// The next line with this message; lines before it are gone.
    pub(crate) async fn logged(&mut self, message: &str) -> Value {
        let line = async {
            loop {
                let line = self.log.recv().await.expect("the program has ended");
                if line["message"] == message {
                    return line;
                }
            }
        };
        tokio::time::timeout(PATIENCE, line)
            .await
            .unwrap_or_else(|_| panic!("not logged: {message}"))
    }

    /// At once, as where a machine goes away.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// In an orderly way.
    pub(crate) async fn stop(mut self) {
        let id = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-TERM", &id])
            .status();
        assert!(sent.unwrap().success());
        assert!(patient(self.child.wait()).await.unwrap().success());
    }

    /// Sockets and files that the process has open.
    pub(crate) fn descriptors(&self) -> usize {
        let id = self.child.id().unwrap();
        std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count()
    }

    /// KiB of memory that the process has to itself.
    pub(crate) fn memory(&self) -> u64 {
        let id = self.child.id().unwrap();
        let rollup = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap();
        let lines = rollup.lines();
        let private = lines.filter_map(|line| line.strip_prefix("Private_Dirty:"));
        private
            .map(|size| size.trim().trim_end_matches(" kB").parse::<u64>().unwrap())
            .sum()
    }
}

/// What a gateway runs with; its files are in the task's folder.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct GatewayTask {
    pub(crate) listen: SocketAddr,
    pub(crate) tunnels: SocketAddr,
    pub(crate) trust: String,
    pub(crate) most: usize,
    /// Milliseconds.
    pub(crate) ping: u64,
    pub(crate) revocations: bool,
    pub(crate) secrets: Vec<(String, String)>,
}

/// A gateway, and where it listens.
pub(crate) struct Gateway {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    pub(crate) tunnels: SocketAddr,
    /// Where its metrics are.
    pub(crate) admin: SocketAddr,
}

impl Gateway {
    pub(crate) async fn start(folder: &Path, task: &GatewayTask) -> Self {
        let path = folder.join("gateway.json");
        std::fs::write(&path, serde_json::to_string(task).unwrap()).unwrap();
        let mut program = Program::start("gateway", &path);
        let line = program.logged("ready").await;
        let address = |name: &str| line[name].as_str().unwrap().parse().unwrap();
        Self {
            address: address("address"),
            tunnels: address("tunnels"),
            admin: address("admin"),
            program,
        }
    }
}

/// A connector with a configuration.
pub(crate) fn connector(config: &Path) -> Program {
    Program::start("connector", config)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "is what the other tests start"]
async fn the_program_that_other_tests_start() {
    let role = std::env::var(ROLE).expect("a role");
    let task = PathBuf::from(std::env::var(TASK).expect("a task"));
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .json()
        .flatten_event(true)
        .init();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    let end = async move {
        terminate.recv().await;
    };
    if role == "connector" {
        let config = tidegate_origin_connector::Config::read(&task).unwrap();
        Connector::bind(config).await.unwrap().run(end).await;
        return;
    }
    let folder = task.parent().unwrap();
    let task = std::fs::read(&task).unwrap();
    let task: GatewayTask = serde_json::from_slice(&task).unwrap();
    let file = |name: &str| folder.join(name);
    let secrets = task.secrets.into_iter();
    let secrets = secrets.map(|(name, secret)| (name, secret.into_bytes()));
    let config = Config {
        listen: task.listen,
        tls: None,
        trust: task.trust.parse().unwrap(),
        identities: vec![],
        secrets: Secrets::Given(secrets.collect()),
        credentials: None,
        limits: Arc::new(LimitAuthority::embedded()),
        tunnels: Some(TunnelConfig {
            listen: task.tunnels,
            files: TunnelFiles {
                certificate: file("gateway.pem"),
                key: file("gateway.key"),
                authorities: file("mesh.pem"),
                revocations: task
                    .revocations
                    .then(|| file("mesh.crl"))
                    .into_iter()
                    .collect(),
            },
            most: task.most,
            ping: Duration::from_millis(task.ping),
        }),
        admin: Some((Ipv4Addr::LOCALHOST, 0).into()),
    };
    let bundle = std::fs::read(file("bundle")).unwrap();
    let gateway = NativeGateway::bind(config, &bundle, Arc::new(LogRecords))
        .await
        .unwrap();
    gateway.watch(file("bundle"));
    let (address, tunnels) = (gateway.local_addr().unwrap(), gateway.tunnels_addr());
    let tunnels = tunnels.unwrap().unwrap();
    let admin = gateway.admin_addr().unwrap().unwrap();
    tracing::info!(%address, %tunnels, %admin, "ready");
    gateway.run(end).await;
}
