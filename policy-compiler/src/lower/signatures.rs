//! Who signs requests.

use std::collections::BTreeMap;

use tidegate_shared::bundle::{
    Algorithm, KeyMaterial, PublicKey, SignerKey, SignerMaterial, Signers,
};
use tidegate_shared::message_signature::{Component, FieldForm, SignatureAlgorithm, fixes_request};

use super::caller::refuse_secret;
use super::issuer::key_set;
use super::{Context, plan};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::syntax::{Policy, Signatures, Signer};
use crate::words;

const DEFAULT_MAX_AGE: u64 = 60_000;
/// Until then whoever overheard a request can repeat it.
const MAX_MAX_AGE: u64 = 3_600_000;
const DEFAULT_LEEWAY: u64 = 5_000;
const MAX_LEEWAY: u64 = 300_000;

pub(super) fn lower(
    name: &str,
    signatures: &Spanned<Signatures>,
    policy: &Policy,
    cx: &mut Context<'_>,
) -> Signers {
    let leeway = match &signatures.leeway {
        Some(leeway) if leeway.value.0 == 0 => leeway.value,
        leeway => cx.time(leeway.as_ref(), DEFAULT_LEEWAY, MAX_LEEWAY),
    };
    Signers {
        name: name.to_owned(),
        keys: keys(name, signatures, policy, cx),
        components: components(signatures, cx),
        max_age: cx.time(signatures.max_age.as_ref(), DEFAULT_MAX_AGE, MAX_MAX_AGE),
        leeway,
        label: signatures
            .label
            .as_ref()
            .map(|label| self::label(label, cx)),
        tag: signatures.tag.as_ref().map(|tag| text("tag", tag, cx)),
        once: signatures.once.unwrap_or(false),
    }
}

/// What must be covered. Less than the method and all of the target would let a signature be taken
/// over to another request.
fn components(signatures: &Signatures, cx: &mut Context<'_>) -> Vec<Component> {
    let Some(stated) = &signatures.components else {
        return vec![
            Component::Method,
            Component::Authority,
            Component::Path,
            Component::Query,
        ];
    };
    for component in &stated.value {
        let Some(why) = unsuitable(component) else {
            continue;
        };
        let message = format!("{} cannot be asked for", words::component(component));
        let diagnostic = Diagnostic::error("invalid-value", component.span, message);
        cx.diagnostics.push(diagnostic.help(why));
    }
    let components: Vec<Component> = stated.value.iter().map(|one| one.value.clone()).collect();
    if let Err(error) = fixes_request(&components) {
        let message =
            format!("a signature over this could be taken over to another request: {error}");
        cx.diagnostics.push(
            Diagnostic::error("signature-covers-too-little", stated.span, message)
                .help("ask for `@method`, `@authority`, `@path` and `@query` at least"),
        );
    }
    components
}

/// Why no signature over a request can cover it here.
fn unsuitable(component: &Component) -> Option<&'static str> {
    match component {
        Component::Status => Some("a request has no status"),
        Component::Field(_, FieldForm::Octets) => {
            Some("runtimes do not tell a field's lines apart: cover it without `bs`")
        }
        Component::Field(name, _) if name.starts_with("signature") => {
            Some("a signature cannot cover itself")
        }
        Component::Field(..)
        | Component::Method
        | Component::TargetUri
        | Component::Authority
        | Component::Scheme
        | Component::RequestTarget
        | Component::Path
        | Component::Query
        | Component::QueryParameter(_) => None,
    }
}

/// Every consumer's keys. A `keyid` says whose it is: no two keys may have one.
fn keys(
    name: &str,
    signatures: &Spanned<Signatures>,
    policy: &Policy,
    cx: &mut Context<'_>,
) -> Vec<SignerKey> {
    if signatures.consumers.entries.is_empty() {
        let message = format!("the signatures `{name}` have no consumers: nobody could sign");
        cx.error("missing-field", signatures.span, message);
    }
    let mut keys = Vec::new();
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    for (consumer, signer) in signatures.consumers.iter() {
        for (key, span) in of_consumer(consumer, signer, policy, cx) {
            if let Some(first) = seen.insert(key.id.clone(), span) {
                let message = format!("there is another key of the id `{}`", key.id);
                cx.diagnostics.push(
                    Diagnostic::error("duplicate-definition", span, message)
                        .related(first, "the other one"),
                );
            }
            keys.push(key);
        }
    }
    keys
}

