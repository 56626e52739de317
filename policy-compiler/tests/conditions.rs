//! Conditions, from their text to their value, on one request.

#![cfg(test)]

use std::borrow::Cow;
use std::fmt::Write;

use expect_test::{Expect, expect};
use http::HeaderName;
use serde_json::json;
use tidegate_edge::condition::{Facts, List, Map, Program, Value};
use tidegate_policy_compiler::cel::{self, Binding, Compiled, Environment, Lookup, Type};
use tidegate_shared::condition::{Constant, Node, Timestamp, Variable, bounds};

fn environment() -> Environment {
    let claims = Type::map(Type::String, Type::Dyn);
    let bindings = [
        (
            "request.method",
            Binding::Variable(Variable::Method, Type::String),
        ),
        ("request.path", Binding::Path(vec!["id".to_owned()])),
        ("request.headers", Binding::Lookup(Lookup::Headers)),
        ("request.query", Binding::Lookup(Lookup::Query)),
        (
            "auth.scopes",
            Binding::Variable(Variable::Scopes, Type::list(Type::String)),
        ),
        ("auth.claims", Binding::Variable(Variable::Claims, claims)),
        (
            "client.address",
            Binding::Variable(Variable::Address, Type::String),
        ),
        ("now", Binding::Variable(Variable::Now, Type::Timestamp)),
    ];
    Environment {
        bindings: bindings
            .map(|(name, binding)| (name.to_owned(), binding))
            .into(),
    }
}

struct Request {
    scopes: Vec<String>,
    claims: serde_json::Value,
}

impl Request {
    fn new() -> Self {
        Self {
            scopes: vec!["read".to_owned(), "write".to_owned()],
            claims: json!({
                "sub": "alice", "tier": "gold", "level": 3, "share": 0.5, "admin": false,
                "big": 18_446_744_073_709_551_615_u64, "nothing": null,
                "groups": ["staff", "audit"], "address": { "country": "CH", "zip": 8000 },
            }),
        }
    }
}

impl Facts for Request {
    fn variable(&self, variable: Variable) -> Option<Value<'_>> {
        match variable {
            Variable::Method => Some(Value::text("GET")),
            Variable::Path => Some(Value::text("/accounts/7")),
            Variable::Scopes => Some(Value::List(List::Texts(&self.scopes))),
            Variable::Claims => Some(Value::Map(Map::Json(self.claims.as_object()?))),
            Variable::Now => Some(Value::Timestamp(Timestamp {
                seconds: 1_750_000_000,
                nanos: 250_000_000,
            })),
            Variable::Host
            | Variable::Subject
            | Variable::Issuer
            | Variable::Certificate
            | Variable::Plan
            | Variable::Address => None,
        }
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        (name == "x-tenant").then_some(Cow::Borrowed("t1"))
    }

    fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        (name == "page").then_some(Cow::Borrowed("2"))
    }

    fn parameter(&self, place: u32) -> Option<Cow<'_, str>> {
        (place == 0).then_some(Cow::Borrowed("7"))
    }
}

fn compiled(text: &str) -> Compiled {
    cel::compile(text, &environment()).unwrap_or_else(|findings| panic!("{text}: {findings:?}"))
}

fn evaluated(text: &str, request: &Request) -> String {
    let program = Program::prepare(&compiled(text).condition).unwrap();
    match program.evaluate(request) {
        Ok(Value::Bool(value)) => value.to_string(),
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("error: {error}"),
    }
}

/// Each line of `texts` and what it comes to.
fn check(texts: &str, expected: &Expect) {
    let mut report = String::new();
    for text in texts.lines().map(str::trim).filter(|text| !text.is_empty()) {
        writeln!(report, "{text} -> {}", evaluated(text, &Request::new())).unwrap();
    }
    expected.assert_eq(&report);
}

