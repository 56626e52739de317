//! Who calls, as a command line says it.

use std::str::FromStr;

use tidegate_policy_compiler::{Bearer, Ir, TestCaller};

/// A caller, by the names that the policy has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::command) enum Caller {
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
        "`{0}` is not a caller: write `jwt:ISSUER,subject=alice,scope=read`, `introspect:SERVER,scope=read`, `api_key:RING,consumer=acme`, or `certificate:NAME,consumer=acme`"
    )]
    Form(String),
    #[error("there is no {0} `{1}`; known here: `{known}`", known = .2.join("`, `"))]
    Unknown(&'static str, String, Vec<String>),
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
        let (mut scopes, mut expired) = (Vec::new(), false);
        for part in parts {
            match part.split_once('=').unwrap_or((part, "")) {
                ("subject", value) if token.is_some() => subject = Some(value.to_owned()),
                ("scope", value) if token.is_some() => scopes.push(value.to_owned()),
                ("expired", "") if token.is_some() => expired = true,
                ("consumer", value) if matches!(kind, "api_key" | "certificate") => {
                    consumer = Some(value.to_owned());
                }
                _ => return Err(invalid()),
            }
        }
        match (token, consumer) {
            (Some(kind), _) => Ok(Self::Token {
                kind,
                name,
                subject: subject.unwrap_or_else(|| "test".to_owned()),
                scopes,
                expired,
            }),
            (None, Some(consumer)) if kind == "certificate" => Ok(Self::Certificate {
                certificates: name,
                consumer,
            }),
            (None, Some(consumer)) => Ok(Self::ApiKey {
                ring: name,
                consumer,
            }),
            _ => Err(invalid()),
        }
    }
}

impl Caller {
    /// The caller as the policy knows it.
    pub(in crate::command) fn resolve(&self, ir: &Ir) -> Result<TestCaller, InvalidCaller> {
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
                        TestCaller::Token { issuer, bearer }
                    }
                    TokenKind::Server => {
                        let servers = tables.introspections.iter();
                        let servers = servers.map(|asked| asked.name.as_str());
                        let introspection = index("introspection", name, servers)?;
                        TestCaller::Opaque {
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
                let consumers = rings
                    .filter(|own| own.name == *ring)
                    .flat_map(|ring| ring.consumers());
                index("consumer", consumer, consumers)?;
                Ok(TestCaller::ApiKey {
                    ring: position,
                    consumer: consumer.clone(),
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
                Ok(TestCaller::Certificate {
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

    #[test]
    fn reads_what_people_write() {
        assert_eq!(
            "jwt:customers,subject=alice,scope=a,scope=b,expired".parse(),
            Ok(Caller::Token {
                kind: TokenKind::Issuer,
                name: "customers".to_owned(),
                subject: "alice".to_owned(),
                scopes: vec!["a".to_owned(), "b".to_owned()],
                expired: true,
            })
        );
        assert_eq!(
            "introspect:sessions".parse(),
            Ok(Caller::Token {
                kind: TokenKind::Server,
                name: "sessions".to_owned(),
                subject: "test".to_owned(),
                scopes: vec![],
                expired: false,
            })
        );
        assert_eq!(
            "api_key:partners,consumer=acme".parse(),
            Ok(Caller::ApiKey {
                ring: "partners".to_owned(),
                consumer: "acme".to_owned(),
            })
        );
        assert_eq!(
            "certificate:partners,consumer=acme".parse(),
            Ok(Caller::Certificate {
                certificates: "partners".to_owned(),
                consumer: "acme".to_owned(),
            })
        );
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
