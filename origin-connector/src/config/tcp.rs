//! `[[tcp]]`: connections that are forwarded without a look at what is in them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::uri::Authority;
use serde::Deserialize;
use tidegate_shared::units::Rate;

use super::backend::{check_allow, check_host, check_name};
use super::limits::{span, within};
use super::upstream::check_server;
use super::{Problems, Target, target};
use crate::identity::PeerName;

/// `[[tcp]]`. Either `terminate` or `pass_through`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpFile {
    /// The name in logs and metrics.
    pub name: String,
    /// Where clients connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Mutual TLS ends here, by the files of `[tls]`, and what is inside is forwarded.
    pub terminate: Option<TerminateFile>,
    /// TLS is forwarded as it is, to who is asked for by its server name.
    #[serde(default)]
    pub pass_through: Vec<PassThroughFile>,
    /// Connections open at a time; `connections` of `[limits]` by default.
    pub connections: Option<u64>,
    /// New connections, as `100/s`; so many at once, and then so many in that time. Who is one too
    /// many is let go of before its handshake. By default any number.
    pub rate: Option<String>,
    /// How long a connection may last, though it moves. By default as long as it likes.
    pub max_duration: Option<String>,
}

/// `[tcp.terminate]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminateFile {
    /// `HOST:PORT`, or `tls://HOST:PORT` for TLS under the mesh's authority. Every IPv4 and IPv6
    /// address of the host is an endpoint, unless `endpoints` or `endpoints_file` say where they are.
    pub address: String,
    /// Over `tls://`: whom it must prove to be, as for a backend. By default the host of its address.
    pub identity: Option<String>,
    /// Where to connect instead: `ADDRESS:PORT` each.
    pub endpoints: Option<Vec<String>>,
    /// A file with such addresses, one a line, which is read again when it changes.
    pub endpoints_file: Option<PathBuf>,
    /// A name whose SRV records' targets are the endpoints.
    pub srv: Option<String>,
    /// Who may connect: `spiffe://TRUST-DOMAIN/PATH` or `dns:HOST`.
    pub allow: Vec<String>,
}

/// `[[tcp.pass_through]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassThroughFile {
    /// The exact name that the client asks for (RFC 6066 §3).
    pub server_name: String,
    /// `HOST:PORT`, as for `terminate`.
    pub address: String,
    /// Where to connect instead: `ADDRESS:PORT` each.
    pub endpoints: Option<Vec<String>>,
    /// A file with such addresses, one a line, which is read again when it changes.
    pub endpoints_file: Option<PathBuf>,
    /// A name whose SRV records' targets are the endpoints.
    pub srv: Option<String>,
}

/// A checked listener.
#[derive(Clone, Debug)]
pub(crate) struct TcpListener {
    pub(crate) name: String,
    pub(crate) listen: SocketAddr,
    pub(crate) mode: Mode,
    /// Invariant: not 0.
    pub(crate) connections: Option<usize>,
    pub(crate) rate: Option<Rate>,
    pub(crate) max_duration: Option<Duration>,
}

/// What becomes of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Mode {
    /// Mutual TLS ends here, and another TLS may begin.
    Terminate(Terminate),
    /// TLS goes on. Invariant: not empty; the names are normalised.
    PassThrough(BTreeMap<String, Target>),
}

/// What is inside of a caller's TLS.
#[derive(Clone, Debug)]
pub(crate) struct Terminate {
    pub(crate) target: Target,
    /// Whom the target must prove to be, over TLS; `None` is cleartext.
    pub(crate) server: Option<PeerName>,
    /// Invariant: not empty.
    pub(crate) allow: Vec<PeerName>,
}

impl Mode {
    /// Whether TLS under the mesh's authority is spoken.
    pub(super) fn is_secured(&self) -> bool {
        matches!(self, Self::Terminate(terminate) if terminate.server.is_some())
    }

    /// Everything that connections go to.
    pub(super) fn targets(&self) -> Box<dyn Iterator<Item = &Target> + '_> {
        match self {
            Self::Terminate(terminate) => Box::new(std::iter::once(&terminate.target)),
            Self::PassThrough(targets) => Box::new(targets.values()),
        }
    }
}

