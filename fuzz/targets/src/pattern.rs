//! Path patterns: a line with a pattern, and a line with a path.

use matchit::Router;
use tidegate_shared::path;
use tidegate_shared::pattern::PathPattern;

use crate::texts;

/// The router and the pattern itself agree whether the path matches.
pub fn run(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else {
        return;
    };
    let Some((pattern, path)) = text.split_once('\n') else {
        return;
    };
    let (Ok(pattern), Ok(path)) = (pattern.parse::<PathPattern>(), path::normalise(path)) else {
        return;
    };
    assert_eq!(pattern.to_string().parse().as_ref(), Ok(&pattern));
    assert!(pattern.covers(&pattern) && pattern.overlaps(&pattern));
    let mut router = Router::new();
    for line in pattern.router_paths() {
        if router.insert(line, ()).is_err() {
            return;
        }
    }
    assert_eq!(
        router.at(&path).is_ok(),
        pattern.captures(&path).is_some(),
        "`{pattern}` and `{path}`"
    );
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    texts([
        "/v1/accounts/{id}/transfers\n/v1/accounts/7/transfers",
        "/reports/{id}.json\n/reports/7.json",
        "/files/v{version}/*\n/files/v2/a/b",
        "/*\n/",
        "/a/*\n/a",
        "/a/{b}/\n/a//",
    ])
}
