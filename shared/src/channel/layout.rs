//! Where things lie in a store, for those who write and those who read. Every path is also a key
//! of a key-value store, and the end of a URL.

use super::ChannelName;
use crate::digest::Digest;

/// Where a bundle lies; what is there never changes.
pub fn bundle_path(digest: Digest) -> String {
    format!("bundles/{}.bundle", hex::encode(digest.0))
}

/// Where the statement of a channel lies.
pub fn statement_path(channel: &ChannelName) -> String {
    format!("channels/{channel}.statement")
}

/// Where the statements lie that were in force, ending with `/`.
pub fn history_folder(channel: &ChannelName) -> String {
    format!("history/{channel}/")
}

/// Where a statement lies that was in force. Names sort as sequences do.
pub fn history_path(channel: &ChannelName, sequence: u64) -> String {
    format!("{}{sequence:020}.statement", history_folder(channel))
}

/// Where readers that share a store have their [memory](super::Memory). Publishers leave it alone.
pub fn memory_path(channel: &ChannelName) -> String {
    format!("readers/{channel}.memory")
}

/// Where readers that share a store remember which bundle they cannot have in shadow.
pub fn trouble_path(channel: &ChannelName) -> String {
    format!("readers/{channel}.shadow")
}
