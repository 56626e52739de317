//! The credentials of a test's request.

use serde_json::json;
use tidegate_shared::api_key::ApiKeyRecord;
use tidegate_shared::bundle::{Binding, Possession, Tables};
use tidegate_shared::certificate::ClientCertificate;
use tidegate_shared::digest::Digest;
use tidegate_shared::revocation::Revoked;

use super::{OfflineError, failed};
use crate::credentials::{self, Carried, Credentials, Purpose};
use crate::{Bearer, TestCaller, TestCredential, proof};

/// What a request brings, and what the platform knows of it.
#[derive(Default)]
pub(super) struct Brought {
    pub(super) carried: Vec<Carried>,
    /// The client certificate of the connection, where it is no more than a digest.
    pub(super) certificate: Option<Digest>,
    /// What it says, where that matters.
    pub(super) details: Option<ClientCertificate>,
    /// What the store of API keys has: places and records.
    pub(super) stored: Vec<(String, Vec<u8>)>,
    /// What is on the list of revocations.
    pub(super) revoked: Vec<Revoked>,
}

impl Brought {
    pub(super) fn by(
        callers: &[TestCaller],
        tables: &Tables,
        credentials: &Credentials,
        purpose: &Purpose<'_>,
    ) -> Result<Self, OfflineError> {
        let mut brought = Self {
            details: details(callers, tables)?,
            ..Self::default()
        };
        for caller in callers {
            let of = brought.take(&caller.credential, tables, credentials, purpose)?;
            if caller.revoked {
                brought.revoked.push(of);
            }
        }
        Ok(brought)
    }

    /// Takes a credential in; gives what its subject or consumer is on a list of revocations.
    fn take(
        &mut self,
        credential: &TestCredential,
        tables: &Tables,
        credentials: &Credentials,
        purpose: &Purpose<'_>,
    ) -> Result<Revoked, OfflineError> {
        Ok(match credential {
            TestCredential::Token { issuer, bearer } => {
                let definition = at(&tables.issuers, *issuer, "issuer")?;
                let bearer = self.bind(&definition.possession, bearer);
                let Bearer {
                    subject,
                    scopes,
                    claims,
                    expired,
                } = bearer;
                let token = credentials.token(*issuer, &subject, &scopes, claims, expired);
                let token = token.map_err(failed)?;
                let carried = credentials.carry(*issuer, &token, purpose);
                self.carried.push(carried.map_err(failed)?);
                Revoked::Subject(definition.name.clone(), subject)
            }
            TestCredential::Opaque {
                introspection,
                bearer,
            } => {
                let by = at(&tables.introspections, *introspection, "introspection")?;
                let bearer = self.bind(&by.possession, bearer);
                let carried = credentials.carry_opaque(by, &bearer, purpose);
                self.carried.push(carried.map_err(failed)?);
                Revoked::Subject(by.name.clone(), bearer.subject)
            }
            TestCredential::ApiKey {
                ring,
                consumer,
                scopes,
            } => {
                let definition = at(&tables.api_keys, *ring, "ring")?;
                let unknown = || failed("no such consumer");
                let carried = credentials.carry_api_key(*ring, definition, consumer);
                self.carried.push(carried.ok_or_else(unknown)?);
                let key = credentials.api_key(*ring, consumer).ok_or_else(unknown)?;
                let prefix = definition.prefix.clone().unwrap_or_default();
                let record = ApiKeyRecord {
                    scopes: scopes.clone(),
                    ..ApiKeyRecord::new(&definition.name, prefix, consumer, 0)
                };
                let place = ApiKeyRecord::stored_at(&Digest::of(key.as_bytes()));
                self.stored.push((place, record.encode().map_err(failed)?));
                Revoked::Subject(definition.name.clone(), consumer.clone())
            }
            TestCredential::Certificate {
                certificates,
                consumer,
            } => {
                let definition = at(&tables.certificates, *certificates, "certificates")?;
                Revoked::Subject(definition.name.clone(), consumer.clone())
            }
        })
    }

    /// Binds a token to the certificate that the connection has in any case, or gives the connection
    /// the one that such tokens are bound to.
    fn bind(&mut self, possession: &Possession, bearer: &Bearer) -> Bearer {
        let mut bearer = bearer.clone();
        if possession.binding == Some(Binding::Certificate) {
            match &self.details {
                None => self.certificate = credentials::certificate_for(possession),
                Some(shown) => {
                    let thumbprint = proof::base64url(&shown.sha256);
                    let bound_to = json!({ "x5t#S256": thumbprint });
                    bearer.claims.entry("cnf").or_insert(bound_to);
                }
            }
        }
        bearer
    }
}

/// What the certificate of the connection says, where one of the credentials is a certificate.
fn details(
    callers: &[TestCaller],
    tables: &Tables,
) -> Result<Option<ClientCertificate>, OfflineError> {
    let mut shown = None;
    for caller in callers {
        let TestCredential::Certificate {
            certificates,
            consumer,
        } = &caller.credential
        else {
            continue;
        };
        let definition = at(&tables.certificates, *certificates, "certificates")?;
        let details = credentials::like(definition, consumer);
        let details = details.ok_or_else(|| failed("no such consumer"))?;
        if shown.replace(details).is_some() {
            return Err(failed("a connection has one client certificate"));
        }
    }
    Ok(shown)
}

fn at<'t, T>(table: &'t [T], index: u32, what: &str) -> Result<&'t T, OfflineError> {
    let entry = usize::try_from(index).ok().and_then(|at| table.get(at));
    entry.ok_or_else(|| failed(format!("there is no such {what}")))
}
