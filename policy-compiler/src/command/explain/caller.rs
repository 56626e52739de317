//! Who calls, as a command line says it.

use std::str::FromStr;

use tidegate_policy_compiler::{Bearer, Ir, TestCaller, TestCredential};
use tidegate_shared::bundle::{ApiKeyRing, RingKeys};

/// A caller, by the names that the policy has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::command) struct Caller {
    credential: Credential,
    revoked: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Credential {
    Token {
        kind: TokenKind,
        name: String,
        subject: String,
        scopes: Vec<String>,
        expired: bool,
    },
    ApiKey {
        ring: String,
        consumer: String,
    },
    Certificate {
        certificates: String,
        consumer: String,
    },
}

/// Who vouches for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::command) enum TokenKind {
    Issuer,
    Server,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::command) enum InvalidCaller {
    #[error(
        "`{0}` is not a caller: write `jwt:ISSUER,subject=alice,scope=read`, `introspect:SERVER,scope=read`, `api_key:RING,consumer=acme`, or `certificate:NAME,consumer=acme`, each with `,revoked` if it is"
    )]
    Form(String),
    #[error("nothing is `revoked` here: the policy asks for no list of revocations")]
    NoList,
    #[error("there is no {0} `{1}`; {known}", known = known(.2))]
    Unknown(&'static str, String, Vec<String>),
}

/// What there is instead.
fn known(names: &[String]) -> String {
    match names {
        [] => "the policy has none".to_owned(),
        names => format!("known here: `{}`", names.join("`, `")),
    }
}

impl FromStr for Caller {
    type Err = InvalidCaller;

    fn from_str(text: &str) -> Result<Self, InvalidCaller> {
        let invalid = || InvalidCaller::Form(text.to_owned());
        let (kind, rest) = text.split_once(':').ok_or_else(invalid)?;
        let mut parts = rest.split(',');
        let name = parts.next().filter(|name| !name.is_empty());
        let name = name.ok_or_else(invalid)?.to_owned();
        let token = match kind {
            "jwt" => Some(TokenKind::Issuer),
            "introspect" => Some(TokenKind::Server),
            _ => None,
        };
        let (mut subject, mut consumer) = (None, None);
        let (mut scopes, mut expired, mut revoked) = (Vec::new(), false, false);
        for part in parts {
            match part.split_once('=').unwrap_or((part, "")) {
                ("subject", value) if token.is_some() => subject = Some(value.to_owned()),
                ("scope", value) if token.is_some() => scopes.push(value.to_owned()),
                ("expired", "") if token.is_some() => expired = true,
                ("revoked", "") => revoked = true,
                ("consumer", value) if matches!(kind, "api_key" | "certificate") => {
                    consumer = Some(value.to_owned());
                }
                _ => return Err(invalid()),
            }
        }
        let credential = match (token, consumer) {
            (Some(kind), _) => Credential::Token {
                kind,
                name,
                subject: subject.unwrap_or_else(|| "test".to_owned()),
                scopes,
                expired,
            },
            (None, Some(consumer)) if kind == "certificate" => Credential::Certificate {
                certificates: name,
                consumer,
            },
            (None, Some(consumer)) => Credential::ApiKey {
                ring: name,
                consumer,
            },
            _ => return Err(invalid()),
        };
        Ok(Self {
            credential,
            revoked,
        })
    }
}

impl Caller {
    /// The caller as the policy knows it.
    pub(in crate::command) fn resolve(&self, ir: &Ir) -> Result<TestCaller, InvalidCaller> {
        if self.revoked && ir.tables.revocations.is_none() {
            return Err(InvalidCaller::NoList);
        }
        Ok(TestCaller {
            credential: self.credential.resolve(ir)?,
            revoked: self.revoked,
        })
    }
}

