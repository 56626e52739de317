//! Who is known by a client certificate.

use tidegate_shared::certificate::DistinguishedName;
use tidegate_shared::digest::Digest;

use crate::decode::{Named, OneOrMany, Parsed, record};
use crate::source::Spanned;

record! {
    /// Consumers that are known by client certificates.
    struct Certificates {
        /// Who must have issued a certificate: one distinguished name, as `CN=Partners,O=Bank`, or
        /// several. It may be left out where every consumer's certificates are pinned.
        issuer: Option<OneOrMany<Parsed<DistinguishedName>>>,
        /// The consumers, and what their certificates are like.
        consumers: Named<Spanned<CertificateHolder>>,
    }
}

record! {
    /// A consumer, and what its certificates are like: of each of the fields one must hold.
    struct CertificateHolder {
        /// The SHA-256 of its certificate, or of each of them.
        sha256: Option<OneOrMany<Parsed<Digest>>>,
        /// A PEM file with its certificate, or with each of them, in place of `sha256`.
        certificate: Option<Spanned<String>>,
        /// Whose the certificate is, as `CN=acme,O=Partner`.
        subject: Option<OneOrMany<Parsed<DistinguishedName>>>,
        /// The SPIFFE ID of a workload; `*` stands for a segment, `**` at the end for several.
        spiffe: Option<OneOrMany<Spanned<String>>>,
        /// A URI; `*` stands for a segment of its path, `**` at the end for several.
        uri: Option<OneOrMany<Spanned<String>>>,
        /// A host; `*` stands for its first label.
        dns: Option<OneOrMany<Spanned<String>>>,
        /// A mail address; `*` stands for all that is before its `@`.
        email: Option<OneOrMany<Spanned<String>>>,
        /// The plan that it is on.
        plan: Option<Spanned<String>>,
    }
}
