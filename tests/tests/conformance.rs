//! Against what others wrote. The vectors are not part of this repository:
//! `cargo xtask conformance --vectors DIR` runs these.

#![cfg(test)]

#[path = "conformance/cbor.rs"]
mod cbor;
#[path = "conformance/cel.rs"]
mod cel;
#[path = "conformance/cose.rs"]
mod cose;
#[path = "conformance/jws.rs"]
mod jws;
#[path = "conformance/openapi.rs"]
mod openapi;
#[path = "conformance/probe.rs"]
mod probe;
#[path = "conformance/rate_limit.rs"]
mod rate_limit;
#[path = "conformance/rfc9421.rs"]
mod rfc9421;
#[path = "conformance/spiffe.rs"]
mod spiffe;
#[path = "conformance/structured_fields.rs"]
mod structured_fields;
#[path = "conformance/trace.rs"]
mod trace;

use std::path::PathBuf;

fn vectors() -> PathBuf {
    PathBuf::from(
        std::env::var_os("TIDEGATE_VECTORS").expect("TIDEGATE_VECTORS names the folder of vectors"),
    )
}
