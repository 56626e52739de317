//! The signature base (RFC 9421 §2.5): the octets that are signed.

use std::borrow::Cow;

use super::{Component, Message, field, query};

/// The message does not have something that the signature covers, or not in that form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message has no `{0}` that could be signed")]
pub struct MissingComponent(pub Component);

/// Writes a line for each component, and the signature's own parameters.
pub(super) fn base<'c>(
    covered: impl Iterator<Item = (&'c Component, Cow<'c, str>)>,
    parameters: &str,
    message: &(impl Message + ?Sized),
) -> Result<String, MissingComponent> {
    let mut base = String::new();
    for (component, identifier) in covered {
        let value = value(component, message).filter(|value| is_line(value));
        let value = value.ok_or_else(|| MissingComponent(component.clone()))?;
        base.push_str(&identifier);
        base.push_str(": ");
        base.push_str(&value);
        base.push('\n');
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(parameters);
    Ok(base)
}

/// ASCII without controls: what is more has several readings, and could end a line.
fn is_line(value: &str) -> bool {
    value
        .bytes()
        .all(|octet| matches!(octet, b'\t' | b' '..=b'~'))
}

/// A component's value (§2.1, §2.2).
fn value<'m>(component: &Component, message: &'m (impl Message + ?Sized)) -> Option<Cow<'m, str>> {
    match component {
        Component::Method => message.method().map(Cow::Borrowed),
        Component::Scheme => message.scheme().map(Cow::Borrowed),
        Component::Authority => authority(message).map(Cow::Owned),
        Component::TargetUri => {
            let (path, query) = target(message)?;
            let query = query.map_or_else(String::new, |query| format!("?{query}"));
            let scheme = message.scheme()?;
            Some(format!("{scheme}://{}{path}{query}", authority(message)?).into())
        }
        Component::RequestTarget => message.path_and_query().map(Cow::Borrowed),
        Component::Path => Some(target(message)?.0.into()),
        // Without a query it is the question mark alone.
        Component::Query => Some(format!("?{}", target(message)?.1.unwrap_or_default()).into()),
        Component::QueryParameter(name) => {
            let value = query::parameter(target(message)?.1?, name)?;
            Some(value.into())
        }
        Component::Status => message.status().map(|status| status.to_string().into()),
        Component::Field(name, form) => {
            let value = field::value(message, name, form)?;
            Some(match value {
                Cow::Borrowed(value) => value.trim_ascii().into(),
                Cow::Owned(value) => value.trim_ascii().to_owned().into(),
            })
        }
    }
}

/// Path and query. An empty path is that of the root (RFC 9110 §4.2.3).
fn target(message: &(impl Message + ?Sized)) -> Option<(&str, Option<&str>)> {
    let target = message.path_and_query()?;
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    Some((if path.is_empty() { "/" } else { path }, query))
}

/// In lower case and without the scheme's own port (§2.2.3).
fn authority(message: &(impl Message + ?Sized)) -> Option<String> {
    let authority = message.authority()?.to_ascii_lowercase();
    let port = match message.scheme()? {
        "https" => ":443",
        _ => ":80",
    };
    let without = authority.strip_suffix(port).or(authority.strip_suffix(':'));
    Some(without.unwrap_or(&authority).to_owned())
}
