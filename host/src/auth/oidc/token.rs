//! A token as it comes: what its header may be, and which realm's which key must have signed it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, de::DeserializeOwned, de::IgnoredAny};

use super::{Refused, claims::Claims, ring_provider};

/// A token whose signature is still to be verified. Nothing of it is believed; it only says where to look.
#[derive(Debug)]
pub(super) struct Unverified<'a> {
    token: &'a str,
    /// How it says it is signed: one of those that are accepted.
    pub(super) algorithm: Algorithm,
    /// The id of the key that it says has signed it.
    pub(super) key_id: String,
    /// Who it says has issued it.
    pub(super) issuer: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
    jku: Option<IgnoredAny>,
    jwk: Option<IgnoredAny>,
    x5u: Option<IgnoredAny>,
    x5c: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Issuer {
    iss: Option<String>,
}

impl<'a> Unverified<'a> {
    /// Reads header and issuer of `token`.
    pub(super) fn read(token: &'a str) -> Result<Self, Refused> {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Refused::NotJwt);
        };
        let header: Header = json(header)?;
        let algorithm = header.alg.parse().ok();
        let algorithm = algorithm
            .filter(|algorithm| ring_provider::is_accepted(*algorithm))
            .ok_or(Refused::Algorithm)?;
        if header.crit.is_some() {
            return Err(Refused::Critical);
        }
        // A key that comes with the token proves nothing, and a URL in it is never followed.
        if header.jku.is_some()
            || header.jwk.is_some()
            || header.x5u.is_some()
            || header.x5c.is_some()
        {
            return Err(Refused::OwnKey);
        }
        if header.typ.is_some_and(|typ| {
            !["jwt", "at+jwt", "application/at+jwt"].contains(&typ.to_ascii_lowercase().as_str())
        }) {
            return Err(Refused::NotAccessToken);
        }
        let issuer: Issuer = json(payload).map_err(|_| Refused::BadClaims)?;
        Ok(Self {
            token,
            algorithm,
            key_id: header.kid.ok_or(Refused::NoKeyId)?,
            issuer: issuer.iss.ok_or(Refused::Issuer)?,
        })
    }

    /// The claims, if `key` has signed them.
    pub(super) fn verify(&self, key: &DecodingKey) -> Result<Claims, Refused> {
        // Claims have rules of their own here, which ask the host's clock.
        let mut validation = Validation::new(self.algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        jsonwebtoken::decode::<IgnoredAny>(self.token, key, &validation)
            .map_err(|_| Refused::Signature)?;
        let payload = self.token.split('.').nth(1).ok_or(Refused::NotJwt)?;
        json(payload).map_err(|_| Refused::BadClaims)
    }
}

fn json<T: DeserializeOwned>(part: &str) -> Result<T, Refused> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::NotJwt)?;
    serde_json::from_slice(&bytes).map_err(|_| Refused::NotJwt)
}
