//! What the channel has in shadow. It comes after what is in force, and whatever is wrong with it
//! is no more than a line of the log.

use std::sync::Arc;

use tidegate_shared::channel::{InShadow, ShadowStep};
use tracing::{info, warn};

use crate::following::{FollowError, Following, aside};
use crate::runner::Runner;

impl Following {
    /// Lets decide in shadow what the statement says, or nothing.
    pub(crate) async fn follow_shadow(&mut self, runner: &Arc<impl Runner>) {
        let wanted = self.follower.shadow().filter(|_| runner.has_shadow());
        let step = self.shadowing.follow(wanted);
        if step == ShadowStep::Stay {
            return;
        }
        // Of another statement: what it would do now is of no interest.
        runner.end_shadow();
        let ShadowStep::Run(wanted) = step else {
            info!("no bundle in shadow");
            return;
        };
        match self.run_shadow(wanted, runner).await {
            Ok(()) => {
                info!(digest = %wanted.bundle, share = wanted.share.0, "bundle in shadow");
                self.shadowing.runs(wanted);
            }
            Err(error) => {
                if self.shadowing.failed(wanted, error.name()) {
                    warn!(%error, refused = error.name(), digest = %wanted.bundle, "no bundle in shadow");
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
