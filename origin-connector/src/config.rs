//! What the connector works by: a strict TOML file, checked once and then trusted.

mod backend;
mod file;
mod limits;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::SupportedProtocolVersion;

use crate::authorize::Backends;
use crate::tls::{Credentials, TlsError};
pub use backend::{Backend, Protocol};
pub use file::{BackendFile, ConfigFile, DrainFile, LimitsFile, MeshFile, TlsFile};
pub use limits::Limits;

/// A checked configuration. Read it with [`Config::read`], or build a [`ConfigFile`] from values
/// and convert it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where gateways connect; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Where `/livez`, `/readyz` and `/metrics` are served in plain HTTP.
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) tls: TlsPaths,
    pub(crate) backends: Backends,
    /// How long a stopping connector waits for exchanges that are under way.
    pub(crate) drain: Duration,
    pub(crate) limits: Limits,
}

/// Where the certificates are, and which versions of TLS are spoken with them.
#[derive(Clone, Debug)]
pub(crate) struct TlsPaths {
    pub(crate) certificate: PathBuf,
    pub(crate) private_key: PathBuf,
    pub(crate) client_authority: PathBuf,
    pub(crate) versions: &'static [&'static SupportedProtocolVersion],
    /// Present where a backend speaks TLS.
    pub(crate) mesh: Option<MeshPaths>,
}

/// Where the certificates for TLS to backends are.
#[derive(Clone, Debug)]
pub(crate) struct MeshPaths {
    pub(crate) certificate: PathBuf,
    pub(crate) private_key: PathBuf,
    pub(crate) authority: PathBuf,
}

impl TlsPaths {
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let own = [&self.certificate, &self.private_key, &self.client_authority];
        let mesh = self.mesh.iter();
        own.into_iter()
            .chain(mesh.flat_map(|mesh| [&mesh.certificate, &mesh.private_key, &mesh.authority]))
    }
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
        Self::try_from(file).map_err(|InvalidConfig(fields)| ConfigError::Invalid {
            path: path.to_owned(),
            fields,
        })
    }

    /// Loads the certificates, as [`Connector::bind`](crate::Connector::bind) will.
    ///
    /// # Errors
    /// [`TlsError`] where they do not make a server.
    pub fn check_certificates(&self) -> Result<(), TlsError> {
        Credentials::load(&self.tls).map(drop)
    }
}

/// A configuration file does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, or has a field that is unknown, missing or of another type.
    #[error("`{}`: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        source: toml::de::Error,
    },
    /// Fields have values that cannot be.
    #[error("`{}`: {}", path.display(), join(fields))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All of them.
        fields: Vec<InvalidField>,
    },
}

/// Values that do not make a configuration; all that is wrong at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", join(.0))]
pub struct InvalidConfig(pub Vec<InvalidField>);

/// One field with a value that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidField {
    /// As `backend[1].address`.
    pub field: String,
    /// What is wrong, and what would be right.
    pub reason: String,
}

fn join(fields: &[InvalidField]) -> String {
    let lines: Vec<String> = fields.iter().map(InvalidField::to_string).collect();
    lines.join("\n")
}

/// Collects what is wrong, so that an operator sees all of it at once.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<InvalidField>);

