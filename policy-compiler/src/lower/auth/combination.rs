//! Several credentials: any of them, or all.

use std::collections::BTreeMap;

use tidegate_shared::bundle::{Auth, Carrier, Tables, bounds};

use super::single;
use crate::diagnostic::Diagnostic;
use crate::lower::Context;
use crate::source::{Span, Spanned};
use crate::syntax::{self, Policy};
use crate::words;

/// Alternatives, of which the first that a request carries decides.
pub(super) fn any(
    stated: &Spanned<Vec<syntax::Auth>>,
    policy: &Policy,
    tables: &Tables,
    cx: &mut Context<'_>,
) -> Option<Auth> {
    bound("any", stated, cx);
    let mut seen: BTreeMap<Carrier<'_>, Span> = BTreeMap::new();
    let mut anonymous: Option<Span> = None;
    let mut alternatives = Vec::new();
    for stated in &stated.value {
        let alternative = match stated {
            syntax::Auth::Anonymous(span, _) => {
                if let Some(first) = anonymous.replace(*span) {
                    let message = "`anonymous` stands here twice";
                    let diagnostic = Diagnostic::error("unreachable-alternative", *span, message);
                    cx.diagnostics.push(diagnostic.related(first, "first here"));
                }
                Some(Auth::Anonymous)
            }
            syntax::Auth::All(stated) => all(&stated.all, policy, tables, cx),
            syntax::Auth::Public(span) => {
                let message = "`public` is no alternative: nothing else would count";
                let help = "write `anonymous` to let in whoever carries no credential";
                refuse(*span, message, help, cx);
                None
            }
            syntax::Auth::Any(stated) => {
                let message = "`any` stands inside `any`";
                refuse(stated.any.span, message, "write one list", cx);
                None
            }
            syntax::Auth::Jwt(_)
            | syntax::Auth::ApiKey(_)
            | syntax::Auth::Introspect(_)
            | syntax::Auth::Signature(_)
            | syntax::Auth::Certificate(_) => single(stated, policy, cx),
        };
        if let Some(span) = stated.shadow() {
            let message = "in shadow, an alternative would let in whom the others refuse";
            let help = "put what stands around it in shadow";
            refuse(span, message, help, cx);
        }
        if let Some(alternative) = &alternative {
            let span = stated.span();
            unreachable(alternative, span, tables, &seen, cx);
            let identity = alternative.members().first().into_iter();
            for carrier in identity.flat_map(|first| first.carriers(tables)) {
                seen.entry(carrier).or_insert(span);
            }
        }
        alternatives.push(alternative);
    }
    Some(Auth::Any(alternatives.into_iter().collect::<Option<_>>()?))
}

/// Credentials that must all hold.
pub(super) fn all(
    stated: &Spanned<Vec<syntax::Auth>>,
    policy: &Policy,
    tables: &Tables,
    cx: &mut Context<'_>,
) -> Option<Auth> {
    bound("all", stated, cx);
    let mut seen: Vec<(Carrier<'_>, Span)> = Vec::new();
    let mut members = Vec::new();
    for stated in &stated.value {
        let span = stated.span();
        let member = match stated {
            syntax::Auth::Public(_) | syntax::Auth::Anonymous(..) => {
                let message = "who calls `all` of these credentials is not anonymous";
                refuse(span, message, "leave it out", cx);
                None
            }
            syntax::Auth::Any(_) | syntax::Auth::All(_) => {
                let message = "inside `all` there are single credentials";
                let help = "write `any` of several `all`s";
                refuse(span, message, help, cx);
                None
            }
            syntax::Auth::Jwt(_)
            | syntax::Auth::ApiKey(_)
            | syntax::Auth::Introspect(_)
            | syntax::Auth::Signature(_)
            | syntax::Auth::Certificate(_) => single(stated, policy, cx),
        };
        let carriers = member.iter().flat_map(|member| member.carriers(tables));
        let carriers: Vec<Carrier<'_>> = carriers.collect();
        let clash = seen.iter().find_map(|(taken, first)| {
            let mut own = carriers.iter();
            Some((own.find(|own| own.excludes(taken))?, *first))
        });
        if let Some((carrier, first)) = clash {
            let message = format!("{} cannot carry two credentials", words::carrier(*carrier));
            cx.diagnostics.push(
                Diagnostic::error("ambiguous-credential", span, message)
                    .label("looked for there, too")
                    .related(first, "looked for there")
                    .help("combine credentials that a request carries in different places"),
            );
        }
        seen.extend(carriers.into_iter().map(|carrier| (carrier, span)));
        let first = members.is_empty();
        members.push(match stated.shadow() {
            None => member,
            Some(span) if first => {
                let message = "the first of all credentials says who calls";
                let help = "put what stands around it in shadow, or another one first";
                refuse(span, message, help, cx);
                member
            }
            Some(_) => member.map(|auth| Auth::Shadow(Box::new(auth))),
        });
    }
    Some(Auth::All(members.into_iter().collect::<Option<_>>()?))
}

/// Reports what cannot stand where it does.
pub(super) fn refuse(span: Span, message: &str, help: &str, cx: &mut Context<'_>) {
    let diagnostic = Diagnostic::error("invalid-combination", span, message);
    cx.diagnostics.push(diagnostic.help(help));
}

fn bound(what: &str, stated: &Spanned<Vec<syntax::Auth>>, cx: &mut Context<'_>) {
    let count = stated.value.len();
    if count == 0 || count > bounds::COMBINED {
        let message = format!(
            "`{what}` combines 1 to {} credentials, not {count}",
            bounds::COMBINED
        );
        cx.error("invalid-combination", stated.span, message);
    }
}

/// Reports an alternative that never decides: whatever carries it is looked at for an earlier one.
fn unreachable(
    alternative: &Auth,
    span: Span,
    tables: &Tables,
    seen: &BTreeMap<Carrier<'_>, Span>,
    cx: &mut Context<'_>,
) {
    let Some(first) = alternative.members().first() else {
        return;
    };
    let carriers = first.carriers(tables);
    let earlier: Option<Vec<Span>> = carriers
        .iter()
        .map(|carrier| seen.get(carrier).copied())
        .collect();
    let Some((carrier, earlier)) = carriers
        .first()
        .zip(earlier.unwrap_or_default().first().copied())
    else {
        return;
    };
    let message = format!(
        "this alternative never decides: {} is looked at for an earlier one",
        words::carrier(*carrier)
    );
    cx.diagnostics.push(
        Diagnostic::error("unreachable-alternative", span, message)
            .related(earlier, "this one decides")
            .help("list several issuers in one: `{ jwt: [ISSUER, ISSUER] }`"),
    );
}
