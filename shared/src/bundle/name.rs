//! The name of a route that has none of its own: that of its API, its methods, its path.

use http::Method;

use crate::method::MethodSet;
use crate::pattern::PathPattern;

/// The name of a route that has none of its own.
pub fn of(api: &str, methods: MethodSet, pattern: &PathPattern) -> String {
    let mut name = String::with_capacity(api.len() + pattern.as_str().len() + 16);
    name.push_str(api);
    let separators = [" "].into_iter().chain(std::iter::repeat("|"));
    for (separator, method) in separators.zip(labels(methods)) {
        name.extend([separator, method]);
    }
    name.extend([" ", pattern.as_str()]);
    name
}

/// The API, where the name is what [`of`] would give.
pub(super) fn api<'n>(name: &'n str, methods: MethodSet, pattern: &PathPattern) -> Option<&'n str> {
    let before = name.strip_suffix(pattern.as_str())?.strip_suffix(' ')?;
    let last = before.bytes().rposition(|octet| octet == b' ')?;
    let (api, label) = (before.get(..last)?, before.get(last.checked_add(1)?..)?);
    label.split('|').eq(labels(methods)).then_some(api)
}

/// The methods; HEAD, which comes with GET, is left out.
fn labels(methods: MethodSet) -> impl Iterator<Item = &'static str> {
    let any = (methods == MethodSet::ANY).then_some("ANY");
    let implied = if methods.contains(&Method::GET) {
        MethodSet::of(&Method::HEAD)
    } else {
        MethodSet::EMPTY
    };
    let named = any.map_or(methods.without(implied), |_| MethodSet::EMPTY);
    any.into_iter().chain(named.names())
}
