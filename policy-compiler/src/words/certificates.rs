//! Client certificates, in words.

use tidegate_shared::bundle::{CertificateHolder, Certificates};
use tidegate_shared::certificate::DistinguishedName;

use super::{code, list, on_plan, short};

pub(crate) fn certificates(certificates: &Certificates) -> String {
    let Certificates {
        name: _,
        issuers,
        holders: _,
    } = certificates;
    if issuers.is_empty() {
        return "a pinned client certificate".to_owned();
    }
    format!(
        "a client certificate of {}",
        list(issuers.iter().map(distinguished_name))
    )
}

pub(crate) fn certificate_holder(holder: &CertificateHolder) -> String {
    let CertificateHolder {
        consumer,
        plan,
        pins,
        subjects,
        names,
    } = holder;
    let pins = pins.iter().map(|digest| code(&short(digest)));
    let subjects = subjects.iter().map(distinguished_name);
    let names = names
        .iter()
        .map(|name| format!("{} {}", name.kind().name(), code(name.as_str())));
    let like = list(pins.chain(subjects).chain(names));
    let plan = plan.as_deref();
    let plan = plan.map_or_else(String::new, |plan| format!(" on {}", on_plan(Some(plan))));
    format!("{}{plan} ({like})", code(consumer))
}

pub(crate) fn distinguished_name(name: &DistinguishedName) -> String {
    code(name.as_str())
}
