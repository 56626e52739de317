//! HTTP Archives (HAR 1.2), as browsers and proxies write them.

use std::io::{BufRead, Read as _};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderName, Uri};
use serde::Deserialize;
use serde_json::Value;

use super::{Call, MAX_ARCHIVE, Malformed, Read, ReadError, Who};

#[derive(Deserialize)]
struct Archive {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Value>,
}

#[derive(Deserialize)]
struct Entry {
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Field>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    value: String,
}

/// Fields that carry credentials, or that say what the request's line says.
const LEFT_OUT: [&str; 8] = [
    "authorization",
    "cookie",
    "dpop",
    "host",
    "content-length",
    "connection",
    "signature",
    "signature-input",
];

/// Whether a first line is the beginning of an archive, and no record: an object that goes on, or
/// one with a `log`.
pub(super) fn begins(line: &[u8]) -> bool {
    let text = line.trim_ascii();
    match serde_json::from_slice::<Value>(text) {
        Ok(value) => value.get("log").is_some_and(Value::is_object),
        Err(error) => error.is_eof() && text.starts_with(b"{"),
    }
}

/// Reads an archive of which the first line is read already.
pub(super) fn read(mut octets: Vec<u8>, input: impl BufRead) -> Result<Read, ReadError> {
    let bound = u64::try_from(MAX_ARCHIVE).unwrap_or(u64::MAX);
    input
        .take(bound.saturating_add(1))
        .read_to_end(&mut octets)?;
    if octets.len() > MAX_ARCHIVE {
        return Err(ReadError::Archive);
    }
    let archive: Archive =
        serde_json::from_slice(&octets).map_err(|error| ReadError::Neither(error.to_string()))?;
    let mut read = Read::default();
    for (entry, number) in archive.log.entries.into_iter().zip(1..) {
        let parsed = Entry::deserialize(entry).map_err(|error| error.to_string());
        match parsed.and_then(|entry| call(entry.request)) {
            Ok(call) => read.requests.add(call, number)?,
            Err(reason) => read.malformed.push(Malformed { number, reason }),
        }
    }
    Ok(read)
}

fn call(request: Request) -> Result<Call, String> {
    let Request {
        method,
        url,
        headers,
    } = request;
    let wrong = || format!("`{url}` is not an http or https URL");
    // A fragment never leaves the client.
    let address = url.split('#').next().unwrap_or_default();
    let uri: Uri = address.parse().map_err(|_| wrong())?;
    let https = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        Some(_) | None => return Err(wrong()),
    };
    Ok(Call {
        method: method
            .parse()
            .map_err(|_| format!("`{method}` is not a method"))?,
        https,
        authority: uri.authority().ok_or_else(wrong)?.to_string(),
        path_and_query: uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned(),
        who: who(&headers),
        headers: headers.into_iter().filter_map(field).collect(),
        from: None,
        recorded: None,
    })
}

/// A field that is sent again; the pseudo-fields of HTTP/2 are none.
fn field(Field { name, value }: Field) -> Option<(HeaderName, String)> {
    let name: HeaderName = name.parse().ok()?;
    (!LEFT_OUT.contains(&name.as_str())).then_some((name, value))
}

/// The bearer of a token that can be read: a JWT in `Authorization`.
fn who(headers: &[Field]) -> Who {
    let claims = headers.iter().find_map(|Field { name, value }| {
        let (scheme, token) = value.split_once(' ')?;
        let is_bearer = name.eq_ignore_ascii_case("authorization")
            && ["bearer", "dpop"].contains(&scheme.to_ascii_lowercase().as_str());
        let payload = token.split('.').nth(1).filter(|_| is_bearer)?;
        let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
        let claims: Value = serde_json::from_slice(&payload).ok()?;
        claims.is_object().then(|| claims.to_string())
    });
    claims.map_or(Who::Nobody, Who::Bearer)
}
