//! Limits.

use tidegate_limits::{Contract, LIFETIME, horizon};
use tidegate_shared::bundle::{
    Accuracy, Allowance, Cost, KeyPart, Limit, Scope, Tables, Unreachable,
};
use tidegate_shared::condition::Condition;

use super::{code, list};

/// For how many locations a cost is told, each with the same part of half of what the limit admits.
const LOCATIONS: u32 = 30;

pub(crate) fn limit(limit: &Limit, tables: &Tables) -> String {
    let Limit {
        name,
        allows,
        key,
        cost,
        scope,
        accuracy,
        shadow,
    } = limit;
    let expressions = tables.conditions.as_slice();
    let allows = allowance(*allows, tables);
    let key = if key.is_empty() {
        "altogether".to_owned()
    } else {
        let parts = key.iter().map(|part| key_part(part, expressions));
        format!("for each {}", list(parts))
    };
    let cost = match cost {
        Cost::Fixed(1) => String::new(),
        Cost::Fixed(cost) => format!(", {cost} a request"),
        Cost::Value(index) => format!(", {} a request", expression(*index, expressions)),
    };
    let scope = match scope {
        Scope::Gateway => "",
        Scope::Api(_) => " and API",
        Scope::Route(_) => " and route",
    };
    let accuracy = match accuracy {
        Accuracy::Local => String::new(),
        Accuracy::Leased(rule) => format!(", leased, {}", unreachable(*rule)),
        Accuracy::Strict(rule) => format!(", strict, {}", unreachable(*rule)),
    };
    let shadow = if *shadow { ", in shadow" } else { "" };
    format!(
        "{}: {allows}, {key}{scope}{cost}{accuracy}{shadow}",
        code(name)
    )
}

fn unreachable(rule: Unreachable) -> &'static str {
    match rule {
        Unreachable::Refuse => "refused while its authority does not answer",
        Unreachable::Local => "by each holder's part while its authority does not answer",
        Unreachable::Allow => "admitted while its authority does not answer",
    }
}

fn allowance(allows: Allowance, tables: &Tables) -> String {
    match allows {
        Allowance::Rate { rate, burst } => format!("{rate}, burst {burst}"),
        Allowance::Quota { units, calendar } => quota(units, calendar, tables),
        Allowance::AtOnce(units) => format!("{units} at once"),
    }
}

/// As the language has it, with its zone.
fn quota(units: u32, calendar: u32, tables: &Tables) -> String {
    let calendar = usize::try_from(calendar).ok();
    let calendar = calendar.and_then(|index| tables.calendars.get(index));
    calendar.map_or_else(String::new, |calendar| {
        format!("{units}/{} in {}", calendar.period, calendar.zone)
    })
}

/// What a limit's accuracy guarantees, and what it costs.
pub fn promise(limit: &Limit, tables: &Tables) -> String {
    let Limit {
        name,
        allows,
        key,
        cost: _,
        scope: _,
        accuracy,
        shadow,
    } = limit;
    let key = if key.is_empty() { "" } else { " for each key" };
    let (most, contract) = match allows {
        Allowance::Rate { rate, burst } => (
            format!("at most {burst} + {rate}{key}"),
            Some(Contract::new(*rate, *burst)),
        ),
        Allowance::Quota { units, calendar } => {
            let quota = quota(*units, *calendar, tables);
            (format!("at most {quota}{key}"), None)
        }
        Allowance::AtOnce(units) => (format!("at most {units} at once{key}"), None),
    };
    let (promise, rule) = match accuracy {
        Accuracy::Local => (
            format!("{most}, in each place by itself; no remote calls"),
            None,
        ),
        Accuracy::Leased(rule) => {
            let calls = match contract {
                Some(contract) => format!(
                    "about {} a request at {LOCATIONS} locations that use half of it",
                    calls(contract)
                ),
                None => format!(
                    "a remote call in {} s at each location that is used, and what a location that \
                     ends has left is used up",
                    LIFETIME * 3 / 4_000
                ),
            };
            (format!("{most} altogether; {calls}"), Some(rule))
        }
        Accuracy::Strict(rule) => (
            format!("{most} altogether; a remote call for each request, which waits for it"),
            Some(rule),
        ),
    };
    let unreachable = match rule {
        None => String::new(),
        Some(Unreachable::Refuse) => "; nothing more while the authority is away".to_owned(),
        Some(Unreachable::Local) => format!(
            "; while the authority is away {} + {} s of the rate more",
            allows.most().div_ceil(3),
            2 * LIFETIME / 1_000
        ),
        Some(Unreachable::Allow) => "; everything while the authority is away".to_owned(),
    };
    let shadow = if *shadow {
        "; in shadow, refuses nobody"
    } else {
        ""
    };
    format!("limit {}: {promise}{unreachable}{shadow}", code(name))
}

