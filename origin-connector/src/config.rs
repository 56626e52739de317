//! What the connector works by: a strict TOML file, checked once and then trusted.

mod admission;
mod backend;
mod balance;
mod dial;
mod dns;
mod endpoints;
mod endpoints_file;
mod file;
mod files;
mod gateway_signature;
mod limits;
mod place;
mod policy;
mod problems;
mod target;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
mod traces;
mod upstream;
mod workload_api;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::authorize::Backends;
pub(crate) use admission::Admission;
pub use admission::AdmissionFile;
pub(crate) use backend::Access;
use backend::Sections;
pub use backend::{Backend, BackendFile};
pub(crate) use balance::{Ejection, Health};
pub use balance::{EjectionFile, HealthFile, RetryFile};
pub use dial::DialFile;
pub(crate) use dial::{Dial, Way};
pub(crate) use dns::Dns;
pub use dns::DnsFile;
pub(crate) use endpoints::Endpoints;
pub use endpoints_file::EndpointsFileError;
pub(crate) use endpoints_file::read as read_endpoints;
pub use file::{ConfigFile, DrainFile};
pub use files::{Checked, FileError, InvalidFiles};
pub(crate) use gateway_signature::{GatewayKey, GatewaySignature};
pub use gateway_signature::{GatewayKeyFile, GatewaySignatureFile};
pub use limits::{Limits, LimitsFile};
pub use policy::PolicyFile;
pub(crate) use policy::PolicySource;
pub(crate) use problems::Problems;
pub use problems::{ConfigError, InvalidConfig, InvalidField};
pub(crate) use target::Target;
pub(crate) use tcp::{Mode, TcpListener, Terminate};
pub use tcp::{PassThroughFile, TcpFile, TerminateFile};
pub(crate) use tls::{Files, Source, TlsPaths};
pub use tls::{MeshFile, TlsFile};
pub(crate) use traces::Traces;
pub use traces::TracesFile;
pub(crate) use upstream::{Protocol, Upstream};
pub use workload_api::WorkloadApiFile;
pub(crate) use workload_api::{Endpoint, WorkloadApi};

/// A checked configuration. Read it with [`Config::read`], or build a [`ConfigFile`] from values
/// and convert it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where gateways connect; port 0 takes a free one. `None` where they are dialled alone.
    pub(crate) listen: Option<SocketAddr>,
    /// Where `/livez`, `/readyz` and `/metrics` are served in plain HTTP.
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) tls: TlsPaths,
    /// How requests are known to have come through a gateway.
    pub(crate) gateway_signature: Option<GatewaySignature>,
    /// Who says what backends with `policy` go by.
    pub(crate) policy: Option<PolicySource>,
    pub(crate) backends: Backends,
    pub(crate) tcp: Vec<TcpListener>,
    /// Gateways to connect to.
    pub(crate) dial: Vec<Dial>,
    pub(crate) dns: Dns,
    /// Where spans go, if anywhere.
    pub(crate) traces: Option<Traces>,
    /// How long a stopping connector waits for exchanges that are under way.
    pub(crate) drain: Duration,
    pub(crate) limits: Limits,
}

impl Config {
    /// Reads and checks a file. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`ConfigError`] names the file and each field that does not hold.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let malformed = |source| ConfigError::Malformed {
            path: path.to_owned(),
            source,
        };
        let mut file: ConfigFile = toml::from_str(&text).map_err(malformed)?;
        file.resolve(path.parent().unwrap_or(Path::new("")));
        Self::try_from(file).map_err(|InvalidConfig(fields)| {
            let placed = |field: InvalidField| (place::line(&text, &field.field), field);
            ConfigError::Invalid {
                path: path.to_owned(),
                fields: fields.into_iter().map(placed).collect(),
            }
        })
    }
}

impl TryFrom<ConfigFile> for Config {
    type Error = InvalidConfig;

    fn try_from(file: ConfigFile) -> Result<Self, InvalidConfig> {
        let ConfigFile {
            listen,
            admin,
            tls,
            mesh,
            gateway_signature,
            policy,
            backend,
            tcp,
            dial,
            dns,
            traces,
            drain: DrainFile { timeout },
            limits,
        } = file;
        let mut problems = Problems::default();
        let signed = gateway_signature.is_some();
        let gateway_signature = match gateway_signature {
            None => Some(None),
            Some(section) => section.check(&mut problems).map(Some),
        };
        let sections = Sections {
            signed,
            policy: policy.is_some(),
        };
        let policy = match policy {
            None => Some(None),
            Some(section) => section.check(&mut problems).map(Some),
        };
        let tls = tls.check(mesh, &mut problems);
        let backends: Vec<Option<Backend>> = backend
            .into_iter()
            .enumerate()
            .map(|(index, backend)| backend.check(index, sections, &mut problems))
            .collect();
        let backends: Option<Vec<Backend>> = backends.into_iter().collect();
        let backends =
            backends.and_then(|backends| problems.take("backend", Backends::new(backends)));
        let tcp: Vec<Option<TcpListener>> = tcp
            .into_iter()
            .enumerate()
            .map(|(index, tcp)| tcp.check(index, &mut problems))
            .collect();
        let tcp: Option<Vec<TcpListener>> = tcp.into_iter().collect();
        if let (Some(backends), Some(tcp)) = (&backends, &tcp) {
            problems.take("tcp", check_names(backends, tcp));
        }
        let meshless = tls.as_ref().is_some_and(|tls| tls.mesh.is_none());
        let https = backends.iter().flat_map(Backends::iter);
        let https = https.filter(|one| one.upstream.server.is_some()).count();
        let secured = tcp.iter().flatten().filter(|one| one.mode.is_secured());
        if meshless && https + secured.count() > 0 {
            let missing: Result<(), _> =
                Err("an address begins with `https://` or `tls://`: add `[mesh]`");
            problems.take("mesh", missing);
        }
        let dial = dial::check(listen.is_some(), dial, &mut problems);
        let dns = dns.check(&mut problems);
        let environment = |name: &str| std::env::var(name).ok();
        let traces = match traces {
            None => Some(None),
            Some(section) => section.check(environment, &mut problems).map(Some),
        };
        let hour = Duration::from_secs(3600);
        let drain = problems.take(
            "drain.timeout",
            limits::span(timeout.as_deref(), "30s", Duration::ZERO..=hour),
        );
        let limits = Limits::check(limits, &mut problems);
        match (
            tls,
            gateway_signature,
            policy,
            backends,
            tcp,
            dial,
            dns,
            traces,
            drain,
            limits,
            problems.into_fields(),
        ) {
            (
                Some(tls),
                Some(gateway_signature),
                Some(policy),
                Some(backends),
                Some(tcp),
                Some(dial),
                Some(dns),
                Some(traces),
                Some(drain),
                Some(limits),
                problems,
            ) if problems.is_empty() => Ok(Self {
                listen,
                admin,
                tls,
                gateway_signature,
                policy,
                backends,
                tcp,
                dial,
                dns,
                traces,
                drain,
                limits,
            }),
            (.., problems) => Err(InvalidConfig(problems)),
        }
    }
}

/// Logs and metrics know backends and listeners by their names.
fn check_names(backends: &Backends, tcp: &[TcpListener]) -> Result<(), String> {
    let mut seen: BTreeSet<&str> = backends.iter().map(Backend::name).collect();
    let twice = tcp.iter().find(|listener| !seen.insert(&listener.name));
    match twice {
        Some(TcpListener { name, .. }) => Err(format!("`{name}` is the name of another, too")),
        None => Ok(()),
    }
}
