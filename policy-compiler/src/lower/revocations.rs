//! The list of what was revoked.

use tidegate_shared::bundle::{ListLocation, RevocationRules, WhenStale};
use tidegate_shared::trust::TrustKeys;

use super::{Context, authority, is_name};
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::Revocations;

/// Milliseconds that the list may be old.
const REFRESH: u64 = 30_000;
const MAX_REFRESH: u64 = 60 * 60_000;
/// The same while it cannot be had anew.
const KEEP: u64 = 5 * 60_000;
const MAX_KEEP: u64 = 24 * 60 * 60_000;

/// `None` where there is no list, or no key to verify it with.
pub(super) fn lower(list: &Spanned<Revocations>, cx: &mut Context<'_>) -> Option<RevocationRules> {
    let refresh = cx.time(list.refresh.as_ref(), REFRESH, MAX_REFRESH);
    let keep = cx.time(list.keep.as_ref(), KEEP.max(refresh.0), MAX_KEEP);
    if let Some(given) = list.keep.as_ref().filter(|_| keep < refresh) {
        let message = format!("`keep` is shorter than `refresh`, which is {refresh}");
        cx.error("invalid-value", given.span, message);
    }
    let location = location(list, cx);
    let trust = trust(&list.trust, cx);
    let when_stale = list.when_stale.as_ref();
    Some(RevocationRules {
        location: location?,
        trust: trust?,
        refresh,
        keep,
        when_stale: when_stale.map_or(WhenStale::Refuse, |when| when.value),
    })
}

fn location(list: &Spanned<Revocations>, cx: &mut Context<'_>) -> Option<ListLocation> {
    match (&list.store, &list.url) {
        (Some(store), None) => {
            if !is_name(store) {
                let message = format!("`{}` is not a name for a store", store.value);
                cx.error("invalid-value", store.span, message);
            }
            Some(ListLocation::Store(store.value.clone()))
        }
        (None, Some(url)) => {
            let safe = authority::check(url, "the list of revocations", cx);
            safe.then(|| ListLocation::Url(url.value.clone()))
        }
        (Some(_), Some(_)) | (None, None) => {
            let message = "a list of revocations needs either `store: NAME` or `url: URL`";
            cx.error("missing-field", list.span, message);
            None
        }
    }
}

fn trust(file: &Spanned<String>, cx: &mut Context<'_>) -> Option<String> {
    let content = cx.read(file)?;
    let text = String::from_utf8_lossy(&content).into_owned();
    match text.parse::<TrustKeys>() {
        Ok(_) => Some(text),
        Err(error) => {
            cx.diagnostics.push(
                Diagnostic::error("invalid-value", file.span, error.to_string())
                    .help("`tidegate keys new` makes a key, and its public half in a file `.pub`"),
            );
            None
        }
    }
}
