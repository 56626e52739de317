//! `[policy]`: the signed bundle that says who may reach backends.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tidegate_follow::{Follow, Source};
use tidegate_shared::channel::ChannelName;

use super::Problems;
use super::limits::span;

/// How long a source may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// `[policy]`. Backends with `policy` take from it who may reach them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// Where bundles come from: a file, or a folder or `http(s)` URL that has channels.
    pub bundle: String,
    /// The keys whose bundles count, a file as `tidegate keys new` writes it.
    pub trust: PathBuf,
    /// The channel of a folder or URL; `production` by default.
    pub channel: Option<String>,
    /// The least sequence of the channel to accept; 0 by default.
    #[serde(default)]
    pub minimum_sequence: u64,
    /// Where to remember the last good bundle of a channel, for the next start. Absent: nowhere.
    pub state: Option<PathBuf>,
    /// How often to look at the channel; `5s` by default.
    pub every: Option<String>,
}

/// Checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PolicySource {
    pub(crate) trust: PathBuf,
    pub(crate) follow: Follow,
}

impl PolicyFile {
    /// The files that it names, to be made relative to the configuration's folder.
    pub(super) fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        [&mut self.trust].into_iter().chain(&mut self.state)
    }

    /// A path of bundles becomes relative to the folder, too.
    pub(super) fn resolve(&mut self, folder: &Path) {
        if let Ok(Source::Path(path)) = self.bundle.parse()
            && let Some(path) = folder.join(path).to_str()
        {
            self.bundle = path.to_owned();
        }
    }

    pub(super) fn check(self, problems: &mut Problems) -> Option<PolicySource> {
        let Self {
            bundle,
            trust,
            channel,
            minimum_sequence: minimum,
            state,
            every,
        } = self;
        let source = problems.take("policy.bundle", bundle.parse::<Source>());
        let channel = channel.as_deref().unwrap_or("production");
        let channel = problems.take("policy.channel", channel.parse::<ChannelName>());
        let bounds = Duration::from_millis(100)..=Duration::from_secs(3600);
        let every = problems.take("policy.every", span(every.as_deref(), "5s", bounds));
        Some(PolicySource {
            trust,
            follow: Follow {
                source: source?,
                channel: channel?,
                minimum,
                state,
                every: every?,
                patience: PATIENCE,
            },
        })
    }
}
