// The client's certificate, as Cloudflare knows it.

// The SHA-256 fingerprint, in hexadecimal digits, of a certificate that chains to an authority of
// the zone and is not revoked; undefined where there is none. Cloudflare states all of it as text:
// https://developers.cloudflare.com/ssl/client-certificates/client-certificate-variables/
export function fingerprint(request) {
  const certificate = request.cf?.tlsClientAuth;
  const holds =
    certificate?.certPresented === "1" &&
    certificate.certVerified === "SUCCESS" &&
    certificate.certRevoked === "0";
  return holds ? certificate.certFingerprintSHA256 : undefined;
}
