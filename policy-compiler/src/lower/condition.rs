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
    let compiled = compile(text, "a condition", &[Type::Bool], asked, cx)?;
    if compiled.constant {
        let message = format!("the condition {}", always(&compiled));
        let diagnostic = Diagnostic::warning("constant-condition", text.span, message);
        cx.diagnostics
            .push(diagnostic.help("ask something of the request, or leave it out"));
    }
    intern(compiled, tables)
}

/// The index, in the tables, of an expression whose value is of one of some types.
pub(super) fn expression(
    text: &Spanned<String>,
    what: &str,
    of: &[Type],
    asked: &Asked<'_>,
    tables: &mut Tables,
    cx: &mut Context<'_>,
) -> Option<u32> {
    intern(compile(text, what, of, asked, cx)?, tables)
}

fn compile(
    text: &Spanned<String>,
    what: &str,
    of: &[Type],
    asked: &Asked<'_>,
    cx: &mut Context<'_>,
) -> Option<Compiled> {
    let compiled = match cel::compile(text, &environment(asked)) {
        Ok(compiled) => compiled,
        Err(findings) => {
            for finding in findings {
                let span = place::place(text, &finding.span, cx.sources);
                let mut diagnostic = Diagnostic::error(finding.code, span, finding.message);
                diagnostic.help = finding.help;
                // These depend on the route, not on the expression alone.
                if finding.code != "invalid-condition" {
                    diagnostic = diagnostic.related(asked.span, "on this route");
                }
                cx.diagnostics.push(diagnostic);
            }
            return None;
        }
    };
    if compiled.of != Type::Dyn && !of.contains(&compiled.of) {
        let types: Vec<String> = of.iter().map(Type::to_string).collect();
        let types = types.join(" or ");
        let message = format!("{what} is of type {types}, not {}", compiled.of);
        cx.error("invalid-condition", text.span, message);
        return None;
    }
    Some(compiled)
}

fn intern(compiled: Compiled, tables: &mut Tables) -> Option<u32> {
    let known = &mut tables.conditions;
    let same = |own: &_| *own == compiled.condition;
    let known_at = known.iter().position(same);
    let index = known_at.unwrap_or(known.len());
    if known_at.is_none() {
        known.push(compiled.condition);
    }
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
    let says = Type::map(Type::String, Type::Dyn);
    let caller = [
        ("auth.subject", fact(Variable::Subject, Type::String)),
        ("auth.issuer", fact(Variable::Issuer, Type::String)),
        ("auth.scopes", fact(Variable::Scopes, scopes)),
        ("auth.claims", fact(Variable::Claims, claims)),
        ("auth.certificate", fact(Variable::Certificate, says)),
        ("auth.plan", fact(Variable::Plan, Type::String)),
    ];
    let caller = caller.into_iter().map(|(name, binding)| {
        let of_token = name == "auth.claims";
        let of_certificate = name == "auth.certificate";
        let scopes = name == "auth.scopes";
        let gives = |credential: &Auth| match credential {
            Auth::Jwt(_) | Auth::Introspect(_) => !of_certificate,
            Auth::ApiKey(_) => !of_token && !of_certificate,
            Auth::Signature(_) => !of_token && !of_certificate && !scopes,
            Auth::Certificate(_) => !of_token && !scopes,
            Auth::Public | Auth::Anonymous | Auth::Any(_) | Auth::All(_) | Auth::Shadow(_) => false,
        };
        let anonymous = || asked.auth.alternatives().contains(&Auth::Anonymous);
        let binding = if asked.auth.credentials().any(gives) || name == "auth.plan" && anonymous() {
            binding
        } else if asked.auth.credentials().all(|auth| *auth == Auth::Public) {
            absent(name, "the route is public", "{ jwt: ISSUER }")
        } else if of_certificate {
            absent(name, "no certificate is asked for", "{ certificate: NAME }")
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