impl Problems {
    /// The value, or a note that `field` has none.
    pub(crate) fn take<T, E: ToString>(
        &mut self,
        field: impl Into<String>,
        result: Result<T, E>,
    ) -> Option<T> {
        result
            .map_err(|reason| {
                self.0.push(InvalidField {
                    field: field.into(),
                    reason: reason.to_string(),
                });
            })
            .ok()
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
            backend,
            drain: DrainFile { timeout },
            limits,
        } = file;
        let mut problems = Problems::default();
        let tls = tls.check(mesh, &mut problems);
        let backends: Vec<Option<Backend>> = backend
            .into_iter()
            .enumerate()
            .map(|(index, backend)| backend.check(index, &mut problems))
            .collect();
        let backends: Option<Vec<Backend>> = backends.into_iter().collect();
        let backends =
            backends.and_then(|backends| problems.take("backend", Backends::new(backends)));
        let meshless = tls.as_ref().is_some_and(|tls| tls.mesh.is_none());
        let secured = |backends: &Backends| backends.iter().any(|one| one.server.is_some());
        if meshless && backends.as_ref().is_some_and(secured) {
            let missing: Result<(), _> = Err("a backend has an `https://` address: add `[mesh]`");
            problems.take("mesh", missing);
        }
        let hour = Duration::from_secs(3600);
        let drain = problems.take(
            "drain.timeout",
            limits::span(timeout.as_deref(), "30s", Duration::ZERO..=hour),
        );
        let limits = Limits::check(limits, &mut problems);
        match (tls, backends, drain, limits, problems.0) {
            (Some(tls), Some(backends), Some(drain), Some(limits), problems)
                if problems.is_empty() =>
            {
                Ok(Self {
                    listen,
                    admin,
                    tls,
                    backends,
                    drain,
                    limits,
                })
            }
            (.., problems) => Err(InvalidConfig(problems)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    const MINIMAL: &str = r#"
listen = "127.0.0.1:0"
[tls]
certificate = "server.pem"
private_key = "server.key"
client_authority = "edge.pem"
[[backend]]
name = "accounts"
address = "http://127.0.0.1:8080"
allow = ["spiffe://edge.example/gateway"]
"#;

    fn check(text: &str, expected: &Expect) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("connector.toml");
        std::fs::write(&path, text).unwrap();
        let message = match Config::read(&path) {
            Ok(_) => "holds".to_owned(),
            Err(error) => error
                .to_string()
                .replace(&folder.path().display().to_string(), "DIR"),
        };
        expected.assert_eq(&message);
    }

    #[test]
    fn takes_a_minimal_file() {
        check(MINIMAL, &expect!["holds"]);
        let all = r#"
[drain]
timeout = "10s"
[limits]
connections = 20
streams = 8
header_bytes = "16KiB"
header_read_timeout = "5s"
handshake_timeout = "5s"
idle_timeout = "1m"
connect_timeout = "1s"
response_head_timeout = "2s"
"#;
        check(&format!("{MINIMAL}{all}"), &expect!["holds"]);
    }

    #[test]
    fn the_example_holds() {
        check(include_str!("../connector.example.toml"), &expect!["holds"]);
    }

    #[test]
    fn names_unknown_and_missing_fields_with_their_line() {
        check(
            &MINIMAL.replace("name =", "nmae ="),
            &expect![[r#"
                `DIR/connector.toml`: TOML parse error at line 8, column 1
                  |
                8 | nmae = "accounts"
                  | ^^^^
                unknown field `nmae`, expected one of `name`, `address`, `protocol`, `identity`, `host`, `path_prefix`, `allow`
            "#]],
        );
        check(
            &MINIMAL.replace("private_key = \"server.key\"\n", ""),
            &expect![[r#"
                `DIR/connector.toml`: TOML parse error at line 3, column 1
                  |
                3 | [tls]
                  | ^^^^^
                missing field `private_key`
            "#]],
        );
    }

    #[test]
    fn says_all_that_is_wrong_at_once() {
        let text = MINIMAL
            .replace("http://127.0.0.1:8080", "ftp://x/y")
            .replace("spiffe://edge.example/gateway", "edge.example");
        let more = "[drain]\ntimeout = \"2h\"\n[limits]\nconnections = 0\nheader_bytes = \"1\"\n";
        check(
            &format!("{text}{more}"),
            &expect![[r#"
                `DIR/connector.toml`: backend[0].address: `ftp://x/y` is no backend address: write `http://HOST:PORT` or `https://HOST:PORT`
                backend[0].allow[0]: `edge.example` is no name of a peer: write `spiffe://TRUST-DOMAIN/PATH` or `dns:HOST`
                drain.timeout: `2h` is not between `0s` and `3600s`
                limits.connections: `0` is not between `1` and `1000000`
                limits.header_bytes: `1` is not between `8192` and `1048576`"#]],
        );
    }

    #[test]
    fn refuses_two_backends_for_the_same_requests() {
        let second = r#"
[[backend]]
name = "other"
address = "http://127.0.0.1:8081"
path_prefix = "/"
allow = ["dns:edge.bank.example"]
"#;
        check(
            &format!("{MINIMAL}{second}"),
            &expect![[
                r#"`DIR/connector.toml`: backend: `accounts` and `other` both serve host `*` and path prefix `/`"#
            ]],
        );
    }

    #[test]
    fn a_backend_behind_tls_needs_the_mesh() {
        let secure = MINIMAL.replace("http://127", "https://127");
        check(
            &secure,
            &expect![
                "`DIR/connector.toml`: mesh: a backend has an `https://` address: add `[mesh]`"
            ],
        );
        let mesh =
            "[mesh]\ncertificate = \"m.pem\"\nprivate_key = \"m.key\"\nauthority = \"ca.pem\"\n";
        check(&format!("{secure}{mesh}"), &expect!["holds"]);
        let h2c = secure.replace("allow =", "protocol = \"h2c\"\nallow =");
        check(
            &format!("{h2c}{mesh}"),
            &expect![
                "`DIR/connector.toml`: backend[0].protocol: `h2c` is not spoken over `https://`: write `http/1.1` or `h2`"
            ],
        );
        let named = MINIMAL.replace("allow =", "identity = \"dns:a.example\"\nallow =");
        check(
            &named,
            &expect![
                "`DIR/connector.toml`: backend[0].identity: a backend proves its identity over `https://` only"
            ],
        );
    }

    #[test]
    fn refuses_no_backend_and_a_backend_that_nobody_may_reach() {
        check(
            &MINIMAL.replace("allow = [\"spiffe://edge.example/gateway\"]", "allow = []"),
            &expect![[
                r#"`DIR/connector.toml`: backend[0].allow: nobody may reach the backend: name at least one caller"#
            ]],
        );
        let (head, _) = MINIMAL.split_once("[[backend]]").unwrap();
        check(
            &format!("backend = []\n{head}"),
            &expect![[r#"`DIR/connector.toml`: backend: there is no backend: add `[[backend]]`"#]],
        );
    }
}
