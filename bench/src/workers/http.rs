//! An origin and a client of HTTP/1.1, no more than the row needs: connections that stay open,
//! requests without a body, answers with a known length.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, ensure};

/// Connections of a client.
const CONNECTIONS: usize = 4;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
    content-length: 26\r\n\r\n{\"id\":7,\"balance\":\"12.50\"}";

/// Starts an origin that answers every request alike, for as long as the process runs.
pub(crate) fn serve() -> Result<SocketAddr> {
    serve_by(|_| ANSWER.to_vec())
}

/// Starts a server that gives each of these values under its path, and takes no others.
pub(crate) fn serve_values(values: BTreeMap<String, Vec<u8>>) -> Result<SocketAddr> {
    serve_by(move |head| {
        // A key is one segment of a path.
        let path = head.split(' ').nth(1).unwrap_or_default();
        let key = path.trim_start_matches('/').replace("%2F", "/");
        let (status, value) = match values.get(&key) {
            Some(value) => ("200 OK", value.as_slice()),
            None => ("404 Not Found", &[][..]),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n",
            value.len()
        );
        [head.as_bytes(), value].concat()
    })
}

fn serve_by(answers: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Result<SocketAddr> {
    let answers = Arc::new(answers);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection ends when the Worker closes it.
            let answers = Arc::clone(&answers);
            thread::spawn(move || answer(&stream, &*answers));
        }
    });
    Ok(address)
}

fn answer(stream: &TcpStream, answers: impl Fn(&str) -> Vec<u8>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(head) = head(&mut reader)? {
        skip(&mut reader, &head)?;
        (&mut &*stream).write_all(&answers(&head))?;
    }
    Ok(())
}

/// A request as it goes over the wire.
pub(crate) fn request(host: &str, path: &str, token: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\n\
         user-agent: BankApp/7.1 (iOS 26.1; iPhone17,2)\r\nauthorization: Bearer {token}\r\n\r\n"
    )
}

/// Sends one request and gives the status.
pub(crate) fn send(address: SocketAddr, request: &str) -> Result<u16> {
    exchange(&mut BufReader::new(connect(address)?), request)
}

/// Sends the requests over a few connections, and requires that each succeeds.
pub(crate) fn load(address: SocketAddr, requests: &[String]) -> Result<()> {
    let share = requests.len().div_ceil(CONNECTIONS).max(1);
    thread::scope(|scope| {
        let clients: Vec<_> = requests
            .chunks(share)
            .map(|requests| scope.spawn(|| client(address, requests)))
            .collect();
        let mut results = clients.into_iter().map(|client| client.join());
        results.try_for_each(|result| result.ok().context("a client failed")?)
    })
}

fn client(address: SocketAddr, requests: &[String]) -> Result<()> {
    let mut stream = BufReader::new(connect(address)?);
    for request in requests {
        let status = exchange(&mut stream, request)?;
        ensure!(status == 200, "status {status}");
    }
    Ok(())
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn exchange(stream: &mut BufReader<TcpStream>, request: &str) -> Result<u16> {
    stream.get_mut().write_all(request.as_bytes())?;
    let head = head(stream)?.context("the connection is closed")?;
    let status = head.split(' ').nth(1).context("no status line")?;
    ensure!(skip(stream, &head)?, "an answer of unknown length");
    Ok(status.parse()?)
}

/// Reads the body that a head announces; whether it says how long that is.
fn skip(stream: &mut impl Read, head: &str) -> io::Result<bool> {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let names_length = name.eq_ignore_ascii_case("content-length");
        names_length.then(|| value.trim().parse::<u64>().ok())?
    });
    io::copy(
        &mut stream.take(length.unwrap_or_default()),
        &mut io::sink(),
    )?;
    Ok(length.is_some())
}

/// Reads a head up to its empty line; `None` where the other side has closed.
fn head(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut head = String::new();
    loop {
        let before = head.len();
        if reader.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        if head.get(before..) == Some("\r\n") {
            return Ok(Some(head));
        }
    }
}
