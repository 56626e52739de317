//! The proofs of RFC 9449 itself.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::Method;
use tidegate_edge::dpop::{self, Address, InvalidProof, Proof, Purpose};
use tidegate_shared::time::UnixMillis;

use super::*;

/// §7.1, figure 12.
const PROOF: &str = concat!(
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo",
    "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERW",
    "clUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1",
    "IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwi",
    "YXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey7",
    "1EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
);
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

fn verify(proof: &str, key: &str) -> Result<Proof, InvalidProof> {
    let world = World::new();
    world.now.set(UnixMillis(1_562_262_618_000));
    let address = Address::parse("https://resource.example.org/protectedresource").unwrap();
    let purpose = Purpose {
        key: Digest(decode(key).try_into().unwrap()),
        method: &Method::GET,
        address: &address,
        token: TOKEN,
        leeway: 0,
    };
    let mut future = pin!(dpop::verify(proof, &purpose, &world));
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(verified) => verified,
        Poll::Pending => panic!("nothing here is asynchronous"),
    }
}

#[test]
fn the_example_of_a_request_to_a_resource_holds() {
    // §6.1.
    let key = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let expected = Proof {
        id: "e1j3V_bKic8-LAEB".to_owned(),
        nonce: None,
        ends: 1_562_262_678,
    };
    assert_eq!(verify(PROOF, key), Ok(expected));
    let other = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    assert_eq!(verify(PROOF, other), Err(InvalidProof::OtherKey));
}
