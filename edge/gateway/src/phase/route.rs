//! *Route*: host, path, method, then header and query predicates; the most specific wins.

use std::sync::Arc;

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ALLOW, ORIGIN};
use http::{HeaderName, Method};
use tidegate_shared::pattern::PathPattern;
use tidegate_shared::problem::Problem;

use super::accept::Target;
use crate::head::RequestHead;
use crate::hosts::{Hosts, NoRoute, Question, Route};
use crate::refusal::Refusal;

/// A route and the pattern by which it was reached.
#[derive(Debug)]
pub(crate) struct Matched<'g> {
    pub(crate) route: Arc<Route>,
    pub(crate) pattern: &'g PathPattern,
    /// The request asks whether another may be made (a CORS preflight).
    pub(crate) preflight: bool,
}

pub(crate) fn route<'g, H: RequestHead>(
    hosts: &'g Hosts,
    tables: &tidegate_shared::bundle::Tables,
    target: &Target<'_>,
    head: &H,
) -> Result<Matched<'g>, Refusal> {
    let table = hosts
        .find(&target.host, tables)
        .map_err(|error| Refusal::new(Problem::Internal, error))?
        .ok_or_else(|| Refusal::new(Problem::HostUnknown, "no policy serves the host"))?;
    let asked_method = preflight_method(head);
    let header = |name: &HeaderName| head.header(name);
    let question = Question {
        method: head.method(),
        path: &target.path,
        query: target.query,
        header: &header,
    };
    if let Some(method) = &asked_method {
        let asked = table.find(&Question { method, ..question });
        if let Some((route, pattern)) = asked.ok().filter(|(route, _)| route.rules.cors.is_some()) {
            return Ok(Matched {
                route,
                pattern,
                preflight: true,
            });
        }
    }
    match table.find(&question) {
        Ok((route, pattern)) => Ok(Matched {
            route,
            pattern,
            preflight: false,
        }),
        Err(NoRoute::Path) => Err(Refusal::new(Problem::RouteNotFound, "no route")),
        Err(NoRoute::Method(allowed)) => {
            let refusal = Refusal::new(Problem::MethodNotAllowed, "no route for the method");
            Err(refusal.with(ALLOW, allowed.to_string()))
        }
    }
}

/// The method that a preflight asks about (Fetch standard, "CORS-preflight request").
fn preflight_method<H: RequestHead>(head: &H) -> Option<Method> {
    if *head.method() != Method::OPTIONS {
        return None;
    }
    head.header(&ORIGIN)?;
    head.header(&ACCESS_CONTROL_REQUEST_METHOD)?.parse().ok()
}
