//! Cookies and client certificates go along whoever makes the browser send a request: what another
//! site's page brings about is not the caller's will (RFC 6750 §5.3, RFC 6265 §8.2).

use http::header::{HeaderName, ORIGIN};
use tidegate_shared::problem::Problem;

use super::Incoming;
use crate::head::RequestHead;
use crate::phase::{screen, shape};
use crate::refusal::Refusal;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request that changes something, or opens a WebSocket, from a page of another origin,
/// unless the route's CORS rules let that origin send credentials. Clients that are no browsers
/// say nothing of pages.
pub(super) fn check<H: RequestHead, P>(
    incoming: &Incoming<'_, H, P>,
    credential: &str,
) -> Result<(), Refusal> {
    let head = incoming.head;
    // RFC 9110 §9.2.1; a page may not read the answer to these unless CORS lets it.
    if head.method().is_safe() && !shape::asks_upgrade(head) {
        return Ok(());
    }
    let own = match head.header(&ORIGIN) {
        Some(origin) => {
            let authority = head.authority().unwrap_or_default();
            let same = origin
                .split_once("://")
                .is_some_and(|(_, own)| own.eq_ignore_ascii_case(&authority));
            let granted = |cors| screen::admits_credentials(cors, &origin);
            same || incoming.cors.is_some_and(granted)
        }
        None => head
            .header(&SEC_FETCH_SITE)
            .is_none_or(|site| matches!(&*site, "same-origin" | "none")),
    };
    if own {
        Ok(())
    } else {
        let cause = format!("a page of another origin, with {credential}");
        Err(Refusal::new(Problem::CorsRefused, cause))
    }
}
