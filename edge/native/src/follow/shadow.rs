//! What the channel has in shadow. It comes after what is in force, and whatever is wrong with it
//! is no more than a line of the log.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tidegate_shared::channel::InShadow;
use tracing::{info, warn};

use super::{FollowError, Following, load};
use crate::bundle::{LoadedShadow, Loader};

/// How far it is followed.
#[derive(Debug, Default)]
pub(super) struct Shadow {
    runs: Option<InShadow>,
    /// What is known to be in trouble, and of which kind.
    trouble: Option<(InShadow, &'static str)>,
}

impl Following {
    /// Lets decide in shadow what the statement says, or nothing.
    pub(super) async fn follow_shadow(
        &mut self,
        loader: &Loader,
        slot: &ArcSwapOption<LoadedShadow>,
    ) {
        let wanted = self.follower.shadow();
        if wanted == self.shadow.runs {
            return;
        }
        // Of another statement: what it would do now is of no interest.
        slot.store(None);
        self.shadow.runs = None;
        let Some(wanted) = wanted else {
            info!("no bundle in shadow");
            return;
        };
        match self.load_shadow(wanted, loader).await {
            Ok(loaded) => {
                let digest = loaded.bundle.digest();
                info!(%digest, share = wanted.share.0, "bundle in shadow");
                slot.store(Some(Arc::new(loaded)));
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

    async fn load_shadow(
        &mut self,
        wanted: InShadow,
        loader: &Loader,
    ) -> Result<LoadedShadow, FollowError> {
        let octets = self.bundle(wanted.bundle).await?;
        let loaded = load(loader, octets).await?;
        let mut seed = [0; 16];
        getrandom::fill(&mut seed)
            .map_err(|error| FollowError::Here(format!("no entropy: {error}")))?;
        Ok(loaded.into_shadow(seed, wanted.share))
    }
}
