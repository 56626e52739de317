//! How much a signature must cover to be worth something.

use super::Component;

/// The signature could be taken over to another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooLittle {
    /// A `GET` could become a `DELETE`.
    #[error("it does not cover `@method`")]
    Method,
    /// It could be sent to another host, path, or with another query.
    #[error(
        "it does not cover all of the target: `@target-uri`, or `@authority` with `@request-target`, or `@authority`, `@path` and `@query`"
    )]
    Target,
}

/// Holds that the components fix the method and all of the target (RFC 9421 §7.2.1, §7.2.8).
///
/// # Errors
/// [`TooLittle`].
pub fn fixes_request<'c>(
    components: impl IntoIterator<Item = &'c Component>,
) -> Result<(), TooLittle> {
    let components: Vec<&Component> = components.into_iter().collect();
    let has = |wanted: &Component| components.contains(&wanted);
    let target = has(&Component::TargetUri)
        || has(&Component::Authority)
            && (has(&Component::RequestTarget) || has(&Component::Path) && has(&Component::Query));
    if !has(&Component::Method) {
        Err(TooLittle::Method)
    } else if !target {
        Err(TooLittle::Target)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_and_target_must_be_covered() {
        let check = |written: &str| {
            let components: Vec<Component> = written
                .split_whitespace()
                .map(|component| component.parse().unwrap())
                .collect();
            fixes_request(&components)
        };
        assert_eq!(check("@method @target-uri"), Ok(()));
        assert_eq!(check("@query @path @authority @method date"), Ok(()));
        assert_eq!(check("@method @authority @request-target"), Ok(()));
        assert_eq!(check("@target-uri"), Err(TooLittle::Method));
        for short in [
            "",
            " @path @query",
            " @authority @path",
            " @authority @query",
            " @scheme @request-target",
        ] {
            assert_eq!(
                check(&format!("@method{short}")),
                Err(TooLittle::Target),
                "{short}"
            );
        }
    }
}
