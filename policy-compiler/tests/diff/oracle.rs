//! Random policies and mutations of them: what `diff` says must be what the gateway does.

use std::sync::LazyLock;

use fastrand::Rng;
use http::Method;
use jwt_simple::algorithms::{HS256Key, MACLike};
use jwt_simple::claims::Claims;
use jwt_simple::reexports::coarsetime::{Duration, UnixTimeStamp};
use proptest::prelude::*;
use tidegate_policy_compiler::diff::{Change, ChangeKind, Place, Severity, diff};

use crate::model::{AUDIENCES, ISSUERS, PAGES, SCOPES, SECRETS, api_key, model, mutation};
use crate::observe::{BEGIN, Request, Seen, Watched, secret};
use crate::{compiled, side};

const METHODS: [Method; 4] = [Method::GET, Method::HEAD, Method::POST, Method::DELETE];
/// Each pattern of the model has one that no more specific pattern takes.
const PATHS: [&str; 8] = [
    "/a", "/a/b", "/a/7", "/a/7/8", "/q/b", "/q", "/", "/a/b/c/d",
];
/// What may be asked of `x-a` and `v`, and a value that meets nothing but presence.
const VALUES: [Option<&str>; 4] = [None, Some("1"), Some("2"), Some("3")];

/// The fields of a request that carry its credentials.
type Credentials = Vec<(&'static str, String)>;

/// What requests bring: nothing, each credential that any policy of the model accepts, and a token
/// and a key together.
static BROUGHT: LazyLock<Vec<Credentials>> = LazyLock::new(|| {
    let mut tokens = Vec::new();
    for issuer in ISSUERS {
        for audience in AUDIENCES {
            for name in SECRETS {
                for scopes in [&SCOPES[..], &SCOPES[..1], &SCOPES[1..], &[]] {
                    let token = token(issuer, audience, name, scopes);
                    tokens.push(("authorization", format!("Bearer {token}")));
                }
            }
        }
    }
    let keys = [0, 1].map(|consumer| ("x-api-key", api_key(consumer)));
    let both = tokens
        .iter()
        .flat_map(|token| keys.iter().map(|key| vec![token.clone(), key.clone()]));
    let both: Vec<_> = both.collect();
    let single = tokens.into_iter().chain(keys).map(|field| vec![field]);
    [vec![]].into_iter().chain(single).chain(both).collect()
});

fn token(issuer: &str, audience: &str, name: &str, scopes: &[&str]) -> String {
    let custom = serde_json::json!({ "scope": scopes.join(" ") });
    let mut claims = Claims::with_custom_claims(custom, Duration::from_hours(1))
        .with_issuer(issuer)
        .with_audience(audience)
        .with_subject("s");
    let now = UnixTimeStamp::from_millis(BEGIN);
    claims.issued_at = Some(now);
    claims.invalid_before = None;
    claims.expires_at = Some(now + Duration::from_days(10_000));
    HS256Key::from_bytes(&secret(name))
        .authenticate(claims)
        .unwrap()
}

/// A request; each is as likely as another.
fn request(rng: &mut Rng) -> Request {
    let host = ["api.example", "other.example"][rng.usize(..2)];
    let method = &METHODS[rng.usize(..METHODS.len())];
    let path = PATHS[rng.usize(..PATHS.len())];
    let [header, query] = [(); 2].map(|()| VALUES[rng.usize(..VALUES.len())]);
    let mut request = plain(method, host, path, header, query);
    let credentials = &BROUGHT[rng.usize(..BROUGHT.len())];
    request.headers.extend(credentials.iter().cloned());
    if rng.bool() {
        let page = PAGES[rng.usize(..PAGES.len())];
        request.headers.push(("origin", page.to_owned()));
    }
    if rng.bool() {
        let asked = ("access-control-request-method", method.to_string());
        request.headers.push(asked);
        request.method = Method::OPTIONS;
    }
    request
}

fn plain(
    method: &Method,
    host: &'static str,
    path: &str,
    header: Option<&str>,
    query: Option<&str>,
) -> Request {
    Request {
        method: method.clone(),
        host,
        target: query.map_or(path.to_owned(), |value| format!("{path}?v={value}")),
        headers: header
            .map(|value| ("x-a", value.to_owned()))
            .into_iter()
            .collect(),
    }
}

/// How many requests each pair of policies is asked; `TIDEGATE_ORACLE_REQUESTS` says otherwise.
static REQUESTS: LazyLock<usize> = LazyLock::new(|| {
    let stated = std::env::var("TIDEGATE_ORACLE_REQUESTS");
    stated.map_or(160, |stated| stated.parse().unwrap())
});

/// Two policies that compile, one a mutation of the other.
pub(crate) fn pair() -> impl Strategy<Value = (String, String)> {
    let mutations = prop::collection::vec(mutation(), 1..4);
    (model(), mutations).prop_filter_map("a policy does not compile", |(model, mutations)| {
        let texts = (model.text(), model.mutated(&mutations).text());
        (compiled(&texts.0).is_some() && compiled(&texts.1).is_some()).then_some(texts)
    })
}

fn concerns(place: &Place, request: &Request) -> bool {
    place.hosts.iter().any(|host| host.matches(request.host))
        && place.path.captures(request.path()).is_some()
        && request
            .methods()
            .any(|method| place.methods.contains(&method))
}

/// Whether routes of the request's host came or went: then what a request that no route takes is
/// told may change with them (404 or 405, and the methods that `Allow` names).
fn adds_or_removes(change: &Change, request: &Request) -> bool {
    let mut hosts = change.place.iter().flat_map(|place| &place.hosts);
    matches!(
        change.kind,
        ChangeKind::RouteAdded | ChangeKind::RouteRemoved
    ) && hosts.any(|host| host.matches(request.host))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 200, max_global_rejects: 20_000, ..ProptestConfig::default() })]

    /// A request that no change concerns is decided alike.
    #[test]
    fn what_is_called_unchanged_is_unchanged(
        (old, new) in pair(),
        seed: u64,
    ) {
        let changes = diff(&side(&old), &side(&new));
        let [before, after] = [&old, &new].map(|text| Watched::new(text));
        let realm = changes.iter().any(|change| change.kind == ChangeKind::Realm);
        let mut rng = Rng::with_seed(seed);
        for request in (0..*REQUESTS).map(|_| request(&mut rng)) {
            if changes.iter().filter_map(|change| change.place.as_ref()).any(|place| concerns(place, &request)) {
                continue;
            }
            let refused_otherwise = changes.iter().any(|change| adds_or_removes(change, &request));
            let told = |mut seen: Vec<Seen>| {
                for seen in &mut seen {
                    if refused_otherwise && seen.get("status").is_some_and(|status| status == "404" || status == "405") {
                        seen.clear();
                    }
                    if realm {
                        seen.remove("reply www-authenticate");
                    }
                }
                seen
            };
            let [before, after] = [&before, &after].map(|watched| told(watched.observe(&request)));
            prop_assert_eq!(before, after, "{:?}\n{}\n{}\n{:#?}", request, old, new, changes);
        }
    }

    /// Each change has a request that shows it, but where a regular expression or a condition on
    /// the address may leave none: what these let through, `diff` does not work out.
    #[test]
    fn what_is_called_changed_is_changed((old, new) in pair()) {
        let changes = diff(&side(&old), &side(&new));
        let [before, after] = [&old, &new].map(|text| Watched::new(text));
        for change in &changes {
            let Some(place) = &change.place else { continue };
            // A route that came or went, and another takes its requests in the same way.
            let alike = change.severity == Severity::Changes && change.before.is_some() && change.after.is_some();
            if alike && matches!(change.kind, ChangeKind::RouteAdded | ChangeKind::RouteRemoved) {
                continue;
            }
            let shown = witnesses(place).any(|request| before.observe(&request) != after.observe(&request));
            let unknowable = [&old, &new].iter().any(|text| {
                text.contains("regex:") || text.contains("client.address ==")
            });
            prop_assert!(shown || unknowable, "{:#?}\n{}\n{}", change, old, new);
        }
    }
}

