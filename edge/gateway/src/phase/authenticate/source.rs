//! Where a request has its token (RFC 6750 §2).

use http::header::{AUTHORIZATION, COOKIE, HeaderName};
use smallvec::SmallVec;
use tidegate_shared::bundle::{Carrier, TokenSource};

use super::challenge::Scheme;
use crate::head::RequestHead;

/// The request has more than one token: a client must not send several (RFC 6750 §2), and an
/// origin could believe another than the gateway.
#[derive(Debug)]
pub(super) struct Ambiguous;

/// A token as a request carries it.
#[derive(Debug)]
pub(super) struct Presented<'s> {
    pub(super) source: &'s TokenSource,
    pub(super) scheme: Scheme,
    pub(super) token: String,
}

/// The only token of a request. Other tokens in the places that RFC 6750 names count beside it,
/// wherever the policy wants them, but for those that it wants `beside` this one.
pub(super) fn find<'s, H: RequestHead>(
    sources: impl Iterator<Item = &'s TokenSource>,
    beside: &[Carrier<'_>],
    head: &H,
    query: Option<&str>,
) -> Result<Option<Presented<'s>>, Ambiguous> {
    let mut found = None;
    let mut seen: SmallVec<[Place<'_>; 2]> = SmallVec::new();
    for source in sources {
        let place = Place::of(source);
        if seen.contains(&place) {
            continue;
        }
        seen.push(place);
        for (scheme, token) in tokens(place, head, query) {
            let presented = Presented {
                source,
                scheme,
                token,
            };
            if found.replace(presented).is_some() {
                return Err(Ambiguous);
            }
        }
    }
    let standard = [
        (Place::Authorization, Carrier::Authorization("Bearer")),
        (Place::Query("access_token"), Carrier::Query("access_token")),
    ];
    let others = standard
        .iter()
        .filter(|(_, carrier)| !beside.contains(carrier));
    let mut others = others
        .map(|(place, _)| place)
        .filter(|place| !seen.contains(place));
    if found.is_some() && others.any(|place| !tokens(*place, head, query).is_empty()) {
        return Err(Ambiguous);
    }
    Ok(found)
}

/// A query without the parameters of these names; `None` where nothing is left.
pub(crate) fn without_parameters(query: &str, names: &[&str]) -> Option<String> {
    let kept = query.split('&').filter(|pair| {
        let name = form_urlencoded::parse(pair.as_bytes()).next();
        !name.is_some_and(|(name, _)| names.contains(&name.as_ref()))
    });
    let kept: Vec<&str> = kept.collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place<'s> {
    Authorization,
    Header(&'s str),
    Cookie(&'s str),
    Query(&'s str),
}

impl<'s> Place<'s> {
    fn of(source: &'s TokenSource) -> Self {
        match source {
            TokenSource::Authorization => Self::Authorization,
            TokenSource::Header(name) => Self::Header(name),
            TokenSource::Cookie(name) => Self::Cookie(name),
            TokenSource::Query(name) => Self::Query(name),
        }
    }
}

type Tokens = SmallVec<[(Scheme, String); 1]>;

/// Every token in a place; empty ones are none.
fn tokens<H: RequestHead>(place: Place<'_>, head: &H, query: Option<&str>) -> Tokens {
    match place {
        Place::Authorization => head
            .header(&AUTHORIZATION)
            .and_then(|field| schemed(&field).map(|(scheme, rest)| list(scheme, rest)))
            .unwrap_or_default(),
        Place::Header(name) => HeaderName::from_bytes(name.as_bytes())
            .ok()
            .and_then(|name| head.header(&name))
            .map(|field| list(Scheme::Bearer, &field))
            .unwrap_or_default(),
        Place::Cookie(name) => head
            .header(&COOKIE)
            .map(|field| cookies(&field, name))
            .unwrap_or_default(),
        Place::Query(name) => form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .filter(|(own, value)| own == name && !value.is_empty())
            .map(|(_, value)| (Scheme::Bearer, value.into_owned()))
            .collect(),
    }
}

/// The token after the name of a scheme that carries one.
fn schemed(field: &str) -> Option<(Scheme, &str)> {
    let mut schemes = [Scheme::Bearer, Scheme::Dpop].into_iter();
    schemes.find_map(|scheme| Some((scheme, after_scheme(field, scheme.name())?)))
}

/// What follows the name of a scheme in `Authorization`, whose case is ignored (RFC 9110 §11.1).
pub(super) fn after_scheme<'f>(field: &'f str, name: &str) -> Option<&'f str> {
    let (scheme, credential) = field.trim().split_once(' ')?;
    scheme
        .eq_ignore_ascii_case(name)
        .then(|| credential.trim_start())
}

/// Several fields of a name come as one, with commas between; no token has a comma in it.
fn list(scheme: Scheme, field: &str) -> Tokens {
    let items = field.split(',').map(str::trim);
    let items = items.filter(|item| !item.is_empty());
    items.map(|item| (scheme, item.to_owned())).collect()
}

fn cookies(field: &str, name: &str) -> Tokens {
    let own = cookie_pairs(field).filter(|(own, _)| *own == name);
    let values = own.filter_map(|(_, pair)| Some(pair.split_once('=')?.1.trim()));
    let values = values.filter(|value| !value.is_empty());
    values
        .map(|value| (Scheme::Bearer, value.to_owned()))
        .collect()
}

/// The cookies of a field by their names, each whole (RFC 6265 §5.4). Several `Cookie` fields, as
/// HTTP/2 may have them, come with commas between.
pub(crate) fn cookie_pairs(field: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = field.split([';', ',']).map(str::trim);
    pairs.filter(|pair| !pair.is_empty()).map(|pair| {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name.trim());
        (name, pair)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_out() {
        for (query, expected) in [
            ("token=a", None),
            ("a=1&token=a&b=2", Some("a=1&b=2")),
            ("t%6Fken=a&b=%20+x", Some("b=%20+x")),
            ("tokens=a&b&&c=", Some("tokens=a&b&&c=")),
            ("token&token=&a", Some("a")),
        ] {
            let kept = without_parameters(query, &["token"]);
            assert_eq!(kept.as_deref(), expected, "{query}");
        }
    }
}
