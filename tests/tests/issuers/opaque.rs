//! What the issuer says of opaque tokens.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::{CLIENT_SECRET, KNOWN, Shared, pour};

/// A question about a token.
pub(super) struct Question {
    /// The token, where the form of RFC 7662 §2.1 has one and the client may ask.
    token: Option<String>,
}

/// Reads what follows a request's head, which is a form's text.
pub(super) async fn read(
    head: &str,
    stream: &mut BufReader<TcpStream>,
) -> std::io::Result<Question> {
    let head = head.to_ascii_lowercase();
    let field = |name: &str| {
        let mut lines = head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let length = field("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    let encode =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let client = format!("{}:{}", encode("gateway"), encode(CLIENT_SECRET));
    let basic = format!("basic {}", STANDARD.encode(client).to_ascii_lowercase());
    let asks = head.starts_with("post ")
        && field("authorization") == Some(&basic)
        && field("content-type") == Some("application/x-www-form-urlencoded");
    let token = form_urlencoded::parse(&body).find(|(name, _)| name == "token");
    Ok(Question {
        token: token.filter(|_| asks).map(|(_, token)| token.into_owned()),
    })
}

pub(super) async fn answer(
    behaviour: &str,
    question: &Question,
    mut stream: BufReader<TcpStream>,
    shared: &Shared,
) -> std::io::Result<()> {
    shared.count(&format!("{behaviour}/introspect"));
    let open = shared.open.fetch_add(1, Ordering::Relaxed) + 1;
    shared.most_open.fetch_max(open, Ordering::Relaxed);
    let _closed = Closing(shared);
    let changed = shared.changed.load(Ordering::Relaxed);
    let good = r#"{"active":true,"sub":"alice","aud":"tests"}"#;
    let known = question.token.as_deref() == Some(KNOWN);
    let (status, body) = match behaviour {
        _ if question.token.is_none() => ("401 Unauthorized", ""),
        "refusing" => ("500 Internal Server Error", good),
        "failing-later" if changed => ("500 Internal Server Error", good),
        "redirecting" => ("302 Found\r\nlocation: /good/introspect", ""),
        "nonsense" => ("200 OK", "<html>Log in</html>"),
        "endless" => return pour(stream, &shared.poured).await,
        "stalling" => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
                .await?;
            // Until the client has had enough.
            stream.read_u8().await?;
            return Ok(());
        }
        "withdrawing" if changed => ("200 OK", r#"{"active":false}"#),
        _ if known => ("200 OK", good),
        _ => ("200 OK", r#"{"active":false}"#),
    };
    if behaviour == "slow" {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await
}

struct Closing<'s>(&'s Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