/// Requests that a change may concern, with every credential, and preflights.
fn witnesses(place: &Place) -> impl Iterator<Item = Request> {
    let mut requests = Vec::new();
    let hosts = ["api.example", "other.example"].into_iter().filter(|host| {
        place.hosts.iter().any(|pattern| {
            pattern.as_str() == *host || pattern.suffix().is_some() && *host != "api.example"
        })
    });
    for host in hosts {
        for path in PATHS
            .iter()
            .filter(|path| place.path.captures(path).is_some())
        {
            for method in METHODS
                .iter()
                .filter(|method| place.methods.contains(method))
            {
                for (header, query) in VALUES
                    .iter()
                    .flat_map(|header| VALUES.map(|query| (*header, query)))
                {
                    requests.push((plain(method, host, path, header, query), method.clone()));
                }
            }
        }
    }
    let preflights = requests.clone().into_iter().flat_map(|(request, method)| {
        PAGES.into_iter().flat_map(move |page| {
            let request = request.clone();
            let method = method.clone();
            [None, Some("x-a")].into_iter().map(move |asked| {
                let mut request = Request {
                    method: Method::OPTIONS,
                    ..request.clone()
                };
                request.headers.push(("origin", page.to_owned()));
                request
                    .headers
                    .push(("access-control-request-method", method.to_string()));
                request.headers.extend(
                    asked.map(|asked| ("access-control-request-headers", asked.to_owned())),
                );
                request
            })
        })
    });
    let with_credentials = requests.into_iter().flat_map(|(request, _)| {
        BROUGHT.iter().map(move |credentials| {
            let mut request = request.clone();
            request.headers.extend(credentials.iter().cloned());
            request.headers.push(("origin", PAGES[0].to_owned()));
            request
        })
    });
    preflights.chain(with_credentials)
}
