//! How the routes of a host are encoded: nothing is said twice.
//!
//! Each text is cut to what the one before it does not begin with, what several routes have in
//! common stands in a list, and a name that is made of API, methods and path is made again. Lists
//! are in the order in which they are first referred to, so that there is one encoding.

mod access;
mod distinct;
mod rule;
mod texts;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use self::access::Access;
use self::distinct::{Distinct, Listed};
use self::rule::{Rule, Ruled};
use self::texts::Texts;
use super::{Auth, HostRoutes, PathEntry, PathTemplate, Route, bounds, name};
use crate::method::MethodSet;
use crate::pattern::{InvalidPattern, PathPattern};

/// [`HostRoutes`] as they are encoded.
#[derive(Serialize_tuple, Deserialize_tuple)]
struct Section {
    /// The path patterns.
    patterns: Texts,
    /// What is served at each.
    paths: Vec<Path>,
    routes: Vec<Row>,
    /// Names of routes, or the names of APIs that they are made of.
    names: Texts,
    auths: Vec<Access>,
    scopes: Texts,
    rules: Vec<Rule>,
}

#[derive(Serialize_tuple, Deserialize_tuple)]
struct Path {
    /// Each as its distance from the route after the one that was named before.
    routes: Vec<i64>,
    otherwise: Vec<u32>,
}

#[derive(Serialize_tuple, Deserialize_tuple)]
struct Row {
    name: u32,
    /// Whether the name is that of an API, to which methods and path are added.
    is_derived: bool,
    methods: MethodSet,
    auth: u32,
    rewrite: Option<PathTemplate>,
    rule: u32,
}

/// Why a section holds no routes.
#[derive(Debug, thiserror::Error)]
enum InvalidSection {
    #[error("a reference leads nowhere")]
    Dangling,
    #[error("a text does not go on from the one before it, or they are too long")]
    Texts,
    #[error("the routes are more than {} octets", bounds::ROUTES_OCTETS)]
    TooLarge,
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
}

impl Serialize for HostRoutes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Section::of(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for HostRoutes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let section = Section::deserialize(deserializer)?;
        section.read().map_err(D::Error::custom)
    }
}

impl Section {
    fn of(host: &HostRoutes) -> Self {
        let HostRoutes { paths, routes } = host;
        let mut names = Distinct::of_many(routes.len());
        let mut auths = Distinct::of_many(routes.len());
        let mut scopes = Distinct::of_many(routes.len());
        let mut rules = Distinct::of_many(0);
        let mut accesses = Vec::new();
        let mut rows = Vec::with_capacity(routes.len());
        for (route, pattern) in routes.iter().zip(patterns(paths, routes.len())) {
            let api = pattern.and_then(|pattern| name::api(&route.name, route.methods, pattern));
            let auth = auths.reference(&route.auth);
            if auth == 0 {
                accesses.push(Access::of(&route.auth, &mut scopes));
            }
            rows.push(Row {
                name: names.reference(api.unwrap_or(&route.name)),
                is_derived: api.is_some(),
                methods: route.methods,
                auth,
                rewrite: route.rewrite.clone(),
                rule: rules.reference(Ruled(route)),
            });
        }
        let mut steps = Steps::default();
        let path = |entry: &PathEntry| Path {
            routes: entry.routes.iter().map(|to| steps.to(*to)).collect(),
            otherwise: entry.otherwise.clone(),
        };
        Self {
            patterns: Texts::of(paths.iter().map(|entry| entry.pattern.as_str())),
            paths: paths.iter().map(path).collect(),
            routes: rows,
            names: Texts::of(names.into_list()),
            auths: accesses,
            scopes: Texts::of(scopes.into_list()),
            rules: rules
                .into_list()
                .into_iter()
                .map(|Ruled(route)| Rule::of(route))
                .collect(),
        }
    }

