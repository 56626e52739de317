//! The gateway's component on the test host: what an adapter does, beyond what
//! the core decides.

#![cfg(test)]

mod bundle;
mod forward;
mod host;
mod lifecycle;
mod origin;
mod stream;
