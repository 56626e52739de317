//! Routes: what each inherits from its API and from the policy, and what it must have.

use std::collections::BTreeMap;

use http::Method;
use tidegate_shared::bundle::{self, Auth, HeaderEdits, HostRoutes, PlanLimits, Tables, Target};
use tidegate_shared::host::HostPattern;
use tidegate_shared::method::MethodSet;
use tidegate_shared::path;
use tidegate_shared::pattern::PathPattern;

use super::arrange::{self, Placed};
use super::ir::RoutePlaces;
use super::{
    Context, auth, condition, cors, headers, limit, places, plan, predicate, rewrite, upstream,
};
use crate::decode::Named;
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::syntax::{Api, Policy, Reply, Route};

/// Lowers all routes, host by host; with where each stands, by its name.
pub(super) fn lower(
    apis: Named<Api>,
    policy: &Policy,
    tables: &mut Tables,
    cx: &mut Context<'_>,
) -> (
    Vec<(HostPattern, HostRoutes)>,
    BTreeMap<String, RoutePlaces>,
) {
    let mut hosts: BTreeMap<HostPattern, Vec<Placed>> = BTreeMap::new();
    let mut places: BTreeMap<String, RoutePlaces> = BTreeMap::new();
    // Each API goes when its routes are made, so that not all of both are there at once.
    for (name, api) in apis {
        if api.routes.is_empty() {
            cx.error(
                "missing-field",
                name.span,
                format!("the API `{}` has no routes", name.value),
            );
        }
        let own = api.hosts.as_ref().or(policy.hosts.as_ref());
        let Some(own) = own.filter(|hosts| !hosts.is_empty()) else {
            cx.diagnostics.push(
                Diagnostic::error(
                    "missing-field",
                    name.span,
                    format!("the API `{}` has no host", name.value),
                )
                .help("add `hosts: [api.example.com]` to the policy or to the API"),
            );
            continue;
        };
        let scope = Scope {
            policy,
            api: &api,
            name: &name,
            base: base(&api, cx),
        };
        let inherited = scope.cors(tables, cx);
        let mut served = Vec::with_capacity(api.routes.len());
        for route in &api.routes {
            let Some(placed) = scope.place(route, inherited, tables, cx) else {
                continue;
            };
            let stands = places::of(route, &api, placed.span);
            if let Some(first) = places.insert(placed.route.name.clone(), stands) {
                let message = format!("two routes are called `{}`", placed.route.name);
                cx.diagnostics.push(
                    Diagnostic::error("duplicate-route", placed.span, message)
                        .label("again here")
                        .related(first.path, "first here")
                        .help("make them differ, or give one another `name`"),
                );
                continue;
            }
            served.push(placed);
        }
        if let Some((last, others)) = own.split_last() {
            for host in others {
                let routes = hosts.entry(host.value.clone()).or_default();
                routes.extend(served.iter().cloned());
            }
            hosts.entry(last.value.clone()).or_default().extend(served);
        }
    }
    let hosts = hosts
        .into_iter()
        .map(|(host, routes)| (host, arrange::arrange(routes, tables, cx)))
        .collect();
    (hosts, places)
}

/// The API's base path, without a slash at the end: `""` for the root.
fn base(api: &Api, cx: &mut Context<'_>) -> String {
    let Some(base) = &api.base else {
        return String::new();
    };
    let text = base.value.trim_end_matches('/');
    if !text.is_empty() && (text.contains('*') || text.parse::<PathPattern>().is_err()) {
        let reason = text.parse::<PathPattern>().map_or_else(
            |error| error.to_string(),
            |_| "a base is no prefix".to_owned(),
        );
        cx.error(
            "invalid-value",
            base.span,
            format!("`{}` is not a base path: {reason}", base.value),
        );
    }
    text.to_owned()
}

/// An API within its policy.
struct Scope<'s> {
    policy: &'s Policy,
    api: &'s Api,
    name: &'s Spanned<String>,
    base: String,
}

