use proptest::prelude::*;

use super::*;
use crate::cbor;

const BOUNDS: cbor::Bounds = cbor::Bounds {
    octets: 1 << 20,
    items: 1 << 16,
};

fn condition(nodes: Vec<Node>) -> Result<Condition, InvalidCondition> {
    Parts {
        text: "text".to_owned(),
        headers: vec!["x-tenant".to_owned()],
        automata: vec![ByteBuf::from([1, 2])],
        nodes,
    }
    .try_into()
}

fn yes() -> Node {
    Node::Constant(Constant::Bool(true))
}

#[test]
fn what_is_no_tree_is_refused() {
    use InvalidCondition::*;
    let each = Node::Each(Macro::All, 0, 1);
    for (nodes, reason) in [
        (vec![], Empty),
        (vec![Node::And(vec![0])], Reference(0)),
        (vec![Node::And(vec![1]), yes()], Reference(0)),
        (vec![Node::Header(1)], Reference(0)),
        (vec![yes(), Node::Matches(0, 1)], Reference(1)),
        (vec![yes(), yes()], Shared(0)),
        (vec![yes(), Node::And(vec![0, 0])], Shared(0)),
        (vec![yes(), Node::Map(vec![(0, 1)])], Reference(1)),
        (vec![Node::Local(0)], Unbound),
        (vec![Node::Local(0), Node::Local(0), each.clone()], Unbound),
        (vec![yes(), Node::Local(1), each.clone()], Unbound),
        (vec![yes(), Node::Local(u32::MAX), each.clone()], Unbound),
    ] {
        assert_eq!(condition(nodes.clone()), Err(reason), "{nodes:?}");
    }
    assert!(condition(vec![yes(), Node::Local(0), each]).is_ok());
}

#[test]
fn bounds_hold() {
    let deep = |levels: u32| {
        let below = (1..levels).map(|level| Node::Unary(Unary::Not, level - 1));
        condition([yes()].into_iter().chain(below).collect())
    };
    assert!(deep(64).is_ok());
    assert_eq!(deep(65), Err(InvalidCondition::TooLarge("levels", 64)));
    let wide = |count: u32| {
        let mut nodes = vec![yes(); count as usize];
        nodes.push(Node::List((0..count).collect()));
        condition(nodes)
    };
    assert!(wide(1023).is_ok());
    assert_eq!(wide(1024), Err(InvalidCondition::TooLarge("nodes", 1024)));
    let list = (0..4).fold(Constant::Null, |inner, _| Constant::List(vec![inner]));
    assert_eq!(
        condition(vec![Node::Constant(list)]),
        Err(InvalidCondition::Constant(0))
    );
    let never = Timestamp {
        seconds: *Timestamp::YEARS.end() + 1,
        nanos: 0,
    };
    assert_eq!(
        condition(vec![Node::Constant(Constant::Timestamp(never))]),
        Err(InvalidCondition::Constant(0))
    );
}

fn leaf() -> impl Strategy<Value = Node> {
    prop_oneof![
        any::<i64>().prop_map(|number| Node::Constant(Constant::Int(number))),
        any::<u64>().prop_map(|bits| Node::Constant(Constant::Double(bits))),
        ".{0,8}".prop_map(|text| Node::Constant(Constant::List(vec![Constant::Text(text)]))),
        any::<Vec<u8>>().prop_map(|octets| Node::Constant(Constant::Octets(octets.into()))),
        (Timestamp::YEARS, 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| {
            Node::Constant(Constant::Timestamp(Timestamp { seconds, nanos }))
        }),
        Just(Node::Constant(Constant::Type(TypeName::Map))),
        Just(Node::Variable(Variable::Claims)),
        Just(Node::HasHeader(0)),
        ".{0,8}".prop_map(Node::Query),
    ]
}

proptest! {
    #[test]
    fn decoding_gives_what_was_encoded(mut nodes in prop::collection::vec(leaf(), 1..20)) {
        let all = (0..).take(nodes.len()).collect();
        nodes.push(Node::List(all));
        let condition = condition(nodes).unwrap();
        let octets = cbor::encode(&condition);
        prop_assert_eq!(cbor::decode::<Condition>(&octets, &BOUNDS).unwrap(), condition);
    }
}

#[test]
fn a_broken_tree_does_not_decode() {
    let condition = condition(vec![yes(), Node::Unary(Unary::Not, 0)]).unwrap();
    let octets = cbor::encode(&condition);
    let at = octets.len() - 1;
    assert_eq!(octets[at], 0);
    let broken = [&octets[..at], &[1]].concat();
    let error = cbor::decode::<Condition>(&broken, &BOUNDS).unwrap_err();
    assert!(
        error.to_string().contains("refers to what is not there"),
        "{error}"
    );
}