/// Remote calls a request: a location asks once in a horizon, and not more than once a request.
fn calls(contract: Contract) -> String {
    // In a horizon, what half the rate admits, in thousandths of a request at each location.
    let horizon = horizon(contract).saturating_mul(1_000_000);
    let horizon = horizon.min(contract.capacity() / 3);
    let requests = horizon
        .saturating_mul(1_000)
        .checked_div(contract.drain(2).saturating_mul(LOCATIONS.into()))
        .unwrap_or(u64::MAX);
    let hundredths = 100_000_u64.div_ceil(requests.max(1)).min(100);
    match hundredths {
        100 => "one remote call".to_owned(),
        _ => format!("0.{hundredths:02} remote calls"),
    }
}

/// As the language has it.
pub(crate) fn key_part(part: &KeyPart, expressions: &[Condition]) -> String {
    match part {
        KeyPart::Value(index) => expression(*index, expressions),
        KeyPart::Subject => "auth.subject".to_owned(),
        KeyPart::Issuer => "auth.issuer".to_owned(),
        KeyPart::Address => "client.address".to_owned(),
        KeyPart::Header(name) => format!("request.headers[\"{name}\"]"),
        KeyPart::PathParameter(name) => format!("request.path[\"{name}\"]"),
    }
}

fn expression(index: u32, expressions: &[Condition]) -> String {
    let index = usize::try_from(index).ok();
    let expression = index.and_then(|index| expressions.get(index));
    expression.map_or_else(String::new, |expression| code(expression.text()))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn each_accuracy_says_what_it_promises() {
        use Accuracy::{Leased, Local, Strict};
        let promises = [
            ("60/m", 20, Local),
            ("60000/m", 9_000, Leased(Unreachable::Refuse)),
            ("60/m", 20, Leased(Unreachable::Local)),
            ("1000/s", 10, Leased(Unreachable::Allow)),
            ("60/m", 20, Strict(Unreachable::Refuse)),
        ]
        .map(|(rate, burst, accuracy)| {
            let rate = rate.parse().unwrap();
            let limit = Limit {
                allows: Allowance::Rate { rate, burst },
                accuracy,
                ..Limit::new("l", rate)
            };
            promise(&limit, &Tables::default())
        });
        expect![[r#"
            limit `l`: at most 20 + 60/m, in each place by itself; no remote calls
            limit `l`: at most 9000 + 60000/m altogether; about 0.02 remote calls a request at 30 locations that use half of it; nothing more while the authority is away
            limit `l`: at most 20 + 60/m altogether; about one remote call a request at 30 locations that use half of it; while the authority is away 7 + 40 s of the rate more
            limit `l`: at most 10 + 1000/s altogether; about one remote call a request at 30 locations that use half of it; everything while the authority is away
            limit `l`: at most 20 + 60/m altogether; a remote call for each request, which waits for it; nothing more while the authority is away"#]].assert_eq(&promises.join("\n"));
    }
}
