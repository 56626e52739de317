//! Who may call: scopes apart, which are cut as other texts are.

use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use super::super::Auth;
use super::distinct::{Distinct, Listed};

#[derive(Serialize_tuple, Deserialize_tuple)]
pub(super) struct Access {
    /// Without scopes.
    pub(super) auth: Auth,
    /// The scopes of each credential.
    pub(super) scopes: Vec<Vec<u32>>,
}

impl Access {
    pub(super) fn of<'r>(auth: &'r Auth, scopes: &mut Distinct<&'r str>) -> Self {
        let credentials = auth.credentials();
        let scopes = credentials
            .map(|credential| {
                let own = credential.scopes().iter();
                own.map(|scope| scopes.reference(scope)).collect()
            })
            .collect();
        let mut auth = auth.clone();
        auth.each_scopes(&mut |scopes| scopes.clear());
        Self { auth, scopes }
    }

    pub(super) fn read(self, scopes: &mut Listed<'_, String>) -> Option<Auth> {
        let mut auth = self.auth;
        let mut lists = self.scopes.into_iter();
        let mut whole = true;
        auth.each_scopes(&mut |own| {
            let list = lists.next().unwrap_or_default();
            let read = list.into_iter().map(|scope| scopes.at(scope).cloned());
            match read.collect() {
                Some(read) => *own = read,
                None => whole = false,
            }
        });
        whole.then_some(auth)
    }
}
