//! Signing a message (RFC 9421 §3.1).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::base::base;
use super::parameters::Input;
use super::{Component, Message, MissingComponent, Parameters, SigningSecret};

/// A signature as a member of each of the two fields. They stand behind the members that are
/// there already, with a comma between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedFields {
    /// For `Signature-Input`.
    pub input: String,
    /// For `Signature`.
    pub signature: String,
}

/// Signs a message. The label is a key of a dictionary, and the parameters' texts are printable
/// ASCII: whoever takes them from outside sees to that.
///
/// # Errors
/// [`MissingComponent`].
pub fn sign(
    label: &str,
    components: &[Component],
    parameters: &Parameters,
    message: &(impl Message + ?Sized),
    secret: &SigningSecret,
) -> Result<SignedFields, MissingComponent> {
    let input = Input(components, parameters).to_string();
    let covered = components
        .iter()
        .map(|component| (component, Cow::Owned(component.to_string())));
    let octets = secret.sign(&base(covered, &input, message)?);
    Ok(SignedFields {
        input: format!("{label}={input}"),
        signature: format!("{label}=:{}:", STANDARD.encode(octets)),
    })
}
