//! What is wrong with a configuration, all of it at once.

use std::path::{Path, PathBuf};

/// A configuration file does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, or has a field that is unknown, missing or of another type.
    #[error("`{}`: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        source: toml::de::Error,
    },
    /// Fields have values that cannot be.
    #[error("{}", placed(path, fields))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All of them, each with its line where it has one.
        fields: Vec<(Option<usize>, InvalidField)>,
    },
}

/// Values that do not make a configuration; all that is wrong at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", join(.0))]
pub struct InvalidConfig(pub Vec<InvalidField>);

/// One field with a value that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidField {
    /// As `backend[1].address`.
    pub field: String,
    /// What is wrong, and what would be right.
    pub reason: String,
}

/// One line for each, as compilers write them: `FILE:LINE: …`.
fn placed(path: &Path, fields: &[(Option<usize>, InvalidField)]) -> String {
    let path = path.display();
    let lines: Vec<String> = fields
        .iter()
        .map(|(line, field)| match line {
            Some(line) => format!("{path}:{line}: {field}"),
            None => format!("{path}: {field}"),
        })
        .collect();
    lines.join("\n")
}

fn join(fields: &[InvalidField]) -> String {
    let lines: Vec<String> = fields.iter().map(InvalidField::to_string).collect();
    lines.join("\n")
}

/// Collects what is wrong, so that an operator sees all of it at once.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<InvalidField>);

impl Problems {
    pub(super) fn into_fields(self) -> Vec<InvalidField> {
        self.0
    }

    /// The value, or a note that `field` has none.
    pub(crate) fn take<T, E: ToString>(
        &mut self,
        field: impl Into<String>,
        result: Result<T, E>,
    ) -> Option<T> {
        result
            .map_err(|reason| {
                self.0.push(InvalidField {
                    field: field.into(),
                    reason: reason.to_string(),
                });
            })
            .ok()
    }
}
