//! The text of conditions.

use std::borrow::Cow;

use http::HeaderName;
use serde_json::json;
use tidegate_edge::condition::{Facts, List, Map, Program, Value};
use tidegate_policy_compiler::cel::{self, Binding, Environment, Lookup, Type};
use tidegate_shared::bundle::bounds;
use tidegate_shared::cbor;
use tidegate_shared::condition::{Condition, Timestamp, Variable};

/// Every finding has a place; what compiles is the same once written and read, and its value is
/// of the type that the checker gave it.
pub fn run(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else {
        return;
    };
    let compiled = match cel::compile(text, &environment()) {
        Ok(compiled) => compiled,
        Err(findings) => {
            assert!(!findings.is_empty(), "no condition, and no reason");
            for finding in findings {
                let place = text.get(finding.span.clone());
                assert!(place.is_some(), "no such place: {finding:?}");
            }
            return;
        }
    };
    let written = cbor::encode(&compiled.condition);
    let read = cbor::decode::<Condition>(&written, &bounds::SECTION);
    assert_eq!(read.as_ref(), Ok(&compiled.condition));
    let program = Program::prepare(&compiled.condition);
    assert!(program.is_ok(), "what compiles cannot be prepared");
    let request = Request::default();
    if let Ok(Ok(value)) = program.as_ref().map(|program| program.evaluate(&request)) {
        let of = &compiled.of;
        assert!(fits(of, &value), "`{text}` is {of}, and gives {value:?}");
    }
}

/// Whether a value is of a type.
fn fits(of: &Type, value: &Value<'_>) -> bool {
    match (of, value) {
        (Type::List(element), Value::List(list)) => list.iter().all(|item| fits(element, &item)),
        (Type::Map(key, _), Value::Map(map)) => map.keys().iter().all(|own| fits(key, own)),
        (Type::Dyn, _)
        | (Type::Null, Value::Null)
        | (Type::Bool, Value::Bool(_))
        | (Type::Int, Value::Int(_))
        | (Type::Uint, Value::Uint(_))
        | (Type::Double, Value::Double(_))
        | (Type::String, Value::Text(_))
        | (Type::Bytes, Value::Octets(_))
        | (Type::Timestamp, Value::Timestamp(_))
        | (Type::Duration, Value::Duration(_))
        | (Type::Type, Value::Type(_)) => true,
        _ => false,
    }
}

pub(crate) fn environment() -> Environment {
    let text = |variable| Binding::Variable(variable, Type::String);
    let claims = Type::map(Type::String, Type::Dyn);
    let scopes = Type::list(Type::String);
    let bindings = [
        ("request.method", text(Variable::Method)),
        ("request.path", Binding::Path(vec!["id".to_owned()])),
        ("request.headers", Binding::Lookup(Lookup::Headers)),
        ("request.query", Binding::Lookup(Lookup::Query)),
        ("auth.subject", text(Variable::Subject)),
        ("auth.scopes", Binding::Variable(Variable::Scopes, scopes)),
        ("auth.claims", Binding::Variable(Variable::Claims, claims)),
        ("now", Binding::Variable(Variable::Now, Type::Timestamp)),
    ];
    Environment {
        bindings: bindings
            .map(|(name, binding)| (name.to_owned(), binding))
            .into(),
    }
}

/// A request that has some of what can be asked.
pub(crate) struct Request {
    scopes: Vec<String>,
    claims: serde_json::Value,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            scopes: ["a", "b"].map(str::to_owned).into(),
            claims: json!({
                "a": "a", "b": -1, "c": 0.5, "d": [1, "a", null], "e": { "a": true },
                "f": 9_223_372_036_854_775_807_i64, "g": 18_446_744_073_709_551_615_u64,
            }),
        }
    }
}

impl Facts for Request {
    fn variable(&self, variable: Variable) -> Option<Value<'_>> {
        match variable {
            Variable::Method => Some(Value::text("GET")),
            Variable::Path => Some(Value::text("/a/7")),
            Variable::Subject | Variable::Host => Some(Value::text("a")),
            Variable::Scopes => Some(Value::List(List::Texts(&self.scopes))),
            Variable::Claims => Some(Value::Map(Map::Json(self.claims.as_object()?))),
            Variable::Now => Some(Value::Timestamp(Timestamp {
                seconds: 1_750_000_000,
                nanos: 1,
            })),
            Variable::Certificate | Variable::Issuer | Variable::Plan | Variable::Address => None,
        }
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        (name == "a").then_some(Cow::Borrowed("é"))
    }

    fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        (name == "a").then_some(Cow::Borrowed(""))
    }

    fn parameter(&self, place: u32) -> Option<Cow<'_, str>> {
        (place == 0).then_some(Cow::Borrowed("7"))
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    crate::texts([
        r#"auth.claims.a in ["a", "b"] && !has(auth.claims.e.x)"#,
        r#"auth.scopes.exists(s, s.matches("^a+$")) || request.headers["a"] != """#,
        "auth.claims.d.map(x, x == null, [x, x]).filter(y, size(y) > 0) != []",
        r#"now - timestamp("2025-06-15T15:06:40.5Z") < duration("-1h1.5s") ? 1 + 2 : 3 % 4"#,
        r#"{1: "a", 2u: b'\xff', true: r'\d'}[auth.claims.b] == string(-1.5e3)"#,
        r#"int(request.path["id"]) + auth.claims.f - 0x7f * -1 / 2 >= 9u"#,
        r#"[[1], [2, 3]].all(x, x.exists_one(y, y in x)) && type(1) == int"#,
        r#"request.query.a.startsWith("") && now.getHours("+02:00") != -9223372036854775808"#,
        r#"bytes("é").size() == 2 && double("1e3") > dyn(1u) && bool("t") // end"#,
    ])
}