#[test]
fn facts_of_a_request() {
    check(
        r#"
        request.method
        request.path
        request.path["id"]
        request.headers["X-Tenant"] + request.headers.`x-tenant`
        request.headers["x-other"]
        "x-tenant" in request.headers && !("x-other" in request.headers)
        has(request.headers.host)
        request.query["page"] == "2" && !has(request.query.size)
        "read" in auth.scopes && size(auth.scopes) == 2
        client.address
        now > timestamp("2025-06-15T15:06:40Z") && now < timestamp("2025-06-15T15:06:41Z")
        now.getHours("+02:00") - now.getHours()
        "#,
        &expect![[r#"
            request.method -> Text("GET")
            request.path -> Text("/accounts/7")
            request.path["id"] -> Text("7")
            request.headers["X-Tenant"] + request.headers.`x-tenant` -> Text("t1t1")
            request.headers["x-other"] -> error: no such key
            "x-tenant" in request.headers && !("x-other" in request.headers) -> true
            has(request.headers.host) -> false
            request.query["page"] == "2" && !has(request.query.size) -> true
            "read" in auth.scopes && size(auth.scopes) == 2 -> true
            client.address -> error: a fact is not known of this request
            now > timestamp("2025-06-15T15:06:40Z") && now < timestamp("2025-06-15T15:06:41Z") -> true
            now.getHours("+02:00") - now.getHours() -> Int(2)
        "#]],
    );
}

#[test]
fn claims_are_whatever_the_token_says() {
    check(
        r#"
        auth.claims.tier in ["gold", "platinum"]
        auth.claims["tier"] == "gold"
        auth.claims.address.country == "CH" && auth.claims.address.zip > 7999u
        auth.claims.level >= 3.0 && auth.claims.level + 1 == 4
        auth.claims.share * 2.0
        auth.claims.big == 18446744073709551615u
        auth.claims.nothing == null
        has(auth.claims.missing)
        auth.claims.missing == 1
        has(auth.claims.address.street)
        has(auth.claims.tier.x)
        auth.claims.groups.exists(group, group == "audit")
        auth.claims.groups.filter(group, group.startsWith("s"))
        auth.claims.groups[1]
        auth.claims.groups[2]
        auth.claims.exists(name, name == "tier")
        auth.claims.level == "3"
        auth.claims.level + "3"
        !auth.claims.admin
        !auth.claims.level
        size(auth.claims.address)
        "#,
        &expect![[r#"
            auth.claims.tier in ["gold", "platinum"] -> true
            auth.claims["tier"] == "gold" -> true
            auth.claims.address.country == "CH" && auth.claims.address.zip > 7999u -> true
            auth.claims.level >= 3.0 && auth.claims.level + 1 == 4 -> true
            auth.claims.share * 2.0 -> Double(1.0)
            auth.claims.big == 18446744073709551615u -> true
            auth.claims.nothing == null -> true
            has(auth.claims.missing) -> false
            auth.claims.missing == 1 -> error: no such key
            has(auth.claims.address.street) -> false
            has(auth.claims.tier.x) -> error: no such overload
            auth.claims.groups.exists(group, group == "audit") -> true
            auth.claims.groups.filter(group, group.startsWith("s")) -> List(Built([Text("staff")]))
            auth.claims.groups[1] -> Text("audit")
            auth.claims.groups[2] -> error: index out of range
            auth.claims.exists(name, name == "tier") -> true
            auth.claims.level == "3" -> false
            auth.claims.level + "3" -> error: no such overload
            !auth.claims.admin -> true
            !auth.claims.level -> error: no such overload
            size(auth.claims.address) -> Int(2)
        "#]],
    );
}

#[test]
fn an_error_counts_unless_another_operand_decides() {
    check(
        r#"
        auth.claims.missing == 1 || request.method == "GET"
        request.method == "GET" || auth.claims.missing == 1
        auth.claims.missing == 1 || request.method == "PUT"
        auth.claims.missing == 1 && request.method == "PUT"
        request.method == "GET" && auth.claims.missing == 1
        auth.claims.level && request.method == "PUT"
        auth.claims.level && request.method == "GET"
        auth.claims.groups.all(group, group == "none" && group.missing)
        auth.claims.groups.exists(group, group == "staff" || group.missing)
        auth.claims.groups.exists_one(group, group == "staff" || group.missing)
        request.method == "GET" ? 1 : 1 / 0
        "#,
        &expect![[r#"
            auth.claims.missing == 1 || request.method == "GET" -> true
            request.method == "GET" || auth.claims.missing == 1 -> true
            auth.claims.missing == 1 || request.method == "PUT" -> error: no such key
            auth.claims.missing == 1 && request.method == "PUT" -> false
            request.method == "GET" && auth.claims.missing == 1 -> error: no such key
            auth.claims.level && request.method == "PUT" -> false
            auth.claims.level && request.method == "GET" -> error: no such overload
            auth.claims.groups.all(group, group == "none" && group.missing) -> false
            auth.claims.groups.exists(group, group == "staff" || group.missing) -> true
            auth.claims.groups.exists_one(group, group == "staff" || group.missing) -> error: no such overload
            request.method == "GET" ? 1 : 1 / 0 -> Int(1)
        "#]],
    );
}

#[test]
fn what_is_out_of_range_is_an_error() {
    check(
        r#"
        auth.claims.level + 9223372036854775807
        auth.claims.level - 4 < 0 && uint(auth.claims.level) - 4u == 0u
        auth.claims.level / (auth.claims.level - 3)
        auth.claims.level % (auth.claims.level - 3)
        uint(auth.claims.level - 4)
        int(auth.claims.share * 1e300 * 1e300)
        duration("2540400h") + (now - now) + duration("2540400h")
        now + duration("2540400h") - timestamp("0001-01-01T00:00:00Z")
        timestamp("9999-12-31T23:59:59Z") + (now - timestamp("2025-01-01T00:00:00Z"))
        timestamp(request.method)
        duration(request.method)
        {request.method: 1, "GET": 2}
        {"a": 1}[request.method]
        "#,
        &expect![[r#"
            auth.claims.level + 9223372036854775807 -> error: result out of range
            auth.claims.level - 4 < 0 && uint(auth.claims.level) - 4u == 0u -> error: result out of range
            auth.claims.level / (auth.claims.level - 3) -> error: division by zero
            auth.claims.level % (auth.claims.level - 3) -> error: division by zero
            uint(auth.claims.level - 4) -> error: result out of range
            int(auth.claims.share * 1e300 * 1e300) -> error: result out of range
            duration("2540400h") + (now - now) + duration("2540400h") -> error: result out of range
            now + duration("2540400h") - timestamp("0001-01-01T00:00:00Z") -> error: result out of range
            timestamp("9999-12-31T23:59:59Z") + (now - timestamp("2025-01-01T00:00:00Z")) -> error: result out of range
            timestamp(request.method) -> error: the value cannot be converted
            duration(request.method) -> error: the value cannot be converted
            {request.method: 1, "GET": 2} -> error: repeated key
            {"a": 1}[request.method] -> error: no such key
        "#]],
    );
}

#[test]
fn a_regular_expression_finds_a_part() {
    check(
        r#"
        request.path.matches("[0-9]")
        request.path.matches("^[0-9]")
        request.path.matches("^/accounts/[0-9]+$")
        request.path.matches("")
        matches(request.path, "ACC")
        matches(request.path, "(?i)ACC")
        auth.claims.level.matches("3")
        "#,
        &expect![[r#"
            request.path.matches("[0-9]") -> true
            request.path.matches("^[0-9]") -> false
            request.path.matches("^/accounts/[0-9]+$") -> true
            request.path.matches("") -> true
            matches(request.path, "ACC") -> false
            matches(request.path, "(?i)ACC") -> true
            auth.claims.level.matches("3") -> error: no such overload
        "#]],
    );
}

#[test]
fn what_is_known_before_is_not_computed_again() {
    let folded = |text: &str| compiled(text).condition.nodes().to_vec();
    let yes = [Node::Constant(Constant::Bool(true))];
    assert_eq!(folded("1 + 2 * 3 == 7 && size('abc') == 3"), yes);
    assert_eq!(folded("request.method == 'GET' || true"), yes);
    assert_eq!(folded("[1, 2].all(n, n > 0)"), yes);
    let method = Node::Variable(Variable::Method);
    assert_eq!(folded("true ? request.method : 'x'"), [method]);
    let list = Constant::List(vec![
        Constant::Text("ab".into()),
        Constant::Text("c".into()),
    ]);
    let nodes = folded("request.method in ['a' + 'b', 'c']");
    assert_eq!(nodes.get(1), Some(&Node::Constant(list)));
    // What fails is left to fail where it is asked for.
    assert!(folded("1 / 0 == 1 || request.method == 'GET'").len() > 4);
}

#[test]
fn an_evaluation_ends() {
    let mut request = Request::new();
    let text = "auth.scopes.all(a, auth.scopes.exists(b, a == b))";
    assert_eq!(evaluated(text, &request), "true");
    request.scopes = (0..1_000).map(|number| number.to_string()).collect();
    assert_eq!(evaluated(text, &request), "error: too many steps");
    // No operand decides against the end of all steps.
    let text = format!("{text} || request.method == 'GET'");
    assert_eq!(evaluated(&text, &request), "error: too many steps");
    // Nor is there more memory than steps.
    request.scopes = vec!["x".repeat(16_000); 60];
    let text = "size(auth.scopes.map(a, auth.scopes.map(b, a + b))) > 0";
    assert_eq!(evaluated(text, &request), "error: too many steps");
}

#[test]
fn bounds_hold_and_hostile_texts_get_an_error() {
    let ok = |text: String| cel::compile(&text, &environment()).is_ok();
    assert!(ok(format!("{}true{}", "(".repeat(60), ")".repeat(60))));
    assert!(ok(vec!["request.method == 'GET'"; 100].join(" && ")));
    for text in [
        "(".repeat(bounds::TEXT),
        "!".repeat(bounds::TEXT),
        "-".repeat(bounds::TEXT),
        "[".repeat(bounds::TEXT),
        "a.".repeat(bounds::TEXT / 2),
        "a?".repeat(bounds::TEXT / 2),
        format!("1{}", "+1".repeat(1_000)),
        format!("true{}", " && true".repeat(1_000)),
        format!("auth{}", "[0]".repeat(1_000)),
        format!("auth.scopes.map(x, [{}])", "x,".repeat(1_024)),
        String::new(),
    ] {
        let findings = cel::compile(&text, &environment()).unwrap_err();
        for finding in findings {
            let span = finding.span.clone();
            assert!(text.get(span).is_some(), "{finding:?}");
        }
    }
}