impl TcpFile {
    /// The files that it names.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let own = self.terminate.iter_mut();
        let own = own.filter_map(|terminate| terminate.endpoints_file.as_mut());
        let others = self.pass_through.iter_mut();
        own.chain(others.filter_map(|to| to.endpoints_file.as_mut()))
    }

    pub(super) fn check(self, index: usize, problems: &mut Problems) -> Option<TcpListener> {
        let section = format!("tcp[{index}]");
        let Self {
            name,
            listen,
            terminate,
            pass_through,
            connections,
            rate,
            max_duration,
        } = self;
        let field = |name: &str| format!("{section}.{name}");
        let name = problems.take(field("name"), check_name(name));
        let connections = connections.map(|connections| {
            let connections =
                problems.take(field("connections"), within(connections, 1..=1_000_000));
            connections.and_then(|connections| usize::try_from(connections).ok())
        });
        let rate = rate.map(|rate| problems.take(field("rate"), rate.parse::<Rate>()));
        let max_duration = max_duration.map(|text| {
            let bounds = Duration::from_millis(100)..=Duration::from_secs(30 * 86_400);
            problems.take(field("max_duration"), span(Some(&text), "", bounds))
        });
        let mode = match (terminate, pass_through.is_empty()) {
            (Some(terminate), true) => terminate.check(&section, problems),
            (None, false) => check_pass_through(pass_through, &section, problems),
            (Some(_), false) | (None, true) => {
                let one = Err("write either `[tcp.terminate]` or `[[tcp.pass_through]]`");
                problems.take(section, one)
            }
        };
        Some(TcpListener {
            name: name?,
            listen,
            mode: mode?,
            connections: written(connections)?,
            rate: written(rate)?,
            max_duration: written(max_duration)?,
        })
    }
}

/// What may be left out, but not be wrong.
fn written<T>(checked: Option<Option<T>>) -> Option<Option<T>> {
    checked.map_or(Some(None), |checked| checked.map(Some))
}

impl TerminateFile {
    fn check(self, section: &str, problems: &mut Problems) -> Option<Mode> {
        let section = format!("{section}.terminate");
        let Self {
            address,
            identity,
            endpoints,
            endpoints_file,
            srv,
            allow,
        } = self;
        let written = target::Written {
            endpoints,
            endpoints_file,
            srv,
            ..target::Written::default()
        };
        let (bare, tls) = match address.strip_prefix("tls://") {
            Some(bare) => (bare, true),
            None => (address.as_str(), false),
        };
        let target = check_target(bare, written, &section, problems);
        let server = target.as_ref().and_then(|target| {
            let server = check_server(identity, &target.address, tls, "tls://");
            problems.take(format!("{section}.identity"), server)
        });
        let allow = check_allow(&allow, &section, problems);
        Some(Mode::Terminate(Terminate {
            target: target?,
            server: server?,
            allow: allow?,
        }))
    }
}

fn check_pass_through(
    files: Vec<PassThroughFile>,
    section: &str,
    problems: &mut Problems,
) -> Option<Mode> {
    let count = files.len();
    let mut targets = BTreeMap::new();
    for (index, file) in files.into_iter().enumerate() {
        let section = format!("{section}.pass_through[{index}]");
        let PassThroughFile {
            server_name,
            address,
            endpoints,
            endpoints_file,
            srv,
        } = file;
        let written = target::Written {
            endpoints,
            endpoints_file,
            srv,
            ..target::Written::default()
        };
        let target = check_target(&address, written, &section, problems);
        let field = format!("{section}.server_name");
        let refused =
            |_| format!("`{server_name}` is no server name: write one as `ledger.bank.example`");
        let name = check_host(&server_name).map_err(refused);
        let name = name.and_then(|name| match targets.contains_key(&name) {
            true => Err(format!("`{name}` goes elsewhere already")),
            false => Ok(name),
        });
        if let (Some(name), Some(target)) = (problems.take(field, name), target) {
            targets.insert(name, target);
        }
    }
    (targets.len() == count).then_some(Mode::PassThrough(targets))
}

fn check_target(
    address: &str,
    written: target::Written,
    section: &str,
    problems: &mut Problems,
) -> Option<Target> {
    let authority = address.parse().ok().filter(|authority: &Authority| {
        let host = tidegate_shared::host::normalise(authority.as_str());
        host.is_some() && authority.port_u16().is_some()
    });
    let authority =
        authority.ok_or_else(|| format!("`{address}` is no address: write `HOST:PORT`"));
    let authority = problems.take(format!("{section}.address"), authority);
    written.check(authority, section, problems)
}
