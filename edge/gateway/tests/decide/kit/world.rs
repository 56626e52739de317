//! What there is beside the gateway.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tidegate_edge::{
    Decision, FetchBounds, Forward, Gateway, PortError, Ports, Refreshed, Reply, State, signature,
};
use tidegate_limits::{Answer, Authority, Question};
use tidegate_shared::bundle::{Algorithm, KeyMaterial};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::Span;

use super::request::Request;
use super::{NOW, problem};

/// A world with a settable clock, four secrets, documents to fetch, and signatures in software.
pub(crate) struct World {
    pub(crate) now: Cell<UnixMillis>,
    pub(crate) state: State,
    /// What lies at each address, which a token may follow; what does not fails.
    pub(crate) documents: RefCell<BTreeMap<String, String>>,
    /// The same of what is no text.
    pub(crate) files: RefCell<BTreeMap<String, Vec<u8>>>,
    /// How often any was asked for.
    pub(crate) fetches: Cell<usize>,
    /// What the store `kv` has; `None` while it cannot be reached.
    pub(crate) store: RefCell<Option<BTreeMap<String, Vec<u8>>>>,
    /// How often it was asked.
    pub(crate) lookups: Cell<usize>,
    /// Signatures of key pairs that were checked.
    pub(crate) verifications: Cell<usize>,
    /// The authority of limits.
    pub(crate) authority: Shared<Authority>,
    /// What it does in place of answering.
    pub(crate) fault: Cell<Option<Fault>>,
    /// How often it was asked.
    pub(crate) asked: Cell<usize>,
}

pub(crate) type Shared<T> = Rc<RefCell<T>>;

/// What is wrong with an authority.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// It cannot be reached.
    Away,
    /// It never answers.
    Silent,
    /// It answers with this, whatever was asked.
    Says(Answer),
}

pub(crate) const SECRET: &[u8] = b"a secret of at least 32 octets, really";

/// The secret of somebody else.
pub(crate) const OTHER_SECRET: &[u8] = b"another secret of at least 32 octets";

/// An octet too short for HS256.
pub(crate) const WEAK_SECRET: &[u8] = b"a secret of thirty-one octets!!";

/// A pair of keys for signatures over requests.
pub(crate) fn pair() -> SigningKey {
    SigningKey::from_seed([5; 32])
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            now: Cell::new(NOW),
            state: State::new([9; 16]),
            documents: RefCell::default(),
            files: RefCell::default(),
            fetches: Cell::new(0),
            store: RefCell::new(Some(BTreeMap::new())),
            lookups: Cell::new(0),
            verifications: Cell::new(0),
            authority: Rc::new(RefCell::new(Authority::new(1_000))),
            fault: Cell::new(None),
            asked: Cell::new(0),
        }
    }

    pub(crate) fn decide(&self, gateway: &Gateway, request: &Request) -> Decision {
        ready(gateway.decide(&self.state, self, request))
    }

    /// What the adapter does behind the requests.
    pub(crate) fn refresh(&self, gateway: &Gateway) -> Vec<Refreshed> {
        ready(gateway.refresh(&self.state, self))
    }

    /// What the adapter does for leases: carries what is due to the authorities.
    pub(crate) fn carry(&self) {
        while let Some(due) = self.state.next_renewal() {
            // What came of it shows in the next request.
            let _ = ready(due.carry(self));
        }
    }

    pub(crate) fn pass(&self, time: Span) {
        self.now.set(self.now.get().plus(time.0));
    }

    pub(crate) fn reply(&self, gateway: &Gateway, request: &Request) -> Reply {
        match self.decide(gateway, request) {
            Decision::Respond(reply, _) => reply,
            Decision::Forward(forward) => panic!("forwarded: {forward:?}"),
        }
    }

    pub(crate) fn forward(&self, gateway: &Gateway, request: &Request) -> Forward {
        match self.decide(gateway, request) {
            Decision::Forward(forward) => forward,
            Decision::Respond(reply, _) => panic!("answered: {reply:?}"),
        }
    }

    /// What a request comes to, in a word or two: `forward`, `200`, or `404 route-not-found`.
    pub(crate) fn verdict(&self, gateway: &Gateway, request: &Request) -> String {
        match self.decide(gateway, request) {
            Decision::Forward(_) => "forward".to_owned(),
            Decision::Respond(reply, _) => match problem(&reply) {
                Some(problem) => format!("{} {problem}", reply.status),
                None => reply.status.to_string(),
            },
        }
    }
}

pub(crate) fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here is asynchronous"),
    }
}

impl Ports for World {
    fn now(&self) -> UnixMillis {
        self.now.get()
    }

    fn entropy(&self) -> [u8; 24] {
        std::array::from_fn(|index| u8::try_from(index + 1).unwrap())
    }

    fn secret(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        match name {
            "legacy" => Some(Cow::Borrowed(SECRET)),
            "other" => Some(Cow::Borrowed(OTHER_SECRET)),
            "pair" => Some(Cow::Owned(pair().to_secret_text().into_bytes())),
            "weak" => Some(Cow::Borrowed(WEAK_SECRET)),
            _ => None,
        }
    }

    async fn verify(
        &self,
        algorithm: Algorithm,
        key: &KeyMaterial,
        message: &[u8],
        octets: &[u8],
    ) -> Result<bool, PortError> {
        self.verifications.set(self.verifications.get() + 1);
        Ok(signature::verify(algorithm, key, message, octets))
    }

    async fn credential(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        assert_eq!(store, "kv");
        self.lookups.set(self.lookups.get() + 1);
        let store = self.store.borrow();
        let records = store.as_ref().ok_or(PortError("no answer".to_owned()))?;
        Ok(records.get(key).cloned())
    }

    async fn authority(&self, question: &Question, _: Span) -> Result<Answer, PortError> {
        self.asked.set(self.asked.get() + 1);
        match self.fault.get() {
            None => {
                let answer = self.authority.borrow_mut().answer(question, self.now.get());
                answer.map_err(|error| PortError(error.to_string()))
            }
            Some(Fault::Away) => Err(PortError("connection refused".to_owned())),
            Some(Fault::Silent) => std::future::pending().await,
            Some(Fault::Says(answer)) => Ok(answer),
        }
    }

    async fn fetch(
        &self,
        request: http::Request<Vec<u8>>,
        bounds: FetchBounds,
    ) -> Result<http::Response<Vec<u8>>, PortError> {
        self.fetches.set(self.fetches.get() + 1);
        if let Some(file) = self.files.borrow().get(&request.uri().to_string()) {
            return Ok(http::Response::new(file.clone()));
        }
        let documents = self.documents.borrow();
        // What is asked with a form depends on the token in it.
        let form = form_urlencoded::parse(request.body());
        let token = form.into_iter().find(|(name, _)| name == "token");
        let address = match token {
            Some((_, token)) => format!("{} {token}", request.uri()),
            None => request.uri().to_string(),
        };
        let document = documents.get(&address);
        let document = document.ok_or(PortError("connection refused".to_owned()))?;
        if document.len() > bounds.octets {
            return Err(PortError("too large".to_owned()));
        }
        // A number alone is a status.
        let response = match document.parse() {
            Ok(status) => http::Response::builder()
                .status::<u16>(status)
                .body(Vec::new()),
            Err(_) => Ok(http::Response::new(document.clone().into_bytes())),
        };
        Ok(response.unwrap())
    }
}
