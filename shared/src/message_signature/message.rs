//! What a signature may ask of a message.

use std::borrow::Cow;

/// A message, as the one who verifies or signs it sees it. Lazy: a component is read when a
/// signature covers it. `None` is a component that the message does not have.
pub trait Message {
    /// The method, in the case in which it came. `None` in a response.
    fn method(&self) -> Option<&str>;

    /// The scheme: `https` or `http`.
    fn scheme(&self) -> Option<&str>;

    /// The authority as the message has it, with the port where there is one.
    fn authority(&self) -> Option<Cow<'_, str>>;

    /// Path and query as they came.
    fn path_and_query(&self) -> Option<&str>;

    /// The status code of a response.
    fn status(&self) -> Option<u16> {
        None
    }

    /// A field's value by its name in lower case: several fields of the name joined by `, `, each
    /// without white space around it (RFC 9421 §2.1).
    fn field(&self, name: &str) -> Option<Cow<'_, str>>;

    /// The values of the fields of a name, each by itself. `None` where they cannot be told
    /// apart: then no signature over them in the form `bs` is verified.
    fn field_lines(&self, name: &str) -> Option<Vec<Cow<'_, [u8]>>> {
        let _ = name;
        None
    }
}
