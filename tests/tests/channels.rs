//! Following a channel, on every runtime: each attack on it has its name and changes nothing.
//! `cargo xtask build workers` and `build spin` come first.

#![cfg(test)]

#[path = "channels/attacks.rs"]
mod attacks;
#[path = "channels/kit.rs"]
mod kit;
#[path = "channels/native.rs"]
mod native;
#[path = "channels/propagation.rs"]
mod propagation;
#[path = "channels/shadows.rs"]
mod shadows;
#[path = "channels/spin.rs"]
mod spin;
#[path = "channels/store.rs"]
mod store;
#[path = "channels/workerd.rs"]
mod workerd;