impl Scope<'_> {
    /// The CORS rules that the API's routes inherit.
    fn cors(&self, tables: &mut Tables, cx: &mut Context<'_>) -> Option<u32> {
        let choice = self.api.cors.as_ref().or(self.policy.cors.as_ref())?;
        cors::lower(choice, self.methods(), tables, cx)
    }

    /// The methods of the API's routes, which CORS rules allow unless they say otherwise.
    fn methods(&self) -> MethodSet {
        let methods = self.api.routes.iter().filter_map(|route| served(route));
        methods.fold(MethodSet::EMPTY, |all, (methods, _)| all.union(methods))
    }

    fn place(
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
            (Some(reply), None, _) => reply_of(reply, cx).map(Target::Reply),
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

/// The methods of a route and its path; `None` where it does not have exactly one of each.
fn served(route: &Route) -> Option<(MethodSet, &Spanned<String>)> {
    let get = MethodSet::of(&Method::GET).union(MethodSet::of(&Method::HEAD));
    let listed = route.methods.as_ref().map(|methods| {
        let of = |method: &Method| {
            if *method == Method::GET {
                get
            } else {
                MethodSet::of(method)
            }
        };
        methods.iter().fold(MethodSet::EMPTY, |all, method| {
            all.union(of(&method.value.0))
        })
    });
    let given = [
        (route.get.as_ref(), get),
        (route.head.as_ref(), MethodSet::of(&Method::HEAD)),
        (route.post.as_ref(), MethodSet::of(&Method::POST)),
        (route.put.as_ref(), MethodSet::of(&Method::PUT)),
        (route.patch.as_ref(), MethodSet::of(&Method::PATCH)),
        (route.delete.as_ref(), MethodSet::of(&Method::DELETE)),
        (route.options.as_ref(), MethodSet::of(&Method::OPTIONS)),
        (route.any.as_ref(), MethodSet::ANY),
        (
            route.path.as_ref().filter(|_| listed.is_some()),
            listed.unwrap_or_default(),
        ),
    ];
    let mut given = given
        .into_iter()
        .filter_map(|(path, methods)| Some((methods, path?)));
    let only = given.next().filter(|(methods, _)| !methods.is_empty());
    only.filter(|_| given.next().is_none() && route.path.is_some() == route.methods.is_some())
}

fn reply_of(reply: &Spanned<Reply>, cx: &mut Context<'_>) -> Option<bundle::Reply> {
    let status = reply.status.as_ref().map_or(200, |status| status.value);
    if let Some(given) = reply
        .status
        .as_ref()
        .filter(|status| !(200..=599).contains(&status.value))
    {
        cx.error(
            "invalid-value",
            given.span,
            "a reply's status is 200 to 599",
        );
    }
    let mut edits = HeaderEdits::default();
    let (content_type, body) = match (&reply.json, &reply.text) {
        (Some(json), None) => (Some("application/json"), json.0.to_string()),
        (None, Some(text)) => (Some("text/plain; charset=utf-8"), text.value.clone()),
        (None, None) => (None, String::new()),
        (Some(_), Some(text)) => {
            cx.error(
                "invalid-value",
                text.span,
                "a reply has either `json` or `text`",
            );
            return None;
        }
    };
    if body.len() > bundle::bounds::REPLY_BODY {
        let most = bundle::bounds::REPLY_BODY;
        cx.error(
            "invalid-value",
            reply.span,
            format!("the body has {} octets, more than {most}", body.len()),
        );
    }
    if let Some(content_type) = content_type {
        edits
            .set
            .push(("content-type".to_owned(), content_type.to_owned()));
    }
    headers::set(&reply.headers, &mut edits.set, cx);
    Some(bundle::Reply {
        status: u16::try_from(status).unwrap_or(200),
        headers: edits.set,
        body: serde_bytes::ByteBuf::from(body.into_bytes()),
    })
}

/// Whether a path, apart from its query, is in the form in which it is matched.
pub(super) fn is_normal(path: &str) -> bool {
    path::normalise(path).is_ok_and(|normal| normal == path)
}
