//! Key sets that stay with their issuer.

use tidegate_shared::bundle::{KeyLocation, RemoteKeys};
use tidegate_shared::units::Span as TimeSpan;

use crate::diagnostic::Diagnostic;
use crate::lower::{Context, authority};
use crate::source::Spanned;
use crate::syntax;

const DEFAULT_REFRESH: u64 = 10 * 60_000;
/// More often, and issuers would call it an attack.
const MIN_REFRESH: u64 = 60_000;
const MAX_REFRESH: u64 = 24 * 3_600_000;
const DEFAULT_KEEP: u64 = 24 * 3_600_000;
const MAX_KEEP: u64 = 7 * 24 * 3_600_000;

pub(super) fn lower(
    remote: &Spanned<syntax::RemoteKeys>,
    issuer: &Spanned<String>,
    cx: &mut Context<'_>,
) -> Option<RemoteKeys> {
    let refresh = cx.time(remote.refresh.as_ref(), DEFAULT_REFRESH, MAX_REFRESH);
    let keep = cx.time(remote.keep.as_ref(), DEFAULT_KEEP, MAX_KEEP);
    if let Some(stated) = &remote.refresh
        && refresh.0 < MIN_REFRESH
    {
        let message = format!(
            "`{refresh}` is too often: at least {}",
            TimeSpan(MIN_REFRESH)
        );
        cx.error("invalid-value", stated.span, message);
    }
    if keep < refresh {
        let span = remote.keep.as_ref().map_or(remote.span, |keep| keep.span);
        let message = format!("`keep` is {keep}, less than `refresh`, which is {refresh}");
        cx.diagnostics.push(
            Diagnostic::error("invalid-value", span, message)
                .help("a set must stay in force until it is asked for anew"),
        );
    }
    Some(RemoteKeys {
        location: location(remote, issuer, cx)?,
        refresh,
        keep,
    })
}

fn location(
    remote: &Spanned<syntax::RemoteKeys>,
    issuer: &Spanned<String>,
    cx: &mut Context<'_>,
) -> Option<KeyLocation> {
    let discover = remote.discover.as_ref().is_some_and(|choice| choice.value);
    let (url, location) = match (&remote.url, discover) {
        (Some(url), false) => (url, KeyLocation::Set(url.value.clone())),
        (None, true) => {
            let base = issuer.value.trim_end_matches('/');
            let url = format!("{base}/.well-known/openid-configuration");
            (issuer, KeyLocation::Configuration(url))
        }
        (Some(_), true) | (None, false) => {
            let message = "a remote key set needs either `url: URL` or `discover: true`";
            cx.error("missing-field", remote.span, message);
            return None;
        }
    };
    authority::check(url, "keys", cx).then_some(location)
}
