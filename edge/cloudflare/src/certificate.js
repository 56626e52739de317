// The client's certificate, as Cloudflare knows it.

// What Cloudflare states of a certificate that chains to an authority of the zone and is not
// revoked; undefined where there is none. All of it is stated as text:
// https://developers.cloudflare.com/ssl/client-certificates/client-certificate-variables/
function verified(request) {
  const certificate = request.cf?.tlsClientAuth;
  const holds =
    certificate?.certPresented === "1" &&
    certificate.certVerified === "SUCCESS" &&
    certificate.certRevoked === "0";
  return holds ? certificate : undefined;
}

// Its SHA-256 fingerprint, in hexadecimal digits.
export function fingerprint(request) {
  return verified(request)?.certFingerprintSHA256;
}

// The certificate itself (RFC 9440 §2.1); empty or undefined where it is too large to be told.
export function encoded(request) {
  return verified(request)?.certRFC9440;
}
