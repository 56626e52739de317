//! How a native process reads bundles: from a file, or along a channel, whose statements and bundles
//! come from a folder or a web server. What is done with a bundle is its [`Runner`]'s affair.
#![warn(missing_docs)]

mod client;
mod fetch;
mod file;
mod following;
mod memory;
mod runner;
mod shadow;
mod source;

pub use client::{HttpsConnector, pool, public_roots, public_tls, tls_builder};
pub use fetch::{FetchError, Fetcher, chain};
pub use file::watch;
pub use following::{Follow, FollowError, Following, Next};
pub use runner::{BoxError, Runner};
pub use source::{InvalidSource, Source};

use std::time::{SystemTime, UNIX_EPOCH};

use tidegate_shared::time::UnixMillis;

/// The time; at the epoch where the clock is before it.
pub fn now() -> UnixMillis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
