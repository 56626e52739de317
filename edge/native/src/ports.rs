//! What the core asks of a native process.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use http::{Request, Response};
use tidegate_edge::{FetchBounds, PortError};
use tidegate_follow::{Fetcher, now};
use tidegate_limits::{Answer, Question};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;

use crate::authority::LimitAuthority;
use crate::bundle::{Loaded, LoadedShadow};
use crate::credentials::CredentialFolder;
use crate::exchange::Shared;

/// Where secrets are found by their names.
#[derive(Clone)]
pub enum Secrets {
    /// In memory, for embedding.
    Given(HashMap<String, Vec<u8>>),
    /// As files of a folder, each named as its secret; else in the environment variable
    /// `TIDEGATE_SECRET_NAME`, in upper case and with `_` for `-`.
    Platform(Option<PathBuf>),
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Given(_) => f.write_str("Given(…)"),
            Self::Platform(folder) => write!(f, "Platform({folder:?})"),
        }
    }
}

impl Secrets {
    /// Reads the secrets of these names, once: a request never waits for a disk.
    pub(crate) fn resolve<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
    ) -> HashMap<String, Vec<u8>> {
        match self {
            Self::Given(secrets) => secrets.clone(),
            Self::Platform(folder) => names
                .filter_map(|name| {
                    let file = folder
                        .as_ref()
                        .and_then(|folder| std::fs::read(folder.join(name)).ok());
                    let variable = || {
                        let name = name.to_ascii_uppercase().replace('-', "_");
                        std::env::var(format!("TIDEGATE_SECRET_{name}"))
                            .ok()
                            .map(String::into_bytes)
                    };
                    // A line break at the end is an editor's, not the secret's.
                    let secret = file.or_else(variable)?;
                    Some((name.to_owned(), secret.trim_ascii_end().to_vec()))
                })
                .collect(),
        }
    }
}

/// The ports of a native process.
pub(crate) struct Ports<'s> {
    secrets: &'s HashMap<String, Vec<u8>>,
    fetcher: &'s Fetcher,
    credentials: Option<&'s CredentialFolder>,
    authority: &'s LimitAuthority,
    /// Drawn before the request, where a failure can still be answered.
    entropy: [u8; 24],
}

/// The entropy where no request is to be named.
pub(crate) const NO_REQUEST: [u8; 24] = [0; 24];

impl<'s> Ports<'s> {
    pub(crate) fn of(loaded: &'s Loaded, shared: &'s Shared, entropy: [u8; 24]) -> Self {
        Self {
            secrets: &loaded.secrets,
            fetcher: &shared.fetcher,
            credentials: loaded.credentials.as_ref(),
            authority: &shared.authority,
            entropy,
        }
    }

    /// For a bundle in shadow, which has secrets of its own and asks nobody.
    pub(crate) fn of_shadow(
        shadow: &'s LoadedShadow,
        shared: &'s Shared,
        entropy: [u8; 24],
    ) -> Self {
        Self {
            secrets: &shadow.secrets,
            fetcher: &shared.fetcher,
            credentials: None,
            authority: &shared.authority,
            entropy,
        }
    }
}

impl tidegate_edge::Ports for Ports<'_> {
    const SHARES: bool = true;

    fn now(&self) -> UnixMillis {
        now()
    }

    fn entropy(&self) -> [u8; 24] {
        self.entropy
    }

    fn secret(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.secrets
            .get(name)
            .map(|secret| Cow::Borrowed(secret.as_slice()))
    }

    async fn credential(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        let folder = self.credentials.ok_or_else(|| {
            PortError(format!(
                "there is no store `{store}`: start with `--credentials DIR`"
            ))
        })?;
        folder.get(key).await
    }

    async fn authority(&self, question: &Question, time: Span) -> Result<Answer, PortError> {
        self.authority.answer(question, time).await
    }

    async fn fetch(
        &self,
        request: Request<Vec<u8>>,
        bounds: FetchBounds,
    ) -> Result<Response<Vec<u8>>, PortError> {
        fetch(self.fetcher, request, bounds).await
    }
}

/// Fetches a document for the core.
pub(crate) async fn fetch(
    fetcher: &Fetcher,
    request: Request<Vec<u8>>,
    bounds: FetchBounds,
) -> Result<Response<Vec<u8>>, PortError> {
    let time = Duration::from_millis(bounds.time.0);
    let fetched = fetcher.fetch(request, bounds.octets, time).await;
    fetched.map_err(|error| PortError(error.to_string()))
}
