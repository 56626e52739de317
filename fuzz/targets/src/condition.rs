//! Conditions as they stand in a bundle.

use tidegate_edge::condition::Program;
use tidegate_policy_compiler::cel;
use tidegate_shared::bundle::bounds;
use tidegate_shared::cbor;
use tidegate_shared::condition::Condition;

use crate::expression::{self, Request, environment};

/// What is read as a condition can be evaluated: to whatever, but without a crash, and to an end.
pub fn run(octets: &[u8]) {
    let Ok(condition) = cbor::decode::<Condition>(octets, &bounds::SECTION) else {
        return;
    };
    let Ok(program) = Program::prepare(&condition) else {
        return;
    };
    let request = Request::default();
    let shown = program.evaluate(&request).map(|value| format!("{value:?}"));
    let again = program.evaluate(&request).map(|value| format!("{value:?}"));
    assert_eq!(shown, again);
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let texts = expression::seeds();
    let compiled = texts.iter().filter_map(|text| {
        let text = std::str::from_utf8(text).ok()?;
        cel::compile(text, &environment()).ok()
    });
    compiled
        .map(|compiled| cbor::encode(&compiled.condition))
        .collect()
}

#[cfg(test)]
mod tests {
    /// Without this no mutation would ever be evaluated.
    #[test]
    fn every_seed_compiles() {
        assert_eq!(super::seeds().len(), crate::expression::seeds().len());
    }
}
