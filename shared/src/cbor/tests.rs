use super::*;
use proptest::prelude::*;

const BOUNDS: Bounds = Bounds {
    octets: 1024,
    items: 64,
};

#[test]
fn each_deviation_has_its_error() {
    use InvalidCbor::*;
    for (octets, expected) in [
        ("83010203", Ok(())),
        ("8301", Err(Truncated(2))),
        ("", Err(Truncated(0))),
        ("0100", Err(TrailingOctets(1))),
        ("1817", Err(NotShortest(0))),
        ("1900ff", Err(NotShortest(0))),
        ("1b00000000ffffffff", Err(NotShortest(0))),
        ("9f01ff", Err(Indefinite(0))),
        ("5f4101ff", Err(Indefinite(0))),
        ("a2616101616202", Ok(())),
        ("a2616201616102", Err(UnsortedKeys(4))),
        ("a2616101616102", Err(UnsortedKeys(4))),
        ("a1a2616201616102f6", Err(UnsortedKeys(5))),
        ("61ff", Err(NotUtf8(0))),
        ("f97e00", Err(Unsupported(0))),
        ("c11a514b67b0", Err(Unsupported(0))),
        ("f7", Err(Unsupported(0))),
        ("f6", Ok(())),
        ("9bffffffffffffffff", Err(Truncated(9))),
        ("5bffffffffffffffff", Err(Truncated(9))),
    ] {
        assert_eq!(
            check(&hex::decode(octets).unwrap(), &BOUNDS),
            expected,
            "{octets}"
        );
    }
    let deep = [vec![0x81; 17], vec![0]].concat();
    assert_eq!(check(&deep, &BOUNDS), Err(TooDeep(16)));
    assert_eq!(check(&[vec![0x81; 16], vec![0]].concat(), &BOUNDS), Ok(()));
    let many = [vec![0x98, 64], vec![0; 64]].concat();
    assert_eq!(check(&many, &BOUNDS), Err(TooManyItems(64)));
    assert_eq!(check(&[0; 1025], &BOUNDS), Err(TooLarge(1025, 1024)));
}

#[test]
fn octets_are_no_list() {
    assert_eq!(decode::<Vec<u64>>(&[0x80], &BOUNDS), Ok(vec![]));
    assert_eq!(
        decode::<Vec<u64>>(&[0x40], &BOUNDS),
        Err(InvalidCbor::NotTheEncoding)
    );
}

proptest! {
    #[test]
    fn what_we_write_is_what_we_accept(value: (u64, i64, String, Vec<Option<bool>>)) {
        let octets = encode(&value);
        let bounds = Bounds { octets: 1 << 20, items: 1 << 10 };
        prop_assert_eq!(decode::<(u64, i64, String, Vec<Option<bool>>)>(&octets, &bounds), Ok(value));
    }

    #[test]
    fn what_we_read_is_what_we_would_write(octets: Vec<u8>) {
        let bounds = Bounds { octets: 1 << 20, items: 1 << 10 };
        if let Ok(value) = decode::<(Vec<u8>, Option<bool>)>(&octets, &bounds) {
            prop_assert_eq!(encode(&value), octets);
        }
    }

    #[test]
    fn never_panics(octets: Vec<u8>) {
        let _ = check(&octets, &BOUNDS);
    }
}
