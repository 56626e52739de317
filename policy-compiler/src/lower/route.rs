//! Routes: what each inherits from its API and from the policy, and what it must have.

mod reply;
mod scope;
mod served;

use std::collections::BTreeMap;

use tidegate_shared::bundle::{HostRoutes, Tables};
use tidegate_shared::host::HostPattern;
use tidegate_shared::path;
use tidegate_shared::pattern::PathPattern;

use super::arrange::{self, Placed};
use super::ir::RoutePlaces;
use super::{Context, places};
use crate::decode::Named;
use crate::diagnostic::Diagnostic;
use crate::syntax::{Api, Policy};
use scope::Scope;

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

/// Whether a path, apart from its query, is in the form in which it is matched.
pub(super) fn is_normal(path: &str) -> bool {
    path::normalise(path).is_ok_and(|normal| normal == path)
}
