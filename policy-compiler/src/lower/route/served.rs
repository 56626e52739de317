//! What a route serves: one field with methods for a name, or `methods` and `path`.

use http::Method;
use tidegate_shared::method::MethodSet;

use crate::source::Spanned;
use crate::syntax::Route;

/// The methods of a route and its path; `None` where it does not have exactly one of each.
pub(super) fn served(route: &Route) -> Option<(MethodSet, &Spanned<String>)> {
    let get = MethodSet::of(&Method::GET).union(MethodSet::of(&Method::HEAD));
    let listed = route.methods.as_ref().map(|methods| {
        let of = |method: &Method| {
            if *method == Method::GET {
                get
            } else {
                MethodSet::of(method)
            }
        };
        methods.iter().fold(MethodSet::EMPTY, |all, method| {
            all.union(of(&method.value.0))
        })
    });
    let given = [
        (route.get.as_deref(), get),
        (route.head.as_deref(), MethodSet::of(&Method::HEAD)),
        (route.post.as_deref(), MethodSet::of(&Method::POST)),
        (route.put.as_deref(), MethodSet::of(&Method::PUT)),
        (route.patch.as_deref(), MethodSet::of(&Method::PATCH)),
        (route.delete.as_deref(), MethodSet::of(&Method::DELETE)),
        (route.options.as_deref(), MethodSet::of(&Method::OPTIONS)),
        (route.any.as_deref(), MethodSet::ANY),
        (
            route.path.as_deref().filter(|_| listed.is_some()),
            listed.unwrap_or_default(),
        ),
    ];
    let mut given = given
        .into_iter()
        .filter_map(|(path, methods)| Some((methods, path?)));
    let only = given.next().filter(|(methods, _)| !methods.is_empty());
    only.filter(|_| given.next().is_none() && route.path.is_some() == route.methods.is_some())
}
