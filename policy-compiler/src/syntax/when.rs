//! What must hold of a request beside the credential.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::Mode;
use crate::decode::{Decode, Parsed, record};
use crate::diagnostic::Diagnostics;
use crate::source::Spanned;
use crate::yaml::{Kind, Node};

record! {
    /// A condition, and whether it refuses.
    struct When {
        /// The expression, in CEL.
        condition: Spanned<String>,
        /// `enforce` if absent; in `shadow`, what does not hold is recorded and goes on.
        mode: Option<Parsed<Mode>>,
    }
}

/// A condition, mostly its expression alone.
#[derive(Clone, Debug)]
pub(crate) struct WhenChoice(pub(crate) When);

impl WhenChoice {
    pub(crate) fn is_shadow(&self) -> bool {
        let mode = self.0.mode.as_ref();
        mode.is_some_and(|mode| mode.value == Mode::Shadow)
    }
}

impl Decode for WhenChoice {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        if matches!(node.kind, Kind::Mapping(_)) {
            return When::decode(node, diagnostics).map(Self);
        }
        Spanned::decode(node, diagnostics).map(|condition| {
            Self(When {
                condition,
                mode: None,
            })
        })
    }
}

impl JsonSchema for WhenChoice {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("WhenChoice")
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rule = generator.subschema_for::<When>();
        json_schema!({ "anyOf": [{ "type": "string" }, rule] })
    }
}
