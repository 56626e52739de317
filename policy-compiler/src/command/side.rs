//! One of two policies that are compared: a file, a folder, or a compiled bundle.

use std::path::Path;

use tidegate_policy_compiler::{Ir, compile, source};
use tidegate_shared::bundle::Bundle;
use tidegate_shared::envelope::Signed;
use tidegate_shared::trust::TrustKeys;

use super::{Failure, output};

/// The bundle of a side. One that is compiled already must be signed by a key in `trust`.
pub(super) fn bundle(path: &Path, trust: Option<&Path>) -> Result<Bundle, Failure> {
    match signed(path)? {
        Some(signed) => trusted(path, trust, signed),
        None => Ok(compiled(path)?.bundle(1)?),
    }
}

/// The policy of a side; that of a bundle knows no places and no tests.
pub(super) fn policy(path: &Path, trust: Option<&Path>) -> Result<Ir, Failure> {
    match signed(path)? {
        Some(signed) => {
            let ir = Ir::of_bundle(trusted(path, trust, signed)?);
            Ok(ir.map_err(|error| format!("`{}`: {error}", path.display()))?)
        }
        None => compiled(path),
    }
}

fn trusted(path: &Path, trust: Option<&Path>, signed: Signed) -> Result<Bundle, Failure> {
    let trust = trust.ok_or_else(|| {
        let path = path.display();
        format!("`{path}` is a bundle: say with `--trust FILE` whose signature it must have")
    })?;
    let trust: TrustKeys = output::read_text(trust)?.parse()?;
    let verified = signed.verify(&trust);
    Ok(verified
        .map_err(|error| format!("`{}`: {error}", path.display()))?
        .into_content())
}

/// The envelope that a file holds, where it is one: it begins with the CBOR tag of COSE_Sign1
/// (RFC 9052 §2), which no policy does.
fn signed(path: &Path) -> Result<Option<Signed>, Failure> {
    const TAG: u8 = 0xD2;
    if path.is_dir() {
        return Ok(None);
    }
    let octets = std::fs::read(path)
        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    if octets.first() != Some(&TAG) {
        return Ok(None);
    }
    let signed = Signed::parse(&octets);
    Ok(Some(signed.map_err(|error| {
        format!("`{}`: {error}", path.display())
    })?))
}

/// Compiles a policy; its warnings are for `tidegate check`.
fn compiled(path: &Path) -> Result<Ir, Failure> {
    let sources = source::read(path)?;
    let output = compile(&sources);
    if output.ir.is_none() {
        output::complain_all(&output, &sources);
    }
    let ir = output.ir;
    Ok(ir.ok_or_else(|| format!("`{}` does not compile", path.display()))?)
}
