//! A bundle in a file that changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::MAX_ENVELOPE;
use tracing::{info, warn};

use crate::following::put_into_force;
use crate::runner::Runner;

/// How often the file is looked at.
const INTERVAL: Duration = Duration::from_millis(500);

/// Watches a bundle's file, and puts a changed one into force. One that cannot be used is logged
/// with its reason, and the last good one, `in_force`, stays.
pub async fn watch(path: PathBuf, mut in_force: Option<Digest>, runner: Arc<impl Runner>) {
    // Where nothing is in force, the file as it is now was not taken yet.
    let mut seen = match in_force {
        Some(_) => stamp(&path).await,
        None => None,
    };
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        let found = stamp(&path).await;
        if found == seen || found.is_none() {
            continue;
        }
        seen = found;
        let Ok(octets) = read(&path).await else {
            continue;
        };
        let digest = Digest::of(&octets);
        if Some(digest) == in_force {
            continue;
        }
        let last = in_force.map(tracing::field::display);
        match put_into_force(&runner, octets).await {
            Ok(policy) => {
                in_force = Some(digest);
                runner.looked(Ok(0));
                info!(%digest, policy, "new bundle in force");
            }
            Err(error) => {
                runner.looked(Err(error.name()));
                warn!(%error, in_force = last, "the new bundle cannot be used");
            }
        }
    }
}

/// The file, or as much of it as shows that it is too large for a bundle.
async fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    use tokio::io::AsyncReadExt as _;
    let most = u64::try_from(MAX_ENVELOPE).unwrap_or(u64::MAX);
    let mut octets = Vec::new();
    let file = tokio::fs::File::open(path).await?;
    file.take(most.saturating_add(1))
        .read_to_end(&mut octets)
        .await?;
    Ok(octets)
}

async fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let data = tokio::fs::metadata(path).await.ok()?;
    Some((data.modified().ok()?, data.len()))
}
