//! The configuration that `workerd` reads, in Cap'n Proto's text form.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What the Worker runs with.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Holds `index.js` and its Wasm modules.
    pub script_directory: PathBuf,
    /// The signed bundle, or none yet.
    pub bundle: Option<Vec<u8>>,
    /// A server that stands for the KV namespace, and gives each value at the path of its key;
    /// else it is a directory with the bundle.
    pub namespace: Option<SocketAddr>,
    /// The keys whose bundles the Worker accepts, as text.
    pub trust: String,
    /// The client certificates that policies name.
    pub identities: Vec<Identity>,
    /// Plain variables, by the names of their bindings.
    pub variables: Vec<(String, String)>,
    /// The secrets that policies name, and their values.
    pub secrets: Vec<(String, String)>,
    /// The key-value stores that policies name: folders with a file for each key.
    pub stores: Vec<(String, PathBuf)>,
    /// Where limits that hold over many places are kept; nowhere without.
    pub limits: Option<WorkerLimits>,
    /// Whether Durable Objects hold the tunnels of connectors.
    pub tunnels: bool,
    /// How many isolates serve, each at a socket of its own, as if at as many locations.
    pub isolates: usize,
    /// The header in which a test says, as JSON, what Cloudflare knows of the client.
    pub platform_header: Option<String>,
}

/// Where a Worker's limits are kept.
#[derive(Clone, Debug)]
pub enum WorkerLimits {
    /// In Durable Objects of the Worker's own class, stored in this folder; else in one that goes
    /// with the Worker.
    Objects(Option<PathBuf>),
    /// By a gateway that answers for limits: its address, and the token for it.
    Server(String, String),
}

/// A client certificate, and the authorities that origins' certificates must chain to.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The name in policies.
    pub name: String,
    /// The certificate chain, leaf first.
    pub certificate_pem: String,
    /// Its private key.
    pub key_pem: String,
    /// The authorities, each a PEM certificate.
    pub trusted_pem: Vec<String>,
}

