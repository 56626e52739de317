//! Compiles policies: YAML becomes a checked [`Ir`], which becomes a signed bundle.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use tidegate_policy_compiler::{compile, source};
//!
//! let sources = source::read("examples/bank".as_ref())?;
//! let output = compile(&sources);
//! let ir = output.ir.ok_or("the diagnostics say why not")?;
//! let key = std::fs::read_to_string("bank.key")?.parse()?;
//! let bundle: Vec<u8> = ir.sign(1, &key)?;
//! # Ok(())
//! # }
//! ```

pub mod analysis;
pub mod api_keys;
#[cfg(feature = "bake")]
pub mod bake;
mod calendar;
pub mod cel;
pub mod credentials;
mod decode;
pub mod diagnostic;
pub mod diff;
pub mod explain;
pub mod files;
pub mod format;
mod lower;
mod meaning;
pub mod offline;
pub mod proof;
pub mod publish;
pub mod replay;
pub mod revocations;
pub mod rollout;
pub mod source;
mod syntax;
pub mod token_key;
mod words;
mod yaml;

use decode::Decode;
use diagnostic::{Diagnostic, Diagnostics};
use source::{Source, Spanned};
use syntax::Policy;

pub use lower::ir::{
    Bearer, Expiry, InvalidRequest, Ir, PolicyTest, RoutePlaces, TestCaller, TestCredential,
    TestExpectation, TestRequest,
};
pub use words::{connector_promise, promise};

/// What came of a compilation.
#[derive(Debug)]
pub struct Output {
    /// The compiled policy; `None` where a diagnostic is an error.
    pub ir: Option<Ir>,
    /// Everything that was found, in the order of the files.
    pub diagnostics: Diagnostics,
}

/// Compiles a policy. Files that it refers to (key sets, certificates) are read relative to the
/// policy file.
pub fn compile(sources: &[Source]) -> Output {
    let mut diagnostics = Diagnostics::default();
    let mut policies = Vec::new();
    for (source, file) in sources.iter().zip(0..) {
        match yaml::parse(file, source, &mut diagnostics) {
            Some(node) => policies.extend(Spanned::<Policy>::decode(node, &mut diagnostics)),
            None if diagnostics.has_errors() => {}
            None => {
                let span = source::Span::new(file, 0..0);
                diagnostics.push(
                    Diagnostic::error("missing-field", span, "the file is empty")
                        .help("begin with `tidegate: v1`"),
                );
            }
        }
    }
    // With a file missing, every reference into it would be one more error.
    let complete = policies.len() == sources.len();
    let ir = complete
        .then(|| lower::lower(policies, sources, &mut diagnostics))
        .flatten();
    diagnostics.sort();
    Output {
        ir: ir.filter(|_| !diagnostics.has_errors()),
        diagnostics,
    }
}

/// The JSON schema of the policy language, for editors.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Policy).to_value()
}
