//! Changes as a table, for a comment on a change of the policy.

use std::fmt::Write;

use super::super::change::Change;
use super::{Group, groups, lines, summary};

/// Renders changes as Markdown.
pub fn render(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "Nothing changes for callers.\n".to_owned();
    }
    let mut text = format!("**{}**\n\n", summary(changes));
    text.push_str("| severity | change | where | before | after |\n|---|---|---|---|---|\n");
    for Group { first, places } in groups(changes) {
        let places: Vec<String> = places
            .into_iter()
            .flat_map(lines)
            .map(|line| cell(&line))
            .collect();
        let words = |words: &Option<String>| cell(words.as_deref().unwrap_or("–"));
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            first.severity,
            first.kind,
            places.join("<br>"),
            words(&first.before),
            words(&first.after)
        );
    }
    text
}

/// Text that stays within a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('\n', " ")
        .replace('<', "&lt;")
        .replace('*', "\\*")
}
