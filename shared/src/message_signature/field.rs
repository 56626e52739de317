//! A field's value in the form in which a signature covers it (RFC 9421 §2.1).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sfv::{Dictionary, FieldType, Item, List, ListEntry, Parser};

use super::{FieldForm, Message, bounds};

/// How a structured field is structured (RFC 9651 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Structure {
    Item,
    List,
    Dictionary,
}

/// The structure of a field that the IANA registry of field names lists as structured and that
/// a request or response of an API may have.
pub(super) fn structure(name: &str) -> Option<Structure> {
    Some(match name {
        "accept-signature"
        | "cdn-cache-control"
        | "content-digest"
        | "priority"
        | "repr-digest"
        | "signature"
        | "signature-input"
        | "use-as-dictionary"
        | "want-content-digest"
        | "want-repr-digest" => Structure::Dictionary,
        "accept-ch" | "accept-query" | "cache-status" | "client-cert-chain" | "proxy-status"
        | "ratelimit" | "ratelimit-policy" => Structure::List,
        "client-cert" | "deprecation" | "idempotency-key" => Structure::Item,
        _ => return None,
    })
}

/// The value; `None` where the message does not have it, or not in that form.
pub(super) fn value<'m>(
    message: &'m (impl Message + ?Sized),
    name: &str,
    form: &FieldForm,
) -> Option<Cow<'m, str>> {
    match form {
        FieldForm::Plain => message.field(name),
        FieldForm::Strict => {
            let text = bounded(message, name)?;
            let parser = Parser::new(text.as_bytes());
            let serialised = match structure(name)? {
                Structure::Item => Some(parser.parse::<Item>().ok()?.serialize()),
                Structure::List => parser.parse::<List>().ok()?.serialize(),
                Structure::Dictionary => parser.parse::<Dictionary>().ok()?.serialize(),
            };
            Some(Cow::Owned(serialised.unwrap_or_default()))
        }
        FieldForm::Member(key) => {
            let text = bounded(message, name)?;
            let members = Parser::new(text.as_bytes()).parse::<Dictionary>().ok()?;
            let member = members.get(key.as_str())?;
            serialise(member).map(Cow::Owned)
        }
        FieldForm::Octets => {
            let lines = message.field_lines(name)?;
            if lines.is_empty() {
                return None;
            }
            let lines = lines.iter().map(|line| {
                let line = line.trim_ascii();
                format!(":{}:", STANDARD.encode(line))
            });
            Some(Cow::Owned(lines.collect::<Vec<_>>().join(", ")))
        }
    }
}

fn bounded<'m>(message: &'m (impl Message + ?Sized), name: &str) -> Option<Cow<'m, str>> {
    let within = |value: &Cow<'_, str>| value.len() <= bounds::FIELD;
    message.field(name).filter(within)
}

/// A member's value with its parameters, as a list of one has it.
fn serialise(member: &ListEntry) -> Option<String> {
    vec![member.clone()].serialize()
}