impl WorkerConfig {
    /// Writes the configuration; modules are read from the directory it is put in.
    pub(super) fn to_capnp(&self, namespace: &Path, objects: &Path) -> String {
        let mut bindings = String::new();
        let mut services = String::new();
        let variables = self
            .variables
            .iter()
            .map(|(name, value)| (name.clone(), value));
        let secrets = self
            .secrets
            .iter()
            .map(|(name, value)| (binding(name), value));
        let trust = std::iter::once(("TIDEGATE_TRUST".to_owned(), &self.trust));
        for (name, value) in trust.chain(variables).chain(secrets) {
            let (name, value) = (text(&name), text(value));
            let _ = writeln!(bindings, "      (name = {name}, text = {value}),");
        }
        for identity in &self.identities {
            let service = text(&format!("identity-{}", identity.name));
            let name = text(&binding(&identity.name));
            let _ = writeln!(bindings, "      (name = {name}, service = {service}),");
            let key = text(&identity.key_pem);
            let chain = text(&identity.certificate_pem);
            let trusted: Vec<_> = identity.trusted_pem.iter().map(|pem| text(pem)).collect();
            let trusted = trusted.join(", ");
            let _ = writeln!(
                services,
                "    (name = {service}, network = (allow = [\"private\"], tlsOptions = (
      keypair = (privateKey = {key}, certificateChain = {chain}),
      trustedCertificates = [{trusted}]))),"
            );
        }
        for (store, folder) in &self.stores {
            let service = text(&format!("store-{store}"));
            let (name, path) = (text(&binding(store)), text(&folder.to_string_lossy()));
            let _ = writeln!(bindings, "      (name = {name}, kvNamespace = {service}),");
            let _ = writeln!(services, "    (name = {service}, disk = (path = {path})),");
        }
        let platform = self
            .platform_header
            .as_deref()
            .map_or(String::new(), |name| {
                format!("cfBlobHeader = {}, ", text(name))
            });
        let namespace = match self.namespace {
            Some(server) => format!(
                "external = (address = {}, http = ())",
                text(&server.to_string())
            ),
            None => format!("disk = (path = {})", text(&namespace.to_string_lossy())),
        };
        let mut sockets = String::new();
        for isolate in 0..self.isolates.max(1) {
            let (service, socket) = (service_name(isolate), socket_name(isolate));
            let limits = self.limits(isolate, objects);
            let tunnels = self.tunnels(isolate);
            let classes = self.classes(isolate, &limits.class, &tunnels.class);
            let _ = writeln!(
                services,
                r#"    (name = "{service}", worker = (
      modules = [
        (name = "index.js", esModule = embed "index.js"),
        (name = "index_bg.wasm", wasm = embed "index_bg.wasm"),
        (name = "tunnel_bg.wasm", wasm = embed "tunnel_bg.wasm"),
      ],
      compatibilityDate = "2026-11-01",
      compatibilityFlags = ["enable_request_signal"],
      globalOutbound = "internet",{}
      bindings = [
      (name = "BUNDLES", kvNamespace = "bundles"),
{}{}{bindings}      ],
    )),"#,
                classes, limits.bindings, tunnels.bindings
            );
            if isolate == 0 {
                services.push_str(&limits.service);
            }
            let _ = writeln!(
                sockets,
                r#"    (name = "{socket}", address = "127.0.0.1:0", service = "{service}",
      http = ({platform}injectRequestHeaders = [(name = "cf-connecting-ip", value = "127.0.0.1")])),"#
            );
        }
        format!(
            r#"using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "bundles", {namespace}),
    (name = "internet", network = (
      allow = ["private"],
      tlsOptions = (trustBrowserCas = true))),
{services}  ],
  sockets = [
{sockets}  ],
);
"#
        )
    }

    /// How an isolate reaches the authority of limits. The first one has the class, whose objects
    /// all of them share, as they do all over the world.
    fn limits(&self, isolate: usize, objects: &Path) -> Objects {
        let class = "LimitAuthority";
        let mut limits = Objects::default();
        match &self.limits {
            None => {}
            Some(WorkerLimits::Server(address, token)) => {
                let (address, token) = (text(address), text(token));
                limits.bindings = format!(
                    "      (name = \"TIDEGATE_LIMITS\", text = {address}),
      (name = \"TIDEGATE_LIMITS_TOKEN\", text = {token}),\n"
                );
            }
            Some(WorkerLimits::Objects(folder)) => {
                let first = service_name(0);
                let service = match isolate {
                    0 => String::new(),
                    _ => format!(", serviceName = \"{first}\""),
                };
                limits.bindings = format!(
                    "      (name = \"TIDEGATE_LIMITS\",
        durableObjectNamespace = (className = \"{class}\"{service})),\n"
                );
                if isolate == 0 {
                    let folder = folder.as_deref().unwrap_or(objects);
                    let path = text(&folder.to_string_lossy());
                    limits.class = class_of(class, "limits");
                    limits.service = format!(
                        "    (name = \"objects\", disk = (path = {path}, writable = true)),\n"
                    );
                }
            }
        }
        limits
    }

    /// How an isolate reaches the objects that hold tunnels, which are the first one's, too.
    fn tunnels(&self, isolate: usize) -> Objects {
        let class = "Tunnels";
        let mut tunnels = Objects::default();
        if self.tunnels {
            let service = match isolate {
                0 => String::new(),
                _ => format!(", serviceName = \"{}\"", service_name(0)),
            };
            tunnels.bindings = format!(
                "      (name = \"TIDEGATE_TUNNELS\",
        durableObjectNamespace = (className = \"{class}\"{service})),\n"
            );
            if isolate == 0 {
                tunnels.class = class_of(class, "tunnels");
            }
        }
        tunnels
    }

    /// The classes of objects that an isolate has, and where they store what they store.
    fn classes(&self, isolate: usize, limits: &str, tunnels: &str) -> String {
        if isolate > 0 || (limits.is_empty() && tunnels.is_empty()) {
            return String::new();
        }
        let storage = match limits {
            "" => "inMemory = void",
            _ => "localDisk = \"objects\"",
        };
        format!(
            "
      durableObjectNamespaces = [{limits}{tunnels}],
      durableObjectStorage = ({storage}),"
        )
    }
}

/// What an isolate's way to Durable Objects adds to the configuration.
#[derive(Default)]
struct Objects {
    bindings: String,
    class: String,
    service: String,
}

fn class_of(class: &str, name: &str) -> String {
    format!(
        "
        (className = \"{class}\", uniqueKey = \"tidegate-{name}\", enableSql = true),"
    )
}

/// The service of an isolate.
fn service_name(isolate: usize) -> String {
    format!("gateway-{isolate}")
}

/// The socket of an isolate.
pub(super) fn socket_name(isolate: usize) -> String {
    format!("http-{isolate}")
}

/// The binding that stands for a name in a policy.
fn binding(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

/// A text literal.
fn text(value: &str) -> String {
    let mut literal = String::with_capacity(value.len() + 2);
    literal.push('"');
    for character in value.chars() {
        match character {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            other => literal.push(other),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::{binding, text};

    #[test]
    fn names_and_values_are_written_as_the_runtime_reads_them() {
        assert_eq!(binding("edge-eu"), "EDGE_EU");
        assert_eq!(text("a \"b\" \\\nc"), r#""a \"b\" \\\nc""#);
    }
}
