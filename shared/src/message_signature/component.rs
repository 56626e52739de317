//! Component identifiers (RFC 9421 §2): what of a message a signature covers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sfv::{BareItem, Item, Parser};

use super::field;

/// Something that a signature covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Component {
    /// `@method` (§2.2.1).
    Method,
    /// `@target-uri` (§2.2.2).
    TargetUri,
    /// `@authority` (§2.2.3).
    Authority,
    /// `@scheme` (§2.2.4).
    Scheme,
    /// `@request-target` (§2.2.5).
    RequestTarget,
    /// `@path` (§2.2.6).
    Path,
    /// `@query` (§2.2.7).
    Query,
    /// `@query-param` (§2.2.8): the parameter of this name, percent-encoded.
    QueryParameter(String),
    /// `@status` (§2.2.9).
    Status,
    /// The field of this name, in lower case, in some form (§2.1).
    Field(String, FieldForm),
}

/// In which form a field is covered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FieldForm {
    /// As it stands.
    Plain,
    /// As a structured field in its one serialisation: `sf` (§2.1.1).
    Strict,
    /// A member of a dictionary: `key` (§2.1.2).
    Member(String),
    /// Each line as octets: `bs` (§2.1.3).
    Octets,
}

/// The text is no component identifier that is understood here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidComponent {
    /// It has another form.
    #[error(
        "`{0}` is no component: write a field's name in lower case, or `@method` and the like, and parameters after it"
    )]
    Shape(String),
    /// No derived component has the name.
    #[error(
        "`{0}` is no derived component: use @method, @target-uri, @authority, @scheme, @request-target, @path, @query or @query-param"
    )]
    Unknown(String),
    /// A parameter that the component does not have, or that it must have in another form.
    #[error("`{0}` does not go with such a parameter `{1}`")]
    Parameter(String, String),
    /// A parameter of the standard that is not supported.
    #[error("the parameter `{0}` is not supported: {1}")]
    Unsupported(&'static str, &'static str),
    /// `sf` needs to know how the field is structured.
    #[error("`{0}` has no known structure, so that it has no form `sf`")]
    Unstructured(String),
}

impl Component {
    /// Reads an identifier.
    pub(super) fn of(item: &Item) -> Result<Self, InvalidComponent> {
        let shape = || InvalidComponent::Shape(sfv::FieldType::serialize(item));
        let name = item.bare_item.as_string().ok_or_else(shape)?.as_str();
        let parameters = item
            .params
            .iter()
            .map(|(key, value)| (key.as_str(), value))
            .collect::<Vec<_>>();
        if name.starts_with('@') {
            derived(name, &parameters)
        } else if is_field_name(name) {
            let form = form(name, &parameters)?;
            Ok(Self::Field(name.to_owned(), form))
        } else {
            Err(shape())
        }
    }

    /// Whether what it is of is a response.
    pub fn is_of_response(&self) -> bool {
        matches!(self, Self::Status)
    }
}

/// A token (RFC 9110 §5.1) in lower case.
fn is_field_name(name: &str) -> bool {
    let token = |octet: u8| {
        octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&octet)
    };
    !name.is_empty() && name.bytes().all(token)
}

fn derived(name: &str, parameters: &[(&str, &BareItem)]) -> Result<Component, InvalidComponent> {
    let component = match name {
        "@query-param" => return query_parameter(parameters),
        "@method" => Component::Method,
        "@target-uri" => Component::TargetUri,
        "@authority" => Component::Authority,
        "@scheme" => Component::Scheme,
        "@request-target" => Component::RequestTarget,
        "@path" => Component::Path,
        "@query" => Component::Query,
        "@status" => Component::Status,
        _ => return Err(InvalidComponent::Unknown(name.to_owned())),
    };
    match parameters.first() {
        None => Ok(component),
        Some((parameter, _)) => Err(refused(name, parameter)),
    }
}

