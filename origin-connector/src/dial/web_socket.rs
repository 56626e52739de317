//! A tunnel to a gateway behind a web server that ends its TLS, as one on Cloudflare Workers is: a
//! WebSocket (RFC 6455), whose messages are the octets that a connection of its own would carry.

use std::sync::Arc;

use http::header::SEC_WEBSOCKET_PROTOCOL;
use rustls::RootCertStore;
use rustls::pki_types::ServerName;
use tidegate_shared::tunnel::PROTOCOL;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{client_async_with_config, tungstenite};

use super::error::DialError;
use super::message_stream::{MessageStream, bounds};
use crate::config::{Dial, Way};
use crate::server::BoundedWrites;
use crate::tls::gateway::web_config;
use crate::tls::{Credentials, authorities};

/// TLS to the host, and no word more.
pub(super) async fn connect(
    stream: BoundedWrites<TcpStream>,
    config: &Dial,
    credentials: &Credentials,
    name: ServerName<'static>,
) -> Result<TlsStream<BoundedWrites<TcpStream>>, DialError> {
    let unusable = |error: &dyn ToString| DialError::Unusable(error.to_string());
    let roots = match &config.way {
        // Read each time, so that another file counts from the next tunnel on.
        Way::WebSocket {
            authority: Some(path),
            ..
        } => authorities(path).map_err(|error| unusable(&error))?,
        Way::WebSocket { .. } | Way::Connection => {
            RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())
        }
    };
    let tls = web_config(credentials, roots).map_err(|error| unusable(&error))?;
    let connected = TlsConnector::from(Arc::new(tls)).connect(name, stream);
    connected.await.map_err(DialError::of_handshake)
}

/// Asks for the WebSocket. Who answers that it is one has let the connector in.
pub(super) async fn switch(
    stream: TlsStream<BoundedWrites<TcpStream>>,
    host: &str,
    config: &Dial,
    path: &str,
) -> Result<MessageStream<TlsStream<BoundedWrites<TcpStream>>>, DialError> {
    let unusable = |error: &dyn ToString| DialError::Unusable(error.to_string());
    let host = match config.gateway.port_u16() {
        None | Some(443) => host.to_owned(),
        Some(port) => format!("{host}:{port}"),
    };
    let request = format!("wss://{host}{path}").into_client_request();
    let mut request = request.map_err(|error| unusable(&error))?;
    let headers = request.headers_mut();
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    let switched = client_async_with_config(request, stream, Some(bounds())).await;
    let (socket, _) = switched.map_err(refused)?;
    Ok(MessageStream::new(socket))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all others are answers that are no WebSocket of this kind"
)]
fn refused(error: tungstenite::Error) -> DialError {
    match error {
        tungstenite::Error::Io(error) => DialError::of_handshake(error),
        tungstenite::Error::Http(answer) => match answer.status().as_u16() {
            401 => DialError::Unknown,
            403 | 503 => DialError::Declined,
            _ => DialError::Answered(answer.status()),
        },
        other => DialError::NoWebSocket(other.to_string()),
    }
}
