//! The authority of a request.

use tidegate_shared::host::{self, HostPattern};

use crate::texts;

/// A normalised host is its own normal form, and a host that a policy can name.
pub fn run(octets: &[u8]) {
    let Ok(authority) = std::str::from_utf8(octets) else {
        return;
    };
    let Some(host) = host::normalise(authority) else {
        return;
    };
    assert_eq!(host::normalise(&host).as_deref(), Some(host.as_ref()));
    let pattern = host.parse::<HostPattern>();
    assert!(
        pattern.is_ok_and(|pattern| pattern.matches(&host)),
        "`{host}` cannot be named"
    );
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    texts([
        "API.Bank.example:8443",
        "a-b.c_d.example.",
        "192.0.2.7:80",
        "[2001:db8::7]:443",
        "[::ffff:192.0.2.7]",
    ])
}
