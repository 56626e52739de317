//! The certificate of a client, which somebody else has verified.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tidegate_shared::certificate::{ClientCertificate, DistinguishedName};

/// A certificate that is read has names of visible characters alone, and distinguished names whose
/// text stands for themselves.
pub fn run(octets: &[u8]) {
    let Ok(certificate) = ClientCertificate::read(octets) else {
        return;
    };
    for name in [&certificate.issuer, &certificate.subject] {
        let again = name.as_str().parse::<DistinguishedName>();
        // An empty value, which a certificate may have, is one that no policy can state.
        assert!(again.is_err() || again.as_ref() == Ok(name), "`{name}`");
    }
    let ClientCertificate {
        spiffe,
        uris,
        dns,
        emails,
        ..
    } = &certificate;
    let visible = |name: &String| name.bytes().all(|octet| octet.is_ascii_graphic());
    assert!(uris.iter().chain(dns).chain(emails).all(visible));
    if let Some(id) = spiffe {
        assert_eq!(*uris, [id.as_str()]);
    }
}

/// A certificate of a SPIFFE ID, a host and a mail address.
const CERTIFICATE: &str = "\
    MIICKjCCAdCgAwIBAgIUFbOxKUof/GRgoChhV7JBVNf1VFAwCgYIKoZIzj0EAwIwNTELMAkGA1UEBhMCREUxFjAU\
    BgNVBAoMDVBhcnRuZXIsIEdtYkgxDjAMBgNVBAMMBWRlcG90MCAXDTI2MTEyOTAxMjU0MFoYDzIwODEwOTAxMDEy\
    NTQwWjA1MQswCQYDVQQGEwJERTEWMBQGA1UECgwNUGFydG5lciwgR21iSDEOMAwGA1UEAwwFZGVwb3QwWTATBgcq\
    hkjOPQIBBggqhkjOPQMBBwNCAATKcfar+Xu6iL44eYU3MnS1P7ix8CupGens7bbc8XzcDzGedJAsIVKy/x5R4HIP\
    MtumDoA2cIU4YU9GjYKw+Mgko4G7MIG4MB0GA1UdDgQWBBQ2AguX5IQqwQ1b764JEENBz6ApcDAfBgNVHSMEGDAW\
    gBQ2AguX5IQqwQ1b764JEENBz6ApcDBYBgNVHREEUTBPhiFzcGlmZmU6Ly9wYXJ0bmVycy5leGFtcGxlL2ZsZWV0\
    LzeCFWRlcG90LnBhcnRuZXIuZXhhbXBsZYETb3BzQHBhcnRuZXIuZXhhbXBsZTAOBgNVHQ8BAf8EBAMCB4AwDAYD\
    VR0TAQH/BAIwADAKBggqhkjOPQQDAgNIADBFAiBHGQrHZPkT9GBxmfqnA1dDJeLJSzt9ZNoiplGxL3rRGwIhAPox\
    EnrEiKIbZfRzr23R0TNiFHtMFyhmK+CPIio8yhpZ";

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    STANDARD.decode(CERTIFICATE).into_iter().collect()
}
