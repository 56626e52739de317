//! What connectors enforce, in words.

use tidegate_shared::bundle::{
    ConnectorAllowance, ConnectorLimit, ConnectorRules, SignatureDemand,
};

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
        allows,
        per_caller,
    } = limit;
    let allows = match allows {
        ConnectorAllowance::Rate { rate, burst } => format!("{rate}, burst {burst}"),
        ConnectorAllowance::AtOnce(requests) => format!("{requests} at once"),
    };
    let counted = match per_caller {
        true => "for each caller",
        false => "altogether",
    };
    format!("{}: {allows}, {counted}", code(name))
}

/// What a limit that connectors enforce guarantees.
pub fn connector_promise(upstream: &str, limit: &ConnectorLimit) -> String {
    let ConnectorLimit {
        name,
        allows,
        per_caller,
    } = limit;
    let most = match allows {
        ConnectorAllowance::Rate { rate, burst } => format!("{burst} + {rate}"),
        ConnectorAllowance::AtOnce(requests) => format!("{requests} at once"),
    };
    let each = match per_caller {
        true => " for each caller",
        false => "",
    };
    format!(
        "limit {} of the connectors of {}: at most {most}{each}, in each connector \
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
        let rate = ConnectorAllowance::Rate {
            rate: "1000/s".parse().unwrap(),
            burst: 500,
        };
        let at_once = ConnectorAllowance::AtOnce(100);
        let limits = [
            (rate, false),
            (rate, true),
            (at_once, false),
            (at_once, true),
        ];
        let said = limits.map(|(allows, per_caller)| {
            let limit = ConnectorLimit {
                name: "total".to_owned(),
                allows,
                per_caller,
            };
            connector_promise("banking", &limit)
        });
        expect![[r#"
            limit `total` of the connectors of `banking`: at most 500 + 1000/s, in each connector process by itself; no remote calls
            limit `total` of the connectors of `banking`: at most 500 + 1000/s for each caller, in each connector process by itself; no remote calls
            limit `total` of the connectors of `banking`: at most 100 at once, in each connector process by itself; no remote calls
            limit `total` of the connectors of `banking`: at most 100 at once for each caller, in each connector process by itself; no remote calls"#]]
        .assert_eq(&said.join("\n"));
    }
}
