//! *Screen*: the CORS protocol of the Fetch standard.
//!
//! A preflight is answered here, before any credential is asked for. Other requests pass; the
//! answer, whoever gives it, tells the browser whether the page may read it.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use tidegate_shared::bundle::{AllowedOrigins, Cors};
use tidegate_shared::problem::Problem;

use crate::decision::{HeadEdits, Reply};
use crate::head::RequestHead;
use crate::refusal::Refusal;

/// Puts what the answer must say into `response`. Only the route's own rules speak to browsers:
/// what an origin says of CORS is replaced.
pub(crate) fn grant<H: RequestHead>(cors: &Cors, head: &H, response: &mut HeadEdits) {
    response.remove.extend([
        ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_ALLOW_CREDENTIALS,
        ACCESS_CONTROL_EXPOSE_HEADERS,
    ]);
    let any = matches!(cors.origins, AllowedOrigins::Any);
    if !any {
        response
            .add
            .push((VARY, HeaderValue::from_static("Origin")));
    }
    let Some(origin) = head
        .header(&ORIGIN)
        .filter(|origin| allows(&cors.origins, origin))
    else {
        return;
    };
    let value = if any {
        Ok(HeaderValue::from_static("*"))
    } else {
        HeaderValue::from_str(&origin)
    };
    response
        .set
        .extend(value.ok().map(|value| (ACCESS_CONTROL_ALLOW_ORIGIN, value)));
    if cors.credentials {
        response.set.push((
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        ));
    }
    if !cors.expose.is_empty() {
        push(
            response,
            ACCESS_CONTROL_EXPOSE_HEADERS,
            &cors.expose.join(", "),
        );
    }
}

/// Answers a preflight.
///
/// # Errors
/// A refusal where the origin, the method or a header is not allowed.
pub(crate) fn preflight<H: RequestHead>(
    cors: &Cors,
    head: &H,
    response: &mut HeadEdits,
) -> Result<Reply, Refusal> {
    let refuse = |cause: &str| Refusal::new(Problem::CorsRefused, cause);
    let origin = head.header(&ORIGIN).ok_or_else(|| refuse("no origin"))?;
    if !allows(&cors.origins, &origin) {
        return Err(refuse("the origin is not allowed"));
    }
    let method = head
        .header(&ACCESS_CONTROL_REQUEST_METHOD)
        .unwrap_or_default();
    if !cors.methods.iter().any(|allowed| *allowed == method) {
        return Err(refuse("the method is not allowed"));
    }
    let asked = head
        .header(&ACCESS_CONTROL_REQUEST_HEADERS)
        .unwrap_or_default();
    let mut names = asked
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    if !names.all(|name| {
        cors.headers
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(name))
    }) {
        return Err(refuse("a header is not allowed"));
    }
    push(
        response,
        ACCESS_CONTROL_ALLOW_METHODS,
        &cors.methods.join(", "),
    );
    if !cors.headers.is_empty() {
        push(
            response,
            ACCESS_CONTROL_ALLOW_HEADERS,
            &cors.headers.join(", "),
        );
    }
    if let Some(age) = cors.max_age {
        push(
            response,
            ACCESS_CONTROL_MAX_AGE,
            &(age.0 / 1000).to_string(),
        );
    }
    Ok(Reply {
        status: 204,
        headers: Vec::new(),
        body: Bytes::new(),
    })
}

/// Whether pages of the origin may send cookies.
pub(crate) fn admits_credentials(cors: &Cors, origin: &str) -> bool {
    cors.credentials && allows(&cors.origins, origin)
}

fn allows(origins: &AllowedOrigins, origin: &str) -> bool {
    match origins {
        AllowedOrigins::Any => true,
        AllowedOrigins::Listed(listed) => listed.iter().any(|allowed| allowed == origin),
    }
}

fn push(response: &mut HeadEdits, name: http::HeaderName, value: &str) {
    response
        .set
        .extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
}
