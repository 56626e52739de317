//! The conformance suite of the Common Expression Language: every case of its core that needs no
//! protocol buffers, through the compiler, the encoding and the evaluator.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use serde::Deserialize;
use serde_json::Value as Json;
use tidegate_edge::condition::{Facts, List, Map, Program, Value};
use tidegate_policy_compiler::cel::{self, Binding, Environment, Type};
use tidegate_shared::bundle::bounds;
use tidegate_shared::cbor;
use tidegate_shared::condition::{Condition, Variable};

/// The suites of the language itself; the others are extensions and messages.
const CORE: [&str; 14] = [
    "basic",
    "comparisons",
    "conversions",
    "fields",
    "fp_math",
    "integer_math",
    "lists",
    "logic",
    "macros",
    "namespace",
    "parse",
    "plumbing",
    "string",
    "timestamps",
];

/// What passes, at least.
const PASSED: usize = 1_040;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    name: String,
    expr: String,
    #[serde(rename = "$suite")]
    suite: String,
    #[serde(rename = "$needsProto")]
    needs_proto: bool,
    value: Option<Json>,
    eval_error: Option<Json>,
    #[serde(default)]
    disable_check: bool,
    #[serde(default)]
    type_env: Vec<Declaration>,
    #[serde(default)]
    bindings: BTreeMap<String, Bound>,
}

#[derive(Deserialize)]
struct Declaration {
    name: String,
    ident: Option<Ident>,
}

#[derive(Deserialize)]
struct Ident {
    #[serde(rename = "type")]
    of: Json,
}

