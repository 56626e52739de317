//! tonic's gRPC on both sides: every kind of call, errors in trailers, and gRPC-Web before it.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt as _, stream};
use http::uri::PathAndQuery;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use rustls::ClientConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tonic::server::{
    ClientStreamingService, Grpc, ServerStreamingService, StreamingService, UnaryService,
};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::authority::CONNECTOR;
use crate::client::{config, connect_as, full};
use crate::grpc::{frames, message};
use crate::program::{Running, Setup, patient};

#[derive(Clone, PartialEq, prost::Message)]
struct Note {
    #[prost(string, tag = "1")]
    text: String,
    #[prost(uint32, tag = "2")]
    count: u32,
}

fn note(text: &str, count: u32) -> Note {
    let text = text.to_owned();
    Note { text, count }
}

type Codec = ProstCodec<Note, Note>;
type Answer<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;
type Notes = Pin<Box<dyn Stream<Item = Result<Note, Status>> + Send>>;

/// Has a method of each kind.
#[derive(Clone, Copy)]
struct Service;

impl UnaryService<Note> for Service {
    type Response = Note;
    type Future = Ready<Result<Response<Note>, Status>>;

    /// Sends it back, with what was asked for before and after.
    fn call(&mut self, request: Request<Note>) -> Self::Future {
        let asked = request.metadata().get("x-ask").cloned();
        let mut response = Response::new(request.into_inner());
        if let Some(asked) = asked {
            response.metadata_mut().insert("x-initial", asked);
        }
        ready(Ok(response))
    }
}

impl ServerStreamingService<Note> for Service {
    type Response = Note;
    type ResponseStream = Notes;
    type Future = Ready<Result<Response<Notes>, Status>>;

    /// Counts up, and then fails where it was asked to.
    fn call(&mut self, request: Request<Note>) -> Self::Future {
        let Note { text, count } = request.into_inner();
        let mut end = Status::failed_precondition("näh, 100 % not");
        end.metadata_mut()
            .insert("x-why", "because".parse().unwrap());
        let end = (text == "fail").then_some(Err(end));
        let notes = (0..count).map(move |count| Ok(note(&text, count)));
        ready(Ok(Response::new(Box::pin(stream::iter(notes.chain(end))))))
    }
}

impl ClientStreamingService<Note> for Service {
    type Response = Note;
    type Future = Answer<Note>;

    /// Adds up.
    fn call(&mut self, request: Request<Streaming<Note>>) -> Self::Future {
        Box::pin(async {
            let mut notes = request.into_inner();
            let mut sum = note("", 0);
            while let Some(next) = notes.message().await? {
                sum.text += &next.text;
                sum.count += next.count;
            }
            Ok(Response::new(sum))
        })
    }
}

impl StreamingService<Note> for Service {
    type Response = Note;
    type ResponseStream = Notes;
    type Future = Ready<Result<Response<Notes>, Status>>;

    /// Answers each when it comes.
    fn call(&mut self, request: Request<Streaming<Note>>) -> Self::Future {
        let notes = request.into_inner();
        let answers = notes.map(|next| next.map(|next| note(&next.text, next.count + 1)));
        ready(Ok(Response::new(Box::pin(answers))))
    }
}

async fn answer(request: http::Request<Incoming>) -> http::Response<tonic::body::Body> {
    let mut grpc = Grpc::new(Codec::default());
    match request.uri().path() {
        "/test.Notes/Unary" => grpc.unary(Service, request).await,
        "/test.Notes/Count" => grpc.server_streaming(Service, request).await,
        "/test.Notes/Sum" => grpc.client_streaming(Service, request).await,
        "/test.Notes/Talk" => grpc.streaming(Service, request).await,
        path => Status::unimplemented(path).into_http(),
    }
}

/// Serves in the clear.
async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let service =
                    service_fn(|request| async { Ok::<_, Infallible>(answer(request).await) });
                let builder = http2::Builder::new(TokioExecutor::new());
                let _ = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}

async fn start(more: &str) -> Running {
    let more = format!("protocol = \"h2c\"\n{more}");
    let setup = Setup::new().backend("notes", serve().await, &more);
    setup.start().await
}

/// Opens tonic's connections: mutual TLS to the connector.
struct Dial(SocketAddr, Arc<ClientConfig>);

impl tower_service::Service<http::Uri> for Dial {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        let (address, config) = (self.0, self.1.clone());
        Box::pin(async move { connect_as(address, config).await.map(TokioIo::new) })
    }
}

