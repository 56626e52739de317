//! `[[backend]]`: what it serves, who may reach it, and where it is.

use std::borrow::Cow;
use std::path::PathBuf;

use serde::Deserialize;

use super::balance::{EjectionFile, HealthFile, RetryFile};
use super::gateway_signature::check_mode;
use super::{AdmissionFile, Problems, Upstream, target, upstream};
use crate::authorize::PathPrefix;
use crate::identity::PeerName;
use tidegate_shared::bundle::SignatureDemand;

/// `[[backend]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackendFile {
    /// The name in logs and metrics.
    pub name: String,
    /// `http://HOST:PORT`, or `https://HOST:PORT` for TLS under the mesh's authority. Every IPv4
    /// and IPv6 address of the host is an endpoint, unless `endpoints` or `endpoints_file` say
    /// where they are.
    pub address: String,
    /// Where to connect instead of the addresses of the host: `ADDRESS:PORT` each.
    pub endpoints: Option<Vec<String>>,
    /// A file with such addresses, one a line, which is read again when it changes.
    pub endpoints_file: Option<PathBuf>,
    /// A name as `_http._tcp.accounts.bank.example`, the targets of whose SRV records are the
    /// endpoints (RFC 2782).
    pub srv: Option<String>,
    /// `http/1.1` (the default), `h2c` over `http://` or `h2` over `https://`.
    pub protocol: Option<String>,
    /// Whether requests in gRPC-Web are translated to gRPC for the backend; `false` by default.
    #[serde(default)]
    pub grpc_web: bool,
    /// Over `https://`: whom the backend must prove to be, as `spiffe://TRUST-DOMAIN/PATH` or
    /// `dns:HOST`. By default the host of its address.
    pub identity: Option<String>,
    /// The exact host that the backend serves; `*`, the default, is every host.
    pub host: Option<String>,
    /// The backend serves this path and what lies below it, by whole segments. `/` by default;
    /// the longest wins.
    pub path_prefix: Option<String>,
    /// Who may reach it: `spiffe://TRUST-DOMAIN/PATH` or `dns:HOST`. Needed where there is no
    /// `policy`.
    #[serde(default)]
    pub allow: Vec<String>,
    /// The policy's upstream that says who may reach it, in place of `allow` and
    /// `gateway_signature`, and how much it bears.
    pub policy: Option<String>,
    /// Whether requests must be signed by a gateway: `required`, the default where there is
    /// `[gateway_signature]`, `optional` or `off`.
    pub gateway_signature: Option<String>,
    /// How often a request is tried that could not be sent.
    #[serde(default)]
    pub retry: RetryFile,
    /// How much it is asked to do at a time.
    #[serde(default)]
    pub limits: AdmissionFile,
    /// When an endpoint that fails is left out, and for how long.
    #[serde(default)]
    pub ejection: EjectionFile,
    /// How endpoints are asked whether they are well. Absent: they are not asked.
    pub health: Option<HealthFile>,
}

/// A service behind the connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    pub(crate) name: String,
    /// Normalised; `None` serves every host.
    pub(crate) host: Option<String>,
    pub(crate) path_prefix: PathPrefix,
    pub(crate) access: Access,
    pub(crate) upstream: Upstream,
}

/// Who says what callers must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// The configuration.
    Own {
        /// Invariant: not empty.
        allow: Vec<PeerName>,
        signature: SignatureDemand,
    },
    /// The policy, for the upstream of this name.
    Policy(String),
}

impl Backend {
    /// The name in logs and metrics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The policy's upstream that says who may reach it.
    pub(crate) fn policy(&self) -> Option<&str> {
        match &self.access {
            Access::Own { .. } => None,
            Access::Policy(upstream) => Some(upstream),
        }
    }
}

impl BackendFile {
    /// `sections` tells what else the configuration has.
    pub(super) fn check(
        self,
        index: usize,
        sections: Sections,
        problems: &mut Problems,
    ) -> Option<Backend> {
        let section = format!("backend[{index}]");
        let Self {
            name,
            address,
            endpoints,
            endpoints_file,
            srv,
            protocol,
            grpc_web,
            identity,
            host,
            path_prefix,
            allow,
            policy,
            gateway_signature,
            retry,
            limits,
            ejection,
            health,
        } = self;
        let field = |name: &str| format!("{section}.{name}");
        let name = problems.take(field("name"), check_name(name));
        let target = target::Written {
            endpoints,
            endpoints_file,
            srv,
            retry,
            ejection,
        };
        let upstream = upstream::Written {
            address,
            target,
            protocol,
            grpc_web,
            identity,
            limits,
            health,
        };
        let upstream = upstream.check(&section, problems);
        let host = match host.as_deref() {
            None | Some("*") => Ok(None),
            Some(host) => check_host(host).map(Some),
        };
        let host = problems.take(field("host"), host);
        let path_prefix = path_prefix.as_deref().unwrap_or("/");
        let path_prefix = problems.take(field("path_prefix"), path_prefix.parse::<PathPrefix>());
        let access = match policy {
            Some(upstream) => {
                let alone = allow.is_empty() && gateway_signature.is_none();
                let checked = check_policy(upstream, alone, sections);
                problems.take(field("policy"), checked)
            }
            None => {
                let allow = check_allow(&allow, &section, problems);
                let signature = check_mode(gateway_signature.as_deref(), sections.signed);
                let signature = problems.take(field("gateway_signature"), signature);
                allow
                    .zip(signature)
                    .map(|(allow, signature)| Access::Own { allow, signature })
            }
        };
        Some(Backend {
            name: name?,
            host: host?,
            path_prefix: path_prefix?,
            access: access?,
            upstream: upstream?,
        })
    }
}

/// The sections of the configuration that backends go by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sections {
    /// `[gateway_signature]`.
    pub(super) signed: bool,
    /// `[policy]`.
    pub(super) policy: bool,
}

/// `alone` where nothing else says who may come in.
fn check_policy(upstream: String, alone: bool, sections: Sections) -> Result<Access, &'static str> {
    if !sections.policy {
        return Err("there is no policy: add `[policy]`");
    }
    if !alone {
        return Err("the policy says who may come in: leave `allow` and `gateway_signature` out");
    }
    Ok(Access::Policy(upstream))
}

/// Callers by name; at least one.
pub(super) fn check_allow(
    allow: &[String],
    section: &str,
    problems: &mut Problems,
) -> Option<Vec<PeerName>> {
    let listed = if allow.is_empty() {
        Err("nobody may come in: name at least one caller")
    } else {
        Ok(())
    };
    problems.take(format!("{section}.allow"), listed);
    let names: Vec<Option<PeerName>> = allow
        .iter()
        .enumerate()
        .map(|(entry, text)| problems.take(format!("{section}.allow[{entry}]"), text.parse()))
        .collect();
    names.into_iter().collect()
}

pub(super) fn check_name(name: String) -> Result<String, String> {
    let valid = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    if (1..=64).contains(&name.len()) && name.bytes().all(valid) {
        Ok(name)
    } else {
        Err(format!(
            "`{name}` is no name: write 1 to 64 letters, digits, `-`, `_` or `.`"
        ))
    }
}

pub(super) fn check_host(text: &str) -> Result<String, String> {
    tidegate_shared::host::normalise(text)
        .filter(|host| host.eq_ignore_ascii_case(text))
        .map(Cow::into_owned)
        .ok_or_else(|| format!("`{text}` is no host: write `api.bank.example`, or `*`"))
}
