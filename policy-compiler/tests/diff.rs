//! What `diff` says of two policies, and whether it is true of the gateway that runs them.

#![cfg(test)]

#[path = "diff/command.rs"]
mod command;
#[path = "diff/connectors.rs"]
mod connectors;
#[path = "diff/golden.rs"]
mod golden;
#[path = "diff/model.rs"]
mod model;
#[path = "diff/observe.rs"]
mod observe;
#[path = "diff/oracle.rs"]
mod oracle;
#[path = "program/tidegate.rs"]
mod program;

use tidegate_policy_compiler::diff::Side;
use tidegate_policy_compiler::source::Source;
use tidegate_policy_compiler::{Ir, compile};

/// Compiles a policy; `None` where it has an error.
fn compiled(text: &str) -> Option<Ir> {
    let source = Source {
        path: "policy.yaml".into(),
        text: text.to_owned(),
    };
    compile(&[source]).ir
}

fn side(text: &str) -> Side {
    let ir = compiled(text).expect("the policy compiles");
    Side::new(ir.bundle(1).unwrap()).unwrap()
}
