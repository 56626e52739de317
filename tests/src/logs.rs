//! What the programs of a suite log, and what must not be found in it.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How often, and how long apart, a log is looked at before it is given up.
const ATTEMPTS: usize = 600;
const PAUSE: Duration = Duration::from_millis(50);
/// Shorter texts are no secrets: they are found everywhere.
const MIN_SECRET: usize = 16;

/// What this process logs: the native gateway, the connectors and the origins.
#[derive(Clone, Debug, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Collects from the first call on, all that is logged at the level for debugging.
    pub fn of_this_process() -> Self {
        static LOGS: OnceLock<Logs> = OnceLock::new();
        let begin = || {
            let logs = Self::default();
            let writer = logs.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(LevelFilter::DEBUG)
                .with_writer(writer);
            // Where a test has a subscriber of its own there is nothing to collect, and whoever
            // looks for what must be there finds that.
            let _ = subscriber.try_init();
            logs
        };
        LOGS.get_or_init(begin).clone()
    }

    /// All of it, once it has this text.
    ///
    /// # Errors
    /// Where it does not come to have it.
    pub async fn until(&self, text: &str) -> Result<String> {
        for _ in 0..ATTEMPTS {
            let log = self.text();
            if log.contains(text) {
                return Ok(log);
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("`{text}` is not in the log")
    }

    /// All of it.
    pub fn text(&self) -> String {
        let octets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&octets).into_owned()
    }
}

impl io::Write for &Logs {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'l> MakeWriter<'l> for Logs {
    type Writer = &'l Self;

    fn make_writer(&'l self) -> Self::Writer {
        self
    }
}

/// The secrets of which a log has more than it should: the whole, or of a token what its bearer
/// alone has. Each is shown by its beginning.
pub fn leaks(log: &str, secrets: &[String]) -> Vec<String> {
    let found = |secret: &&String| {
        let parts = secret.split('.').skip(1).chain([secret.as_str()]);
        let mut parts = parts.filter(|part| part.len() >= MIN_SECRET);
        parts.any(|part| log.contains(part))
    };
    let leaked = secrets.iter().filter(found);
    leaked
        .map(|secret| secret.chars().take(MIN_SECRET).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_whole_and_in_part() {
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlIG9mIGEgdG9rZW4";
        let secrets = [token.to_owned(), "tg_0123456789abcdef".to_owned()];
        assert!(leaks("nothing of note", &secrets).is_empty());
        // The header says nothing of its bearer.
        assert!(leaks("eyJhbGciOiJIUzI1NiJ9", &secrets).is_empty());
        for log in [
            format!("refused `{token}`"),
            "the payload was eyJzdWIiOiJhbGljZSJ9".to_owned(),
            "signature c2lnbmF0dXJlIG9mIGEgdG9rZW4".to_owned(),
        ] {
            assert_eq!(leaks(&log, &secrets), ["eyJhbGciOiJIUzI1"]);
        }
        assert_eq!(
            leaks("key tg_0123456789abcdef", &secrets),
            ["tg_0123456789abc"]
        );
    }
}
