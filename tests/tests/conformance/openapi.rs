//! The route tables of real APIs: each becomes a policy, and every operation must be reached by
//! its own requests, and by no others.

use std::borrow::Cow;
use std::fmt::Write;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{HeaderName, Method};
use serde::Deserialize;
use tidegate_edge::{Decision, Gateway, Peer, Ports, RequestHead, Scheme, State};
use tidegate_policy_compiler::source::Source;
use tidegate_policy_compiler::{Ir, compile, diagnostic};
use tidegate_shared::bundle::Bundle;
use tidegate_shared::envelope::Signed;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;

use crate::probe::Template;

const APIS: [&str; 6] = [
    "github",
    "stripe",
    "kubernetes",
    "digitalocean",
    "slack",
    "twilio",
];
const HOST: &str = "api.example.com";

#[derive(Deserialize)]
struct Table {
    routes: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    method: String,
    path: String,
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn template(&self) -> Template {
        Template::of(&self.path)
    }
}

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn every_operation_is_reached() {
    println!(
        "{:<14} {:>10} {:>10} {:>10}",
        "API", "operations", "requests", "inexpressible"
    );
    for api in APIS {
        let file = crate::vectors().join(format!("openapi/{api}-routes.json"));
        let table: Table = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let (operations, inexpressible) = expressible(table.routes);
        let gateway =
            load(&compiled(&operations).unwrap_or_else(|(_, report)| panic!("{api}: {report}")));
        let mut requests = 0;
        let all: Vec<Template> = operations.iter().map(Operation::template).collect();
        for operation in &operations {
            let same_method = operations.iter().filter(|o| o.method == operation.method);
            let rivals: Vec<Template> = same_method.map(Operation::template).collect();
            let probes = operation.template().probes(&all, &rivals);
            assert!(!probes.is_empty(), "{api}: {}", operation.name());
            for path in probes {
                let reached = ask(&gateway, &operation.method, &path);
                assert_eq!(
                    reached,
                    operation.name(),
                    "{api}: {} {path}",
                    operation.method
                );
                requests += 1;
            }
        }
        println!(
            "{api:<14} {:>10} {requests:>10} {:>10}",
            operations.len(),
            inexpressible.len()
        );
        for name in inexpressible {
            println!("    {name}");
        }
    }
}

/// Takes out what the language cannot say, and names it.
fn expressible(mut operations: Vec<Operation>) -> (Vec<Operation>, Vec<String>) {
    let mut inexpressible = Vec::new();
    while let Err((lines, report)) = compiled(&operations) {
        assert!(!lines.is_empty(), "{report}");
        for line in lines.into_iter().rev() {
            inexpressible.push(operations.remove(line).name());
        }
    }
    (operations, inexpressible)
}

/// The policy; or the operations that do not compile beside the others, with the report.
fn compiled(operations: &[Operation]) -> Result<Ir, (Vec<usize>, String)> {
    let mut text = format!(
        "tidegate: v1\nname: api\nhosts: [{HOST}]\napis:\n  api:\n    auth: public\n    routes:\n"
    );
    let before = text.lines().count();
    for operation in operations {
        let (name, path) = (
            serde_json::Value::from(operation.name()),
            serde_json::Value::from(&*operation.path),
        );
        let method = operation.method.to_lowercase();
        writeln!(
            text,
            "      - {{ {method}: {path}, name: {name}, reply: {{ text: {name} }} }}"
        )
        .unwrap();
    }
    let sources = [Source {
        path: "policy.yaml".into(),
        text,
    }];
    let output = compile(&sources);
    let report = diagnostic::render_json(&output.diagnostics, &sources);
    output.ir.ok_or_else(|| {
        let errors = report
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let conflicts = errors.filter(|error| error["code"] == "conflicting-path");
        let mut lines: Vec<usize> = conflicts
            .map(|error| usize::try_from(error["line"].as_u64().unwrap()).unwrap() - before - 1)
            .collect();
        lines.sort_unstable();
        lines.dedup();
        (lines, report.clone())
    })
}

fn load(ir: &Ir) -> Gateway {
    let key = SigningKey::from_seed([1; 32]);
    let signed = Signed::parse(&ir.sign(1, &key).unwrap()).unwrap();
    Gateway::load(signed.verify::<Bundle>(&key.trust_key().into()).unwrap()).unwrap()
}

/// The name of the operation that a request reaches.
fn ask(gateway: &Gateway, method: &str, path: &str) -> String {
    let request = Request {
        method: method.parse().unwrap(),
        path: path.to_owned(),
        peer: Peer {
            address: None,
            scheme: Scheme::Https,
        },
    };
    let state = State::new([0; 16]);
    let mut decision = pin!(gateway.decide(&state, &Nothing, &request));
    match decision
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(Decision::Respond(reply, _)) => String::from_utf8(reply.body.to_vec()).unwrap(),
        Poll::Ready(Decision::Forward(_)) | Poll::Pending => {
            panic!("a fixed reply is given at once")
        }
    }
}

struct Request {
    method: Method,
    path: String,
    peer: Peer,
}

impl RequestHead for Request {
    fn method(&self) -> &Method {
        &self.method
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(HOST))
    }

    fn path_and_query(&self) -> &str {
        &self.path
    }

    fn header(&self, _: &HeaderName) -> Option<Cow<'_, str>> {
        None
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }
}

/// A public route with a fixed reply asks for nothing but the time.
struct Nothing;

impl Ports for Nothing {
    fn now(&self) -> UnixMillis {
        UnixMillis(0)
    }

    fn entropy(&self) -> [u8; 24] {
        [1; 24]
    }

    fn secret(&self, _: &str) -> Option<Cow<'_, [u8]>> {
        None
    }
}
