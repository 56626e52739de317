//! The client's own credential, where it ends at the gateway.

use std::borrow::Cow;

use http::header::{COOKIE, HeaderName, HeaderValue};
use smallvec::SmallVec;
use tidegate_shared::bundle::{Auth, Carrier, Tables};

use crate::decision::HeadEdits;
use crate::head::RequestHead;
use crate::phase::authenticate::source;

/// What carries the credentials of a route.
#[derive(Debug, Default)]
pub(crate) struct Carriers<'t> {
    fields: SmallVec<[&'t str; 2]>,
    cookies: SmallVec<[&'t str; 2]>,
    parameters: SmallVec<[&'t str; 2]>,
}

impl<'t> Carriers<'t> {
    pub(crate) fn of(auth: &Auth, tables: &'t Tables) -> Self {
        let mut carriers = Self::default();
        for carrier in auth.carriers(tables) {
            match carrier {
                // A proof concerns the token that it came with (RFC 9449 §4.1).
                Carrier::Authorization(_) => carriers.fields.extend(["authorization", "dpop"]),
                Carrier::Header(name) => carriers.fields.push(name),
                Carrier::Cookie(name) => carriers.cookies.push(name),
                Carrier::Query(name) => carriers.parameters.push(name),
                // It ends at the gateway in any case.
                Carrier::Connection => {}
            }
        }
        carriers
    }

    /// The query for the origin. Addresses are logged, so that no token stays in one, whatever the
    /// policy says (RFC 6750 §5.3).
    pub(crate) fn strip_query<'q>(&self, query: Option<&'q str>) -> Option<Cow<'q, str>> {
        if self.parameters.is_empty() {
            return query.map(Cow::Borrowed);
        }
        source::without_parameters(query?, &self.parameters).map(Cow::Owned)
    }

    /// Removes the credential from the head.
    pub(crate) fn strip_head<H: RequestHead>(&self, head: &H, edits: &mut HeadEdits) {
        let names = self
            .fields
            .iter()
            .map(|name| HeaderName::from_bytes(name.as_bytes()));
        edits.remove.extend(names.flatten());
        if self.cookies.is_empty() {
            return;
        }
        let rest = head
            .header(&COOKIE)
            .and_then(|field| without_cookies(&field, &self.cookies));
        match rest.and_then(|rest| HeaderValue::from_str(&rest).ok()) {
            Some(rest) => edits.set.push((COOKIE, rest)),
            None => edits.remove.push(COOKIE),
        }
    }
}

/// The other cookies (RFC 6265 §4.2.1); `None` where there are none.
fn without_cookies(field: &str, names: &[&str]) -> Option<String> {
    let others = source::cookie_pairs(field).filter(|(name, _)| !names.contains(name));
    let kept: Vec<&str> = others.map(|(_, pair)| pair).collect();
    (!kept.is_empty()).then(|| kept.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_cookies_stay() {
        for (field, rest) in [
            ("session=x", None),
            ("a=1; session=x; b=2", Some("a=1; b=2")),
            ("a=1, session=x", Some("a=1")),
            (" session =x;; a=1; other=y", Some("a=1")),
            ("sessions=1", Some("sessions=1")),
        ] {
            let left = without_cookies(field, &["session", "other"]);
            assert_eq!(left.as_deref(), rest, "{field}");
        }
    }
}
