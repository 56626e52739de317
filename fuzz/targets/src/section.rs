//! The routes of a host as they stand in a bundle.

use serde_bytes::ByteBuf;
use tidegate_edge::Gateway;
use tidegate_shared::bundle::{Bundle, HostSection, bounds};
use tidegate_shared::cbor;
use tidegate_shared::envelope::Signed;

use crate::gateway::{self, HOST};

/// What was read is the same once written and read again, and requests to the host are decided
/// without a crash.
pub fn run(octets: &[u8]) {
    let record = cbor::encode(&(HOST, ByteBuf::from(octets)));
    let Ok(section) = cbor::decode::<HostSection>(&record, &bounds::PAYLOAD) else {
        return;
    };
    let bundle = gateway::bundle(section);
    let [section] = bundle.hosts.as_slice() else {
        return;
    };
    let Ok(routes) = section.decode(&bundle.tables) else {
        return;
    };
    let again = HostSection::encode(section.host().clone(), &routes);
    let again = again.and_then(|section| section.decode(&bundle.tables));
    assert_eq!(again.as_ref(), Ok(&routes));

    let payload = bundle.encode().unwrap_or_default();
    let signed = Signed::parse(&gateway::sign(payload));
    let verified = signed.map(|signed| signed.verify::<Bundle>(&gateway::trust()));
    if let Ok(Ok(verified)) = verified
        && let Ok(gateway) = Gateway::load(verified)
    {
        for path in routes.paths.iter().map(|entry| entry.pattern.as_str()) {
            gateway::ask(&gateway, HOST, &path.replace(['{', '}'], "x"), None);
        }
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    vec![cbor::encode(&gateway::routes())]
}
