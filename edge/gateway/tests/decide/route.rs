use http::{HeaderName, Method};
use proptest::prelude::*;
use tidegate_edge::Mismatch;
use tidegate_shared::bundle::{FieldPredicate, FieldTest, Route};
use tidegate_shared::method::MethodSet;
use tidegate_shared::pattern::PathPattern;

use crate::kit::*;

fn named(name: &str) -> Route {
    Route {
        target: reply(200, name),
        ..route(name)
    }
}

fn only(method: &Method, name: &str) -> Route {
    Route {
        methods: MethodSet::of(method),
        ..named(name)
    }
}

fn body(world: &World, gateway: &tidegate_edge::Gateway, request: &Request) -> String {
    let reply = world.reply(gateway, request);
    problem(&reply).unwrap_or_else(|| String::from_utf8(reply.body.to_vec()).unwrap())
}

#[test]
fn the_most_specific_route_that_holds_wins() {
    let beta = FieldPredicate {
        name: "x-beta".to_owned(),
        test: FieldTest::Present,
    };
    let v2 = FieldPredicate {
        name: "v".to_owned(),
        test: FieldTest::Exact("2 b".to_owned()),
    };
    let routes = vec![
        ("/a/b", only(&Method::POST, "post exact")),
        (
            "/a/{id}",
            Route {
                headers: vec![beta],
                ..named("beta")
            },
        ),
        (
            "/a/{id}",
            Route {
                query: vec![v2],
                ..only(&Method::GET, "v2")
            },
        ),
        ("/a/{id}", only(&Method::GET, "get")),
        ("/a/{id}.json", only(&Method::GET, "json")),
        ("/a/*", named("prefix")),
        ("/a/b/*", only(&Method::PUT, "put prefix")),
    ];
    let gateway = gateway(tables(), routes);
    let world = World::new();
    for (line, expected) in [
        ("POST /a/b", "post exact"),
        ("GET /a/b", "get"),
        ("GET /a/7", "get"),
        ("GET /a/7?x=1&v=2+b", "v2"),
        ("GET /a/7?v=3&v=2+b", "get"),
        ("GET /a/7.json", "json"),
        ("POST /a/7.json", "prefix"),
        ("PUT /a/b/c", "put prefix"),
        ("GET /a/b/c", "prefix"),
        ("GET /a", "prefix"),
        ("GET /ab", "route-not-found"),
        ("GET /", "route-not-found"),
    ] {
        assert_eq!(body(&world, &gateway, &request(line)), expected, "{line}");
    }
    let beta = request("DELETE /a/7").with("x-beta", "");
    assert_eq!(body(&world, &gateway, &beta), "beta");
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let routes = vec![
        ("/a/b", only(&Method::POST, "p")),
        ("/a/{id}", only(&Method::GET, "g")),
    ];
    let gateway = gateway(tables(), routes);
    let reply = World::new().reply(&gateway, &request("DELETE /a/b"));
    assert_eq!(problem(&reply).as_deref(), Some("method-not-allowed"));
    assert_eq!(field(&reply, "allow").as_deref(), Some("GET, POST"));
}

#[test]
fn says_what_it_looked_at() {
    let beta = FieldPredicate {
        name: "x-beta".to_owned(),
        test: FieldTest::Present,
    };
    let v = FieldPredicate {
        name: "v".to_owned(),
        test: FieldTest::Exact("2".to_owned()),
    };
    let routes = vec![
        (
            "/a/{id}",
            Route {
                headers: vec![beta],
                ..named("beta")
            },
        ),
        (
            "/a/{id}",
            Route {
                query: vec![v],
                ..named("v2")
            },
        ),
        ("/a/{id}", only(&Method::GET, "get")),
        ("/a/*", named("prefix")),
        ("/*", named("all")),
    ];
    let gateway = gateway(tables(), routes);
    let looked_at = |request: &Request| {
        let routing = gateway.routing(request).unwrap();
        assert_eq!(routing.host.as_str(), HOST);
        let candidates = routing.candidates.into_iter();
        candidates
            .map(|candidate| (candidate.route, candidate.mismatch))
            .collect::<Vec<_>>()
    };
    let header = Some(Mismatch::Header(HeaderName::from_static("x-beta")));
    let query = Some(Mismatch::Query("v".to_owned()));
    assert_eq!(
        looked_at(&request("POST /a/7")),
        [
            (0, header.clone()),
            (1, query),
            (2, Some(Mismatch::Method)),
            (3, None)
        ]
    );
    assert_eq!(
        looked_at(&request("GET /a/7?v=2")),
        [(0, header), (1, None)]
    );
    assert!(gateway.routing(&request("GET /").to("other")).is_none());
}

