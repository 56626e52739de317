//! What connectors enforce, in words.

use tidegate_shared::bundle::{ConnectorLimit, ConnectorRules, SignatureDemand};

use super::{code, list};

pub(crate) fn connector(rules: &ConnectorRules) -> String {
    let ConnectorRules {
        allow,
        signature,
        limits,
    } = rules;
    let allow = list(allow.iter().map(|name| code(&name.to_string())));
    let limits = match limits.as_slice() {
        [] => "without limits".to_owned(),
        limits => format!("limits {}", list(limits.iter().map(connector_limit))),
    };
    format!("{allow}, {}, {limits}", signature_demand(*signature))
}

pub(crate) fn signature_demand(demand: SignatureDemand) -> &'static str {
    match demand {
        SignatureDemand::Off => "signed or not",
        SignatureDemand::Optional => "with a good signature or none",
        SignatureDemand::Required => "signed by a gateway",
    }
}

pub(crate) fn connector_limit(limit: &ConnectorLimit) -> String {
    let ConnectorLimit {
        name,
        rate,
        burst,
        per_caller,
    } = limit;
    let counted = match per_caller {
        true => "for each caller",
        false => "altogether",
    };
    format!("{}: {rate}, burst {burst}, {counted}", code(name))
}

/// What a limit that connectors enforce guarantees.
pub fn connector_promise(upstream: &str, limit: &ConnectorLimit) -> String {
    let ConnectorLimit {
        name,
        rate,
        burst,
        per_caller,
    } = limit;
    let each = match per_caller {
        true => " for each caller",
        false => "",
    };
    format!(
        "limit {} of the connectors of {}: at most {burst} + {rate}{each}, in each connector \
         process by itself; no remote calls",
        code(name),
        code(upstream)
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_limit_says_that_each_process_counts_for_itself() {
        let rate = "1000/s".parse().unwrap();
        let said = [false, true].map(|per_caller| {
            let limit = ConnectorLimit {
                name: "total".to_owned(),
                rate,
                burst: 500,
                per_caller,
            };
            connector_promise("banking", &limit)
        });
        expect![[r#"
            limit `total` of the connectors of `banking`: at most 500 + 1000/s, in each connector process by itself; no remote calls
            limit `total` of the connectors of `banking`: at most 500 + 1000/s for each caller, in each connector process by itself; no remote calls"#]]
        .assert_eq(&said.join("\n"));
    }
}
