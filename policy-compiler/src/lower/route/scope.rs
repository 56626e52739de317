//! A route of an API: what it says itself, and what it inherits.

use tidegate_shared::bundle::{self, Auth, HeaderEdits, PlanLimits, Tables, Target};
use tidegate_shared::method::MethodSet;
use tidegate_shared::pattern::PathPattern;

use super::reply;
use super::served::served;
use crate::diagnostic::Diagnostic;
use crate::lower::arrange::Placed;
use crate::lower::{
    Context, auth, condition, cors, headers, limit, plan, predicate, rewrite, upstream,
};
use crate::source::{Span, Spanned};
use crate::syntax::{Api, Policy, Route};

/// An API within its policy.
pub(super) struct Scope<'s> {
    pub(super) policy: &'s Policy,
    pub(super) api: &'s Api,
    pub(super) name: &'s Spanned<String>,
    pub(super) base: String,
}

impl Scope<'_> {
    /// The CORS rules that the API's routes inherit.
    pub(super) fn cors(&self, tables: &mut Tables, cx: &mut Context<'_>) -> Option<u32> {
        let choice = self.api.cors.as_ref().or(self.policy.cors.as_ref())?;
        cors::lower(choice, self.methods(), tables, cx)
    }

    /// The methods of the API's routes, which CORS rules allow unless they say otherwise.
    fn methods(&self) -> MethodSet {
        let methods = self.api.routes.iter().filter_map(|route| served(route));
        methods.fold(MethodSet::EMPTY, |all, (methods, _)| all.union(methods))
    }

    pub(super) fn place(
        &self,
        route: &Spanned<Route>,
        cors: Option<u32>,
        tables: &mut Tables,
        cx: &mut Context<'_>,
    ) -> Option<Placed> {
        let Some((methods, path)) = served(route) else {
            cx.diagnostics.push(
                Diagnostic::error(
                    "missing-field",
                    route.span,
                    "a route needs one method and its path",
                )
                .help(
                    "write `get: /path`, `any: /path`, or `methods: [get, post]` and `path: /path`",
                ),
            );
            return None;
        };
        let below = if path.value == "/" && !self.base.is_empty() {
            ""
        } else {
            &path.value
        };
        let pattern = match PathPattern::try_from([&self.base, below].concat()) {
            Ok(pattern) => pattern,
            Err(error) => {
                cx.error("invalid-value", path.span, error.to_string());
                return None;
            }
        };
        let name = match &route.name {
            Some(name) => name.value.clone(),
            None => bundle::derived_name(&self.name.value, methods, &pattern),
        };
        let auth = self.auth(route, path.span, tables, cx);
        let asked = auth.as_ref().map(|auth| condition::Asked {
            auth,
            pattern: &pattern,
            span: path.span,
        });
        let asked = asked.as_ref();
        let (conditions, shadow_conditions) = self.conditions(route, asked, tables, cx);
        let target = self.target(route, path.span, cx);
        let own = route.limit.as_ref().or(self.api.limit.as_ref());
        let own = own.map(Vec::as_slice).unwrap_or_default();
        let limits = self.limits(own, &name, asked, tables, cx);
        let stated = route.auth.as_ref().or(self.api.auth.as_ref());
        let anonymous_plan = plan::of_anonymous(stated, self.policy, cx);
        let mut plans = Vec::new();
        if asked.is_some_and(|asked| plan::can_be_on(asked.auth, anonymous_plan.as_ref(), tables)) {
            for (plan, stated) in self.policy.plans.iter() {
                plans.push(PlanLimits {
                    plan: plan.value.clone(),
                    limits: self.limits(&stated.limit, &name, asked, tables, cx),
                });
            }
        }
        let rewrite = route.rewrite.as_deref().or(self.api.rewrite.as_ref());
        let timeout = route.timeout.as_ref().or(self.api.timeout.as_ref());
        let cors = match &route.cors {
            Some(choice) => cors::lower(choice, self.methods(), tables, cx),
            None => cors,
        };
        let (headers, query) = route
            .conditions
            .as_ref()
            .map_or_else(Default::default, |conditions| {
                predicate::lower(conditions, cx)
            });
        let (request_headers, response_headers) = self.headers(route, cx);
        let lowered = bundle::Route {
            name,
            methods,
            headers,
            query,
            auth: auth?,
            conditions,
            shadow_conditions,
            limits,
            plans,
            anonymous_plan,
            cors,
            target: target?,
            rewrite: rewrite.and_then(|rewrite| rewrite::lower(rewrite, &self.base, &pattern, cx)),
            timeout: timeout.map(|timeout| cx.time(Some(timeout), 0, upstream::MAX_TIMEOUT)),
            request_headers,
            response_headers,
        };
        Some(Placed {
            pattern,
            route: lowered,
            span: path.span,
        })
    }

    fn auth(
        &self,
        route: &Route,
        span: Span,
        tables: &Tables,
        cx: &mut Context<'_>,
    ) -> Option<Auth> {
        let Some(auth) = route.auth.as_ref().or(self.api.auth.as_ref()) else {
            let issuer = self.policy.issuers.names().next().unwrap_or("ISSUER");
            cx.diagnostics.push(
                Diagnostic::error(
                    "missing-auth",
                    span,
                    "the route does not say who may call it",
                )
                .help(format!(
                    "add `auth: {{ jwt: {issuer} }}`, or `auth: public` to let everyone in"
                )),
            );
            return None;
        };
        auth::lower(auth, self.policy, tables, cx)
    }

    /// The conditions of the API and of the route, which must all hold; and those in shadow.
    fn conditions(
        &self,
        route: &Route,
        asked: Option<&condition::Asked<'_>>,
        tables: &mut Tables,
        cx: &mut Context<'_>,
    ) -> (Vec<u32>, Vec<u32>) {
        // Without knowing who may call, every claim would be one more error.
        let Some(asked) = asked else {
            return Default::default();
        };
        let (mut enforced, mut shadow) = (Vec::new(), Vec::new());
        for when in [self.api.when.as_ref(), route.when.as_deref()]
            .into_iter()
            .flatten()
        {
            let index = condition::lower(&when.0.condition, asked, tables, cx);
            let list = if when.is_shadow() {
                &mut shadow
            } else {
                &mut enforced
            };
            list.extend(index);
        }
        (enforced, shadow)
    }

    fn target(&self, route: &Route, span: Span, cx: &mut Context<'_>) -> Option<Target> {
        match (&route.reply, &route.to, &self.api.to) {
            (Some(reply), None, _) => reply::lower(reply, cx).map(Target::Reply),
            (None, Some(to), _) | (None, None, Some(to)) => cx
                .resolve("upstream", to, &self.policy.upstreams)
                .map(Target::Upstream),
            (Some(reply), Some(_), _) => {
                cx.error(
                    "invalid-value",
                    reply.span,
                    "a route has either `to` or `reply`",
                );
                None
            }
            (None, None, None) => {
                let upstream = self.policy.upstreams.names().next().unwrap_or("UPSTREAM");
                cx.diagnostics.push(
                    Diagnostic::error("missing-target", span, "the route does not say who answers")
                        .help(format!(
                            "add `to: {upstream}`, or `reply: {{ status: 200 }}`"
                        )),
                );
                None
            }
        }
    }

    /// The limits of these names, where they stand on this route.
    fn limits(
        &self,
        names: &[Spanned<String>],
        route: &str,
        asked: Option<&condition::Asked<'_>>,
        tables: &mut Tables,
        cx: &mut Context<'_>,
    ) -> Vec<u32> {
        let places = [self.name.value.as_str(), route];
        let limits = names.iter();
        limits
            .filter_map(|limit| {
                let definition = limit::find(limit, self.policy, cx)?;
                // Without knowing who may call, every limit by caller would be one more error.
                limit::lower(limit, definition, places, asked?, tables, cx)
            })
            .collect()
    }

    /// The changes of policy, API and route, the inner ones last.
    fn headers(&self, route: &Route, cx: &mut Context<'_>) -> (HeaderEdits, HeaderEdits) {
        let (mut request, mut response) = (HeaderEdits::default(), HeaderEdits::default());
        let levels = [
            self.policy.headers.as_ref(),
            self.api.headers.as_ref(),
            route.headers.as_deref(),
        ];
        for level in levels.into_iter().flatten() {
            headers::add(level.request.as_ref(), &mut request, cx);
            headers::add(level.response.as_ref(), &mut response, cx);
        }
        (request, response)
    }
}
