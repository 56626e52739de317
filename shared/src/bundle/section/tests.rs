//! What is written is read again; what is not written so is refused.

use http::Method;
use proptest::prelude::*;

use super::super::{ApiKeyAuth, FieldPredicate, FieldTest, JwtAuth, Reply, Target, TemplatePart};
use super::*;
use crate::cbor::{self, InvalidCbor};

const NAMES: [&str; 5] = ["accounts", "accounts-old", "äpfel", "ärger", "a GET /v1/x"];
const PATHS: [&str; 5] = [
    "/",
    "/v1/accounts",
    "/v1/accounts/{id}",
    "/v1/%C3%A4",
    "/v1/*",
];

fn scoped(scopes: Vec<&str>) -> Auth {
    Auth::Jwt(JwtAuth {
        issuers: vec![0],
        scopes: scopes.into_iter().map(str::to_owned).collect(),
    })
}

prop_compose! {
    fn auth()(kind in 0..4, scopes in prop::collection::vec(prop::sample::select(&NAMES[..]), 0..3)) -> Auth {
        let key = Auth::ApiKey(ApiKeyAuth { ring: 0, scopes: vec!["accounts".to_owned()] });
        match kind {
            0 => Auth::Public,
            1 => scoped(scopes),
            2 => Auth::Any(vec![Auth::All(vec![scoped(scopes), key]), Auth::Anonymous]),
            _ => Auth::Shadow(Box::new(Auth::All(vec![key, Auth::Signature(0), scoped(scopes)]))),
        }
    }
}

prop_compose! {
    fn route()(
        name in prop::sample::select(&NAMES[..]),
        derived in prop::option::of((prop::sample::select(&PATHS[..]), any::<bool>())),
        any_method: bool,
        auth in auth(),
        rest in 0..4,
    ) -> Route {
        let methods = if any_method { MethodSet::ANY } else { MethodSet::of(&Method::GET) };
        let name = match derived {
            None => name.to_owned(),
            Some((path, own)) => {
                let methods = if own { methods } else { MethodSet::of(&Method::PUT) };
                name::of(name, methods, &path.parse().unwrap())
            }
        };
        let mut route = Route { methods, ..Route::new(name, auth, Target::Upstream(0)) };
        match rest {
            0 => {}
            1 => route.headers = vec![FieldPredicate { name: "x-a".to_owned(), test: FieldTest::Present }],
            2 => route.rewrite = Some(PathTemplate(vec![TemplatePart::Literal("/x".to_owned())])),
            _ => route.target = Target::Reply(Reply { status: 204, headers: vec![], body: Default::default() }),
        }
        route
    }
}

prop_compose! {
    fn host()(
        routes in prop::collection::vec(route(), 0..12),
        paths in prop::collection::vec(
            (prop::sample::select(&PATHS[..]), prop::collection::vec(0_u32..12, 0..4), prop::collection::vec(0_u32..5, 0..2)),
            0..5,
        ),
    ) -> HostRoutes {
        let paths = paths.into_iter().map(|(pattern, routes, otherwise)| PathEntry {
            pattern: pattern.parse().unwrap(),
            routes,
            otherwise,
        });
        HostRoutes { paths: paths.collect(), routes }
    }
}

const BOUNDS: &cbor::Bounds = &bounds::SECTION;

proptest! {
    #[test]
    fn what_is_written_is_read(host in host()) {
        prop_assert_eq!(cbor::decode::<HostRoutes>(&cbor::encode(&host), BOUNDS), Ok(host));
    }
}

/// Two products, each with its scopes, as a section.
fn section() -> Section {
    let routes = ["a", "b"].iter().flat_map(|product| {
        ["read", "write"].map(|scope| {
            let auth = scoped(vec![&format!("{product}:{scope}")]);
            Route::new(format!("{product}-{scope}"), auth, Target::Upstream(0))
        })
    });
    let routes: Vec<Route> = routes.collect();
    let paths = (0..2).map(|product: u32| PathEntry {
        pattern: format!("/products/{product}").parse().unwrap(),
        routes: vec![product * 2, product * 2 + 1],
        otherwise: vec![],
    });
    Section::of(&HostRoutes {
        paths: paths.collect(),
        routes,
    })
}

fn refusal(change: impl FnOnce(&mut Section)) -> String {
    let mut section = section();
    change(&mut section);
    let error = cbor::decode::<HostRoutes>(&cbor::encode(&section), BOUNDS).unwrap_err();
    error.to_string()
}

#[test]
fn nothing_is_said_twice() {
    let section = section();
    assert_eq!(section.rules.len(), 1);
    let of_second = |row: &Row| (row.name, row.auth, row.rule);
    let rows: Vec<_> = section.routes.iter().map(of_second).collect();
    assert_eq!(rows, [(0, 0, 0), (0, 0, 1), (0, 0, 1), (0, 0, 1)]);
    let steps = section.paths.iter().flat_map(|path| &path.routes);
    assert!(steps.copied().eq([0; 4]));
    let (common, rest) = section.patterns.pairs().last().unwrap();
    assert_eq!((*common, rest.as_str()), (10, "1"));
}

#[test]
fn there_is_one_encoding() {
    let not_the_encoding = InvalidCbor::NotTheEncoding.to_string();
    // A list with an entry that nothing refers to, and one with an entry twice.
    let unused = refusal(|section| section.rules.push(section.rules[0].clone()));
    let twice = refusal(|section| {
        section.rules.push(section.rules[0].clone());
        section.routes[3].rule = 0;
    });
    // A text that is cut where the one before it goes on.
    let early = refusal(|section| {
        *section.patterns.last_mut() = (9, "/1".to_owned());
    });
    assert_eq!(
        [unused, twice, early],
        [(); 3].map(|()| not_the_encoding.clone())
    );
}

#[test]
fn references_lead_somewhere() {
    let nowhere = "CBOR is not the expected record: Semantic(None, \"a reference leads nowhere\")";
    assert_eq!(refusal(|section| section.routes[0].rule = 1), nowhere);
    assert_eq!(refusal(|section| section.routes[3].auth = 9), nowhere);
    assert_eq!(
        refusal(|section| section.auths[0].scopes[0][0] = 1),
        nowhere
    );
    assert_eq!(refusal(|section| section.paths[0].routes[0] = -1), nowhere);
    assert_eq!(refusal(|section| section.paths.truncate(1)), nowhere);
    assert!(refusal(|section| section.rules.clear()).contains("leads nowhere"));
    let far = refusal(|section| *section.patterns.last_mut() = (40, "x".to_owned()));
    assert!(far.contains("does not go on"), "{far}");
}

/// A section of two megabytes would else become one of gigabytes.
#[test]
fn what_is_shared_is_bounded() {
    let long = "x".repeat(1 << 20);
    let texts = refusal(|section| {
        section.names.push(0, long.clone());
        (0..1000).for_each(|_| section.names.push(1 << 20, String::new()));
    });
    assert!(texts.contains("too long"), "{texts}");
    let rules = refusal(|section| {
        section.rules[0].anonymous_plan = Some(long.clone());
        for _ in 0..1000 {
            section.routes.push(Row {
                name: 1,
                is_derived: false,
                methods: MethodSet::ANY,
                auth: 1,
                rewrite: None,
                rule: 1,
            });
        }
    });
    assert!(
        rules.contains("the routes are more than 16777216 octets"),
        "{rules}"
    );
}
