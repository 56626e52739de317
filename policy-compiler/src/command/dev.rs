//! `tidegate dev`

mod announce;
mod gateway;
mod session;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{Failure, output};
use gateway::Runtime;
use session::Session;

/// How often the policy's files are looked at.
const INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct Dev {
    /// A policy file, or a folder of them
    path: PathBuf,
    /// Where the gateway runs
    #[arg(long, value_enum, default_value_t = Runtime::Native)]
    runtime: Runtime,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// A folder of API keys, as `tidegate credentials --store file:DIR` fills it
    #[arg(long, value_name = "DIR")]
    credentials: Option<PathBuf>,
}

impl Dev {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(self.serve())
    }

    async fn serve(&self) -> Result<ExitCode, Failure> {
        let (Some(ir), sources) = output::compile_shown(&self.path)? else {
            return Ok(ExitCode::FAILURE);
        };
        let mut session =
            Session::begin(ir, self.runtime, self.listen, self.credentials.as_deref()).await?;
        let terminated = terminated()?;
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminated => {}
            () = self.follow(&mut session, sources) => {}
        }
        session.end().await?;
        Ok(ExitCode::SUCCESS)
    }

    /// Recompiles when a file has changed. A policy that does not compile leaves the last good
    /// one in force.
    async fn follow(
        &self,
        session: &mut Session,
        mut seen: Vec<tidegate_policy_compiler::source::Source>,
    ) {
        use tidegate_policy_compiler::source;
        let mut ticks = tokio::time::interval(INTERVAL);
        loop {
            ticks.tick().await;
            let Ok(sources) = source::read(&self.path) else {
                continue;
            };
            let same = sources.len() == seen.len()
                && sources
                    .iter()
                    .zip(&seen)
                    .all(|(new, old)| new.path == old.path && new.text == old.text);
            if same {
                continue;
            }
            seen = sources;
            let replaced = match output::compile_shown(&self.path) {
                Ok((Some(ir), _)) => session.replace(ir).await.map(|()| true),
                Ok((None, _)) => Ok(false),
                Err(error) => Err(error),
            };
            match replaced {
                Ok(true) => output::complain("the changed policy is in force"),
                Ok(false) => output::complain("the policy before the change stays in force"),
                Err(error) => output::complain(&format!(
                    "error: {error}: the policy before the change stays in force"
                )),
            }
        }
    }
}

#[cfg(unix)]
fn terminated() -> Result<impl Future<Output = ()>, Failure> {
    let mut signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        signal.recv().await;
    })
}

#[cfg(not(unix))]
fn terminated() -> Result<impl Future<Output = ()>, Failure> {
    Ok(std::future::pending())
}
