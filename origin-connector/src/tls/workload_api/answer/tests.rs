//! What an agent may say, octet by octet; whole answers are among the tests of the program.

use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, KeyUsagePurpose, SanType};

use super::*;

const ID: &str = "spiffe://bank.example/connector";

fn good() -> X509SvidResponse {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(ID.try_into().unwrap())];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().unwrap();
    let leaf = params.self_signed(&key).unwrap().der().to_vec();
    X509SvidResponse {
        svids: vec![X509Svid {
            spiffe_id: ID.to_owned(),
            x509_svid: [leaf.clone(), leaf.clone()].concat(),
            x509_svid_key: key.serialize_der(),
            bundle: leaf.clone(),
        }],
        crl: Vec::new(),
        federated_bundles: [
            ("spiffe://bank.example".to_owned(), leaf.repeat(3)),
            ("spiffe://edge.example".to_owned(), leaf.repeat(2)),
            ("spiffe://gone.example".to_owned(), Vec::new()),
        ]
        .into(),
    }
}

#[test]
fn an_answer_has_identities_and_authorities_by_trust_domain() {
    let answer = Answer::read(&good().encode_to_vec()).unwrap();
    let [svid] = answer.svids.as_slice() else {
        panic!("{answer:?}");
    };
    assert_eq!(svid.id.as_str(), ID);
    assert_eq!(svid.chain.len(), 2);
    let bundles = answer.bundles.iter();
    let bundles: Vec<(&str, usize)> = bundles
        .map(|(domain, bundle)| (domain.as_str(), bundle.len()))
        .collect();
    // Its own bundle is the identity's; one without authorities is none.
    assert_eq!(bundles, [("bank.example", 1), ("edge.example", 2)]);
}

#[test]
fn no_key_is_ever_written() {
    let response = good();
    let octets = format!("{:?}", response.svids[0].x509_svid_key);
    let written = format!("{response:?} {:?}", Answer::read(&response.encode_to_vec()));
    assert!(!written.contains(octets.trim_matches(['[', ']'])));
}

proptest! {
    #[test]
    fn nothing_that_is_cut_or_changed_brings_it_down(at in 0_usize..4000, octet: u8, cut: bool) {
        let mut octets = good().encode_to_vec();
        let at = at % octets.len();
        octets[at] = octet;
        if cut {
            octets.truncate(at);
        }
        let _ = Answer::read(&octets);
    }
}
