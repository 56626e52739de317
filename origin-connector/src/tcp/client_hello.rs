//! Whom a TLS client asks for, by what it says before anything is answered.

use std::io;

use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Of a ClientHello. They are around 2 KiB today, and a tenth of that without post-quantum keys.
const MOST: usize = 16 * 1024;

/// A fatal `unrecognized_name` (RFC 6066 §3) as a record of its own (RFC 8446 §5.1 and §6).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// What was read of a connection.
#[derive(Debug)]
pub(super) struct ClientHello {
    /// In lower case (RFC 6066 §3).
    pub(super) server_name: Option<String>,
    /// All octets that were read, for who is to answer them.
    pub(super) octets: Vec<u8>,
}

/// The client did not say whom it asks for.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientHelloError {
    #[error("the client left before it had said anything whole")]
    Left,
    #[error("the client's first message is longer than {MOST} octets")]
    TooLong,
    #[error("the client does not speak TLS: {0}")]
    Malformed(rustls::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Reads as far as the end of the ClientHello.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<ClientHello, ClientHelloError> {
    let mut acceptor = Acceptor::default();
    let mut octets = Vec::with_capacity(2048);
    while octets.len() < MOST {
        let before = octets.len();
        let room = u64::try_from(MOST - before).unwrap_or(0);
        if (&mut *stream).take(room).read_buf(&mut octets).await? == 0 {
            return Err(ClientHelloError::Left);
        }
        let mut fresh = octets.get(before..).unwrap_or_default();
        while !fresh.is_empty() {
            acceptor.read_tls(&mut fresh)?;
            match acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => {
                    let hello = accepted.client_hello();
                    let server_name = hello.server_name().map(str::to_ascii_lowercase);
                    return Ok(ClientHello {
                        server_name,
                        octets,
                    });
                }
                Err((error, mut alert)) => {
                    let mut record = Vec::new();
                    alert.write_all(&mut record)?;
                    stream.write_all(&record).await?;
                    return Err(ClientHelloError::Malformed(error));
                }
            }
        }
    }
    Err(ClientHelloError::TooLong)
}

/// Tells a client that nobody here has the name that it asks for.
pub(super) async fn refuse_name(stream: &mut (impl AsyncWrite + Unpin)) {
    // The client may be gone, and then need not know.
    let _ = stream.write_all(&UNRECOGNIZED_NAME).await;
    let _ = stream.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};
    use std::sync::Arc;

    /// What a client says first.
    fn hello(name: &str) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = name.to_owned().try_into().unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut octets = Vec::new();
        client.write_tls(&mut octets).unwrap();
        octets
    }

    /// What is read of a client that says this in one piece, and what it is told.
    async fn said(octets: &[u8]) -> (Result<ClientHello, ClientHelloError>, Vec<u8>) {
        let (mut client, mut server) = tokio::io::duplex(64 * 1024);
        client.write_all(octets).await.unwrap();
        client.shutdown().await.unwrap();
        let read = read(&mut server).await;
        drop(server);
        let mut told = Vec::new();
        client.read_to_end(&mut told).await.unwrap();
        (read, told)
    }

    #[tokio::test]
    async fn the_name_is_read_and_nothing_is_lost() {
        let mut octets = hello("Ledger.Bank.example");
        octets.extend_from_slice(b"early");
        let (mut client, mut server) = tokio::io::duplex(1);
        let sent = octets.clone();
        // Octet by octet.
        let writer = tokio::spawn(async move {
            let _ = client.write_all(&sent).await;
        });
        let hello = read(&mut server).await.unwrap();
        assert_eq!(hello.server_name.unwrap(), "ledger.bank.example");
        assert!(octets.starts_with(&hello.octets));
        drop(server);
        writer.await.unwrap();
        let (hello, _) = said(&octets).await;
        assert_eq!(hello.unwrap().octets, octets);
    }

    #[tokio::test]
    async fn an_address_is_no_name() {
        let (read, _) = said(&hello("192.0.2.1")).await;
        assert_eq!(read.unwrap().server_name, None);
    }

    #[tokio::test]
    async fn what_is_no_hello_is_refused() {
        let whole = hello("ledger.bank.example");
        let (read, _) = said(&whole[..whole.len() - 1]).await;
        assert!(matches!(read, Err(ClientHelloError::Left)), "{read:?}");
        let (read, told) = said(b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n").await;
        assert!(
            matches!(read, Err(ClientHelloError::Malformed(_))),
            "{read:?}"
        );
        // An alert record.
        assert_eq!(told.first(), Some(&21));
        // A handshake message that claims to be longer than any that is read.
        let mut long = vec![22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff];
        long.resize(5 + 0x4000, 0);
        let again = [22, 3, 1, 0x40, 0];
        long.extend_from_slice(&again);
        long.resize(40_000, 0);
        let (read, _) = said(&long).await;
        assert!(matches!(read, Err(ClientHelloError::TooLong)), "{read:?}");
    }
}
