//! Patterns of the names that a client's certificate has.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::host;
use crate::spiffe::SpiffeId;

/// The longest pattern in octets.
const MAX_PATTERN: usize = 2048;

/// A kind of alternative name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NameKind {
    /// The SPIFFE ID of a workload.
    Spiffe,
    /// A URI.
    Uri,
    /// A host.
    Dns,
    /// A mail address.
    Email,
}

impl NameKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Spiffe, Self::Uri, Self::Dns, Self::Email];

    /// As a policy writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spiffe => "spiffe",
            Self::Uri => "uri",
            Self::Dns => "dns",
            Self::Email => "email",
        }
    }

    /// What stands between the pieces of a name.
    fn separator(self) -> char {
        match self {
            Self::Spiffe | Self::Uri => '/',
            Self::Dns => '.',
            Self::Email => '@',
        }
    }
}

/// A name, or a pattern of names.
///
/// `*` stands for one whole piece: a segment of a path, the first label of a host, all of a mail
/// address before its `@`. `**` at the end of a path stands for one segment or more.
///
/// Invariant: what says whose names these are (the scheme and authority of a URI, all labels of a
/// host but the first, a mail address's domain) is no wildcard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "(NameKind, String)", into = "(NameKind, String)")]
pub struct NamePattern {
    kind: NameKind,
    text: String,
}

/// The text is no pattern of names of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// Not a name of the kind.
    #[error("`{text}` is no {what}")]
    Name {
        /// The text.
        text: String,
        /// What it should be.
        what: &'static str,
    },
    /// A wildcard that is part of a piece, or stands where none may.
    #[error("`{text}` has a `*` where none may stand: {rule}")]
    Wildcard {
        /// The text.
        text: String,
        /// Where one may.
        rule: &'static str,
    },
}

impl NamePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`InvalidPattern`].
    pub fn new(kind: NameKind, text: &str) -> Result<Self, InvalidPattern> {
        let what = match kind {
            NameKind::Spiffe => "SPIFFE ID: write `spiffe://TRUST-DOMAIN/PATH`",
            NameKind::Uri => "URI: write its scheme, `://`, an authority and a path",
            NameKind::Dns => "name of a host",
            NameKind::Email => "mail address",
        };
        let invalid = || InvalidPattern::Name {
            text: text.to_owned(),
            what,
        };
        let visible = text.bytes().all(|octet| octet.is_ascii_graphic());
        if text.is_empty() || text.len() > MAX_PATTERN || !visible {
            return Err(invalid());
        }
        let separator = kind.separator();
        let pieces: Vec<&str> = text.split(separator).collect();
        let last = pieces.len().saturating_sub(1);
        let may_stand = |at: usize, piece: &str| match (kind, piece) {
            (NameKind::Spiffe | NameKind::Uri, "*") => at >= 3,
            (NameKind::Spiffe | NameKind::Uri, "**") => at >= 3 && at == last,
            (NameKind::Dns, "*") => at == 0 && last >= 2,
            (NameKind::Email, "*") => at == 0,
            (_, piece) => !piece.contains('*'),
        };
        let rule = match kind {
            NameKind::Spiffe | NameKind::Uri => {
                "it is a whole segment of the path, and `**` the last one"
            }
            NameKind::Dns => "it is the whole first label of three or more",
            NameKind::Email => "it is all that is before the `@`",
        };
        if !pieces
            .iter()
            .zip(0..)
            .all(|(piece, at)| may_stand(at, piece))
        {
            return Err(InvalidPattern::Wildcard {
                text: text.to_owned(),
                rule,
            });
        }
        // With something in the place of each wildcard it must be a name.
        let name = pieces.iter().map(|piece| match *piece {
            "*" | "**" => "x",
            piece => piece,
        });
        let name = name.collect::<Vec<_>>().join(&separator.to_string());
        let valid = match kind {
            NameKind::Spiffe => name.parse::<SpiffeId>().is_ok(),
            NameKind::Uri => is_uri(&name),
            NameKind::Dns => host::normalise(&name).is_some_and(|host| host == *name),
            NameKind::Email => is_email(&name),
        };
        if !valid {
            return Err(invalid());
        }
        Ok(Self {
            kind,
            text: text.to_owned(),
        })
    }

    /// The kind of names that it speaks of.
    pub fn kind(&self) -> NameKind {
        self.kind
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is the name, or the pattern has it.
    pub fn has(&self, name: &str) -> bool {
        let separator = self.kind.separator();
        let mut names = name.split(separator);
        for piece in self.text.split(separator) {
            match (piece, names.next()) {
                ("**", Some(first)) => {
                    return !first.is_empty() && names.all(|one| !one.is_empty());
                }
                ("*", Some(name)) if !name.is_empty() => {}
                (piece, Some(name)) if piece == name => {}
                _ => return false,
            }
        }
        names.next().is_none()
    }

    /// Whether some name is one of both.
    pub fn meets(&self, other: &Self) -> bool {
        if self.kind != other.kind {
            return false;
        }
        let separator = self.kind.separator();
        let (mut own, mut others) = (self.text.split(separator), other.text.split(separator));
        loop {
            match (own.next(), others.next()) {
                (None, None) | (Some("**"), Some(_)) | (Some(_), Some("**")) => return true,
                (Some(one), Some(other)) if one == other || one == "*" || other == "*" => {}
                _ => return false,
            }
        }
    }

    /// A name that it has.
    pub fn example(&self) -> String {
        let separator = self.kind.separator();
        let pieces = self.text.split(separator).map(|piece| match piece {
            "*" | "**" => "any",
            piece => piece,
        });
        pieces.collect::<Vec<_>>().join(&separator.to_string())
    }
}

/// A scheme, an authority and maybe a path (RFC 3986 §3), as far as patterns need it.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let first = scheme
        .bytes()
        .next()
        .is_some_and(|octet| octet.is_ascii_lowercase());
    let scheme = |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
    first && text.bytes().take_while(|octet| *octet != b':').all(scheme) && !rest.starts_with('/')
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    !local.is_empty()
        && !local.contains('@')
        && host::normalise(domain).is_some_and(|host| host == *domain)
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<(NameKind, String)> for NamePattern {
    type Error = InvalidPattern;

    fn try_from((kind, text): (NameKind, String)) -> Result<Self, InvalidPattern> {
        Self::new(kind, &text)
    }
}

impl From<NamePattern> for (NameKind, String) {
    fn from(pattern: NamePattern) -> Self {
        (pattern.kind, pattern.text)
    }
}
