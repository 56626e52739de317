//! The channel that says which bundle is in force.

use std::path::PathBuf;
use std::time::Duration;

use tidegate_edge_native::{Follow, Source};
use tidegate_shared::channel::ChannelName;
use tidegate_shared::units::Span;

/// How long a source may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a channel is followed.
#[derive(Debug, clap::Args)]
pub(crate) struct ChannelArguments {
    /// The channel to follow, of a folder or URL
    #[arg(long, value_name = "NAME", default_value = "production")]
    channel: ChannelName,
    /// The least sequence of the channel to accept, also at the very first start
    #[arg(long, value_name = "N", default_value_t = 0)]
    minimum_sequence: u64,
    /// Where to remember the last good bundle of the channel, for the next start
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// How often to look at the channel
    #[arg(long, value_name = "SPAN", default_value = "5s")]
    every: Span,
}

impl ChannelArguments {
    pub(crate) fn follow(self, source: Source) -> Follow {
        Follow {
            source,
            channel: self.channel,
            minimum: self.minimum_sequence,
            state: self.state,
            every: Duration::from_millis(self.every.0.max(1)),
            patience: PATIENCE,
        }
    }
}
