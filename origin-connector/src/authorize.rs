//! Which backend a request may reach. Pure: no IO, no clock.

mod path_prefix;

use tidegate_shared::path::{decode_unreserved, normalise};
use tidegate_shared::peer_name::PeerName;

use crate::config::Backend;
use crate::identity::Identity;
use path_prefix::lenient_segments;
pub use path_prefix::{InvalidPathPrefix, PathPrefix};

/// What the decision reads of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The normalised host that the backend will be told.
    pub host: &'a str,
    /// The path without the query, as received.
    pub path: &'a str,
}

/// Why a request goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial<'a> {
    /// The path has no single reading, so a prefix cannot be told.
    #[error("path: {0}")]
    InvalidPath(tidegate_shared::path::InvalidPath),
    /// An origin that merges slashes or drops path parameters would take the path for another
    /// backend's.
    #[error("path: its readings lead to different backends")]
    AmbiguousPath,
    /// No backend serves the host and path.
    #[error("no backend serves the host and path")]
    NoBackend,
    /// A backend serves them, but not to this caller.
    #[error("the caller may not reach backend `{}`", .0.name())]
    NotAllowed(&'a Backend),
}

/// The backends of a connector.
///
/// Invariant: not empty, sorted by specificity (an exact host before every host, then the longer
/// path prefix first), no two with the same host and prefix.
#[derive(Clone, Debug)]
pub struct Backends(Vec<Backend>);

/// Backends that do not make a list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBackends {
    /// None at all.
    #[error("there is no backend: add `[[backend]]`")]
    Empty,
    /// Two of one name.
    #[error("two backends are named `{0}`")]
    SameName(String),
    /// Two for the same requests.
    #[error("`{0}` and `{1}` both serve host `{2}` and path prefix `{3}`")]
    SameRequests(String, String, String, PathPrefix),
}

impl Backends {
    /// Orders the backends.
    ///
    /// # Errors
    /// [`InvalidBackends`] where the list is empty or two of them collide.
    pub fn new(mut backends: Vec<Backend>) -> Result<Self, InvalidBackends> {
        if backends.is_empty() {
            return Err(InvalidBackends::Empty);
        }
        let pairs = backends
            .iter()
            .enumerate()
            .flat_map(|(index, one)| backends.iter().skip(index + 1).map(move |two| (one, two)));
        for (one, two) in pairs {
            if one.name == two.name {
                return Err(InvalidBackends::SameName(one.name.clone()));
            }
            if one.host == two.host && one.path_prefix == two.path_prefix {
                return Err(InvalidBackends::SameRequests(
                    one.name.clone(),
                    two.name.clone(),
                    one.host.clone().unwrap_or_else(|| "*".to_owned()),
                    one.path_prefix.clone(),
                ));
            }
        }
        backends.sort_by_key(|backend| {
            let segments = backend.path_prefix.segments();
            (backend.host.is_none(), std::cmp::Reverse(segments))
        });
        Ok(Self(backends))
    }

    /// The backends, most specific first.
    pub fn iter(&self) -> std::slice::Iter<'_, Backend> {
        self.0.iter()
    }

    /// The most specific backend for a request, whoever sends it, and its place in the list. Who may
    /// not reach it does not fall through to a wider one.
    ///
    /// # Errors
    /// Where it is for none, or may be for several.
    pub fn select(&self, head: &RequestHead<'_>) -> Result<(usize, &Backend), Denial<'_>> {
        let readings = normalise(head.path).and_then(|path| {
            let decoded = decode_unreserved(head.path)?;
            Ok((path, decoded))
        });
        let (path, decoded) = match readings {
            Ok(readings) => readings,
            Err(error) => return Err(Denial::InvalidPath(error)),
        };
        let strict = self.most_specific(head.host, &path.split('/').skip(1));
        // The backend gets the path as it came, and may merge slashes before it takes dot segments
        // away, or after.
        for lenient in [&path, &decoded].map(|path| lenient_segments(path)) {
            let lenient = self.most_specific(head.host, &lenient);
            if strict.map(|(index, _)| index) != lenient.map(|(index, _)| index) {
                return Err(Denial::AmbiguousPath);
            }
        }
        strict.ok_or(Denial::NoBackend)
    }

    fn most_specific<'p>(
        &self,
        host: &str,
        path: &(impl Iterator<Item = &'p str> + Clone),
    ) -> Option<(usize, &Backend)> {
        self.0.iter().enumerate().find(|(_, backend)| {
            backend.host.as_deref().is_none_or(|own| own == host)
                && backend.path_prefix.holds(path.clone())
        })
    }
}

