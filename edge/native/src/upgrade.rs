//! Connections that have switched protocols (RFC 9110 §7.8): octets, both ways, untouched.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tidegate_edge::End;
use tokio::io::copy_bidirectional;
use tracing::debug;

use crate::exchange::Ending;

/// Joins the client's connection and the origin's until both have ended.
pub(crate) async fn join(client: OnUpgrade, origin: OnUpgrade, ending: Ending) {
    let end = match tokio::try_join!(client, origin) {
        Err(error) => {
            debug!(%error, "the switch of protocols failed");
            End::ClientGone
        }
        Ok((client, origin)) => {
            let (mut client, mut origin) = (TokioIo::new(client), TokioIo::new(origin));
            match copy_bidirectional(&mut client, &mut origin).await {
                Ok(_) => End::Complete,
                Err(error) => {
                    debug!(%error, "a switched connection broke");
                    End::ClientGone
                }
            }
        }
    };
    ending.finish(end);
}
