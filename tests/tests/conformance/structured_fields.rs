//! The tests of structured fields (RFC 9651) against the parser that reads signatures' fields:
//! what must fail fails, what must be read is read as it should be and written again canonically.

use serde::Deserialize;
use serde_json::Value;
use sfv::{
    BareItem, Date, Decimal, Dictionary, Error, FieldType, InnerList, Integer, Item, Key, List,
    ListEntry, Parameters, Parser, Token,
};

#[derive(Deserialize)]
struct Vector {
    name: String,
    raw: Option<Vec<String>>,
    header_type: String,
    expected: Option<Value>,
    #[serde(default)]
    must_fail: bool,
    #[serde(default)]
    can_fail: bool,
    canonical: Option<Vec<String>>,
}

/// A field of any type.
#[derive(PartialEq)]
enum Field {
    Item(Item),
    List(List),
    Dictionary(Dictionary),
}

impl Field {
    fn parse(kind: &str, text: &str) -> Result<Self, Error> {
        let parser = Parser::new(text);
        match kind {
            "item" => parser.parse().map(Self::Item),
            "list" => parser.parse().map(Self::List),
            "dictionary" => parser.parse().map(Self::Dictionary),
            other => panic!("a field of type `{other}`"),
        }
    }

    /// `None` where no such field can be made.
    fn expected(kind: &str, value: &Value) -> Option<Self> {
        match kind {
            "item" => item(value).map(Self::Item),
            "list" => array(value)
                .iter()
                .map(entry)
                .collect::<Option<_>>()
                .map(Self::List),
            _ => pairs(value, entry).map(Self::Dictionary),
        }
    }

    /// `None` is a field that is left out.
    fn serialize(&self) -> Option<String> {
        match self {
            Self::Item(item) => Some(item.serialize()),
            Self::List(list) => list.serialize(),
            Self::Dictionary(dictionary) => dictionary.serialize(),
        }
    }
}

#[test]
#[ignore = "needs the vectors: cargo xtask conformance --vectors DIR"]
fn fields_are_read_and_written() {
    let (mut read, mut refused, mut lenient) = (0, 0, 0);
    let parsing = vectors("");
    for vector in &parsing {
        let raw = vector.raw.as_ref().unwrap().join(", ");
        let Ok(field) = Field::parse(&vector.header_type, &raw) else {
            assert!(
                vector.must_fail || vector.can_fail,
                "{}: refused",
                vector.name
            );
            refused += 1;
            continue;
        };
        assert!(!vector.must_fail, "{}: read", vector.name);
        let expected = vector.expected.as_ref().unwrap();
        let expected = Field::expected(&vector.header_type, expected);
        assert!(
            Some(&field) == expected.as_ref(),
            "{}: read as another",
            vector.name
        );
        let canonical = vector
            .canonical
            .as_ref()
            .or(vector.raw.as_ref())
            .unwrap()
            .join(", ");
        assert_eq!(
            field.serialize().unwrap_or_default(),
            canonical,
            "{}",
            vector.name
        );
        read += 1;
        lenient += usize::from(vector.can_fail);
    }
    let writing = vectors("serialisation-tests");
    let (mut written, mut impossible) = (0, 0);
    for vector in &writing {
        let field = Field::expected(&vector.header_type, vector.expected.as_ref().unwrap());
        match field {
            Some(field) => {
                assert!(!vector.must_fail, "{}: written", vector.name);
                let canonical = vector.canonical.as_ref().unwrap().join(", ");
                assert_eq!(
                    field.serialize().unwrap_or_default(),
                    canonical,
                    "{}",
                    vector.name
                );
                written += 1;
            }
            None => {
                assert!(vector.must_fail, "{}: impossible", vector.name);
                impossible += 1;
            }
        }
    }
    println!(
        "Structured fields, RFC 9651: {} fields to read: {read} read and written canonically ({lenient} of \
         which may fail), {refused} refused as they should be; {} to write: {written} written, {impossible} that \
         cannot be made, as it should be; none left out",
        parsing.len(),
        writing.len()
    );
}

fn vectors(folder: &str) -> Vec<Vector> {
    let folder = crate::vectors().join("structured-fields").join(folder);
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    let vectors = files.iter().map(|file| -> Vec<Vector> {
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    });
    vectors.flatten().collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn key(value: &Value) -> Option<Key> {
    Key::from_string(value.as_str().unwrap().to_owned()).ok()
}

fn pairs<V, M: FromIterator<(Key, V)>>(
    value: &Value,
    read: impl Fn(&Value) -> Option<V>,
) -> Option<M> {
    let pairs = array(value)
        .iter()
        .map(|pair| Some((key(&pair[0])?, read(&pair[1])?)));
    pairs.collect()
}

fn entry(value: &Value) -> Option<ListEntry> {
    if value[0].is_array() {
        let items = array(&value[0]).iter().map(item).collect::<Option<_>>()?;
        Some(InnerList::with_params(items, parameters(&value[1])?).into())
    } else {
        item(value).map(ListEntry::Item)
    }
}

fn item(value: &Value) -> Option<Item> {
    Some(Item::with_params(bare(&value[0])?, parameters(&value[1])?))
}

fn parameters(value: &Value) -> Option<Parameters> {
    pairs(value, bare)
}

fn bare(value: &Value) -> Option<BareItem> {
    Some(match value {
        Value::Bool(value) => (*value).into(),
        Value::String(text) => sfv::String::from_string(text.clone()).ok()?.into(),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Integer::try_from(integer).ok()?.into(),
            None => Decimal::try_from(number.as_f64()?).ok()?.into(),
        },
        typed @ (Value::Null | Value::Array(_) | Value::Object(_)) => {
            let value = &typed["value"];
            match typed["__type"].as_str().unwrap() {
                "token" => Token::from_string(value.as_str().unwrap().to_owned())
                    .ok()?
                    .into(),
                "binary" => BareItem::ByteSequence(base32(value.as_str().unwrap())),
                "date" => Date::from_unix_seconds(Integer::try_from(value.as_i64()?).ok()?).into(),
                "displaystring" => BareItem::DisplayString(value.as_str().unwrap().to_owned()),
                other => panic!("an item of type `{other}`"),
            }
        }
    })
}

/// RFC 4648 §6, as the vectors have octets.
fn base32(text: &str) -> Vec<u8> {
    let (mut octets, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
    for digit in text.bytes().filter(|digit| *digit != b'=') {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'2'..=b'7' => digit - b'2' + 26,
            other => panic!("`{other}` is no digit"),
        };
        buffer = (buffer << 5 | u32::from(value)) & 0xFFF;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            octets.push(u8::try_from(buffer >> bits & 0xFF).unwrap());
        }
    }
    octets
}
