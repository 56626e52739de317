//! Callers that ask without a pause, each request with an id of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Method, Request};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::authority::Leaf;
use crate::client::{Client, connect, full};
use crate::program::{Setup, patient};

/// One request, and what became of it.
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) method: Method,
    /// Status and body of the answer, where there was one.
    pub(crate) answer: Option<(u16, String)>,
}

pub(crate) struct Load {
    /// `None`: stop.
    aim: watch::Sender<Option<SocketAddr>>,
    callers: JoinSet<Vec<Sent>>,
}

const CALLERS: usize = 8;

impl Load {
    pub(crate) fn start(address: SocketAddr, setup: &Arc<Setup>, leaf: &Arc<Leaf>) -> Self {
        let (aim, aimed) = watch::channel(Some(address));
        let mut callers = JoinSet::new();
        for number in 0..CALLERS {
            let caller = Caller {
                http2: number % 2 == 0,
                setup: setup.clone(),
                leaf: leaf.clone(),
            };
            callers.spawn(caller.ask(aimed.clone()));
        }
        Self { aim, callers }
    }

    /// Where the next connections go.
    pub(crate) fn aim(&self, address: SocketAddr) {
        self.aim.send_replace(Some(address));
    }

    pub(crate) async fn stop(self) -> Vec<Sent> {
        self.aim.send_replace(None);
        patient(self.callers.join_all())
            .await
            .into_iter()
            .flatten()
            .collect()
    }
}

struct Caller {
    http2: bool,
    setup: Arc<Setup>,
    leaf: Arc<Leaf>,
}

impl Caller {
    async fn connect(&self, address: SocketAddr) -> Option<Client> {
        let protocol = if self.http2 { "h2" } else { "http/1.1" };
        let stream = connect(address, &self.setup.mesh, Some(&self.leaf), protocol);
        let io = TokioIo::new(stream.await.ok()?);
        if self.http2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.ok()?;
            tokio::spawn(connection);
            return Some(Client::Http2(sender));
        }
        let (sender, connection) = http1::handshake(io).await.ok()?;
        tokio::spawn(connection);
        Some(Client::Http1(sender))
    }

    async fn ask(self, aim: watch::Receiver<Option<SocketAddr>>) -> Vec<Sent> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let mut sent = Vec::new();
        let mut open: Option<(SocketAddr, Client)> = None;
        loop {
            let Some(address) = *aim.borrow() else {
                return sent;
            };
            if open.as_ref().is_none_or(|(at, _)| *at != address) {
                let client = self.connect(address).await;
                open = client.map(|client| (address, client));
            }
            let Some((_, client)) = &mut open else {
                continue;
            };
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let method = [Method::GET, Method::POST][count % 2].clone();
            let id = format!("request-{count}");
            let request = || {
                let body = if method == Method::POST { "body" } else { "" };
                let request = Request::builder().method(&method).uri("/id");
                request
                    .header("x-request-id", &id)
                    .body(full(body))
                    .unwrap()
            };
            let mut answer = exchange(client, request()).await;
            if answer.is_none() {
                // What any gateway does: what may be sent again is, on another connection.
                let address = aim.borrow().unwrap_or(address);
                let client = self.connect(address).await;
                open = client.map(|client| (address, client));
                let again = open.as_mut().filter(|_| method == Method::GET);
                if let Some((_, client)) = again {
                    answer = exchange(client, request()).await;
                }
            }
            sent.push(Sent { id, method, answer });
        }
    }
}

async fn exchange(
    client: &mut Client,
    request: Request<crate::client::Body>,
) -> Option<(u16, String)> {
    let response = patient(client.try_send(request)).await.ok()?;
    let (parts, body) = response.into_parts();
    let body = patient(http_body_util::BodyExt::collect(body)).await.ok()?;
    let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
    Some((parts.status.as_u16(), text))
}
