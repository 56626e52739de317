//! Changes for programs.

use serde_json::{Value, json};

use super::super::change::{Change, Place};

/// One document: `changes`, the worst first. The methods of a place are names; `*` stands for
/// all methods that HTTP or an extension may define beside the seven known ones.
pub fn render(changes: &[Change]) -> Value {
    json!({ "changes": changes.iter().map(change).collect::<Vec<_>>() })
}

fn change(change: &Change) -> Value {
    let Change {
        kind,
        severity,
        place,
        before,
        after,
    } = change;
    json!({
        "kind": kind,
        "severity": severity,
        "place": place.as_ref().map(self::place),
        "before": before,
        "after": after,
    })
}

fn place(place: &Place) -> Value {
    let Place {
        hosts,
        methods,
        path,
        conditions,
        route,
    } = place;
    let extensions = methods.has_extensions().then(|| "*".to_owned());
    let methods = methods.iter().map(|method| method.to_string());
    json!({
        "hosts": hosts,
        "methods": methods.chain(extensions).collect::<Vec<_>>(),
        "path": path,
        "conditions": conditions,
        "route": route,
    })
}
