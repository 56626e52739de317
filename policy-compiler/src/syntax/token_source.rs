//! Where in a request a token is.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tidegate_shared::bundle::TokenSource;

use crate::decode::{Decode, unknown_field, wrong_type};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};
use crate::yaml::{Kind, Node};

/// Where a token is: `header`, `{ header: NAME }`, `{ cookie: NAME }` or `{ query: NAME }`.
#[derive(Clone, Debug)]
pub(crate) struct From {
    pub(crate) source: TokenSource,
    pub(crate) span: Span,
}

const EXPECTED: &str = "`header`, `{ header: NAME }`, `{ cookie: NAME }` or `{ query: NAME }`";
const PLACES: [&str; 3] = ["header", "cookie", "query"];

impl Decode for From {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let span = node.span;
        let source = match &node.kind {
            Kind::Text(text) if text == "header" => TokenSource::Authorization,
            Kind::Mapping(entries) => match entries.as_slice() {
                [(place, name)] => named(place, name.clone(), diagnostics)?,
                _ => return wrong_type(&node, EXPECTED, diagnostics),
            },
            Kind::Null
            | Kind::Bool(_)
            | Kind::Integer(_)
            | Kind::Number(_)
            | Kind::Text(_)
            | Kind::Sequence(_) => return wrong_type(&node, EXPECTED, diagnostics),
        };
        Some(Self { source, span })
    }
}

fn named(
    place: &Spanned<Cow<'_, str>>,
    name: Node<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<TokenSource> {
    let (what, place): (_, fn(String) -> TokenSource) = match &*place.value {
        "header" => ("header field", TokenSource::Header),
        "cookie" => ("cookie", TokenSource::Cookie),
        "query" => ("query parameter", TokenSource::Query),
        _ => {
            unknown_field(place, &PLACES, diagnostics);
            return None;
        }
    };
    let name = Spanned::<String>::decode(name, diagnostics)?;
    // A cookie's name is a token, as a field's is (RFC 6265 §4.1.1).
    let field = name.parse::<http::HeaderName>();
    let source = match (place(name.value.clone()), field) {
        (TokenSource::Header(_), Ok(http::header::AUTHORIZATION)) => {
            let message = "the field `authorization` has more than a token";
            let diagnostic = Diagnostic::error("invalid-value", name.span, message);
            diagnostics.push(diagnostic.help("write `from: header`"));
            return None;
        }
        (TokenSource::Header(_), Ok(field)) => TokenSource::Header(field.as_str().to_owned()),
        (source @ TokenSource::Cookie(_), Ok(_)) => source,
        (source @ TokenSource::Query(_), _) if !name.is_empty() => source,
        _ => {
            let message = format!("`{}` is not the name of a {what}", name.value);
            diagnostics.push(Diagnostic::error("invalid-value", name.span, message));
            return None;
        }
    };
    Some(source)
}

impl JsonSchema for From {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("From")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let named = PLACES.map(|place| {
            json_schema!({
                "type": "object",
                "properties": { place: { "type": "string" } },
                "required": [place],
                "additionalProperties": false,
            })
        });
        let [header, cookie, query] = named;
        json_schema!({ "anyOf": [{ "const": "header" }, header, cookie, query] })
    }
}
