//! A realm's public keys, and which of them may verify what.

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::{Refused, ring_provider};

/// The keys for signatures in a JSON Web Key Set.
#[derive(Debug)]
pub(super) struct KeySet(Vec<SigningKey>);

#[derive(Debug)]
struct SigningKey {
    id: String,
    kind: Kind,
    /// The only algorithm that it is for, if it says so.
    algorithm: Option<KeyAlgorithm>,
    key: DecodingKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
}

impl KeySet {
    /// The keys of `document`; those that are not for signatures, or of an unknown kind, are left out. None when it is
    /// no key set.
    pub(super) fn parse(document: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document = serde_json::from_slice(document).ok()?;
        let keys = document.keys.into_iter();
        Some(Self(
            keys.filter_map(|key| SigningKey::new(&serde_json::from_value(key).ok()?))
                .collect(),
        ))
    }

    /// Whether a key has this id.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id == id)
    }

    /// The key with this id, for this algorithm.
    pub(super) fn pick(&self, id: &str, algorithm: Algorithm) -> Result<&DecodingKey, Refused> {
        if !self.knows(id) {
            return Err(Refused::UnknownKey);
        }
        self.0
            .iter()
            .find(|key| key.id == id && key.is_for(algorithm))
            .map(|key| &key.key)
            .ok_or(Refused::KeyOfOtherAlgorithm)
    }
}

impl SigningKey {
    fn new(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let is_for_signatures =
            matches!(common.public_key_use, None | Some(PublicKeyUse::Signature))
                && common
                    .key_operations
                    .as_ref()
                    .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        let kind = kind(&jwk.algorithm)?;
        is_for_signatures.then_some(())?;
        Some(Self {
            id: common.key_id.clone()?,
            kind,
            algorithm: common.key_algorithm,
            key: DecodingKey::from_jwk(jwk).ok()?,
        })
    }

    fn is_for(&self, algorithm: Algorithm) -> bool {
        let fits = match self.kind {
            Kind::Rsa => {
                algorithm.family() == self.key.family() && ring_provider::is_accepted(algorithm)
            }
            Kind::P256 => algorithm == Algorithm::ES256,
            Kind::P384 => algorithm == Algorithm::ES384,
        };
        fits && self
            .algorithm
            .is_none_or(|only| only == KeyAlgorithm::from(algorithm))
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "jsonwebtoken adds kinds of keys, and none is used unseen"
)]
fn kind(parameters: &AlgorithmParameters) -> Option<Kind> {
    match parameters {
        AlgorithmParameters::RSA(_) => Some(Kind::Rsa),
        AlgorithmParameters::EllipticCurve(ec) => match ec.curve {
            EllipticCurve::P256 => Some(Kind::P256),
            EllipticCurve::P384 => Some(Kind::P384),
            _ => None,
        },
        _ => None,
    }
}
