//! A gateway that listens, a bundle in a line, and a client that writes what it likes.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_bytes::ByteBuf;
use tidegate_edge::AccessRecord;
use tidegate_edge_native::{Config, NativeGateway, Records, Reloader, Secrets, TlsFiles};
use tidegate_shared::bundle::{
    Algorithm, Auth, Bundle, CertificateHolder, Certificates, FORMAT_VERSION, Header, HostRoutes,
    HostSection, Issuer, IssuerKeys, Origin, PathEntry, Reply, Retry, RetryOn, Route, Tables,
    Target, Upstream,
};
use tidegate_shared::certificate::{NameKind, NamePattern};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::Percent;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

const SEED: [u8; 32] = [3; 32];
/// Of tokens.
pub(crate) const SECRET: &[u8] = b"a secret of at least 32 octets, really";

struct Sink(mpsc::UnboundedSender<AccessRecord>);

impl Records for Sink {
    fn deliver(&self, record: &AccessRecord) {
        let _ = self.0.send(record.clone());
    }
}

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// Where health and metrics are.
    pub(crate) admin: SocketAddr,
    /// Ends it.
    pub(crate) end: oneshot::Sender<()>,
    pub(crate) reloader: Reloader,
    pub(crate) records: mpsc::UnboundedReceiver<AccessRecord>,
}

impl Running {
    pub(crate) async fn start(bundle: &[u8]) -> Self {
        Self::start_with(None, bundle).await
    }

    pub(crate) async fn start_with(tls: Option<TlsFiles>, bundle: &[u8]) -> Self {
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            tls,
            trust: SigningKey::from_seed(SEED).trust_key().into(),
            identities: vec![],
            secrets: Secrets::Given([("shared".to_owned(), SECRET.to_vec())].into()),
            credentials: None,
            limits: Arc::new(tidegate_edge_native::LimitAuthority::embedded()),
            tunnels: None,
            admin: Some(([127, 0, 0, 1], 0).into()),
        };
        let (sender, records) = mpsc::unbounded_channel();
        let gateway = NativeGateway::bind(config, bundle, Arc::new(Sink(sender)))
            .await
            .unwrap();
        let address = gateway.local_addr().unwrap();
        let admin = gateway.admin_addr().unwrap().unwrap();
        let reloader = gateway.reloader();
        let (end, ended) = oneshot::channel();
        tokio::spawn(gateway.run(async {
            let _ = ended.await;
        }));
        Self {
            address,
            admin,
            end,
            reloader,
            records,
        }
    }
}

/// `/reply` answers a text, `/bound` whoever has a token too, `/certificate` whoever has a
/// certificate, `/forward` goes to the origins, `o0` first.
pub(crate) fn bundle(origins: &[SocketAddr], text: &str) -> Vec<u8> {
    let mut routes = vec![(
        "/reply",
        Target::Reply(Reply {
            status: 200,
            headers: vec![],
            body: ByteBuf::from(text),
        }),
    )];
    let mut tables = Tables {
        issuers: vec![Issuer {
            algorithms: vec![Algorithm::HS256],
            ..Issuer::new(
                "tokens",
                "https://id.example",
                "sockets",
                IssuerKeys::Secret("shared".to_owned()),
            )
        }],
        certificates: vec![Certificates {
            name: "machines".to_owned(),
            issuers: vec!["CN=clients".parse().unwrap()],
            holders: vec![CertificateHolder {
                consumer: "depot".to_owned(),
                plan: None,
                pins: vec![],
                subjects: vec![],
                names: vec![NamePattern::new(NameKind::Dns, "a.example").unwrap()],
            }],
        }],
        ..Tables::default()
    };
    routes.push(("/bound", routes[0].1.clone()));
    routes.push(("/certificate", routes[0].1.clone()));
    if !origins.is_empty() {
        routes.push(("/forward", Target::Upstream(0)));
        tables.upstreams.push(upstream(origins));
    }
    let paths = routes.iter().zip(0..).map(|((path, _), index)| PathEntry {
        pattern: path.parse().unwrap(),
        routes: vec![index],
        otherwise: vec![],
    });
    let host = HostRoutes {
        paths: paths.collect(),
        routes: routes
            .iter()
            .map(|(path, target)| route(path, target))
            .collect(),
    };
    let header = Header {
        format: FORMAT_VERSION,
        name: "sockets".to_owned(),
        sequence: 1,
        source: Digest::of(b""),
    };
    let bundle = Bundle {
        header,
        tables,
        hosts: vec![HostSection::encode("a.example".parse().unwrap(), &host).unwrap()],
    };
    let key = SigningKey::from_seed(SEED);
    envelope::sign::<Bundle>(bundle.encode().unwrap(), &key)
}

fn upstream(origins: &[SocketAddr]) -> Upstream {
    let origins = origins.iter().zip(0..).map(|(address, index)| Origin {
        name: format!("o{index}"),
        url: format!("http://{address}"),
        tunnel: None,
    });
    Upstream {
        retry: Retry {
            attempts: 2,
            on: vec![RetryOn::Connect],
            budget: Percent(100),
        },
        ..Upstream::new("origins", origins)
    }
}

fn route(path: &str, target: &Target) -> Route {
    let auth = match path {
        "/bound" => Auth::jwt(0),
        "/certificate" => Auth::Certificate(0),
        _ => Auth::Public,
    };
    Route::new("route", auth, target.clone())
}

/// Sends a request as it is written, and reads to the end of the answer.
pub(crate) async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// An address that nobody listens at.
pub(crate) async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}