    fn read(self) -> Result<HostRoutes, InvalidSection> {
        let paths = read_paths(&self.patterns, self.paths)?;
        let names = self.names.read().ok_or(InvalidSection::Texts)?;
        let scopes = self.scopes.read().ok_or(InvalidSection::Texts)?;
        let mut scopes = Listed::new(&scopes);
        let auths: Vec<Auth> = self
            .auths
            .into_iter()
            .map(|access| access.read(&mut scopes))
            .collect::<Option<_>>()
            .ok_or(InvalidSection::Dangling)?;
        let (mut names, mut auths) = (Listed::new(&names), Listed::new(&auths));
        let mut rules = Listed::new(&self.rules);
        let mut octets = 0_usize;
        let mut routes = Vec::with_capacity(self.routes.len());
        let patterns = patterns(&paths, self.routes.len());
        for (row, pattern) in self.routes.into_iter().zip(patterns) {
            let route = row
                .read(pattern, &mut names, &mut auths, &mut rules)
                .ok_or(InvalidSection::Dangling)?;
            octets = octets.saturating_add(route.octets());
            if octets > bounds::ROUTES_OCTETS {
                return Err(InvalidSection::TooLarge);
            }
            routes.push(route);
        }
        Ok(HostRoutes { paths, routes })
    }
}

/// The pattern of each of so many routes: that of the first path which has it.
fn patterns(paths: &[PathEntry], routes: usize) -> Vec<Option<&PathPattern>> {
    let mut patterns = vec![None; routes];
    for entry in paths {
        for route in &entry.routes {
            let place = usize::try_from(*route).ok();
            if let Some(pattern) = place.and_then(|place| patterns.get_mut(place)) {
                pattern.get_or_insert(&entry.pattern);
            }
        }
    }
    patterns
}

fn read_paths(patterns: &Texts, paths: Vec<Path>) -> Result<Vec<PathEntry>, InvalidSection> {
    let patterns = patterns.read().ok_or(InvalidSection::Texts)?;
    if patterns.len() != paths.len() {
        return Err(InvalidSection::Dangling);
    }
    let mut steps = Steps::default();
    let mut entry = |(pattern, path): (String, Path)| {
        let routes = path.routes.into_iter().map(|step| steps.from(step));
        Ok(PathEntry {
            pattern: pattern.try_into()?,
            routes: routes
                .collect::<Option<_>>()
                .ok_or(InvalidSection::Dangling)?,
            otherwise: path.otherwise,
        })
    };
    patterns.into_iter().zip(paths).map(&mut entry).collect()
}

/// From each route to the next that is named: 0 where it is the one after it.
#[derive(Default)]
struct Steps {
    expected: u32,
}

impl Steps {
    fn to(&mut self, route: u32) -> i64 {
        let step = i64::from(route).saturating_sub(i64::from(self.expected));
        self.expected = route.saturating_add(1);
        step
    }

    fn from(&mut self, step: i64) -> Option<u32> {
        let route = u32::try_from(i64::from(self.expected).checked_add(step)?).ok()?;
        self.expected = route.saturating_add(1);
        Some(route)
    }
}

impl Row {
    fn read(
        self,
        pattern: Option<&PathPattern>,
        names: &mut Listed<'_, String>,
        auths: &mut Listed<'_, Auth>,
        rules: &mut Listed<'_, Rule>,
    ) -> Option<Route> {
        let name = names.at(self.name)?;
        let rule = rules.at(self.rule)?.clone();
        Some(Route {
            name: if self.is_derived {
                name::of(name, self.methods, pattern?)
            } else {
                name.clone()
            },
            methods: self.methods,
            headers: rule.headers,
            query: rule.query,
            auth: auths.at(self.auth)?.clone(),
            conditions: rule.conditions,
            shadow_conditions: rule.shadow_conditions,
            limits: rule.limits,
            plans: rule.plans,
            anonymous_plan: rule.anonymous_plan,
            cors: rule.cors,
            target: rule.target,
            rewrite: self.rewrite,
            timeout: rule.timeout,
            request_headers: rule.request_headers,
            response_headers: rule.response_headers,
        })
    }
}

#[cfg(test)]
mod tests;