fn query_parameter(parameters: &[(&str, &BareItem)]) -> Result<Component, InvalidComponent> {
    let name = "@query-param";
    let other = parameters.iter().find(|(key, _)| *key != "name");
    if let Some((other, _)) = other {
        return Err(refused(name, other));
    }
    let value = parameters.first().and_then(|(_, value)| value.as_string());
    let value =
        value.ok_or_else(|| InvalidComponent::Parameter(name.to_owned(), "name".to_owned()))?;
    Ok(Component::QueryParameter(value.as_str().to_owned()))
}

fn form(name: &str, parameters: &[(&str, &BareItem)]) -> Result<FieldForm, InvalidComponent> {
    let set = |value: &BareItem| value.as_boolean() == Some(true);
    match parameters {
        [] => Ok(FieldForm::Plain),
        [("sf", value)] if set(value) => {
            if field::structure(name).is_none() {
                return Err(InvalidComponent::Unstructured(name.to_owned()));
            }
            Ok(FieldForm::Strict)
        }
        [("bs", value)] if set(value) => Ok(FieldForm::Octets),
        // A member is serialised strictly in any case.
        [("key", key)] => member(name, key),
        [("key", key), ("sf", value)] | [("sf", value), ("key", key)] if set(value) => {
            member(name, key)
        }
        [first, ..] => {
            let known = ["sf", "bs", "key"];
            let strange = parameters.iter().find(|(key, _)| !known.contains(key));
            Err(refused(name, strange.unwrap_or(first).0))
        }
    }
}

fn member(name: &str, key: &BareItem) -> Result<FieldForm, InvalidComponent> {
    let key = key.as_string();
    let key = key.ok_or_else(|| InvalidComponent::Parameter(name.to_owned(), "key".to_owned()))?;
    Ok(FieldForm::Member(key.as_str().to_owned()))
}

fn refused(name: &str, parameter: &str) -> InvalidComponent {
    match parameter {
        "tr" => InvalidComponent::Unsupported("tr", "trailers are passed on unseen"),
        "req" => InvalidComponent::Unsupported("req", "it is for the signature of a response"),
        other => InvalidComponent::Parameter(name.to_owned(), other.to_owned()),
    }
}

/// As a policy writes it: the name without quotes, then parameters: `@query-param;name="id"`.
impl FromStr for Component {
    type Err = InvalidComponent;

    fn from_str(text: &str) -> Result<Self, InvalidComponent> {
        let (name, parameters) = match text.find(';') {
            Some(end) => text.split_at_checked(end).unwrap_or((text, "")),
            None => (text, ""),
        };
        let identifier = format!("\"{name}\"{parameters}");
        let item = Parser::new(&identifier).parse::<Item>();
        Self::of(&item.map_err(|_| InvalidComponent::Shape(text.to_owned()))?)
    }
}

/// The identifier as it stands in a signature's base: `"@query-param";name="id"`.
impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method => f.write_str("\"@method\""),
            Self::TargetUri => f.write_str("\"@target-uri\""),
            Self::Authority => f.write_str("\"@authority\""),
            Self::Scheme => f.write_str("\"@scheme\""),
            Self::RequestTarget => f.write_str("\"@request-target\""),
            Self::Path => f.write_str("\"@path\""),
            Self::Query => f.write_str("\"@query\""),
            Self::QueryParameter(name) => write!(f, "\"@query-param\";name={}", Quoted(name)),
            Self::Status => f.write_str("\"@status\""),
            Self::Field(name, FieldForm::Plain) => write!(f, "\"{name}\""),
            Self::Field(name, FieldForm::Strict) => write!(f, "\"{name}\";sf"),
            Self::Field(name, FieldForm::Octets) => write!(f, "\"{name}\";bs"),
            Self::Field(name, FieldForm::Member(key)) => {
                write!(f, "\"{name}\";key={}", Quoted(key))
            }
        }
    }
}

/// A text as a string of a structured field (RFC 9651 §4.1.6). Invariant: printable ASCII.
pub(super) struct Quoted<'t>(pub(super) &'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for character in self.0.chars() {
            if matches!(character, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{character}")?;
        }
        f.write_str("\"")
    }
}
