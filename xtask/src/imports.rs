//! What a Wasm module asks of its host.
//!
//! The core does no IO and reads no clock. A dependency that does would show
//! here, as an import that no adapter has asked for.

use std::collections::BTreeSet;
use std::io::{self, Write};

use anyhow::{Result, bail};
use wasmparser::{Parser, Payload};

/// Lists where the imports of a module or component come from, and fails when
/// one comes from none of the `allowed` places. A place that ends in `/` or `:`
/// allows everything below it.
pub(crate) fn check(wasm: &[u8], allowed: &[&str]) -> Result<()> {
    let sources = sources(wasm)?;
    for source in &sources {
        writeln!(io::stdout(), "imports {source}")?;
    }
    let strays: Vec<&str> = sources
        .iter()
        .map(String::as_str)
        .filter(|source| !allowed.iter().any(|place| allows(place, source)))
        .collect();
    if !strays.is_empty() {
        bail!("stray imports: `{}`", strays.join("`, `"));
    }
    Ok(())
}

fn allows(place: &str, source: &str) -> bool {
    if place.ends_with(['/', ':']) {
        source.starts_with(place)
    } else {
        source == place
    }
}

/// The modules that a core module imports from, or the interfaces that a
/// component imports; what stands inside the component is wired by it.
#[expect(clippy::wildcard_enum_match_arm, reason = "the parser's enum is open")]
fn sources(wasm: &[u8]) -> Result<BTreeSet<String>> {
    let mut sources = BTreeSet::new();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ImportSection(imports) if depth == 0 => {
                for import in imports.into_imports() {
                    sources.insert(import?.module.to_owned());
                }
            }
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    sources.insert(import?.name.0.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(sources)
}
