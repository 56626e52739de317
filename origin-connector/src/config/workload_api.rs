//! `[tls.workload_api]` and `[mesh.workload_api]`: an agent of SPIFFE in place of files.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use tidegate_shared::spiffe::TrustDomain;

use super::Problems;
use super::limits::span;
use crate::identity::SpiffeId;

/// What names the endpoint where no file does (SPIFFE Workload Endpoint §4).
const ENVIRONMENT: &str = "SPIFFE_ENDPOINT_SOCKET";

/// Trust domains in a section.
const MOST: usize = 256;

/// A section `workload_api`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadApiFile {
    /// Where the agent is: `unix:///PATH` or `tcp://IP:PORT`; what `SPIFFE_ENDPOINT_SOCKET` in the
    /// environment says by default.
    pub endpoint: Option<String>,
    /// Which of several identities is meant; the first by default.
    pub spiffe_id: Option<String>,
    /// The trust domains to one of which the other side must belong, as `edge.example`; the
    /// identity's own by default.
    pub trust_domains: Option<Vec<String>>,
    /// How long a connector that starts waits for its first identity; `30s` by default.
    pub wait: Option<String>,
}

/// A checked section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkloadApi {
    pub(crate) endpoint: Endpoint,
    pub(crate) spiffe_id: Option<SpiffeId>,
    /// Empty where the identity's own counts.
    pub(crate) trust_domains: Vec<TrustDomain>,
    pub(crate) wait: Duration,
}

/// Where an agent is (SPIFFE Workload Endpoint §4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Endpoint {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

impl WorkloadApiFile {
    pub(super) fn check(self, section: &str, problems: &mut Problems) -> Option<WorkloadApi> {
        let field = |name: &str| format!("{section}.workload_api.{name}");
        let Self {
            endpoint,
            spiffe_id,
            trust_domains,
            wait,
        } = self;
        let endpoint = locate(endpoint, std::env::var(ENVIRONMENT).ok());
        let endpoint = problems.take(field("endpoint"), endpoint);
        let spiffe_id = match spiffe_id.map(|id| check_id(&id)) {
            None => Some(None),
            Some(id) => problems.take(field("spiffe_id"), id).map(Some),
        };
        let trust_domains = problems.take(field("trust_domains"), check_domains(trust_domains));
        let hour = Duration::from_secs(3600);
        let wait = span(wait.as_deref(), "30s", Duration::from_millis(100)..=hour);
        let wait = problems.take(field("wait"), wait);
        Some(WorkloadApi {
            endpoint: endpoint?,
            spiffe_id: spiffe_id?,
            trust_domains: trust_domains?,
            wait: wait?,
        })
    }
}

/// What is written comes first (SPIFFE Workload Endpoint §4).
fn locate(written: Option<String>, environment: Option<String>) -> Result<Endpoint, String> {
    let text = written.or(environment).ok_or_else(|| {
        format!("there is none, and no `{ENVIRONMENT}` in the environment: write `unix:///PATH`")
    })?;
    text.parse()
}

fn check_id(text: &str) -> Result<SpiffeId, String> {
    let id: SpiffeId = text.parse().map_err(|error| format!("{error}"))?;
    if id.has_path() {
        Ok(id)
    } else {
        Err(format!("`{id}` is a trust domain's, not a workload's"))
    }
}

fn check_domains(names: Option<Vec<String>>) -> Result<Vec<TrustDomain>, String> {
    let Some(names) = names else {
        return Ok(Vec::new());
    };
    if names.is_empty() {
        return Err("nobody could come from none: leave it out or name some".to_owned());
    }
    if names.len() > MOST {
        return Err(format!("more than {MOST}"));
    }
    let domain = |name: &String| name.parse().map_err(|error| format!("{error}"));
    names.iter().map(domain).collect()
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unix = text.strip_prefix("unix:");
        // RFC 3986 §3: `unix:/path` and `unix:///path` say the same.
        let path = unix.map(|rest| rest.strip_prefix("//").unwrap_or(rest));
        let path = path.filter(|path| path.starts_with('/') && path.len() > 1);
        // No query, fragment or escape: they would be part of no path that one meant.
        let path = path.filter(|path| !path.contains(['?', '#', '%']));
        let tcp = text.strip_prefix("tcp://");
        let address = tcp.and_then(|address| address.parse::<SocketAddr>().ok());
        match (path, address.filter(|address| address.port() > 0)) {
            (Some(path), _) => Ok(Self::Unix(path.into())),
            (None, Some(address)) => Ok(Self::Tcp(address)),
            (None, None) => Err(format!(
                "`{text}` is no endpoint: write `unix:///PATH` or `tcp://IP:PORT`"
            )),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_socket_or_an_address() {
        for (text, written) in [
            ("unix:///run/agent.sock", "unix:///run/agent.sock"),
            ("unix:/run/agent.sock", "unix:///run/agent.sock"),
            ("tcp://127.0.0.1:8081", "tcp://127.0.0.1:8081"),
            ("tcp://[::1]:8081", "tcp://[::1]:8081"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), written);
        }
        for text in [
            "",
            "/run/agent.sock",
            "unix:",
            "unix:///",
            "unix://host/run/agent.sock",
            "unix:agent.sock",
            "unix:///run/agent.sock?x",
            "unix:///run/agent.sock#x",
            "tcp://localhost:8081",
            "tcp://127.0.0.1",
            "tcp://127.0.0.1:0",
            "tcp://127.0.0.1:8081/foo",
            "http://127.0.0.1:8081",
        ] {
            let reason = text.parse::<Endpoint>().unwrap_err();
            assert!(reason.starts_with(&format!("`{text}` is no endpoint")));
        }
    }

    #[test]
    fn what_is_written_goes_before_the_environment() {
        let [a, b] = ["unix:///a", "unix:///b"].map(|text| Some(text.to_owned()));
        let path = |endpoint: Result<Endpoint, String>| endpoint.unwrap().to_string();
        assert_eq!(path(locate(a.clone(), b)), "unix:///a");
        assert_eq!(path(locate(None, a)), "unix:///a");
        assert!(locate(None, None).unwrap_err().contains(ENVIRONMENT));
    }
}