/// Whether one of the caller's names is on the list of those who may reach the backend.
///
/// # Errors
/// Where none is.
pub(crate) fn check_caller<'b>(
    backend: &'b Backend,
    allow: &[PeerName],
    caller: &Identity,
) -> Result<(), Denial<'b>> {
    if allow.iter().any(|name| caller.is(name)) {
        Ok(())
    } else {
        Err(Denial::NotAllowed(backend))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Access, Upstream};
    use proptest::prelude::*;
    use tidegate_shared::bundle::SignatureDemand;

    fn backend(name: &str, host: Option<&str>, prefix: &str, allow: &str) -> Backend {
        Backend {
            name: name.to_owned(),
            host: host.map(str::to_owned),
            path_prefix: prefix.parse().unwrap(),
            access: Access::Own {
                allow: vec![allow.parse().unwrap()],
                signature: SignatureDemand::Off,
            },
            upstream: Upstream::plain("127.0.0.1:80"),
        }
    }

    const GATEWAY: &str = "spiffe://edge.example/gateway";

    fn backends() -> Backends {
        Backends::new(vec![
            backend("rest", None, "/", GATEWAY),
            backend("accounts", None, "/v1/accounts", GATEWAY),
            backend(
                "admin",
                None,
                "/v1/accounts/admin",
                "dns:admin.bank.example",
            ),
            backend("trading", Some("trading.example"), "/v1", GATEWAY),
        ])
        .unwrap()
    }

    fn decide(host: &str, path: &str) -> String {
        let caller = Identity::new(Some(GATEWAY.parse().unwrap()), Vec::new());
        decide_for(&caller, host, path)
    }

    fn decide_for(caller: &Identity, host: &str, path: &str) -> String {
        let backends = backends();
        let chosen = backends.select(&RequestHead { host, path });
        let admitted = chosen.and_then(|(_, backend)| match &backend.access {
            Access::Own { allow, .. } => check_caller(backend, allow, caller).map(|()| backend),
            Access::Policy(_) => Ok(backend),
        });
        admitted.map_or_else(|denial| denial.to_string(), |backend| backend.name.clone())
    }

    #[test]
    fn the_most_specific_backend_wins() {
        for (host, path, expected) in [
            ("a.example", "/", "rest"),
            ("a.example", "/v1/accounts", "accounts"),
            ("a.example", "/v1/accounts/", "accounts"),
            ("a.example", "/v1/accounts/7", "accounts"),
            ("a.example", "/v1/accountsx", "rest"),
            ("a.example", "/v1/%61ccounts/7", "accounts"),
            ("trading.example", "/v1/accounts/7", "trading"),
            ("trading.example", "/v2", "rest"),
        ] {
            assert_eq!(decide(host, path), expected, "{host}{path}");
        }
    }

    #[test]
    fn who_may_not_reach_the_most_specific_reaches_none() {
        let refused = "the caller may not reach backend `admin`";
        assert_eq!(decide("a.example", "/v1/accounts/admin/x"), refused);
        assert_eq!(decide("a.example", "/v1/x/../accounts/admin"), refused);
        assert_eq!(decide("a.example", "/v1/accounts/%61dmin"), refused);
    }

    #[test]
    fn a_path_with_two_readings_reaches_none() {
        let ambiguous = "path: its readings lead to different backends";
        for path in [
            "//v1/accounts/admin",
            "/v1/accounts//admin",
            "/v1/accounts/admin;x=1",
            "/v1/accounts/;/admin",
            "/v1//../v1/accounts",
            "/v1/;y/../v1/accounts",
            "/v1/.;y/%2E%2e/v1/accounts",
        ] {
            assert_eq!(decide("a.example", path), ambiguous, "{path}");
        }
        assert_eq!(decide("a.example", "/v1//x;y=1"), "rest");
        for path in ["/v1/accounts%2Fadmin", "/..", "*", "/%00"] {
            let denial = decide("a.example", path);
            assert!(denial.starts_with("path: "), "{path}: {denial}");
        }
        let sneaky = decide("a.example", "/v1/accounts/x/..;/admin");
        assert_eq!(sneaky, ambiguous);
    }

    #[test]
    fn without_a_default_the_rest_is_no_backend() {
        let only = Backends::new(vec![backend("a", None, "/a", GATEWAY)]).unwrap();
        let head = RequestHead {
            host: "x.example",
            path: "/b",
        };
        assert_eq!(only.select(&head).unwrap_err(), Denial::NoBackend);
    }

    proptest! {
        /// What an origin may make of a path never lies in another backend's part.
        #[test]
        fn no_reading_of_an_admitted_path_leads_elsewhere(
            path in "(/{1,2}(v1|accounts|admin|x|\\.|\\.\\.|%2[eE]|%61dmin)?(;y)?){0,6}",
        ) {
            let admitted = decide("a.example", &path);
            prop_assume!(["rest", "accounts"].contains(&admitted.as_str()));
            let decoded = path.replace("%2e", ".").replace("%2E", ".").replace("%61", "a");
            let bare: Vec<&str> = decoded
                .split('/')
                .map(|segment| segment.split(';').next().unwrap())
                .collect();
            let mut kept: Vec<&str> = Vec::new();
            for segment in bare {
                match segment {
                    "" | "." => {}
                    ".." => drop(kept.pop()),
                    other => kept.push(other),
                }
            }
            let expected = match kept.as_slice() {
                ["v1", "accounts", "admin", ..] => "admin",
                ["v1", "accounts", ..] => "accounts",
                _ => "rest",
            };
            prop_assert_eq!(admitted, expected);
        }

        #[test]
        fn no_path_is_too_odd_to_decide_on(path in "\\PC*") {
            decide("a.example", &path);
        }
    }

    #[test]
    fn any_dns_name_of_the_caller_counts() {
        let identity = Identity::new(None, vec!["x.example".into(), "admin.bank.example".into()]);
        let decided = decide_for(&identity, "x.example", "/v1/accounts/admin");
        assert_eq!(decided, "admin");
    }
}
