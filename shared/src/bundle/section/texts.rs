//! Texts that begin alike.

use serde::{Deserialize, Serialize};

use super::super::bounds;

/// Texts, each as the number of octets that it has in common with the one before it, and the rest.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Texts(Vec<(u32, String)>);

impl Texts {
    pub(super) fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut before = "";
        let cut = texts.into_iter().map(|text| {
            let (common, rest) = cut(text, before);
            before = text;
            (common, rest.to_owned())
        });
        Self(cut.collect())
    }

    /// The whole texts; `None` where one does not go on from the one before it, or where they
    /// are more than the routes of a host may hold.
    pub(super) fn read(&self) -> Option<Vec<String>> {
        let mut octets = 0_usize;
        let mut texts: Vec<String> = Vec::with_capacity(self.0.len());
        for (common, rest) in &self.0 {
            let before = texts.last().map_or("", String::as_str);
            let common = before.get(..usize::try_from(*common).ok()?)?;
            octets = octets.saturating_add(common.len().saturating_add(rest.len()));
            if octets > bounds::ROUTES_OCTETS {
                return None;
            }
            texts.push([common, rest].concat());
        }
        Some(texts)
    }
}

/// How many octets of a text the one before it begins with, too, and what follows them.
fn cut<'t>(text: &'t str, before: &str) -> (u32, &'t str) {
    let pairs = text.bytes().zip(before.bytes());
    let mut common = pairs.take_while(|(a, b)| a == b).count();
    // Characters that differ may begin with the same octet.
    while !text.is_char_boundary(common) {
        common = common.saturating_sub(1);
    }
    match (u32::try_from(common), text.get(common..)) {
        (Ok(common), Some(rest)) => (common, rest),
        _ => (0, text),
    }
}

#[cfg(test)]
impl Texts {
    pub(super) fn pairs(&self) -> &[(u32, String)] {
        &self.0
    }

    pub(super) fn last_mut(&mut self) -> &mut (u32, String) {
        self.0.last_mut().unwrap()
    }

    pub(super) fn push(&mut self, common: u32, rest: String) {
        self.0.push((common, rest));
    }
}