async fn client(connector: &Running) -> tonic::client::Grpc<Channel> {
    let mesh = &connector.setup.mesh;
    let gateway = Some(&connector.gateway);
    let config = config(mesh, gateway, "h2", rustls::ALL_VERSIONS);
    let dial = Dial(connector.address, Arc::new(config));
    let endpoint = Endpoint::try_from(format!("http://{CONNECTOR}")).unwrap();
    let channel = endpoint.connect_with_connector(dial).await.unwrap();
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    client
}

fn method(name: &str) -> PathAndQuery {
    format!("/test.Notes/{name}").parse().unwrap()
}

#[tokio::test]
async fn every_kind_of_call_goes_through() {
    let connector = start("").await;
    let mut client = client(&connector).await;

    let mut request = Request::new(note("one", 1));
    request.metadata_mut().insert("x-ask", "7".parse().unwrap());
    let unary = client.unary(request, method("Unary"), Codec::default());
    let response = patient(unary).await.unwrap();
    assert_eq!(response.metadata().get("x-initial").unwrap(), "7");
    assert_eq!(response.into_inner(), note("one", 1));

    client.ready().await.unwrap();
    let request = Request::new(note("up", 100));
    let count = client.server_streaming(request, method("Count"), Codec::default());
    let counted = patient(count).await.unwrap().into_inner();
    let counted: Vec<_> = patient(counted.map(Result::unwrap).collect()).await;
    assert_eq!(counted.len(), 100);
    assert_eq!(counted.last(), Some(&note("up", 99)));

    client.ready().await.unwrap();
    // More than a window of HTTP/2 has room for.
    let large = "x".repeat(50_000);
    let sent = stream::iter((0..20).map({
        let large = large.clone();
        move |count| note(&large, count)
    }));
    let sum = client.client_streaming(Request::new(sent), method("Sum"), Codec::default());
    let sum = patient(sum).await.unwrap().into_inner();
    assert_eq!(sum, note(&large.repeat(20), 190));

    // Each is answered before the next is sent.
    client.ready().await.unwrap();
    let (says, heard) = tokio::sync::mpsc::channel(1);
    let said = stream::unfold(heard, |mut heard| async {
        Some((heard.recv().await?, heard))
    });
    let talk = client.streaming(Request::new(said), method("Talk"), Codec::default());
    let mut answers = patient(talk).await.unwrap().into_inner();
    for turn in 0..10 {
        says.send(note("turn", turn)).await.unwrap();
        let answer = patient(answers.message()).await.unwrap();
        assert_eq!(answer, Some(note("turn", turn + 1)));
    }
    drop(says);
    assert_eq!(patient(answers.message()).await.unwrap(), None);
    let trailers = patient(answers.trailers()).await.unwrap().unwrap();
    assert_eq!(trailers.get("grpc-status").unwrap(), "0");
}

#[tokio::test]
async fn errors_come_in_trailers_and_in_their_place() {
    let connector = start("").await;
    let mut client = client(&connector).await;
    // After two messages.
    let request = Request::new(note("fail", 2));
    let count = client.server_streaming(request, method("Count"), Codec::default());
    let mut counted = patient(count).await.unwrap().into_inner();
    for count in 0..2 {
        let next = patient(counted.message()).await.unwrap();
        assert_eq!(next, Some(note("fail", count)));
    }
    let status = patient(counted.message()).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(status.message(), "näh, 100 % not");
    assert_eq!(status.metadata().get("x-why").unwrap(), "because");
    // At once, without a body.
    client.ready().await.unwrap();
    let unknown = client.unary(Request::new(note("", 0)), method("None"), Codec::default());
    let unknown: Result<Response<Note>, Status> = patient(unknown).await;
    let status = unknown.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert_eq!(status.message(), "/test.Notes/None");
}

#[tokio::test]
async fn grpc_web_reaches_tonic() {
    let connector = start("grpc_web = true").await;
    let mut browser = connector.http1().await;
    let asked = [message(&note("fail", 1).encode_to_vec())].concat();
    let request = http::Request::post("/test.Notes/Count")
        .header("content-type", "application/grpc-web+proto")
        .body(full(asked))
        .unwrap();
    let response = browser.send(request).await;
    assert_eq!(response.headers()["content-type"], "application/grpc-web");
    let body = http_body_util::BodyExt::collect(response.into_body());
    let body = patient(body).await.unwrap().to_bytes();
    let frames = frames(&body);
    let [(0, first), (0x80, trailers)] = frames.as_slice() else {
        panic!("{frames:?}");
    };
    assert_eq!(first.as_bytes(), note("fail", 0).encode_to_vec());
    for line in [
        "grpc-status: 9\r\n",
        "grpc-message: n%C3%A4h,%20100%20%25%20not\r\n",
        "x-why: because\r\n",
    ] {
        assert!(trailers.contains(line), "{trailers}");
    }
}
