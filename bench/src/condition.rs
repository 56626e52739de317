//! A condition of five terms, against the same expression in the interpreter of the crate `cel`,
//! which has its variables put together ahead of time.

use std::borrow::Cow;
use std::hint::black_box;

use anyhow::{Context as _, Result, anyhow, ensure};
use http::HeaderName;
use serde_json::{Map as Json, Value as Claim, json};
use tidegate_edge::condition::{Facts, List, Map, Program, Value};
use tidegate_policy_compiler::cel::{self, Binding, Environment, Type};
use tidegate_shared::condition::Variable;

use crate::measure::{Contest, Outcome, operation};
use crate::report::{Row, Unit};

const TEXT: &str = r#"request.method == "GET" && "read" in auth.scopes && auth.claims.tier in ["gold", "platinum"] && !has(auth.claims.suspended) && auth.subject != "mallory""#;

pub(crate) fn rows() -> Vec<Row> {
    vec![Row {
        name: "condition/five-terms".to_owned(),
        aim: None,
        unit: Unit::Time,
        measure: Box::new(measure),
    }]
}

/// What the condition asks of a request.
struct Request {
    scopes: Vec<String>,
    claims: Json<String, Claim>,
}

impl Facts for Request {
    fn variable(&self, variable: Variable) -> Option<Value<'_>> {
        Some(match variable {
            Variable::Method => Value::Text(Cow::Borrowed("GET")),
            Variable::Subject => Value::Text(Cow::Borrowed("alice")),
            Variable::Scopes => Value::List(List::Texts(&self.scopes)),
            Variable::Claims => Value::Map(Map::Json(&self.claims)),
            Variable::Host
            | Variable::Path
            | Variable::Address
            | Variable::Now
            | Variable::Certificate
            | Variable::Plan
            | Variable::Issuer => return None,
        })
    }

    fn header(&self, _: &HeaderName) -> Option<Cow<'_, str>> {
        None
    }

    fn query(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }

    fn parameter(&self, _: u32) -> Option<Cow<'_, str>> {
        None
    }
}

fn measure() -> Result<Outcome> {
    let claims = json!({ "sub": "alice", "tier": "platinum", "iss": "https://id.bank.example" });
    let scopes = ["accounts", "read", "write"].map(str::to_owned).to_vec();

    let peer = ::cel::Program::compile(TEXT).map_err(|error| anyhow!("{error}"))?;
    let mut variables = ::cel::Context::default();
    let auth = json!({ "scopes": scopes, "claims": claims, "subject": "alice" });
    for (name, value) in [("auth", auth), ("request", json!({ "method": "GET" }))] {
        let added = variables.add_variable(name, value);
        added.map_err(|error| anyhow!("{error}"))?;
    }
    let found = peer.execute(&variables);
    ensure!(found == Ok(true.into()), "the peer finds {found:?}");

    let text = |variable| Binding::Variable(variable, Type::String);
    let environment = Environment {
        bindings: vec![
            ("request.method".to_owned(), text(Variable::Method)),
            ("auth.subject".to_owned(), text(Variable::Subject)),
            (
                "auth.scopes".to_owned(),
                Binding::Variable(Variable::Scopes, Type::list(Type::String)),
            ),
            (
                "auth.claims".to_owned(),
                Binding::Variable(Variable::Claims, Type::map(Type::String, Type::Dyn)),
            ),
        ],
    };
    let compiled = cel::compile(TEXT, &environment).map_err(|findings| anyhow!("{findings:?}"))?;
    let program = Program::prepare(&compiled.condition)?;
    let request = Request {
        scopes,
        claims: claims.as_object().cloned().context("an object")?,
    };
    ensure!(
        program.holds(&request) == Ok(true),
        "the condition does not hold"
    );
    let contest = Contest {
        ours: operation(move || {
            let _ = black_box(program.holds(black_box(&request)));
        }),
        peer: operation(move || {
            let _ = black_box(peer.execute(black_box(&variables)));
        }),
        parts: vec![],
    };
    Ok(contest.run())
}