#[derive(Deserialize)]
struct Bound {
    value: Json,
}

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn core() {
    let text = std::fs::read(crate::vectors().join("cel-spec/conformance.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_slice(&text).unwrap();
    let mut files: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut left_out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for case in &cases {
        let file = case.suite.split('/').next().unwrap();
        if !CORE.contains(&file) || case.needs_proto {
            continue;
        }
        let (passed, total) = files.entry(file).or_default();
        *total += 1;
        match case.run() {
            Ok(()) => *passed += 1,
            Err(reason) => {
                let names = left_out.entry(reason).or_default();
                names.push(format!("{} {}: {}", case.suite, case.name, case.expr));
            }
        }
    }
    println!("{:<14} {:>6} {:>6}", "CEL", "passed", "cases");
    for (file, (passed, total)) in &files {
        println!("{file:<14} {passed:>6} {total:>6}");
    }
    let passed: usize = files.values().map(|(passed, _)| passed).sum();
    let total: usize = files.values().map(|(_, total)| total).sum();
    println!("{:<14} {passed:>6} {total:>6}", "all");
    for (reason, names) in &left_out {
        println!("{} left out, {reason}:", names.len());
        for name in names {
            println!("    {}", name.escape_debug());
        }
    }
    assert!(passed >= PASSED, "{passed} passed, once {PASSED}");
}

impl Case {
    /// Runs the case; the reason why it does not pass.
    fn run(&self) -> Result<(), String> {
        let (environment, facts) = self.world();
        let compiled = match cel::compile(&self.expr, &environment) {
            Ok(compiled) => compiled,
            // Without the checker, what it would say comes when it is evaluated.
            Err(_) if self.disable_check && self.eval_error.is_some() => return Ok(()),
            Err(_) if self.disable_check => {
                return Err("a condition is always checked".to_owned());
            }
            Err(findings) => return Err(findings[0].message.clone()),
        };
        let octets = cbor::encode(&compiled.condition);
        let decoded: Condition = cbor::decode(&octets, &bounds::SECTION).unwrap();
        assert_eq!(decoded, compiled.condition);
        let program = Program::prepare(&decoded).unwrap();
        let result = program.evaluate(&facts);
        match (&self.value, &self.eval_error, result) {
            (Some(expected), None, Ok(value)) if is(&value, expected) => Ok(()),
            (None, Some(_), Err(_)) => Ok(()),
            (None, None, Ok(Value::Bool(true))) => Ok(()),
            (_, _, result) => Err(format!("evaluated to {result:?}")),
        }
    }

    /// Every name of the case stands for another fact.
    fn world(&self) -> (Environment, World) {
        const VARIABLES: [Variable; 4] = [
            Variable::Claims,
            Variable::Method,
            Variable::Path,
            Variable::Host,
        ];
        let declared = self.type_env.iter().filter_map(|declaration| {
            let ident = declaration.ident.as_ref()?;
            Some((declaration.name.clone(), of(&ident.of)))
        });
        let mut names: Vec<(String, Type)> = declared.collect();
        for name in self.bindings.keys() {
            if !names.iter().any(|(own, _)| own == name) {
                names.push((name.clone(), Type::Dyn));
            }
        }
        let (mut environment, mut world) = (Environment::default(), World(Vec::new()));
        assert!(names.len() <= VARIABLES.len(), "{}", self.name);
        for ((name, of), variable) in names.into_iter().zip(VARIABLES) {
            if let Some(bound) = self.bindings.get(&name) {
                world.0.push((variable, value(&bound.value)));
            }
            let binding = Binding::Variable(variable, of);
            environment.bindings.push((name, binding));
        }
        (environment, world)
    }
}

/// A type as the suite writes it.
fn of(json: &Json) -> Type {
    let (kind, detail) = json.as_object().unwrap().iter().next().unwrap();
    match (kind.as_str(), detail.as_str().unwrap_or_default()) {
        ("primitive", "BOOL") => Type::Bool,
        ("primitive", "INT64") => Type::Int,
        ("primitive", "UINT64") => Type::Uint,
        ("primitive", "DOUBLE") => Type::Double,
        ("primitive", "STRING") => Type::String,
        ("primitive", "BYTES") => Type::Bytes,
        ("null", _) => Type::Null,
        ("dyn", _) => Type::Dyn,
        ("listType", _) => Type::list(of(&detail["elemType"])),
        ("mapType", _) => Type::map(of(&detail["keyType"]), of(&detail["valueType"])),
        _ => panic!("{json}"),
    }
}

/// A value as the suite writes it.
fn value(json: &Json) -> Value<'static> {
    let (kind, detail) = json.as_object().unwrap().iter().next().unwrap();
    let text = || detail.as_str().unwrap();
    match kind.as_str() {
        "nullValue" => Value::Null,
        "boolValue" => Value::Bool(detail.as_bool().unwrap()),
        "int64Value" => Value::Int(text().parse().unwrap()),
        "uint64Value" => Value::Uint(text().parse().unwrap()),
        "doubleValue" => Value::Double(detail.as_f64().unwrap()),
        "stringValue" => Value::Text(Cow::Owned(text().to_owned())),
        "bytesValue" => Value::Octets(Cow::Owned(STANDARD.decode(text()).unwrap())),
        "listValue" => {
            let items = detail["values"].as_array().into_iter().flatten();
            Value::List(List::Built(items.map(value).collect()))
        }
        "mapValue" => {
            let entries = detail["entries"].as_array().into_iter().flatten();
            let entry = |entry: &Json| (value(&entry["key"]), value(&entry["value"]));
            Value::Map(Map::Built(entries.map(entry).collect()))
        }
        _ => panic!("{json}"),
    }
}

/// Whether a value is the one that the suite writes so, its type included.
fn is(found: &Value<'_>, expected: &Json) -> bool {
    let (kind, detail) = expected.as_object().unwrap().iter().next().unwrap();
    let text = detail.as_str().unwrap_or_default();
    match (found, kind.as_str()) {
        (Value::Null, "nullValue") => true,
        (Value::Bool(found), "boolValue") => detail == found,
        (Value::Int(found), "int64Value") => text == found.to_string(),
        (Value::Uint(found), "uint64Value") => text == found.to_string(),
        (Value::Double(found), "doubleValue") => match text {
            "Infinity" => *found == f64::INFINITY,
            "-Infinity" => *found == f64::NEG_INFINITY,
            "NaN" => found.is_nan(),
            // The reader of the suite may err in the last digit.
            _ => (detail.as_f64().unwrap() - found).abs() <= f64::EPSILON * found.abs(),
        },
        (Value::Text(found), "stringValue") => text == found,
        (Value::Octets(found), "bytesValue") => STANDARD.encode(found) == text,
        (Value::Type(found), "typeValue") => found.name() == text,
        (Value::List(found), "listValue") => {
            let empty = Vec::new();
            let expected = detail["values"].as_array().unwrap_or(&empty);
            let mut pairs = found.iter().zip(expected);
            found.len() == expected.len() && pairs.all(|(found, expected)| is(&found, expected))
        }
        (Value::Map(Map::Built(found)), "mapValue") => {
            let empty = Vec::new();
            let expected = detail["entries"].as_array().unwrap_or(&empty);
            let has = |entry: &Json| {
                let mut found = found.iter();
                found.any(|(key, value)| is(key, &entry["key"]) && is(value, &entry["value"]))
            };
            found.len() == expected.len() && expected.iter().all(has)
        }
        _ => false,
    }
}

struct World(Vec<(Variable, Value<'static>)>);

impl Facts for World {
    fn variable(&self, variable: Variable) -> Option<Value<'_>> {
        let found = self.0.iter().find(|(own, _)| *own == variable);
        found.map(|(_, value)| value.clone())
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
