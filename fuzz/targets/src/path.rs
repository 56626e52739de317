//! The path of a request.

use tidegate_shared::path;

use crate::texts;

/// A normalised path is its own normal form, and nothing in it has a second reading.
pub fn run(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else {
        return;
    };
    let Ok(normal) = path::normalise(text) else {
        return;
    };
    assert_eq!(path::normalise(&normal).as_deref(), Ok(normal.as_ref()));
    assert!(normal.starts_with('/'), "`{normal}` is not absolute");
    assert!(
        normal
            .split('/')
            .all(|segment| segment != "." && segment != ".."),
        "`{normal}` has dot segments"
    );
    for ambiguous in ["%2F", "%5C", "%2E", "%00", "\\"] {
        assert!(!normal.contains(ambiguous), "`{normal}` has `{ambiguous}`");
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    texts([
        "/v1/accounts/7/transfers",
        "/a/./b/../c//d/..",
        "/%7Euser/%41/caf%c3%a9",
        "/a/%2e%2E/c/.well-known",
        "/a;v=1/b:c@d,e!$&'()*+",
        "/a%2Fb%5cc%00",
    ])
}
