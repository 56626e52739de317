//! APIs and their routes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tidegate_shared::host::HostPattern;
use tidegate_shared::units::Span as TimeSpan;

use super::{Auth, CorsChoice, Method, WhenChoice};
use crate::decode::{Decode, Json, Named, Parsed, record};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;
use crate::yaml::{Kind, Node};

record! {
    /// An API: routes below a base path. What it says holds for each route that does not say
    /// otherwise.
    struct Api {
        /// The path before every route's; `/` if absent.
        base: Option<Spanned<String>>,
        /// The hosts, where they are not the policy's.
        hosts: Option<Vec<Parsed<HostPattern>>>,
        /// Who may call.
        auth: Option<Auth>,
        /// What must hold of a request, in CEL, beside the credential.
        when: Option<WhenChoice>,
        /// The limits that hold together.
        limit: Option<Vec<Spanned<String>>>,
        /// The upstream that answers.
        to: Option<Spanned<String>>,
        /// Which pages of other origins may call.
        cors: Option<CorsChoice>,
        /// Changes to header fields.
        headers: Option<Spanned<Headers>>,
        /// The path that the origin gets.
        rewrite: Option<Spanned<Rewrite>>,
        /// The time until the response head.
        timeout: Option<Parsed<TimeSpan>>,
        /// The routes.
        routes: Vec<Spanned<Route>>,
    }
}

record! {
    /// A route: one of the method fields with a path, or `methods` and `path`.
    struct Route {
        /// The name in records; made of API, method and path if absent.
        name: Option<Box<Spanned<String>>>,
        /// GET and HEAD on this path.
        get: Option<Box<Spanned<String>>>,
        /// HEAD on this path.
        head: Option<Box<Spanned<String>>>,
        /// POST on this path.
        post: Option<Box<Spanned<String>>>,
        /// PUT on this path.
        put: Option<Box<Spanned<String>>>,
        /// PATCH on this path.
        patch: Option<Box<Spanned<String>>>,
        /// DELETE on this path.
        delete: Option<Box<Spanned<String>>>,
        /// OPTIONS on this path.
        options: Option<Box<Spanned<String>>>,
        /// Every method on this path.
        any: Option<Box<Spanned<String>>>,
        /// Several methods, on `path`.
        methods: Option<Vec<Parsed<Method>>>,
        /// The path of `methods`.
        path: Option<Box<Spanned<String>>>,
        /// What must hold of headers and query.
        conditions as "match": Option<Box<Match>>,
        /// Who may call.
        auth: Option<Auth>,
        /// What must hold of a request, in CEL, beside the credential.
        when: Option<Box<WhenChoice>>,
        /// The limits that hold together.
        limit: Option<Vec<Spanned<String>>>,
        /// The upstream that answers.
        to: Option<Spanned<String>>,
        /// A fixed reply.
        reply: Option<Box<Spanned<Reply>>>,
        /// The path that the origin gets.
        rewrite: Option<Box<Spanned<Rewrite>>>,
        /// Changes to header fields.
        headers: Option<Box<Spanned<Headers>>>,
        /// Which pages of other origins may call.
        cors: Option<Box<CorsChoice>>,
        /// The time until the response head.
        timeout: Option<Parsed<TimeSpan>>,
    }
}

record! {
    /// What must hold of headers and query.
    struct Match {
        /// Of header fields.
        headers: Named<TestOf>,
        /// Of query parameters.
        query: Named<TestOf>,
    }
}

/// What must hold of a field: an exact text, `{ regex: … }` or `{ present: true }`.
#[derive(Clone, Debug)]
pub(crate) enum TestOf {
    Exact(String),
    Regex(Spanned<String>),
    Present,
}

record! {
    /// The long form of a test.
    struct TestForm {
        /// All of the value matches.
        regex: Option<Spanned<String>>,
        /// The field is there.
        present: Option<Spanned<bool>>,
    }
}

impl Decode for TestOf {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        if !matches!(node.kind, Kind::Mapping(_)) {
            return Spanned::<String>::decode(node, diagnostics)
                .map(|text| Self::Exact(text.value));
        }
        let span = node.span;
        let form = TestForm::decode(node, diagnostics)?;
        match (form.regex, form.present) {
            (Some(regex), None) => Some(Self::Regex(regex)),
            (None, Some(present)) if present.value => Some(Self::Present),
            (Some(_), Some(_)) | (None, Some(_) | None) => {
                let message = "a test is a text, `{ regex: … }` or `{ present: true }`";
                diagnostics.push(Diagnostic::error("invalid-value", span, message));
                None
            }
        }
    }
}

impl JsonSchema for TestOf {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("TestOf")
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, generator.subschema_for::<TestForm>()] })
    }
}

record! {
    /// Changes to header fields.
    struct Headers {
        /// Of the request, towards the origin.
        request: Option<HeaderChanges>,
        /// Of the response, towards the client.
        response: Option<HeaderChanges>,
    }
}

record! {
    /// Changes to header fields: removed, then set, then added.
    struct HeaderChanges {
        /// Set, whatever was there.
        set: Named<Spanned<String>>,
        /// Added to what is there.
        add: Named<Spanned<String>>,
        /// Removed.
        remove: Vec<Spanned<String>>,
    }
}

record! {
    /// A fixed reply.
    struct Reply {
        /// The status; 200 if absent.
        status: Option<Spanned<u64>>,
        /// Header fields.
        headers: Named<Spanned<String>>,
        /// A JSON body.
        json: Option<Json>,
        /// A text body.
        text: Option<Spanned<String>>,
    }
}

record! {
    /// The path that the origin gets.
    struct Rewrite {
        /// The whole path; `{name}` stands for a parameter, `{*}` for what a prefix left over.
        path: Option<Spanned<String>>,
        /// What stands in the place of the API's base.
        base: Option<Spanned<String>>,
    }
}
