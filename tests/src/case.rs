//! A case: a request, what the client must see, what the origin must see.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Method and target, as `GET /v1/things`.
    pub send: String,
    /// The host; the policy's first if absent.
    #[serde(default = "default_host")]
    pub host: String,
    /// Header fields.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default)]
    pub body: String,
    /// Who calls.
    #[serde(rename = "as")]
    pub caller: Option<Caller>,
    /// How the request is signed.
    pub sign: Option<Signing>,
    /// How often to send it; the last answer counts.
    #[serde(default = "once")]
    pub repeat: u32,
    /// What the client must see.
    pub expect: Expectation,
    /// What the origin must see; absent, nothing may reach it.
    pub origin: Option<Seen>,
    /// What the access record must say.
    pub record: Option<Recorded>,
}

/// What the access record must say. What is absent is not looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Who called; empty for nobody.
    pub consumer: Option<String>,
    /// The problem that the client got; empty for none.
    pub problem: Option<String>,
    /// What rules in shadow would have refused: of each the phase and the problem.
    pub shadow: Option<Vec<String>>,
}

fn default_host() -> String {
    "api.test.example".to_owned()
}

fn once() -> u32 {
    1
}

/// A signature over the request, with a secret of the policy's signers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// The key.
    pub keyid: String,
    /// The `keyid` that the signature says, where it is another one.
    #[serde(rename = "as")]
    pub named: Option<String>,
    /// What is covered.
    pub components: Vec<String>,
    /// How long ago it was made, in seconds.
    #[serde(default)]
    pub age: u64,
    /// Its `nonce`.
    pub nonce: Option<String>,
    /// The method and target that were signed, where they are others than those that are sent.
    pub of: Option<String>,
}

/// Who calls.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    /// A token of this issuer.
    pub issuer: Option<String>,
    /// A token that this server vouches for; `claims` are what it says.
    pub introspect: Option<String>,
    /// Whether that server knows nothing of it any more.
    #[serde(default)]
    pub expired: bool,
    /// The token's subject; the case's name if absent, so that cases share no limit.
    pub subject: Option<String>,
    /// The token's scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// For an issuer with a secret: the token's header as it stands, signed whatever it says.
    pub header: Option<String>,
    /// For an issuer with a secret: claims to replace; a number for `exp`, `nbf` or `iat` counts
    /// seconds from now, and `"absent"` takes a claim away.
    #[serde(default)]
    pub claims: BTreeMap<String, toml::Value>,
    /// For an issuer whose tokens are bound to a key: claims of the proof to replace; a number for
    /// `iat` counts seconds from now, and `"absent"` takes a claim away.
    #[serde(default)]
    pub proof: BTreeMap<String, toml::Value>,
    /// The thumbprint of the key that the token is bound to, if not the caller's own.
    pub bound_to: Option<String>,
    /// How the request carries a bound token, if not as it should: `bearer`, `unproven`, `proof
    /// alone`, `twice`.
    pub carried: Option<String>,
    /// For an issuer with a secret: what the payload is like, under a good signature: `nested`,
    /// `repeated`, `stray` (another form of the same octets in base64url).
    pub payload: Option<String>,
    /// What to do to the finished token: `signature`, `payload`, `unsigned`, `padding`, `long`.
    pub tamper: Option<String>,
    /// The API key of this consumer.
    pub consumer: Option<String>,
}

/// What the client must see. What is absent is not looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The status.
    pub status: u16,
    /// The name of the problem.
    pub problem: Option<String>,
    /// Fields and their exact values.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Fields that must be there, with any value.
    #[serde(default)]
    pub present: Vec<String>,
    /// Fields that must not be there.
    #[serde(default)]
    pub absent: Vec<String>,
    /// The exact body.
    pub body: Option<String>,
}

/// What the origin must see. What is absent is not looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The upstream.
    pub upstream: Option<String>,
    /// The origin's name.
    pub origin: Option<String>,
    /// The method.
    pub method: Option<String>,
    /// Path and query.
    pub path: Option<String>,
    /// Fields and their exact values.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Fields that must be there, with any value.
    #[serde(default)]
    pub present: Vec<String>,
    /// Fields that must not be there.
    #[serde(default)]
    pub absent: Vec<String>,
    /// Fields and a text that must be in their values.
    #[serde(default)]
    pub containing: BTreeMap<String, String>,
    /// Fields that must be there, and a text that must not be in their values.
    #[serde(default)]
    pub without: BTreeMap<String, String>,
    /// Whether to look at no more than that something reached it: an answer without the echo.
    #[serde(default)]
    pub unseen: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

/// Reads every case of a folder, file by file.
///
/// # Errors
/// Where a file cannot be read or holds something else.
pub fn read_all(folder: &Path) -> Result<Vec<Case>> {
    let mut files: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file)?;
        let parsed: File = toml::from_str(&text).with_context(|| file.display().to_string())?;
        cases.extend(parsed.case);
    }
    Ok(cases)
}
