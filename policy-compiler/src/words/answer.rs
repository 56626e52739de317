//! Who answers, and what is changed on the way.

use std::collections::BTreeSet;

use serde_bytes::ByteBuf;
use tidegate_shared::bundle::{
    AllowedOrigins, HeaderEdits, Origin, PathTemplate, Reply, Retry, RetryOn, TemplatePart,
};
use tidegate_shared::digest::Digest;

use super::{code, list, ordered, short};
use crate::meaning::Answer;

/// The most of a reply's body that is shown, in characters.
const MAX_BODY: usize = 60;

pub(crate) fn answer(answer: &Answer<'_>) -> String {
    match answer {
        Answer::Reply(reply) => format!("the gateway replies {}", self::reply(reply)),
        Answer::Forward(forward) => {
            let origins = forward.upstream.origins.iter();
            format!("goes to {}", ordered(origins.map(origin)))
        }
    }
}

/// Where a request goes, and by which way.
pub(crate) fn origin(origin: &Origin) -> String {
    let Origin {
        // In records alone.
        name: _,
        url,
        tunnel,
    } = origin;
    match tunnel {
        None => code(url),
        Some(connector) => format!(
            "{} by the tunnel of {}",
            code(url),
            code(connector.as_str())
        ),
    }
}

pub(crate) fn reply(reply: &Reply) -> String {
    let Reply {
        status,
        headers,
        body,
    } = reply;
    let text = String::from_utf8_lossy(body);
    let mut shown: String = text.chars().take(MAX_BODY).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    let fields = headers
        .iter()
        .map(|(name, value)| code(&format!("{name}: {value}")));
    let mut words = format!("{status}");
    if !headers.is_empty() {
        words.push_str(&format!(" with {}", list(fields)));
    }
    if !shown.is_empty() {
        words.push_str(&format!(" and the body {}", code(&shown)));
    }
    words
}

pub(crate) fn origins(origins: &AllowedOrigins) -> String {
    match origins {
        AllowedOrigins::Any => "pages of every origin".to_owned(),
        AllowedOrigins::Listed(listed) => list(listed.iter().map(|origin| code(origin))),
    }
}

pub(crate) fn retry(retry: &Retry) -> String {
    let Retry {
        attempts,
        on,
        budget,
    } = retry;
    let on = on.iter().map(|on| match on {
        RetryOn::Connect => "connect".to_owned(),
        RetryOn::Timeout => "timeout".to_owned(),
        RetryOn::Status(status) => status.to_string(),
    });
    format!("{attempts} attempts, on {}, budget {}%", list(on), budget.0)
}

pub(crate) fn authorities(trust: &BTreeSet<&ByteBuf>) -> String {
    if trust.is_empty() {
        return "the runtime's own authorities".to_owned();
    }
    list(
        trust
            .iter()
            .map(|certificate| format!("certificate {}", short(&Digest::of(certificate)))),
    )
}

pub(crate) fn rewrite(template: Option<&PathTemplate>) -> String {
    let part = |part: &TemplatePart| match part {
        TemplatePart::Literal(text) => text.clone(),
        TemplatePart::Parameter(name) => format!("{{{name}}}"),
        TemplatePart::Rest => "{*}".to_owned(),
    };
    template.map_or_else(
        || "the path as it came".to_owned(),
        |template| code(&template.0.iter().map(part).collect::<String>()),
    )
}

pub(crate) fn header_edits(edits: &HeaderEdits) -> String {
    let HeaderEdits { remove, set, add } = edits;
    let field = |(name, value): &(String, String)| code(&format!("{name}: {value}"));
    let remove = remove.iter().map(|name| format!("remove {}", code(name)));
    let set = set.iter().map(|pair| format!("set {}", field(pair)));
    let add = add.iter().map(|pair| format!("add {}", field(pair)));
    list(remove.chain(set).chain(add))
}
