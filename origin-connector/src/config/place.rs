//! Where in a file a field stands, so that what is said of it can be found.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The line of a field as [`InvalidField`](super::InvalidField) names it, as `backend[1].address`.
/// Where the field is not written, the line of what it would be in.
pub(super) fn line(text: &str, field: &str) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut offset = None;
    for step in field.split('.') {
        let (name, index) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
            Some((name, index)) => (name, Some(index.parse().ok()?)),
            None => (step, None),
        };
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else {
            break;
        };
        let (start, value) = match index {
            None => (key.span().start, value),
            Some(index) => {
                let one = element(value, index)?;
                (one.span().start, one)
            }
        };
        offset = Some(start);
        match value.get_ref().as_table() {
            Some(inner) => table = inner,
            None => break,
        }
    }
    let before = text.get(..offset?)?;
    Some(before.matches('\n').count() + 1)
}

fn element<'v, 't>(
    value: &'v Spanned<DeValue<'t>>,
    index: usize,
) -> Option<&'v Spanned<DeValue<'t>>> {
    value.get_ref().as_array()?.get(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "listen = \"x\"\n\n[tls]\nmin_version = \"1\"\n[[backend]]\nname = \"a\"\n\
                        [[backend]]\nretry = { attempts = 0 }\n[backend.health]\npath = \"x\"\n";

    #[test]
    fn finds_fields_or_what_they_would_be_in() {
        for (field, expected) in [
            ("listen", Some(1)),
            ("tls.min_version", Some(4)),
            ("tls.expiry_notice", Some(3)),
            ("backend", Some(5)),
            ("backend[0].name", Some(6)),
            ("backend[1].name", Some(7)),
            ("backend[1].retry.attempts", Some(8)),
            ("backend[1].health.path", Some(10)),
            ("backend[2].name", None),
            ("mesh", None),
        ] {
            assert_eq!(line(TEXT, field), expected, "{field}");
        }
    }
}
