//! `traceparent` and `tracestate` (W3C Trace Context).

use http::header::{HeaderMap, HeaderName, HeaderValue};
use tidegate_shared::trace::TraceContext;

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// A trace, and whether it begins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Adopted {
    pub(crate) trace: TraceContext,
    pub(crate) begun: bool,
}

/// The trace of a request: passed on as it came, or begun where there is none that is valid. A
/// `tracestate` without a valid `traceparent` means nothing and goes (§3.3).
pub(crate) fn adopt(headers: &mut HeaderMap) -> Option<Adopted> {
    let mut fields = headers.get_all(&TRACEPARENT).iter();
    let only = match (fields.next(), fields.next()) {
        (Some(field), None) => field.to_str().ok(),
        _ => None,
    };
    if let Some(trace) = only.and_then(TraceContext::parse) {
        return Some(Adopted {
            trace,
            begun: false,
        });
    }
    headers.remove(TRACESTATE);
    headers.remove(&TRACEPARENT);
    let trace = begin()?;
    let value = HeaderValue::try_from(trace.to_string()).ok()?;
    headers.insert(TRACEPARENT, value);
    Some(Adopted { trace, begun: true })
}

/// Puts the adopted trace back where `Connection` named it and so had it taken out: the trace that
/// is logged is the one that the backend is told.
pub(crate) fn keep(headers: &mut HeaderMap, trace: Option<TraceContext>) {
    if headers.contains_key(&TRACEPARENT) {
        return;
    }
    let value = trace.and_then(|trace| HeaderValue::try_from(trace.to_string()).ok());
    if let Some(value) = value {
        headers.insert(TRACEPARENT, value);
    }
}

/// `None` where the system has no random numbers to give.
fn begin() -> Option<TraceContext> {
    let (mut trace_id, mut parent_id) = ([0; 16], [0; 8]);
    getrandom::fill(&mut trace_id).ok()?;
    getrandom::fill(&mut parent_id).ok()?;
    // Not sampled: who records decides that.
    Some(TraceContext {
        trace_id,
        parent_id,
        flags: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn passes_a_valid_trace_on() {
        let mut headers = HeaderMap::new();
        headers.insert(TRACEPARENT, HeaderValue::from_static(VALID));
        headers.insert(TRACESTATE, HeaderValue::from_static("a=1"));
        let adopted = adopt(&mut headers).unwrap();
        assert_eq!(
            (adopted.trace.to_string().as_str(), adopted.begun),
            (VALID, false)
        );
        assert_eq!(headers.get(TRACEPARENT).unwrap(), VALID);
        assert!(headers.contains_key(TRACESTATE));
    }

    #[test]
    fn begins_one_otherwise() {
        for values in [vec![], vec!["junk"], vec![VALID, VALID]] {
            let mut headers = HeaderMap::new();
            headers.insert(TRACESTATE, HeaderValue::from_static("a=1"));
            for value in values {
                headers.append(TRACEPARENT, HeaderValue::from_static(value));
            }
            let Adopted { trace, begun } = adopt(&mut headers).unwrap();
            let trace = trace.to_string();
            assert!(begun);
            let fields: Vec<_> = headers.get_all(TRACEPARENT).iter().collect();
            assert_eq!(fields, [trace.as_str()]);
            assert!(!headers.contains_key(TRACESTATE));
        }
    }
}