impl Credential {
    fn resolve(&self, ir: &Ir) -> Result<TestCredential, InvalidCaller> {
        match self {
            Self::Token {
                kind,
                name,
                subject,
                scopes,
                expired,
            } => {
                let bearer = Bearer {
                    subject: subject.clone(),
                    scopes: scopes.clone(),
                    claims: serde_json::Map::new(),
                    expired: *expired,
                };
                let tables = &ir.tables;
                Ok(match kind {
                    TokenKind::Issuer => {
                        let issuers = tables.issuers.iter().map(|issuer| issuer.name.as_str());
                        let issuer = index("issuer", name, issuers)?;
                        TestCredential::Token { issuer, bearer }
                    }
                    TokenKind::Server => {
                        let servers = tables.introspections.iter();
                        let servers = servers.map(|asked| asked.name.as_str());
                        let introspection = index("introspection", name, servers)?;
                        TestCredential::Opaque {
                            introspection,
                            bearer,
                        }
                    }
                })
            }
            Self::ApiKey { ring, consumer } => {
                let rings = ir.tables.api_keys.iter();
                let position = index(
                    "ring of API keys",
                    ring,
                    rings.clone().map(|ring| ring.name.as_str()),
                )?;
                let own = rings.filter(|own| own.name == *ring);
                // Who has keys in a store is not known here.
                let stored = |own: &ApiKeyRing| matches!(own.keys, RingKeys::Stored(_));
                if !own.clone().any(stored) {
                    let consumers = own.flat_map(ApiKeyRing::consumers);
                    index("consumer", consumer, consumers)?;
                }
                Ok(TestCredential::ApiKey {
                    ring: position,
                    consumer: consumer.clone(),
                    scopes: Vec::new(),
                })
            }
            Self::Certificate {
                certificates,
                consumer,
            } => {
                let all = ir.tables.certificates.iter();
                let names = all.clone().map(|own| own.name.as_str());
                let position = index("certificates", certificates, names)?;
                let own = all.filter(|own| own.name == *certificates);
                let holders = own.flat_map(|own| &own.holders);
                index(
                    "consumer",
                    consumer,
                    holders.map(|holder| holder.consumer.as_str()),
                )?;
                Ok(TestCredential::Certificate {
                    certificates: position,
                    consumer: consumer.clone(),
                })
            }
        }
    }
}

fn index<'n>(
    kind: &'static str,
    name: &str,
    names: impl Iterator<Item = &'n str> + Clone,
) -> Result<u32, InvalidCaller> {
    let mut known = names.clone().zip(0..);
    let found = known.find(|(own, _)| *own == name);
    found.map(|(_, index)| index).ok_or_else(|| {
        InvalidCaller::Unknown(kind, name.to_owned(), names.map(str::to_owned).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(credential: Credential) -> Result<Caller, InvalidCaller> {
        let revoked = false;
        Ok(Caller {
            credential,
            revoked,
        })
    }

    #[test]
    fn reads_what_people_write() {
        assert_eq!(
            "jwt:customers,subject=alice,scope=a,scope=b,expired".parse(),
            good(Credential::Token {
                kind: TokenKind::Issuer,
                name: "customers".to_owned(),
                subject: "alice".to_owned(),
                scopes: vec!["a".to_owned(), "b".to_owned()],
                expired: true,
            })
        );
        assert_eq!(
            "introspect:sessions".parse(),
            good(Credential::Token {
                kind: TokenKind::Server,
                name: "sessions".to_owned(),
                subject: "test".to_owned(),
                scopes: vec![],
                expired: false,
            })
        );
        assert_eq!(
            "api_key:partners,consumer=acme".parse(),
            good(Credential::ApiKey {
                ring: "partners".to_owned(),
                consumer: "acme".to_owned(),
            })
        );
        assert_eq!(
            "certificate:partners,consumer=acme".parse(),
            good(Credential::Certificate {
                certificates: "partners".to_owned(),
                consumer: "acme".to_owned(),
            })
        );
        let revoked: Caller = "jwt:customers,revoked".parse().unwrap();
        assert!(revoked.revoked);
        for text in [
            "",
            "jwt",
            "jwt:",
            "basic:a",
            "jwt:a,consumer=b",
            "api_key:a",
            "api_key:a,scope=b",
            "certificate:a",
            "certificate:a,expired",
            "introspect:a,consumer=b",
        ] {
            assert_eq!(
                text.parse::<Caller>(),
                Err(InvalidCaller::Form(text.to_owned()))
            );
        }
    }
}
