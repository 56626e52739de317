//! A web server for a channel, which does as it is told; it also stands for Workers KV.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{ETAG, IF_NONE_MATCH};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tidegate_shared::digest::Digest;
use tokio::net::TcpListener;

/// What the server does for a path.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Gives the content.
    Octets(Vec<u8>),
    /// Promises the content, gives a part and goes away.
    Part(Vec<u8>),
    /// Never answers.
    Silence,
    /// Answers a status.
    Status(StatusCode),
}

/// The server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    statuses: Arc<Mutex<Vec<StatusCode>>>,
}

type Body = BoxBody<Bytes, std::io::Error>;

impl Store {
    pub(crate) fn put(&self, path: &str, answer: Answer) {
        let path = format!("/{path}");
        self.answers.lock().unwrap().insert(path, answer);
    }

    /// What was answered since the last call.
    pub(crate) fn answered(&self) -> Vec<StatusCode> {
        std::mem::take(&mut self.statuses.lock().unwrap())
    }

    /// Begins to serve, and says where: everywhere below that.
    pub(crate) async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let store = self.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let store = store.clone();
                let service = service_fn(move |request| {
                    let store = store.clone();
                    async move { Ok::<_, Infallible>(store.answer(request).await) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        address
    }

    /// What was put at a path, by a test or by a gateway that writes to a key-value store.
    pub(crate) fn has(&self, path: &str) -> bool {
        let answers = self.answers.lock().unwrap();
        answers.contains_key(&format!("/{path}"))
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        // A key is one segment of a path.
        let path = request.uri().path().replace("%2F", "/");
        if request.method() == Method::PUT {
            let octets = request.into_body().collect().await.unwrap().to_bytes();
            let mut answers = self.answers.lock().unwrap();
            answers.insert(path, Answer::Octets(octets.to_vec()));
            return Response::new(whole(vec![]));
        }
        let path = path.strip_prefix("/edge").unwrap_or(&path);
        let answer = self.answers.lock().unwrap().get(path).cloned();
        let (status, body) = match answer {
            Some(Answer::Silence) => std::future::pending().await,
            Some(Answer::Octets(octets)) => {
                let tag = format!("\"{}\"", Digest::of(&octets));
                let same = request
                    .headers()
                    .get(IF_NONE_MATCH)
                    .is_some_and(|known| *known == tag);
                let (status, body) = if same {
                    (StatusCode::NOT_MODIFIED, vec![])
                } else {
                    (StatusCode::OK, octets)
                };
                let mut response = self.respond(status, whole(body));
                response.headers_mut().insert(ETAG, tag.parse().unwrap());
                return response;
            }
            Some(Answer::Part(octets)) => (StatusCode::OK, part(octets)),
            Some(Answer::Status(status)) => (status, whole(vec![])),
            None => (StatusCode::NOT_FOUND, whole(vec![])),
        };
        self.respond(status, body)
    }

    fn respond(&self, status: StatusCode, body: Body) -> Response<Body> {
        self.statuses.lock().unwrap().push(status);
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response
    }
}

fn whole(octets: Vec<u8>) -> Body {
    Full::from(octets).map_err(|never| match never {}).boxed()
}

fn part(octets: Vec<u8>) -> Body {
    let gone = std::io::Error::other("gone");
    let frames = [Ok(Frame::data(Bytes::from(octets))), Err(gone)];
    BodyExt::boxed(StreamBody::new(futures_util::stream::iter(frames)))
}
