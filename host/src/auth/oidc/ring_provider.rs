//! Verifies signatures with `ring`, the cryptography of the one TLS stack, on behalf of `jsonwebtoken`.
//!
//! `jsonwebtoken`'s own backends would bring a second C library along, or `rsa` with RUSTSEC-2023-0071.

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    errors::{self, ErrorKind},
    signature::{self, Verifier},
};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes `jsonwebtoken` use this provider; must come before the first token.
pub(super) fn install() {
    // Whoever came first installed the same one.
    let _ = PROVIDER.install_default();
}

/// How `ring` verifies an algorithm.
#[derive(Clone, Copy)]
enum Scheme {
    Rsa(&'static RsaParameters),
    Ec(&'static dyn VerificationAlgorithm),
}

/// The algorithms with asymmetric keys that Keycloak signs by and `ring` verifies; nothing else is ever accepted.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "jsonwebtoken adds algorithms, and none is accepted unseen"
)]
fn scheme(algorithm: Algorithm) -> Option<Scheme> {
    match algorithm {
        Algorithm::RS256 => Some(Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA256)),
        Algorithm::RS384 => Some(Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA384)),
        Algorithm::RS512 => Some(Scheme::Rsa(&RSA_PKCS1_2048_8192_SHA512)),
        Algorithm::PS256 => Some(Scheme::Rsa(&RSA_PSS_2048_8192_SHA256)),
        Algorithm::PS384 => Some(Scheme::Rsa(&RSA_PSS_2048_8192_SHA384)),
        Algorithm::PS512 => Some(Scheme::Rsa(&RSA_PSS_2048_8192_SHA512)),
        Algorithm::ES256 => Some(Scheme::Ec(&ECDSA_P256_SHA256_FIXED)),
        Algorithm::ES384 => Some(Scheme::Ec(&ECDSA_P384_SHA384_FIXED)),
        _ => None,
    }
}

/// Whether tokens signed by `algorithm` are accepted at all.
pub(super) fn is_accepted(algorithm: Algorithm) -> bool {
    scheme(algorithm).is_some()
}

struct RingVerifier {
    algorithm: Algorithm,
    scheme: Scheme,
    key: DecodingKey,
}

fn verifier_factory(
    algorithm: &Algorithm,
    key: &DecodingKey,
) -> errors::Result<Box<dyn JwtVerifier>> {
    let scheme = scheme(*algorithm).ok_or(ErrorKind::UnsupportedAlgorithm)?;
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(RingVerifier {
        algorithm: *algorithm,
        scheme,
        key: key.clone(),
    }))
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let verified = match (self.scheme, self.key.kind()) {
            (Scheme::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            (Scheme::Ec(algorithm), DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(algorithm, point).verify(message, signature)
            }
            (Scheme::Rsa(_), DecodingKeyKind::SecretOrDer(_))
            | (Scheme::Ec(_), DecodingKeyKind::RsaModulusExponent { .. }) => {
                Err(ring::error::Unspecified)
            }
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
