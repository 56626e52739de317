//! An agent of SPIFFE, as far as the connector sees one: a server of the Workload API, by tonic, that
//! stands for SPIRE's agent. It says what a test tells it to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{BufMut as _, Bytes};
use futures_util::{Stream, stream};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, ServerStreamingService};
use tonic::{Code, Request, Response, Status};

use crate::authority::{Authority, Leaf};

/// `X509SVIDResponse` of the specification.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct X509SvidResponse {
    #[prost(message, repeated, tag = "1")]
    pub(super) svids: Vec<X509Svid>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(super) crl: Vec<Vec<u8>>,
    #[prost(btree_map = "string, bytes", tag = "3")]
    pub(super) federated_bundles: BTreeMap<String, Vec<u8>>,
}

/// `X509SVID` of the specification.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct X509Svid {
    #[prost(string, tag = "1")]
    pub(super) spiffe_id: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) x509_svid: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) x509_svid_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) bundle: Vec<u8>,
    #[prost(string, tag = "5")]
    pub(super) hint: String,
}

impl X509SvidResponse {
    /// One identity of `authority`, by the name of `id`.
    pub(super) fn of(authority: &Authority, id: &str, leaf: &Leaf) -> Self {
        Self::default().and(authority, id, leaf)
    }

    /// One more identity.
    pub(super) fn and(mut self, authority: &Authority, id: &str, leaf: &Leaf) -> Self {
        self.svids.push(X509Svid {
            spiffe_id: id.to_owned(),
            x509_svid: leaf.certificate.to_vec(),
            x509_svid_key: leaf.key_der(),
            bundle: authority.der().to_vec(),
            hint: String::new(),
        });
        self
    }

    /// The authorities of another trust domain.
    pub(super) fn federated(mut self, trust_domain: &str, authorities: &[&Authority]) -> Self {
        let bundle: Vec<u8> = authorities
            .iter()
            .flat_map(|one| one.der().to_vec())
            .collect();
        let name = format!("spiffe://{trust_domain}");
        self.federated_bundles.insert(name, bundle);
        self
    }
}

/// What an agent says to everybody who has asked.
#[derive(Clone)]
pub(super) enum Say {
    Nothing,
    Octets(Bytes),
    Refusal(Code),
}

impl From<X509SvidResponse> for Say {
    fn from(response: X509SvidResponse) -> Self {
        Self::Octets(response.encode_to_vec().into())
    }
}

pub(super) struct Agent {
    socket: PathBuf,
    say: watch::Sender<Say>,
    calls: Arc<AtomicUsize>,
    serving: Option<JoinHandle<()>>,
}

impl Agent {
    /// Serves on a socket in the folder.
    pub(super) fn start(folder: &Path, say: impl Into<Say>) -> Self {
        let mut agent = Self {
            socket: folder.join("agent.sock"),
            say: watch::Sender::new(say.into()),
            calls: Arc::default(),
            serving: None,
        };
        agent.serve();
        agent
    }

    pub(super) fn endpoint(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    pub(super) fn say(&self, say: impl Into<Say>) {
        self.say.send_replace(say.into());
    }

    /// Calls that were made so far.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Ends it, and all of its connections.
    pub(super) async fn kill(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            assert!(serving.await.unwrap_err().is_cancelled());
        }
        std::fs::remove_file(&self.socket).unwrap();
    }

    /// Serves again.
    pub(super) fn serve(&mut self) {
        let listener = UnixListener::bind(&self.socket).unwrap();
        let service = Service {
            say: self.say.clone(),
            calls: self.calls.clone(),
        };
        self.serving = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = service.clone();
                connections.spawn(async move {
                    let answer = service_fn(|request| {
                        let service = service.clone();
                        async move { Ok::<_, Infallible>(service.answer(request).await) }
                    });
                    let builder = http2::Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        }));
    }
}

#[derive(Clone)]
struct Service {
    say: watch::Sender<Say>,
    calls: Arc<AtomicUsize>,
}

impl Service {
    async fn answer(self, request: http::Request<Incoming>) -> http::Response<tonic::body::Body> {
        let path = request.uri().path();
        if path != "/SpiffeWorkloadAPI/FetchX509SVID" {
            return Status::unimplemented(path).into_http();
        }
        Grpc::new(Octets).server_streaming(self, request).await
    }
}

type Answers = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

impl ServerStreamingService<Bytes> for Service {
    type Response = Bytes;
    type ResponseStream = Answers;
    type Future = std::future::Ready<Result<Response<Answers>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        // SPIFFE Workload Endpoint §3 and §6.
        let header = request.metadata().get("workload.spiffe.io");
        if header.is_none_or(|value| value != "true") {
            let status = Status::invalid_argument("security header missing from request");
            return std::future::ready(Err(status));
        }
        assert!(request.into_inner().is_empty());
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut say = self.say.subscribe();
        say.mark_changed();
        let answers = stream::unfold(Some(say), |say| async move {
            let mut say = say?;
            loop {
                say.changed().await.ok()?;
                let now = say.borrow_and_update().clone();
                return match now {
                    Say::Nothing => continue,
                    Say::Octets(octets) => Some((Ok(octets), Some(say))),
                    Say::Refusal(code) => {
                        Some((Err(Status::new(code, "no identity issued")), None))
                    }
                };
            }
        });
        std::future::ready(Ok(Response::new(Box::pin(answers))))
    }
}

/// Messages as they are.
struct Octets;

impl Codec for Octets {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Octets {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Octets {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        use bytes::Buf as _;
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
