//! The table, and the same as JSON.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::Outcome;

/// A row before it is measured.
pub struct Row {
    /// The group and what is measured, as `decide/mixed/130`.
    pub name: String,
    /// The ratio that the row must not be above, where one is set.
    pub aim: Option<f64>,
    pub unit: Unit,
    pub measure: Box<dyn FnOnce() -> Result<Outcome>>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Processor time, in nanoseconds.
    Time,
    /// Octets.
    Octets,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Time => time(value),
            Self::Octets => octets(value),
        }
    }
}

#[derive(Debug, Serialize)]
struct Measured {
    name: String,
    unit: Unit,
    ours: f64,
    peer: f64,
    ratio: f64,
    aim: Option<f64>,
    parts_ns: Vec<(&'static str, f64)>,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Prints each row as it is measured.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Measured>,
    /// What was printed.
    text: String,
}

impl Report {
    pub fn begin() -> Result<Self> {
        let mut report = Self::default();
        report.say(&format!(
            "{:36} {:>10} {:>10} {:>7} {:>6}",
            "processor time", "ours", "peer", "ratio", "aim"
        ))?;
        Ok(report)
    }

    /// Prints a line.
    pub fn say(&mut self, line: &str) -> Result<()> {
        self.text.push_str(line);
        self.text.push('\n');
        Ok(writeln!(io::stdout(), "{line}")?)
    }

    /// All that was printed.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn add(&mut self, row: Row) -> Result<()> {
        let Row {
            name,
            aim,
            unit,
            measure,
        } = row;
        let outcome = measure().with_context(|| format!("row `{name}`"))?;
        let Outcome {
            ours,
            peer,
            ratio,
            parts,
        } = outcome;
        let missed = aim.is_some_and(|aim| ratio > aim);
        let (ours_text, peer_text) = (unit.show(ours), unit.show(peer));
        let aim_text = aim.map_or("-".to_owned(), |aim| format!("{aim:.2}"));
        let mark = if missed { "  missed" } else { "" };
        self.say(&format!(
            "{name:36} {ours_text:>10} {peer_text:>10} {ratio:>7.2} {aim_text:>6}{mark}"
        ))?;
        if missed && !parts.is_empty() {
            let split: Vec<_> = parts
                .iter()
                .map(|(part, took)| format!("{part} {}", time(*took)))
                .collect();
            self.say(&format!("  of which {}", split.join(", ")))?;
        }
        self.rows.push(Measured {
            name,
            unit,
            ours,
            peer,
            ratio,
            aim,
            parts_ns: parts,
        });
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn write_json(&self, file: &Path) -> Result<()> {
        fs::write(file, serde_json::to_vec_pretty(&self.rows)?)
            .with_context(|| format!("cannot write `{}`", file.display()))
    }
}

fn octets(octets: f64) -> String {
    match octets {
        octets if octets < 10_000.0 => format!("{octets:.0} B"),
        octets if octets < 10_000_000.0 => format!("{:.0} kB", octets / 1e3),
        octets => format!("{:.0} MB", octets / 1e6),
    }
}

fn time(nanos: f64) -> String {
    match nanos {
        nanos if nanos < 10_000.0 => format!("{nanos:.0} ns"),
        nanos if nanos < 10_000_000.0 => format!("{:.0} us", nanos / 1e3),
        nanos => format!("{:.1} ms", nanos / 1e6),
    }
}
