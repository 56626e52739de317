//! Changes for people.

use std::fmt::Write;

use super::super::change::Change;
use super::{Group, groups, lines, summary};

/// Renders changes as text; empty where there are none.
pub fn render(changes: &[Change]) -> String {
    let mut text = String::new();
    if changes.is_empty() {
        return text;
    }
    for Group { first, places } in groups(changes) {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{}: {}", first.severity, first.kind);
        for line in places.into_iter().flat_map(lines) {
            let _ = writeln!(text, "  {line}");
        }
        for (sign, words) in [('-', &first.before), ('+', &first.after)] {
            if let Some(words) = words {
                let _ = writeln!(text, "    {sign} {words}");
            }
        }
        text.push('\n');
    }
    text.push_str(&summary(changes));
    text.push('\n');
    text
}
