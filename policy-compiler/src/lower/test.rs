//! The policy's own tests: requests and what must come of them, with every name resolved.

use http::HeaderName;

use super::Context;
use super::ir::{
    Bearer, InvalidRequest, PolicyTest, TestCaller, TestCredential, TestExpectation, TestRequest,
};
use crate::decode::Named;
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::{self, Caller, Policy};

const MAX_REPEAT: u64 = 100_000;

pub(super) fn lower(policy: &Spanned<Policy>, cx: &mut Context<'_>) -> Vec<PolicyTest> {
    if policy.tests.is_empty() {
        cx.diagnostics.push(
            Diagnostic::warning("no-tests", policy.span, "the policy has no tests")
                .help("add `tests:`, and run them with `tidegate test`"),
        );
    }
    policy
        .tests
        .iter()
        .filter_map(|test| one(test, policy, cx))
        .collect()
}

fn one(test: &syntax::PolicyTest, policy: &Policy, cx: &mut Context<'_>) -> Option<PolicyTest> {
    let sent = match test.send.parse::<TestRequest>() {
        Ok(sent) => sent,
        Err(error) => {
            cx.diagnostics.push(
                Diagnostic::error("invalid-value", test.send.span, error.to_string())
                    .help(InvalidRequest::HELP),
            );
            return None;
        }
    };
    let repeat = test.repeat.as_ref().map_or(1, |repeat| repeat.value);
    if let Some(given) = test
        .repeat
        .as_ref()
        .filter(|repeat| !(1..=MAX_REPEAT).contains(&repeat.value))
    {
        cx.error(
            "invalid-value",
            given.span,
            format!("`repeat` is 1 to {MAX_REPEAT}"),
        );
    }
    // Each that is wrong is reported.
    let callers = test.callers.iter().flat_map(|callers| &callers.0);
    let callers: Vec<_> = callers.map(|one| caller(one, policy, cx)).collect();
    let callers: Option<Vec<TestCaller>> = callers.into_iter().collect();
    let expect = &test.expect;
    if let Some(to) = &expect.to {
        cx.resolve("upstream", to, &policy.upstreams);
    }
    Some(PolicyTest {
        name: test.name.as_ref().unwrap_or(&test.send).value.clone(),
        request: TestRequest {
            headers: fields(&test.headers, cx),
            callers: callers?,
            from: test.from.as_ref().map_or(sent.from, |from| from.value),
            ..sent
        },
        repeat: u32::try_from(repeat).unwrap_or(1),
        expect: TestExpectation {
            status: expect
                .status
                .as_ref()
                .and_then(|status| u16::try_from(status.value).ok()),
            problem: expect.problem.as_ref().map(|problem| problem.value),
            to: expect.to.as_ref().map(|to| to.value.clone()),
            path: expect.path.as_ref().map(|path| path.value.clone()),
            route: expect.route.as_ref().map(|route| route.value.clone()),
            headers: fields(&expect.headers, cx),
        },
    })
}

fn fields(fields: &Named<Spanned<String>>, cx: &mut Context<'_>) -> Vec<(HeaderName, String)> {
    let mut list = Vec::new();
    for (name, value) in fields.iter() {
        match name.parse() {
            Ok(parsed) => list.push((parsed, value.value.clone())),
            Err(_) => cx.error(
                "invalid-value",
                name.span,
                format!("`{}` is no header name", name.value),
            ),
        }
    }
    list
}

fn caller(caller: &Spanned<Caller>, policy: &Policy, cx: &mut Context<'_>) -> Option<TestCaller> {
    let revoked = caller.revoked.as_ref().filter(|revoked| revoked.value);
    if let Some(stated) = revoked.filter(|_| policy.revocations.is_none()) {
        let message = "the policy asks for no list of revocations";
        cx.diagnostics.push(
            Diagnostic::error("invalid-value", stated.span, message)
                .help("add `revocations`, or leave it out"),
        );
    }
    Some(TestCaller {
        credential: credential(caller, policy, cx)?,
        revoked: revoked.is_some(),
    })
}

fn credential(
    caller: &Spanned<Caller>,
    policy: &Policy,
    cx: &mut Context<'_>,
) -> Option<TestCredential> {
    let Caller {
        jwt,
        introspect,
        api_key,
        certificate,
        consumer,
        ..
    } = &caller.value;
    match (jwt, introspect, api_key, certificate, consumer) {
        (Some(issuer), None, None, None, None) => Some(TestCredential::Token {
            issuer: cx.resolve("issuer", issuer, &policy.issuers)?,
            bearer: bearer(caller),
        }),
        (None, Some(server), None, None, None) => Some(TestCredential::Opaque {
            introspection: cx.resolve("introspection", server, &policy.introspections)?,
            bearer: bearer(caller),
        }),
        (None, None, Some(ring), None, Some(consumer)) => {
            let index = cx.resolve("ring of API keys", ring, &policy.api_keys)?;
            let (_, definition) = policy.api_keys.entries.get(usize::try_from(index).ok()?)?;
            // Who has keys in a store is not known here.
            let scopes = caller.scopes.iter().map(|scope| scope.value.clone());
            if definition.store.is_none() {
                cx.resolve("consumer", consumer, &definition.consumers)?;
                if let Some(scope) = caller.scopes.first() {
                    let message = "the scopes of this ring's keys are in the policy";
                    let diagnostic = Diagnostic::error("invalid-value", scope.span, message);
                    cx.diagnostics.push(diagnostic.help("leave `scopes` out"));
                }
            }
            Some(TestCredential::ApiKey {
                ring: index,
                consumer: consumer.value.clone(),
                scopes: scopes.collect(),
            })
        }
        (None, None, None, Some(name), Some(consumer)) => {
            let index = cx.resolve("certificates", name, &policy.certificates)?;
            let own = &policy.certificates.entries;
            let (_, definition) = own.get(usize::try_from(index).ok()?)?;
            cx.resolve("consumer", consumer, &definition.consumers)?;
            Some(TestCredential::Certificate {
                certificates: index,
                consumer: consumer.value.clone(),
            })
        }
        _ => {
            cx.diagnostics.push(
                Diagnostic::error(
                    "invalid-value",
                    caller.span,
                    "a caller is a token's bearer or a consumer",
                )
                .help(
                    "write `{ jwt: ISSUER, scopes: […] }`, `{ introspect: SERVER, scopes: […] }`, \
                     `{ api_key: RING, consumer: NAME }` or `{ certificate: NAME, consumer: NAME }`",
                ),
            );
            None
        }
    }
}

fn bearer(caller: &Caller) -> Bearer {
    let subject = caller.subject.as_ref().map(|subject| subject.value.clone());
    let claims = caller
        .claims
        .as_ref()
        .and_then(|claims| claims.0.as_object().cloned());
    let scopes = caller.scopes.iter().map(|scope| scope.value.clone());
    Bearer {
        subject: subject.unwrap_or_else(|| "test".to_owned()),
        scopes: scopes.collect(),
        claims: claims.unwrap_or_default(),
        expired: caller.expired.as_ref().is_some_and(|expired| expired.value),
    }
}
