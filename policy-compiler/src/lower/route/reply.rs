//! Fixed replies.

use tidegate_shared::bundle::{self, HeaderEdits};

use crate::lower::{Context, headers};
use crate::source::Spanned;
use crate::syntax::Reply;

pub(super) fn lower(reply: &Spanned<Reply>, cx: &mut Context<'_>) -> Option<bundle::Reply> {
    let status = reply.status.as_ref().map_or(200, |status| status.value);
    if let Some(given) = reply
        .status
        .as_ref()
        .filter(|status| !(200..=599).contains(&status.value))
    {
        cx.error(
            "invalid-value",
            given.span,
            "a reply's status is 200 to 599",
        );
    }
    let mut edits = HeaderEdits::default();
    let (content_type, body) = match (&reply.json, &reply.text) {
        (Some(json), None) => (Some("application/json"), json.0.to_string()),
        (None, Some(text)) => (Some("text/plain; charset=utf-8"), text.value.clone()),
        (None, None) => (None, String::new()),
        (Some(_), Some(text)) => {
            cx.error(
                "invalid-value",
                text.span,
                "a reply has either `json` or `text`",
            );
            return None;
        }
    };
    if body.len() > bundle::bounds::REPLY_BODY {
        let most = bundle::bounds::REPLY_BODY;
        cx.error(
            "invalid-value",
            reply.span,
            format!("the body has {} octets, more than {most}", body.len()),
        );
    }
    if let Some(content_type) = content_type {
        edits
            .set
            .push(("content-type".to_owned(), content_type.to_owned()));
    }
    headers::set(&reply.headers, &mut edits.set, cx);
    Some(bundle::Reply {
        status: u16::try_from(status).unwrap_or(200),
        headers: edits.set,
        body: serde_bytes::ByteBuf::from(body.into_bytes()),
    })
}
