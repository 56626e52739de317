//! Routes: what each inherits from its API and from the policy, and what it must have.

mod reply;
mod scope;
mod served;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use rustc_hash::FxBuildHasher;
use tidegate_shared::bundle::{HostRoutes, Tables};
use tidegate_shared::host::HostPattern;
use tidegate_shared::path;
use tidegate_shared::pattern::PathPattern;

use super::arrange::{self, Placed};
use super::ir::RoutePlaces;
use super::{Context, places};
use crate::decode::{Named, Parsed};
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
    HashMap<String, RoutePlaces, FxBuildHasher>,
) {
    let mut hosts = BTreeMap::new();
    let mut count = 0_usize;
    for (_, api) in apis.iter() {
        count = count.saturating_add(api.routes.len());
        for host in own_hosts(api, policy).into_iter().flatten() {
            let routes: &mut usize = hosts.entry(host.value.clone()).or_default();
            *routes = routes.saturating_add(api.routes.len());
        }
    }
    // Routes are large: nothing of them should have to move for want of room.
    let mut hosts: BTreeMap<HostPattern, Vec<Placed>> = hosts
        .into_iter()
        .map(|(host, routes)| (host, Vec::with_capacity(routes)))
        .collect();
    let mut places: HashMap<String, RoutePlaces, _> =
        HashMap::with_capacity_and_hasher(count, FxBuildHasher);
    // Each API goes when its routes are made, so that not all of both are there at once.
    for (name, api) in apis {
        if api.routes.is_empty() {
            cx.error(
                "missing-field",
                name.span,
                format!("the API `{}` has no routes", name.value),
            );
        }
        let Some(own) = own_hosts(&api, policy) else {
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
        let Some((first, others)) = own.split_first() else {
            continue;
        };
        let served = hosts.entry(first.value.clone()).or_default();
        let before = served.len();
        for route in &api.routes {
            let Some(placed) = scope.place(route, inherited, tables, cx) else {
                continue;
            };
            match places.entry(placed.route.name.clone()) {
                Entry::Vacant(place) => {
                    place.insert(places::of(route, &api, placed.span));
                    served.push(placed);
                }
                Entry::Occupied(first) => {
                    let message = format!("two routes are called `{}`", placed.route.name);
                    cx.diagnostics.push(
                        Diagnostic::error("duplicate-route", placed.span, message)
                            .label("again here")
                            .related(first.get().path, "first here")
                            .help("make them differ, or give one another `name`"),
                    );
                }
            }
        }
        if others.is_empty() {
            continue;
        }
        let served = served.get(before..).unwrap_or_default().to_vec();
        for host in others {
            let routes = hosts.entry(host.value.clone()).or_default();
            routes.extend_from_slice(&served);
        }
    }
    let hosts = hosts
        .into_iter()
        .map(|(host, routes)| (host, arrange::arrange(routes, tables, cx)))
        .collect();
    (hosts, places)
}

/// The hosts that an API is served on, of which there is one at least.
fn own_hosts<'p>(api: &'p Api, policy: &'p Policy) -> Option<&'p [Parsed<HostPattern>]> {
    let own = api.hosts.as_deref().or(policy.hosts.as_deref());
    own.filter(|hosts| !hosts.is_empty())
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
