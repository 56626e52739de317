//! Signatures over requests to origins, in words.

use tidegate_shared::bundle::RequestSigning;

use super::{code, list};

pub(crate) fn signing(signing: Option<&RequestSigning>) -> String {
    let Some(signing) = signing else {
        return "not signed".to_owned();
    };
    let RequestSigning {
        key,
        algorithm,
        lifetime,
        fields,
    } = signing;
    let also = list(fields.iter().map(|name| code(name)));
    let also = if fields.is_empty() {
        String::new()
    } else {
        format!(", also over {also}")
    };
    format!(
        "signed with the secret {} by {}, good for {lifetime}{also}",
        code(key),
        algorithm.name()
    )
}
