//! A Redis server of a test's own.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tidegate_edge_native::LimitAuthority;
use tokio::process::{Child, Command};

pub(crate) struct Server {
    folder: TempDir,
    process: Child,
}

impl Server {
    /// `None` where there is no `redis-server`.
    pub(crate) async fn start() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let process = spawn(&folder)?;
        let server = Self { folder, process };
        server.is_up().await;
        Some(server)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    pub(crate) fn authority(&self) -> Arc<LimitAuthority> {
        let address = format!("redis+unix://{}", self.socket().display());
        Arc::new(LimitAuthority::redis(&address).unwrap())
    }

    async fn connection(&self) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
        let address = format!("redis+unix://{}", self.socket().display());
        let client = redis::Client::open(address)?;
        client.get_multiplexed_async_connection().await
    }

    /// Waits for the server to answer.
    async fn is_up(&self) {
        for _ in 0..500 {
            if self.connection().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("redis-server does not answer");
    }

    pub(crate) async fn run<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        let mut connection = self.connection().await.unwrap();
        let (name, arguments) = command.split_first().unwrap();
        let mut command = redis::cmd(name);
        let answer = command.arg(arguments).query_async(&mut connection).await;
        answer.unwrap()
    }

    /// As if the server had been up for as long as any lease may be about.
    pub(crate) async fn age(&self) {
        let server: redis::InfoDict = self.run(&["INFO", "server"]).await;
        let run: String = server.get("run_id").unwrap();
        let since = format!("{run} 0");
        let () = self.run(&["SET", "tidegate:limits:since", &since]).await;
    }

    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    pub(crate) async fn restart(&mut self) {
        self.process = spawn(&self.folder).unwrap();
        self.is_up().await;
    }
}

fn spawn(folder: &TempDir) -> Option<Child> {
    Command::new("redis-server")
        .args([
            "--port",
            "0",
            "--unixsocket",
            "socket",
            "--appendonly",
            "no",
        ])
        // What it has when it is told to stop is there when it starts again: an old copy.
        .args(["--save", "3600 1", "--dir"])
        .arg(folder.path())
        .current_dir(folder)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()
}