fn of_consumer(
    consumer: &str,
    signer: &Spanned<Signer>,
    policy: &Policy,
    cx: &mut Context<'_>,
) -> Vec<(SignerKey, Span)> {
    let plan = signer.plan.as_ref();
    let plan = plan.and_then(|name| plan::named(name, policy, cx));
    let key = |id, algorithm, material| SignerKey {
        id,
        consumer: consumer.to_owned(),
        plan: plan.clone(),
        algorithm,
        material,
    };
    let mut keys = Vec::new();
    if let Some(file) = &signer.keys {
        for (id, algorithm, material) in public(file, cx) {
            let material = SignerMaterial::Public(material);
            keys.push((key(id, algorithm, material), file.span));
        }
    } else if signer.secrets.entries.is_empty() {
        let message = format!("the consumer `{consumer}` needs `keys: FILE` or `secrets`");
        cx.error("missing-field", signer.span, message);
    }
    for (id, secret) in signer.secrets.iter() {
        if !super::is_name(secret) {
            refuse_secret(secret, cx);
        }
        let material = SignerMaterial::Secret(secret.value.clone());
        let key = key(
            text("keyid", id, cx),
            SignatureAlgorithm::HmacSha256,
            material,
        );
        keys.push((key, id.span));
    }
    keys
}

fn public(
    file: &Spanned<String>,
    cx: &mut Context<'_>,
) -> Vec<(String, SignatureAlgorithm, KeyMaterial)> {
    let mut keys = Vec::new();
    for key in key_set::read(file, &Algorithm::ALL, cx) {
        match identified(key) {
            Ok(key) => keys.push(key),
            Err(why) => {
                let message = format!("a key of `{}` cannot be used: {why}", file.value);
                cx.error("invalid-key-set", file.span, message);
            }
        }
    }
    if keys.is_empty() {
        let message = format!("`{}` has no key that signs requests", file.value);
        cx.error("invalid-key-set", file.span, message);
    }
    keys
}

/// A key's id and its only algorithm. That of an RSA key is for its `alg` to say: its signatures
/// alone would leave the choice to the signer (RFC 9421 §3.2).
fn identified(key: PublicKey) -> Result<(String, SignatureAlgorithm, KeyMaterial), &'static str> {
    let algorithm = match (&key.material, key.algorithm) {
        (KeyMaterial::Ed25519(_), _) => SignatureAlgorithm::Ed25519,
        (KeyMaterial::P256(_), _) => SignatureAlgorithm::EcdsaP256Sha256,
        (KeyMaterial::P384(_), _) => SignatureAlgorithm::EcdsaP384Sha384,
        (KeyMaterial::Rsa(..), Some(Algorithm::PS512)) => SignatureAlgorithm::RsaPssSha512,
        (KeyMaterial::Rsa(..), Some(Algorithm::RS256)) => SignatureAlgorithm::RsaV1_5Sha256,
        (KeyMaterial::Rsa(..), _) => return Err("an RSA key needs the `alg` PS512 or RS256"),
    };
    let id = key.id.filter(|id| is_text(id));
    let id = id.ok_or("it needs a `kid` of printable ASCII, which signatures name as `keyid`")?;
    Ok((id, algorithm, key.material))
}

fn label(label: &Spanned<String>, cx: &mut Context<'_>) -> String {
    let first = |octet: u8| octet.is_ascii_lowercase() || octet == b'*';
    let rest = |octet: u8| first(octet) || octet.is_ascii_digit() || b"_-.".contains(&octet);
    let key = label.bytes().next().is_some_and(first) && label.bytes().all(rest);
    if !key || label.len() > MAX_TEXT {
        let message = format!("`{}` is no label of a signature", label.value);
        let help = "use a small letter, then small letters, digits, `_`, `-`, `.` and `*`";
        let diagnostic = Diagnostic::error("invalid-value", label.span, message);
        cx.diagnostics.push(diagnostic.help(help));
    }
    label.value.clone()
}

const MAX_TEXT: usize = 256;

fn text(what: &str, text: &Spanned<String>, cx: &mut Context<'_>) -> String {
    if !is_text(text) {
        let message = format!(
            "`{}` is no `{what}`: it has 1 to {MAX_TEXT} characters of printable ASCII, without `\"` and `\\`",
            text.value
        );
        cx.error("invalid-value", text.span, message);
    }
    text.value.clone()
}

fn is_text(text: &str) -> bool {
    let plain = |octet: u8| matches!(octet, b' '..=b'~') && !b"\"\\".contains(&octet);
    (1..=MAX_TEXT).contains(&text.len()) && text.bytes().all(plain)
}
