//! Fuzz targets of what callers and providers send: whole tokens, claims, key sets.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;

use super::{
    claims::{Claims, Rules},
    key_set::KeySet,
    ring_provider,
    token::Unverified,
};
use crate::{domain::Timestamp, fuzz::fuzz};

const ISSUER: &str = "https://sso.example/realms/blue";
const NOON: Timestamp = Timestamp::from_unix_ms(1_795_348_800_000);

const WORDS: &[&str] = &[
    "\n",
    ".",
    "{",
    "}",
    "[",
    ",",
    "null",
    "-1",
    "1e308",
    "9007199254740993",
    "\"alg\":",
    "\"none\"",
    "\"HS256\"",
    "\"ES256\"",
    "\"PS512\"",
    "\"kid\":",
    "\"crit\":",
    "\"jwk\":",
    "\"jku\":",
    "\"typ\":",
    "\"at+jwt\"",
    "\"iss\":",
    "\"aud\":",
    "\"zonda\"",
    "\"exp\":",
    "\"nbf\":",
    "\"iat\":",
    "\"sub\":",
    "\"realm_access\":",
    "\"roles\":",
    "\"admin\"",
    "\"keys\":",
    "\"kty\":",
    "\"crv\":",
    "\"P-384\"",
    "\"n\":",
    "\"e\":",
    "\"use\":",
    "\"enc\"",
    "\"key_ops\":",
    "\\ud800",
];

/// A token of three lines: header, payload and signature in the clear. Other text is left as it is.
fn token(text: &str) -> String {
    match text.splitn(3, '\n').collect::<Vec<_>>().as_slice() {
        [header, payload, signature] => {
            let parts = [header, payload, signature];
            parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
        }
        _ => text.to_owned(),
    }
}

#[test]
fn tokens() {
    ring_provider::install();
    let jwk = super::tests::Signer::new("a").jwk();
    let keys = KeySet::parse(serde_json::json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
    fuzz!(WORDS, |input: &[u8]| {
        let token = token(&String::from_utf8_lossy(input));
        let Ok(unverified) = Unverified::read(&token) else {
            return;
        };
        assert_eq!(token.split('.').count(), 3);
        assert!(ring_provider::is_accepted(unverified.algorithm));
        if let Ok(key) = keys.pick(&unverified.key_id, unverified.algorithm) {
            assert_eq!(unverified.algorithm, Algorithm::ES256);
            // Nobody has signed it.
            assert!(unverified.verify(key).is_err());
        }
    });
}

#[test]
fn claims() {
    let rules = Rules {
        audience: vec!["zonda".to_owned()],
        leeway: Duration::from_secs(30),
    };
    fuzz!(WORDS, |input: &[u8]| {
        let Ok(claims) = serde_json::from_slice::<Claims>(input) else {
            return;
        };
        if let Ok((caller, until)) = rules.caller(claims, ISSUER, "blue", NOON) {
            let text = String::from_utf8_lossy(input);
            assert!(until > NOON);
            assert_eq!(caller.project_id.as_str(), "blue");
            assert!(caller.user_id.is_some_and(|id| !id.is_empty()));
            assert!(caller.home.is_none());
            assert_eq!(caller.is_admin, caller.roles.contains(&"admin".to_owned()));
            assert!(text.contains("exp") || text.contains('\\'));
        }
    });
}

#[test]
fn key_sets() {
    ring_provider::install();
    let signer = super::tests::Signer::new("a");
    let header = serde_json::json!({"alg": "ES256", "kid": "a"});
    let token = signer.sign(&header, &serde_json::json!({"iss": ISSUER}));
    let unverified = Unverified::read(&token).unwrap();
    fuzz!(WORDS, |input: &[u8]| {
        let Some(keys) = KeySet::parse(input) else {
            return;
        };
        for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::RS256] {
            if let Ok(key) = keys.pick("a", algorithm) {
                assert!(keys.knows("a"));
                assert!(unverified.verify(key).is_err());
            }
        }
        for refused in [Algorithm::HS256, Algorithm::EdDSA] {
            assert!(keys.pick("a", refused).is_err());
        }
    });
}
