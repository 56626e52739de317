//! Components, bases and fields, with the examples of RFC 9421 §2 and §3.

mod base;
mod fields;
mod sign;

use std::borrow::Cow;

use super::Message;

/// A request as a list of fields.
pub(super) struct Request<'r> {
    pub(super) method: &'r str,
    pub(super) scheme: &'r str,
    pub(super) authority: &'r str,
    pub(super) target: &'r str,
    pub(super) fields: Vec<(&'r str, &'r str)>,
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self {
            method: "POST",
            scheme: "https",
            authority: "www.example.com",
            target: "/path?param=value",
            fields: vec![],
        }
    }
}

impl Message for Request<'_> {
    fn method(&self) -> Option<&str> {
        Some(self.method)
    }

    fn scheme(&self) -> Option<&str> {
        Some(self.scheme)
    }

    fn authority(&self) -> Option<Cow<'_, str>> {
        Some(self.authority.into())
    }

    fn path_and_query(&self) -> Option<&str> {
        Some(self.target)
    }

    fn field(&self, name: &str) -> Option<Cow<'_, str>> {
        let own = self.fields.iter().filter(|(own, _)| *own == name);
        let values: Vec<&str> = own.map(|(_, value)| value.trim()).collect();
        (!values.is_empty()).then(|| values.join(", ").into())
    }

    fn field_lines(&self, name: &str) -> Option<Vec<Cow<'_, [u8]>>> {
        let own = self.fields.iter().filter(|(own, _)| *own == name);
        Some(own.map(|(_, value)| value.as_bytes().into()).collect())
    }
}
