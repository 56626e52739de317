//! A sample origin: it answers every request with what it saw of it, as JSON; below `/sample/` it
//! does what real origins do on their good and bad days.
//!
//! | path | does |
//! |---|---|
//! | `/sample/status/CODE` | answers with that status |
//! | `/sample/bytes/COUNT` | a body of so many octets |
//! | `/sample/digest` | the length and SHA-256 of the request's body, once it has ended |
//! | `/sample/events` | three server-sent events, a fifth of a second apart |
//! | `/sample/socket` | a WebSocket that sends back what it gets |
//! | `/sample/stall` | never answers |
//! | `/sample/reset` | closes the connection without an answer |

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

mod answer;
mod body;
pub(crate) mod introspection;
mod socket;

/// A running origin.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl Sample {
    /// Starts an origin on a free port of this machine.
    pub(crate) async fn start(upstream: &str, origin: &str) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let sample = Self {
            address: listener.local_addr()?,
            requests: Arc::default(),
        };
        let place = Arc::new(answer::Place {
            upstream: upstream.to_owned(),
            origin: origin.to_owned(),
        });
        let requests = Arc::clone(&sample.requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (place, requests) = (Arc::clone(&place), Arc::clone(&requests));
                let service = service_fn(move |request| {
                    requests.fetch_add(1, Ordering::Relaxed);
                    answer::answer(Arc::clone(&place), request)
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades();
                tokio::spawn(connection);
            }
        });
        Ok(sample)
    }

    /// Requests that have reached it.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}
