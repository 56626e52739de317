//! The text of policies.

use tidegate_edge::Gateway;
use tidegate_policy_compiler::source::Source;
use tidegate_policy_compiler::{compile, diagnostic};
use tidegate_shared::bundle::Bundle;
use tidegate_shared::envelope::Signed;

use crate::gateway;

/// Every finding can be shown at its place; what compiles can be run, and no request to it fails
/// inside the gateway.
pub fn run(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else {
        return;
    };
    let sources = [Source {
        path: "policy.yaml".into(),
        text: text.to_owned(),
    }];
    let output = compile(&sources);
    diagnostic::render_human(&output.diagnostics, &sources, true);
    let Some(ir) = output.ir else {
        assert!(output.diagnostics.has_errors(), "no policy, and no reason");
        return;
    };
    let Ok(signed) = ir.sign(1, &gateway::key()) else {
        return;
    };
    let verified = Signed::parse(&signed).map(|signed| signed.verify::<Bundle>(&gateway::trust()));
    let Ok(Ok(verified)) = verified else {
        assert!(verified.is_ok(), "what compiles cannot be read");
        return;
    };
    let hosts = verified.content().hosts.iter();
    let hosts: Vec<String> = hosts
        .map(|section| section.host().as_str().replace('*', "any"))
        .collect();
    let Ok(gateway) = Gateway::load(verified) else {
        return;
    };
    for host in hosts {
        for path in ["/", "/v1/accounts/7", "/status"] {
            let status = gateway::ask(&gateway, &host, path, None);
            assert_ne!(status, Some(500), "a request to `{host}{path}`");
        }
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    crate::texts([include_str!("policy/bank.yaml")])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without this no mutation would ever reach the gateway.
    #[test]
    fn the_seed_compiles() {
        let text = String::from_utf8(seeds().concat()).unwrap();
        let sources = [Source {
            path: "policy.yaml".into(),
            text,
        }];
        let output = compile(&sources);
        let findings = diagnostic::render_human(&output.diagnostics, &sources, false);
        assert!(output.ir.is_some(), "{findings}");
    }
}
