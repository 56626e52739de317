//! What the channel has in shadow. It comes after what is in force, and whatever is wrong with it
//! is no more than a line of the log.

use std::sync::Arc;

use tidegate_shared::channel::InShadow;
use tracing::{info, warn};

use crate::following::{FollowError, Following, aside};
use crate::runner::Runner;

/// How far it is followed.
#[derive(Debug, Default)]
pub(crate) struct Shadow {
    runs: Option<InShadow>,
    /// What is known to be in trouble, and of which kind.
    trouble: Option<(InShadow, &'static str)>,
}

impl Following {
    /// Lets decide in shadow what the statement says, or nothing.
    pub(crate) async fn follow_shadow(&mut self, runner: &Arc<impl Runner>) {
        let wanted = self.follower.shadow().filter(|_| runner.has_shadow());
        if wanted == self.shadow.runs {
            return;
        }
        // Of another statement: what it would do now is of no interest.
        runner.end_shadow();
        self.shadow.runs = None;
        let Some(wanted) = wanted else {
            info!("no bundle in shadow");
            return;
        };
        match self.run_shadow(wanted, runner).await {
            Ok(()) => {
                info!(digest = %wanted.bundle, share = wanted.share.0, "bundle in shadow");
                self.shadow.runs = Some(wanted);
                self.shadow.trouble = None;
            }
            Err(error) => {
                let trouble = Some((wanted, error.name()));
                if self.shadow.trouble != trouble {
                    warn!(%error, refused = error.name(), digest = %wanted.bundle, "no bundle in shadow");
                    self.shadow.trouble = trouble;
                }
            }
        }
    }

    async fn run_shadow(
        &mut self,
        wanted: InShadow,
        runner: &Arc<impl Runner>,
    ) -> Result<(), FollowError> {
        let octets = self.bundle(wanted.bundle).await?;
        aside(runner, move |runner| {
            runner.run_shadow(&octets, wanted.share)
        })
        .await
    }
}
