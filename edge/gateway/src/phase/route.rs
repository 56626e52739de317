//! *Route*: host, path, method, then header and query predicates; the most specific wins.

use std::sync::Arc;

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ALLOW, ORIGIN};
use http::{HeaderName, Method};
use tidegate_shared::bundle::Tables;
use tidegate_shared::problem::Problem;

use super::accept::Target;
use crate::head::RequestHead;
use crate::hosts::{Candidate, Found, Host, NoRoute, Question, Table};
use crate::refusal::Refusal;

/// A route for a request.
#[derive(Debug)]
pub(crate) struct Matched<'g> {
    pub(crate) found: Found<'g>,
    /// The request asks whether another may be made (a CORS preflight).
    pub(crate) preflight: bool,
}

/// The routing table of a host.
pub(crate) fn table<'g>(
    host: Option<&'g Host>,
    tables: &Tables,
) -> Result<&'g Arc<Table>, Refusal> {
    host.ok_or_else(|| Refusal::new(Problem::HostUnknown, "no policy serves the host"))?
        .table(tables)
        .map_err(|error| Refusal::new(Problem::Internal, error))
}

pub(crate) fn route<'g, H: RequestHead>(
    table: &'g Table,
    target: &Target<'_>,
    head: &H,
) -> Result<Matched<'g>, Refusal> {
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
        if let Some(found) = asked.ok().filter(|found| found.route.rules.cors.is_some()) {
            return Ok(Matched {
                found,
                preflight: true,
            });
        }
    }
    match table.find(&question) {
        Ok(found) => Ok(Matched {
            found,
            preflight: false,
        }),
        Err(NoRoute::Path) => Err(Refusal::new(Problem::RouteNotFound, "no route")),
        Err(NoRoute::Method(allowed)) => {
            let refusal = Refusal::new(Problem::MethodNotAllowed, "no route for the method");
            Err(refusal.with(ALLOW, allowed.to_string()))
        }
    }
}

/// What [`route`] looked at.
pub(crate) fn candidates<H: RequestHead>(
    table: &Table,
    target: &Target<'_>,
    head: &H,
) -> Vec<Candidate> {
    let preflight = route(table, target, head).is_ok_and(|matched| matched.preflight);
    let asked_method = preflight_method(head).filter(|_| preflight);
    table.candidates(&Question {
        method: asked_method.as_ref().unwrap_or(head.method()),
        path: &target.path,
        query: target.query,
        header: &|name: &HeaderName| head.header(name),
    })
}

/// The method that a preflight asks about (Fetch standard, "CORS-preflight request").
fn preflight_method<H: RequestHead>(head: &H) -> Option<Method> {
    if *head.method() != Method::OPTIONS {
        return None;
    }
    head.header(&ORIGIN)?;
    head.header(&ACCESS_CONTROL_REQUEST_METHOD)?.parse().ok()
}
