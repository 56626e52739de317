//! Programs that stand between the caller and the origin, each a process of its own.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rcgen::SanType;
use tempfile::TempDir;
use tidegate_dev::{Authority, Certificate};
use tidegate_measure::processor::{Processor, memory};

use crate::client::{Client, SERVER};

/// Who calls.
const CALLER: &str = "spiffe://edge.example/gateway";

/// How long one may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the certificates and the configurations are.
#[derive(Debug)]
pub(crate) struct World {
    folder: TempDir,
    connector: PathBuf,
    peers: PathBuf,
    origin: SocketAddr,
    pub(crate) client: Client,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Connector,
    Nginx,
    Haproxy,
    Envoy,
}

impl Program {
    pub(crate) const PEERS: [Self; 3] = [Self::Nginx, Self::Haproxy, Self::Envoy];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Envoy => "envoy",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Connector => include_str!("../peers/connector.toml"),
            Self::Nginx => include_str!("../peers/nginx.conf"),
            Self::Haproxy => include_str!("../peers/haproxy.cfg"),
            Self::Envoy => include_str!("../peers/envoy.yaml"),
        }
    }
}

impl World {
    pub(crate) fn new(connector: &Path, peers: &Path, origin: SocketAddr) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let authority = Authority::new("authority")?;
        let names = vec![SanType::DnsName(SERVER.try_into()?)];
        let server = authority.issue(names)?;
        let caller = authority.issue(vec![SanType::URI(CALLER.try_into()?)])?;
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text);
        write("authority.pem", &authority.pem())?;
        write("server.pem", &server.pem)?;
        write("server.key", &server.key_pem)?;
        let Certificate { pem, key_pem, .. } = &server;
        write("server-both.pem", &format!("{pem}{key_pem}"))?;
        Ok(Self {
            client: Client::new(authority.der(), &caller)?,
            folder,
            connector: connector.to_owned(),
            peers: peers.to_owned(),
            origin,
        })
    }

    /// Starts a program; a peer does the `full` job, or no more than forward.
    pub(crate) fn start(&self, program: Program, full: bool) -> Result<Contestant> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = self.folder.path().display().to_string();
        let (on, off) = if full { ("", "# ") } else { ("# ", "") };
        let text = program
            .template()
            .replace("{folder}", &folder)
            .replace("{port}", &address.port().to_string())
            .replace("{origin_host}", &self.origin.ip().to_string())
            .replace("{origin_port}", &self.origin.port().to_string())
            .replace("{origin}", &self.origin.to_string())
            .replace("{caller}", CALLER)
            .replace("{full}", on)
            .replace("{bare}", off);
        let name = format!("{}-{}", program.name(), address.port());
        // Envoy goes by the ending.
        let file = self.folder.path().join(format!("{name}.yaml"));
        fs::write(&file, text)?;
        let log = self.folder.path().join(format!("{name}.log"));
        let mut command = self.command(program, &file);
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(File::create(
                self.folder.path().join(format!("{name}.err")),
            )?)
            .spawn()
            .with_context(|| format!("cannot start {}", program.name()))?;
        let contestant = Contestant {
            processor: Processor::of(child.id()),
            program,
            child,
            address,
            turns: Vec::new(),
        };
        contestant.listening().with_context(|| {
            let said = self.folder.path().join(format!("{name}.err"));
            let said = fs::read_to_string(said).unwrap_or_default();
            format!("{} does not listen: {said}", program.name())
        })?;
        Ok(contestant)
    }

    fn command(&self, program: Program, config: &Path) -> Command {
        let sbin = self.peers.join("usr/sbin");
        match program {
            Program::Connector => {
                let mut command = Command::new(&self.connector);
                command.arg("--config").arg(config).args(["--log", "json"]);
                command.args(["--threads", "1"]).env_remove("RUST_LOG");
                command
            }
            Program::Nginx => {
                let mut command = Command::new(sbin.join("nginx"));
                command.arg("-p").arg(self.folder.path());
                command.arg("-c").arg(config);
                command
            }
            Program::Haproxy => {
                let mut command = Command::new(sbin.join("haproxy"));
                command.arg("-db").arg("-f").arg(config);
                let libraries = self.peers.join("usr/lib/x86_64-linux-gnu");
                command.env("LD_LIBRARY_PATH", libraries);
                command
            }
            Program::Envoy => {
                let mut command = Command::new(self.peers.join("envoy/_bin/envoy"));
                command.arg("-c").arg(config);
                command.args(["--concurrency", "1", "--log-level", "error"]);
                command.args(["--disable-hot-restart"]);
                command
            }
        }
    }
}

/// One that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Contestant {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    processor: Processor,
    child: Child,
    /// Nanoseconds of one operation, in each turn.
    pub(crate) turns: Vec<f64>,
}

impl Contestant {
    fn listening(&self) -> Result<()> {
        let begun = Instant::now();
        while std::net::TcpStream::connect(self.address).is_err() {
            if begun.elapsed() > PATIENCE {
                bail!("not within {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(crate) fn nanos(&self) -> Result<f64> {
        self.processor.nanos()
    }

    pub(crate) fn memory(&self) -> Result<f64> {
        memory(self.child.id())
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        // An error is that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
