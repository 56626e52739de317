//! Conditions: what they may speak of on a route, and where in the file a finding lies.

mod place;

use tidegate_shared::bundle::{Auth, Tables};
use tidegate_shared::condition::{Constant, Node, Variable};
use tidegate_shared::pattern::PathPattern;

use super::Context;
use crate::cel::{self, Binding, Compiled, Environment, Lookup, Type};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

/// The route that a condition stands on.
pub(super) struct Asked<'r> {
    pub(super) auth: &'r Auth,
    pub(super) pattern: &'r PathPattern,
    pub(super) span: Span,
}

/// The index of a condition in the tables.
pub(super) fn lower(
    text: &Spanned<String>,
    asked: &Asked<'_>,
    tables: &mut Tables,
    cx: &mut Context<'_>,
) -> Option<u32> {
    let compiled = match cel::compile(text, &environment(asked)) {
        Ok(compiled) => compiled,
        Err(findings) => {
            for finding in findings {
                let span = place::place(text, &finding.span, cx.sources);
                let mut diagnostic = Diagnostic::error(finding.code, span, finding.message);
                diagnostic.help = finding.help;
                // These depend on the route, not on the condition alone.
                if finding.code != "invalid-condition" {
                    diagnostic = diagnostic.related(asked.span, "on this route");
                }
                cx.diagnostics.push(diagnostic);
            }
            return None;
        }
    };
    if !matches!(compiled.of, Type::Bool | Type::Dyn) {
        let message = format!("a condition is a boolean, not {}", compiled.of);
        cx.error("invalid-condition", text.span, message);
        return None;
    }
    if compiled.constant {
        let message = format!("the condition {}", always(&compiled));
        let diagnostic = Diagnostic::warning("constant-condition", text.span, message);
        cx.diagnostics
            .push(diagnostic.help("ask something of the request, or leave it out"));
    }
    let known = &mut tables.conditions;
    let same = |own: &_| *own == compiled.condition;
    let index = known.iter().position(same).unwrap_or_else(|| {
        known.push(compiled.condition.clone());
        known.len().saturating_sub(1)
    });
    u32::try_from(index).ok()
}

/// What a condition that asks nothing comes to.
fn always(compiled: &Compiled) -> &'static str {
    match compiled.condition.nodes() {
        [Node::Constant(Constant::Bool(true))] => "holds for every request",
        [Node::Constant(Constant::Bool(false))] => "holds for no request",
        _ => "cannot be evaluated for any request",
    }
}

/// What a condition may speak of.
fn environment(asked: &Asked<'_>) -> Environment {
    let parameters = asked.pattern.parameters().map(str::to_owned).collect();
    let request = [
        ("request.method", fact(Variable::Method, Type::String)),
        ("request.host", fact(Variable::Host, Type::String)),
        ("request.path", Binding::Path(parameters)),
        ("request.headers", Binding::Lookup(Lookup::Headers)),
        ("request.query", Binding::Lookup(Lookup::Query)),
        ("client.address", fact(Variable::Address, Type::String)),
        ("now", fact(Variable::Now, Type::Timestamp)),
    ];
    let scopes = Type::list(Type::String);
    let claims = Type::map(Type::String, Type::Dyn);
    let caller = [
        ("auth.subject", fact(Variable::Subject, Type::String)),
        ("auth.issuer", fact(Variable::Issuer, Type::String)),
        ("auth.scopes", fact(Variable::Scopes, scopes)),
        ("auth.claims", fact(Variable::Claims, claims)),
    ];
    let caller = caller.into_iter().map(|(name, binding)| {
        let of_token = matches!(name, "auth.scopes" | "auth.claims");
        let gives = |credential: &Auth| match credential {
            Auth::Jwt(_) => true,
            Auth::ApiKey(_) => !of_token,
            Auth::Public | Auth::Anonymous | Auth::Any(_) | Auth::All(_) | Auth::Shadow(_) => false,
        };
        let binding = if asked.auth.credentials().any(gives) {
            binding
        } else if asked.auth.credentials().all(|auth| *auth == Auth::Public) {
            absent(name, "the route is public", "{ jwt: ISSUER }")
        } else {
            absent(name, "the caller has no token", "{ jwt: ISSUER }")
        };
        (name, binding)
    });
    let bindings = request.into_iter().chain(caller);
    Environment {
        bindings: bindings
            .map(|(name, binding)| (name.to_owned(), binding))
            .collect(),
    }
}

fn fact(variable: Variable, of: Type) -> Binding {
    Binding::Variable(variable, of)
}

fn absent(name: &str, why: &str, auth: &str) -> Binding {
    Binding::Absent {
        code: "condition-needs-identity",
        message: format!("there is no `{name}` here: {why}"),
        help: format!("ask for a token with `auth: {auth}`"),
    }
}
