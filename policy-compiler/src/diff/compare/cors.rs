//! Which pages may call.

use tidegate_shared::bundle::{AllowedOrigins, Cors};

use super::super::change::{ChangeKind, Severity};
use super::{Difference, sets};
use crate::words;

pub(super) fn compare(old: Option<&Cors>, new: Option<&Cors>) -> Vec<Difference> {
    match (old, new) {
        (None, None) => Vec::new(),
        (None, Some(new)) => vec![Difference {
            kind: ChangeKind::CorsAdded,
            severity: Severity::Loosens,
            before: None,
            after: Some(words::origins(&new.origins)),
        }],
        (Some(old), None) => vec![Difference {
            kind: ChangeKind::CorsRemoved,
            severity: Severity::Tightens,
            before: Some(words::origins(&old.origins)),
            after: None,
        }],
        (Some(old), Some(new)) => rules(old, new),
    }
}

fn rules(old: &Cors, new: &Cors) -> Vec<Difference> {
    let Cors {
        origins,
        methods,
        headers,
        expose,
        credentials,
        max_age,
    } = old;
    let code = |text: &&String| words::code(text);
    let differences = [
        self::origins(origins, &new.origins),
        sets::allowed(ChangeKind::CorsMethods, methods, &new.methods, |method| {
            (*method).clone()
        }),
        sets::allowed(ChangeKind::CorsHeaders, headers, &new.headers, code),
        sets::allowed(ChangeKind::CorsExposedHeaders, expose, &new.expose, code),
        sets::amount(
            ChangeKind::CorsCredentials,
            credentials,
            &new.credentials,
            |sent| if *sent { "sent" } else { "not sent" }.to_owned(),
        ),
        Difference::between(ChangeKind::CorsMaxAge, max_age, &new.max_age, |age| {
            age.map_or_else(
                || "as long as the browser likes".to_owned(),
                |age| age.to_string(),
            )
        }),
    ];
    differences.into_iter().flatten().collect()
}

fn origins(old: &AllowedOrigins, new: &AllowedOrigins) -> Option<Difference> {
    let kind = ChangeKind::CorsOrigins;
    let switched = |severity| {
        Some(Difference::new(
            kind,
            severity,
            words::origins(old),
            words::origins(new),
        ))
    };
    match (old, new) {
        (AllowedOrigins::Any, AllowedOrigins::Any) => None,
        (AllowedOrigins::Listed(_), AllowedOrigins::Any) => switched(Severity::Loosens),
        (AllowedOrigins::Any, AllowedOrigins::Listed(_)) => switched(Severity::Tightens),
        (AllowedOrigins::Listed(old), AllowedOrigins::Listed(new)) => {
            sets::allowed(kind, old, new, |origin| words::code(origin))
        }
    }
}
