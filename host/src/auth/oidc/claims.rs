//! What a token says of its owner, and when that is believed.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;

use crate::{
    auth::Caller,
    domain::{ProjectId, Timestamp},
};

use super::Refused;

/// No time later than this is one: the end of the year 9999, in seconds.
const END_OF_TIME: f64 = 253_402_300_799.0;

/// The members of a token's payload that matter here.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<Seconds>,
    nbf: Option<Seconds>,
    iat: Option<Seconds>,
    typ: Option<String>,
    preferred_username: Option<String>,
    realm_access: Option<RealmAccess>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
struct RealmAccess {
    #[serde(default)]
    roles: Vec<String>,
}

/// Seconds since 1970, perhaps with a fraction.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Seconds(f64);

impl Seconds {
    fn moment(self) -> Result<Timestamp, Refused> {
        if !(0.0..=END_OF_TIME).contains(&self.0) {
            return Err(Refused::BadTime);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the range was checked, and a fraction of a millisecond does not count"
        )]
        let ms = (self.0 * 1000.0) as i64;
        Ok(Timestamp::from_unix_ms(ms))
    }
}

/// What a token must say.
#[derive(Debug)]
pub(super) struct Rules {
    /// Of these, its `aud` must have one.
    pub(super) audience: Vec<String>,
    /// By how much clocks may differ.
    pub(super) leeway: Duration,
}

impl Rules {
    /// The caller whom the claims of a token of `realm`, whose issuer is `issuer`, are about, and the moment from which
    /// they are not believed anymore.
    pub(super) fn caller(
        &self,
        claims: Claims,
        issuer: &str,
        realm: &str,
        now: Timestamp,
    ) -> Result<(Caller, Timestamp), Refused> {
        if claims.iss != issuer {
            return Err(Refused::Issuer);
        }
        // Keycloak signs identity and refresh tokens with the same keys; only an access token lets in.
        if claims.typ.is_some_and(|typ| typ != "Bearer") {
            return Err(Refused::NotAccessToken);
        }
        let until = self.check_times(claims.exp, claims.nbf, claims.iat, now)?;
        // `azp` is whom the token was issued to, and does not say whom it is for.
        let is_for_us = match &claims.aud {
            None => false,
            Some(Audience::One(one)) => self.audience.contains(one),
            Some(Audience::Many(many)) => many.iter().any(|one| self.audience.contains(one)),
        };
        if !is_for_us {
            return Err(Refused::Audience(self.audience.join("`, `")));
        }
        let user_id = claims.sub.filter(|sub| !sub.is_empty());
        let user_id = user_id.ok_or(Refused::NoSubject)?;
        let roles = claims
            .realm_access
            .map_or_else(Vec::new, |realm| realm.roles);
        let caller = Caller {
            project_id: ProjectId::new(realm),
            user_id: Some(Arc::from(user_id)),
            user_name: claims.preferred_username.map(Arc::from),
            is_admin: roles.iter().any(|role| role == "admin"),
            roles,
            home: None,
        };
        Ok((caller, until))
    }

    fn check_times(
        &self,
        exp: Option<Seconds>,
        nbf: Option<Seconds>,
        iat: Option<Seconds>,
        now: Timestamp,
    ) -> Result<Timestamp, Refused> {
        let soon = now.after(self.leeway);
        let expires_at = exp.ok_or(Refused::NoExpiry)?.moment()?;
        let until = expires_at.after(self.leeway);
        if until <= now {
            return Err(Refused::Expired);
        }
        if let Some(nbf) = nbf
            && nbf.moment()? > soon
        {
            return Err(Refused::NotYet);
        }
        if let Some(iat) = iat {
            let issued_at = iat.moment()?;
            if issued_at > soon {
                return Err(Refused::NotYet);
            }
            if issued_at > expires_at {
                return Err(Refused::BadTime);
            }
        }
        Ok(until)
    }
}
