//! JSON schemas that say of optional fields what the decoder says: they may be absent, and when
//! they are there, they are not `null`.

use schemars::Schema;
use serde_json::Value;

/// Takes a field of a record off the required ones, and `null` off its values.
pub(crate) fn make_optional(schema: &mut Schema, field: &str) {
    let required = schema.get_mut("required").and_then(Value::as_array_mut);
    let none_left = required.is_some_and(|required| {
        required.retain(|name| name != field);
        required.is_empty()
    });
    if none_left {
        schema.remove("required");
    }
    let property = schema
        .get_mut("properties")
        .and_then(|properties| properties.get_mut(field));
    if let Some(property) = property {
        forbid_null(property);
    }
}

/// From `["string", "null"]` to `"string"`; from `anyOf: [A, null]` to `A`.
fn forbid_null(property: &mut Value) {
    let Some(property) = property.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = property.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            property.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(mut choices)) = property.remove("anyOf") else {
        return;
    };
    choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
    match choices.as_slice() {
        [Value::Object(only)] => property.extend(only.clone()),
        _ => {
            property.insert("anyOf".to_owned(), choices.into());
        }
    }
}
