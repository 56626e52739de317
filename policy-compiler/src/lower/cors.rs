//! CORS rules.

use tidegate_shared::bundle::{AllowedOrigins, Cors, Tables};
use tidegate_shared::method::MethodSet;
use tidegate_shared::units::Span as TimeSpan;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::{self, CorsChoice, CorsOrigins};

const MAX_AGE: u64 = 86_400_000;

/// Puts rules into the table, where they are not yet; `None` for the choice of none.
pub(super) fn lower(
    choice: &CorsChoice,
    served: MethodSet,
    tables: &mut Tables,
    cx: &mut Context<'_>,
) -> Option<u32> {
    let CorsChoice::Rules(rules) = choice else {
        return None;
    };
    let cors = rules_of(rules, served, cx);
    let index = tables
        .cors
        .iter()
        .position(|other| *other == cors)
        .unwrap_or_else(|| {
            tables.cors.push(cors);
            tables.cors.len().saturating_sub(1)
        });
    u32::try_from(index).ok()
}

fn rules_of(rules: &syntax::Cors, served: MethodSet, cx: &mut Context<'_>) -> Cors {
    let credentials = rules
        .credentials
        .as_ref()
        .is_some_and(|credentials| credentials.value);
    let origins = match &rules.origins {
        CorsOrigins::Any(span) => {
            cx.diagnostics.push(if credentials {
                Diagnostic::error(
                    "invalid-value",
                    *span,
                    "every origin together with credentials",
                )
                .label("any page on the web could act for a signed-in visitor")
                .help("list the origins")
            } else {
                Diagnostic::warning("any-cors", *span, "pages of every origin may call this")
                    .help("list the origins, unless the API is meant for everyone")
            });
            AllowedOrigins::Any
        }
        CorsOrigins::Listed(origins) => {
            for origin in origins.iter().filter(|origin| !is_origin(origin)) {
                cx.diagnostics.push(
                    Diagnostic::error("invalid-value", origin.span, format!("`{}` is not a page's origin", origin.value))
                        .help("write scheme and host, and the port unless it is the default: `https://app.example.com`"),
                );
            }
            AllowedOrigins::Listed(origins.iter().map(|origin| origin.value.clone()).collect())
        }
    };
    let names = |names: &[crate::decode::Parsed<http::HeaderName>]| {
        names
            .iter()
            .map(|name| name.value.as_str().to_owned())
            .collect()
    };
    Cors {
        origins,
        methods: match &rules.methods {
            Some(methods) => methods
                .iter()
                .map(|method| method.value.0.to_string())
                .collect(),
            None => served.iter().map(|method| method.to_string()).collect(),
        },
        headers: names(&rules.headers),
        expose: names(&rules.expose),
        credentials,
        max_age: rules.max_age.as_ref().map(|age| {
            if age.value > TimeSpan(MAX_AGE) {
                cx.error(
                    "invalid-value",
                    age.span,
                    "`max_age` is at most 1d: browsers cap it lower still",
                );
            }
            age.value
        }),
    }
}

/// The serialised form of a tuple origin: what a browser sends, octet by octet.
fn is_origin(origin: &Spanned<String>) -> bool {
    let Ok(uri) = origin.parse::<http::Uri>() else {
        return false;
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return false;
    };
    let default_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return false,
    };
    let port = uri
        .port_u16()
        .map_or(String::new(), |port| format!(":{port}"));
    uri.port_u16() != Some(default_port)
        && !authority.as_str().contains('@')
        && format!("{scheme}://{}{port}", authority.host().to_ascii_lowercase()) == origin.value
}
