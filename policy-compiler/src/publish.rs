//! Publishing: a bundle goes to a store, and the statement of a channel comes to name it.
//!
//! Bundles are immutable under their digest and go first. The statement goes last and whole, and
//! only in place of the very statement that the publisher has read: of two at once, one wins and
//! the other is told. So a reader sees a whole, signed bundle at any time, whatever fails midway.

mod channel;
mod folder;
mod key_value;
#[cfg(feature = "stores")]
mod objects;
mod redis;
mod retry;
mod sink;
mod target;

pub use channel::{Channel, Current, PublishError, Terms};
pub use folder::Folder;
pub use key_value::KeyValue;
#[cfg(feature = "stores")]
pub use objects::Objects;
pub use redis::Redis;
pub use retry::Retrying;
pub use sink::{Sink, SinkError, Stored, Version};
pub use target::{InvalidTarget, Store, Target};
