//! What an upstream's connectors enforce.

use std::str::FromStr;

use tidegate_shared::bundle;
use tidegate_shared::peer_name::PeerName;
use tidegate_shared::units::Rate;

use crate::decode::{Named, Parsed, record};
use crate::source::Spanned;

record! {
    /// What the upstream's connectors enforce.
    struct Connector {
        /// Who may come in, by certificate: `spiffe://TRUST-DOMAIN/PATH` or `dns:HOST`.
        allow: Vec<Parsed<PeerName>>,
        /// Whether requests must be signed by a gateway: `required`, `optional` or `off`; if
        /// absent, `required` where there is `sign`, and else `off`.
        signature: Option<Parsed<SignatureDemand>>,
        /// What the origin bears, as each process of a connector counts it.
        limits: Named<ConnectorLimit>,
    }
}

record! {
    /// A limit that a connector enforces: each request counts for one.
    struct ConnectorLimit {
        /// The steady rate, as `500/s`. A limit has a rate or a concurrency.
        rate: Option<Parsed<Rate>>,
        /// How many requests may be under way at once.
        concurrency: Option<Spanned<u64>>,
        /// What may be taken at once from a full bucket; the rate's count if absent.
        burst: Option<Spanned<u64>>,
        /// What is counted apart: `caller`, by the certificate; everybody together if absent.
        per: Option<Parsed<Per>>,
    }
}

/// Whether requests must be signed by a gateway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignatureDemand(pub(crate) bundle::SignatureDemand);

impl FromStr for SignatureDemand {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "required" => Ok(Self(bundle::SignatureDemand::Required)),
            "optional" => Ok(Self(bundle::SignatureDemand::Optional)),
            "off" => Ok(Self(bundle::SignatureDemand::Off)),
            _ => Err(format!("`{text}` is none of required, optional and off")),
        }
    }
}

/// What a connector can count apart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Per {
    Caller,
}

impl FromStr for Per {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "caller" => Ok(Self::Caller),
            _ => Err(format!(
                "a connector cannot count by `{text}`: it knows a certificate alone; say `caller`, \
                 or leave `per` out to count everybody together"
            )),
        }
    }
}
