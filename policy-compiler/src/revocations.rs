//! The list of revocations in a store: begun, added to, renewed. Each list follows the one that
//! was read, and replaces that one and no other.

use tidegate_shared::envelope::{InvalidEnvelope, Signed, VerifyError};
use tidegate_shared::revocation::{
    InvalidRevocations, PLACE, Refused, Revocation, Revocations, Revoked,
};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::{SigningKey, TrustKeys};
use tidegate_shared::units::Span;

use crate::publish::{Sink, SinkError, Stored};

/// The list of a store.
#[derive(Debug)]
pub struct RevocationList<S> {
    /// The store.
    pub store: S,
    /// The keys whose lists count.
    pub trust: TrustKeys,
}

/// How the next list is signed.
#[derive(Clone, Copy, Debug)]
pub struct Signing<'k> {
    /// The key.
    pub key: &'k SigningKey,
    /// The time.
    pub now: UnixMillis,
    /// How long the list holds.
    pub validity: Span,
}

/// Why a list stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum RevocationError {
    /// The store does not do what it is asked.
    #[error(transparent)]
    Store(#[from] SinkError),
    /// There is no list yet.
    #[error("the store has no list of revocations: begin one with `tidegate revocations create`")]
    NoList,
    /// What lies there is no list.
    #[error("what the store has is no list of revocations: {0}")]
    Unusable(#[from] Refused),
    /// No reader would take the next one.
    #[error(transparent)]
    Invalid(#[from] InvalidRevocations),
    /// Nothing to take back.
    #[error("the list does not have {0}")]
    NotListed(String),
}

impl From<InvalidEnvelope> for RevocationError {
    fn from(error: InvalidEnvelope) -> Self {
        Self::Unusable(error.into())
    }
}

impl From<VerifyError<InvalidRevocations>> for RevocationError {
    fn from(error: VerifyError<InvalidRevocations>) -> Self {
        Self::Unusable(error.into())
    }
}

impl<S: Sink> RevocationList<S> {
    /// Puts an empty list where none is.
    ///
    /// # Errors
    /// [`RevocationError`].
    pub async fn create(&self, signing: Signing<'_>) -> Result<Revocations, RevocationError> {
        let list = Revocations::default().next(Vec::new(), signing.now, signing.validity);
        self.store.create(PLACE, &list.sign(signing.key)?).await?;
        Ok(list)
    }

    /// The list, also one that is over its end.
    ///
    /// # Errors
    /// [`RevocationError`].
    pub async fn read(&self) -> Result<Revocations, RevocationError> {
        Ok(self.stored().await?.1)
    }

    /// Adds records; what is on the list already gets the new end.
    ///
    /// # Errors
    /// [`RevocationError`].
    pub async fn add(
        &self,
        added: Vec<Revocation>,
        signing: Signing<'_>,
    ) -> Result<Revocations, RevocationError> {
        self.follow(signing, |records| {
            records.extend(added);
            Ok(())
        })
        .await
    }

    /// Takes records back.
    ///
    /// # Errors
    /// [`RevocationError`].
    pub async fn remove(
        &self,
        removed: &[Revoked],
        signing: Signing<'_>,
    ) -> Result<Revocations, RevocationError> {
        self.follow(signing, |records| {
            for revoked in removed {
                let before = records.len();
                records.retain(|record| record.revoked != *revoked);
                if records.len() == before {
                    return Err(RevocationError::NotListed(name(revoked)));
                }
            }
            Ok(())
        })
        .await
    }

    /// Signs the same records anew, so that they hold for longer.
    ///
    /// # Errors
    /// [`RevocationError`].
    pub async fn renew(&self, signing: Signing<'_>) -> Result<Revocations, RevocationError> {
        self.follow(signing, |_| Ok(())).await
    }

    async fn follow(
        &self,
        signing: Signing<'_>,
        change: impl FnOnce(&mut Vec<Revocation>) -> Result<(), RevocationError>,
    ) -> Result<Revocations, RevocationError> {
        let (stored, before) = self.stored().await?;
        let mut records = before.records().to_vec();
        change(&mut records)?;
        let list = before.next(records, signing.now, signing.validity);
        let octets = list.sign(signing.key)?;
        let version = Some(&stored.version);
        self.store.replace(PLACE, &octets, version).await?;
        Ok(list)
    }

    async fn stored(&self) -> Result<(Stored, Revocations), RevocationError> {
        let stored = self.store.read(PLACE).await?;
        let stored = stored.ok_or(RevocationError::NoList)?;
        let list = Signed::parse(&stored.octets)?.verify::<Revocations>(&self.trust)?;
        Ok((stored, list.into_content()))
    }
}

fn name(revoked: &Revoked) -> String {
    match revoked {
        Revoked::Token(of, value) => format!("the token `{value}` of `{of}`"),
        Revoked::Subject(of, value) => format!("the subject `{value}` of `{of}`"),
        Revoked::Key(of, value) => format!("the key `{value}` of `{of}`"),
    }
}