#[test]
fn the_closest_host_wins() {
    let table = |name: &str| arrange(vec![("/", named(name))]);
    let hosts = vec![
        ("*.example", table("example")),
        ("*.bank.example", table("bank")),
        ("api.bank.example", table("api")),
    ];
    let gateway = gateway_of(tables(), hosts);
    let world = World::new();
    for (host, expected) in [
        ("api.bank.example", "api"),
        ("www.bank.example", "bank"),
        ("a.b.bank.example", "bank"),
        ("bank.example", "example"),
        ("example", "host-unknown"),
    ] {
        assert_eq!(
            body(&world, &gateway, &request("GET /").to(host)),
            expected,
            "{host}"
        );
    }
}

#[test]
fn a_pattern_may_use_any_parameter_name() {
    let routes = vec![
        ("/a/{x-1}/b", named("b")),
        ("/a/{y.2}/c", named("c")),
        ("/a/{rest}/*", named("p")),
    ];
    let gateway = gateway(tables(), routes);
    let world = World::new();
    for (line, expected) in [
        ("GET /a/1/b", "b"),
        ("GET /a/1/c", "c"),
        ("GET /a/1/d", "p"),
    ] {
        assert_eq!(body(&world, &gateway, &request(line)), expected, "{line}");
    }
}

fn any_table() -> impl Strategy<Value = Vec<(String, Option<Method>)>> {
    let segment = prop::sample::select(vec!["a", "b", "ab", "{p}"]);
    let path =
        (prop::collection::vec(segment, 1..4), any::<bool>()).prop_map(|(segments, prefix)| {
            let mut path = String::new();
            for (index, segment) in segments.iter().enumerate() {
                path.push('/');
                path.push_str(&segment.replace('p', &format!("p{index}")));
            }
            path + if prefix { "/*" } else { "" }
        });
    let method = prop::option::of(prop::sample::select(vec![Method::GET, Method::POST]));
    prop::collection::vec((path, method), 1..12)
}

proptest! {
    /// The router agrees with the definition: of all routes that match, the most specific.
    #[test]
    fn agrees_with_a_naive_router(table in any_table(), path in "(/(a|b|ab|c)){1,4}", post: bool) {
        let mut seen = Vec::new();
        let table: Vec<_> = table.into_iter().filter(|(path, method)| {
            let fresh = !seen.contains(&(path.clone(), method.clone()));
            seen.push((path.clone(), method.clone()));
            fresh
        }).collect();
        // matchit holds no parameter beside the end of a prefix; the compiler refuses these.
        let clash = |text: &str| {
            let end = text.strip_suffix("/*").unwrap_or("-");
            table.iter().any(|(other, _)| {
                let other = other.strip_suffix("/*").unwrap_or("");
                other.strip_prefix(end).is_some_and(|rest| rest.starts_with("/{"))
                    || skeleton(other).strip_prefix(skeleton(end).as_str()).is_some_and(|rest| rest.starts_with("/{"))
            })
        };
        prop_assume!(!table.iter().any(|(path, _)| clash(path)));
        let method = if post { Method::POST } else { Method::GET };
        let mut expected: Vec<(PathPattern, usize, bool)> = table.iter().enumerate().filter_map(|(index, (text, only))| {
            let pattern: PathPattern = text.parse().unwrap();
            let takes = only.as_ref().is_none_or(|only| *only == method);
            (takes && pattern.captures(&path).is_some()).then_some((pattern, index, only.is_some()))
        }).collect();
        expected.sort_by(|(a, i, only_a), (b, j, only_b)| {
            b.cmp_specificity(a).then(only_b.cmp(only_a)).then(i.cmp(j))
        });
        let mut routes: Vec<(&str, Route)> = table.iter().enumerate().map(|(index, (text, only))| {
            let name = index.to_string();
            (text.as_str(), only.clone().map_or_else(|| named(&name), |only| self::only(&only, &name)))
        }).collect();
        routes.sort_by_key(|(_, route)| route.methods == MethodSet::ANY);
        let gateway = gateway(tables(), routes);
        let line = format!("{method} {path}");
        let found = body(&World::new(), &gateway, &request(&line));
        match expected.first() {
            Some((_, index, _)) => prop_assert_eq!(found, index.to_string()),
            None => prop_assert!(found == "route-not-found" || found == "method-not-allowed", "{}", found),
        }
    }
}

/// A pattern with its parameters' names taken out.
fn skeleton(text: &str) -> String {
    let segments = text.split('/').map(|segment| {
        if segment.starts_with('{') {
            "{}"
        } else {
            segment
        }
    });
    segments.collect::<Vec<_>>().join("/")
}
