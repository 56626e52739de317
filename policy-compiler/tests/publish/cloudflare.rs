//! A stand-in for Cloudflare's API.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Stands in for Cloudflare's API of Workers KV: values, pages of two keys, a token. It is no
/// more than what the API's documentation says; KV itself was not asked.
#[derive(Debug, Default)]
pub(crate) struct FakeApi {
    pub(crate) values: Mutex<BTreeMap<String, Vec<u8>>>,
    /// How many calls fail before one succeeds.
    pub(crate) overloaded: Mutex<usize>,
}

impl FakeApi {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let respond = |status, body: Vec<u8>| {
            let mut response = Response::new(Full::from(body));
            *response.status_mut() = status;
            response
        };
        if request
            .headers()
            .get("authorization")
            .is_none_or(|token| token != "Bearer right")
        {
            return respond(StatusCode::FORBIDDEN, vec![]);
        }
        {
            let mut overloaded = self.overloaded.lock().unwrap();
            if *overloaded > 0 {
                *overloaded -= 1;
                return respond(StatusCode::TOO_MANY_REQUESTS, vec![]);
            }
        }
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let rest = path
            .strip_prefix("/accounts/a1/storage/kv/namespaces/b2/")
            .unwrap();
        if rest == "keys" {
            let query = head.uri.query().unwrap_or_default();
            return respond(StatusCode::OK, self.page(query));
        }
        let key = rest.strip_prefix("values/").unwrap().replace("%2F", "/");
        let body = body.collect().await.unwrap().to_bytes();
        let mut values = self.values.lock().unwrap();
        match head.method {
            Method::PUT => {
                values.insert(key, body.to_vec());
                respond(StatusCode::OK, br#"{"success":true}"#.to_vec())
            }
            _ => match values.get(&key) {
                Some(value) => respond(StatusCode::OK, value.clone()),
                None => respond(StatusCode::NOT_FOUND, vec![]),
            },
        }
    }

    fn page(&self, query: &str) -> Vec<u8> {
        let query: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
        let (prefix, cursor) = (&*query["prefix"], &*query["cursor"]);
        let values = self.values.lock().unwrap();
        let below = values
            .keys()
            .filter(|key| key.starts_with(prefix) && key.as_str() > cursor);
        let keys: Vec<_> = below.take(2).collect();
        let next = keys
            .last()
            .filter(|_| keys.len() == 2)
            .map_or("", |key| key);
        let names: Vec<_> = keys
            .iter()
            .map(|key| serde_json::json!({ "name": key }))
            .collect();
        let page = serde_json::json!({ "result": names, "result_info": { "cursor": next } });
        page.to_string().into_bytes()
    }

    /// Serves it.
    pub(crate) async fn start(self: &Arc<Self>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let api = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let api = Arc::clone(&api);
                let service = service_fn(move |request| {
                    let api = Arc::clone(&api);
                    async move { Ok::<_, Infallible>(api.answer(request).await) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        address
    }
}
