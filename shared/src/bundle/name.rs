//! The name of a route that has none of its own: that of its API, its methods, its path.

use http::Method;

use crate::method::MethodSet;
use crate::pattern::PathPattern;

/// The name of a route that has none of its own.
pub fn of(api: &str, methods: MethodSet, pattern: &PathPattern) -> String {
    [api, &label(methods), pattern.as_str()].join(" ")
}

/// The API, where the name is what [`of`] would give.
pub(super) fn api<'n>(name: &'n str, methods: MethodSet, pattern: &PathPattern) -> Option<&'n str> {
    let before = name.strip_suffix(pattern.as_str())?.strip_suffix(' ')?;
    let (api, label) = before.rsplit_once(' ')?;
    (label == self::label(methods)).then_some(api)
}

/// The methods; HEAD, which comes with GET, is left out.
fn label(methods: MethodSet) -> String {
    if methods == MethodSet::ANY {
        return "ANY".to_owned();
    }
    let get = MethodSet::of(&Method::GET);
    let implied = if methods.intersection(get).is_empty() {
        MethodSet::EMPTY
    } else {
        MethodSet::of(&Method::HEAD)
    };
    let names: Vec<Method> = methods.without(implied).iter().collect();
    let names: Vec<&str> = names.iter().map(Method::as_str).collect();
    names.join("|")
}
