//! Where in a file something stands.

/// From the parser's positions, which count characters, to octets.
pub(super) enum Offsets {
    Ascii,
    Table(Vec<usize>),
}

impl Offsets {
    pub(super) fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Self::Ascii;
        }
        Self::Table(
            text.char_indices()
                .map(|(octet, _)| octet)
                .chain([text.len()])
                .collect(),
        )
    }

    pub(super) fn octet(&self, character: usize) -> usize {
        match self {
            Self::Ascii => character,
            Self::Table(table) => table.get(character).or(table.last()).copied().unwrap_or(0),
        }
    }
}
