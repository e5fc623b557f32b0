use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::join_all;
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, KeyPair as _,
    },
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::openstack::fake::{Fake, Response, Seen, SetClock, answer, with_header};

const NOON: i64 = 1_795_348_800;
const CERTS: &str = "/realms/blue/protocol/openid-connect/certs";

/// A key pair and its id.
pub(super) struct Signer {
    id: &'static str,
    algorithm: &'static str,
    curve: &'static str,
    pair: EcdsaKeyPair,
}

impl Signer {
    pub(super) fn new(id: &'static str) -> Self {
        Self::of(id, "ES256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING)
    }

    fn p384(id: &'static str) -> Self {
        Self::of(id, "ES384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING)
    }

    fn of(
        id: &'static str,
        algorithm: &'static str,
        curve: &'static str,
        signing: &'static EcdsaSigningAlgorithm,
    ) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(signing, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(signing, pkcs8.as_ref(), &random).unwrap();
        Self {
            id,
            algorithm,
            curve,
            pair,
        }
    }

    pub(super) fn jwk(&self) -> Value {
        let point = &self.pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        json!({
            "kty": "EC", "crv": self.curve, "kid": self.id, "use": "sig", "alg": self.algorithm,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }

    fn header(&self) -> Value {
        json!({"alg": self.algorithm, "kid": self.id, "typ": "JWT"})
    }

    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = self
            .pair
            .sign(&SystemRandom::new(), message.as_bytes())
            .unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&self.header(), claims)
    }
}

fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// `base` with the members of `changes`; a null takes one out.
fn with(mut base: Value, changes: &Value) -> Value {
    let members = base.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    base
}

/// A provider whose realms `blue` and `red` have the keys that a test gives them.
struct Provider {
    fake: Fake,
    keys: Arc<Mutex<Vec<(String, Value)>>>,
    is_down: Arc<AtomicBool>,
    clock: Arc<SetClock>,
}

impl Provider {
    async fn start() -> Self {
        let keys: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let is_down = Arc::new(AtomicBool::new(false));
        let (known, down) = (keys.clone(), is_down.clone());
        let fake = Fake::start(move |_: &str, seen: &Seen| {
            if down.load(Ordering::Relaxed) {
                return answer(502, &json!({}));
            }
            let known = known.lock().unwrap();
            let found = known
                .iter()
                .find(|(realm, _)| seen.path == CERTS.replace("blue", realm));
            match found {
                Some((_, keys)) => answer(200, &json!({"keys": keys})),
                None => answer(404, &json!({"error": "Realm does not exist"})),
            }
        })
        .await;
        Self {
            fake,
            keys,
            is_down,
            clock: SetClock::at("2026-11-22T12:00:00Z"),
        }
    }

    fn set(&self, realm: &str, keys: Value) {
        let mut known = self.keys.lock().unwrap();
        known.retain(|(name, _)| name != realm);
        known.push((realm.to_owned(), keys));
    }

    fn settings(&self) -> OidcSettings {
        OidcSettings {
            issuer_url: Some(self.fake.url.clone()),
            audience: vec!["zonda".into(), "other".into()],
            ..OidcSettings::default()
        }
    }

    fn authenticator(&self) -> OidcAuthenticator {
        OidcAuthenticator::new(&self.settings(), self.clock.clone()).unwrap()
    }

    fn claims(&self, changes: &Value) -> Value {
        let claims = json!({
            "iss": format!("{}/realms/blue", self.fake.url), "aud": ["account", "zonda"], "azp": "cli",
            "exp": NOON + 300, "iat": NOON, "sub": "u-1", "typ": "Bearer", "preferred_username": "ann",
            "realm_access": {"roles": ["member"]},
        });
        with(claims, changes)
    }
}

async fn call(oidc: &OidcAuthenticator, token: &str) -> Result<Arc<Caller>, Error> {
    let mut headers = HeaderMap::new();
    headers.insert("x-auth-token", token.parse().unwrap());
    oidc.authenticate(&headers).await
}

async fn refusal(oidc: &OidcAuthenticator, token: &str) -> String {
    match call(oidc, token).await {
        Err(Error::Unauthorized(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_caller_is_who_the_token_says_in_the_project_that_is_its_realm() {
    let (provider, key, larger) = (Provider::start().await, Signer::new("a"), Signer::p384("b"));
    provider.set("blue", json!([key.jwk(), larger.jwk()]));
    let oidc = provider.authenticator();
    let caller = call(&oidc, &key.token(&provider.claims(&json!({}))))
        .await
        .unwrap();
    assert_eq!(caller.project_id.as_str(), "blue");
    assert_eq!(caller.user_id.as_deref(), Some("u-1"));
    assert_eq!(caller.user_name.as_deref(), Some("ann"));
    assert_eq!(caller.roles, ["member"]);
    assert!(!caller.is_admin && caller.home.is_none());
    for (roles, is_admin) in [
        (json!({"roles": ["x", "admin"]}), true),
        (json!({"roles": ["Admin", "administrator"]}), false),
        (json!({}), false),
    ] {
        let claims = provider.claims(&json!({"realm_access": roles, "aud": "other"}));
        let caller = call(&oidc, &larger.token(&claims)).await.unwrap();
        assert_eq!(caller.is_admin, is_admin, "{claims}");
    }
    assert_eq!(provider.fake.seen(CERTS).len(), 1);
}

#[tokio::test]
async fn claims_that_are_not_as_they_must_be_are_refused() {
    let (provider, key) = (Provider::start().await, Signer::new("a"));
    provider.set("blue", json!([key.jwk()]));
    let oidc = provider.authenticator();
    for (changes, reason) in [
        (json!({"exp": null}), "no `exp`"),
        (json!({"exp": NOON - 30}), "has expired"),
        (json!({"exp": -1}), "no proper time"),
        (json!({"exp": 1e300}), "no proper time"),
        (json!({"exp": "soon"}), "types"),
        (json!({"nbf": NOON + 31}), "not valid yet"),
        (json!({"iat": NOON + 31}), "not valid yet"),
        (json!({"iat": NOON - 5, "exp": NOON - 10}), "no proper time"),
        (json!({"aud": null}), "`aud` has none of `zonda`, `other`"),
        (json!({"aud": "account"}), "`aud` has none of"),
        (json!({"aud": []}), "`aud` has none of"),
        (json!({"aud": {"zonda": 1}}), "types"),
        // Whom the token was issued to says nothing of whom it is for.
        (json!({"aud": null, "azp": "zonda"}), "`aud` has none of"),
        (json!({"typ": "ID"}), "no access token"),
        (json!({"typ": "Refresh"}), "no access token"),
        (json!({"sub": null}), "no `sub`"),
        (json!({"sub": ""}), "no `sub`"),
        (json!({"realm_access": {"roles": "admin"}}), "types"),
        (json!({"iss": null}), "`iss`"),
    ] {
        let token = key.token(&provider.claims(&changes));
        let refused = refusal(&oidc, &token).await;
        assert!(refused.contains(reason), "{changes}: {refused}");
    }
    // Clocks may differ by the leeway.
    for changes in [
        json!({"exp": NOON - 29, "iat": NOON - 100}),
        json!({"nbf": NOON + 30, "iat": NOON + 30}),
        json!({"exp": f64::from(NOON as i32) + 0.5, "typ": null}),
    ] {
        let token = key.token(&provider.claims(&changes));
        assert!(call(&oidc, &token).await.is_ok(), "{changes}");
    }
}

#[tokio::test]
async fn headers_that_are_not_as_they_must_be_are_refused() {
    let (provider, key) = (Provider::start().await, Signer::new("a"));
    provider.set("blue", json!([key.jwk()]));
    let oidc = provider.authenticator();
    let claims = provider.claims(&json!({}));
    for (changes, reason) in [
        (json!({"alg": "none"}), "not signed by"),
        (json!({"alg": "HS256"}), "not signed by"),
        (json!({"alg": "EdDSA"}), "not signed by"),
        (json!({"alg": "es256"}), "not signed by"),
        (json!({"alg": null}), "no signed JWT"),
        (json!({"alg": "RS256"}), "does not fit"),
        (json!({"alg": "ES384"}), "does not fit"),
        (json!({"kid": null}), "no `kid`"),
        (json!({"kid": "b"}), "none of its realm's keys"),
        (json!({"crit": ["exp"]}), "`crit`"),
        (json!({"crit": ["b64"], "b64": false}), "`crit`"),
        (json!({"jwk": key.jwk()}), "key of its own"),
        (json!({"jku": "https://evil.example/"}), "key of its own"),
        (json!({"x5u": "https://evil.example/"}), "key of its own"),
        (json!({"x5c": []}), "key of its own"),
        (json!({"typ": "logout+jwt"}), "no access token"),
    ] {
        let token = key.sign(&with(key.header(), &changes), &claims);
        let refused = refusal(&oidc, &token).await;
        assert!(refused.contains(reason), "{changes}: {refused}");
    }
    let at = key.sign(&with(key.header(), &json!({"typ": "at+jwt"})), &claims);
    assert!(call(&oidc, &at).await.is_ok());
}

#[tokio::test]
async fn what_was_changed_or_signed_by_another_is_refused() {
    let (provider, key, other) = (Provider::start().await, Signer::new("a"), Signer::new("a"));
    provider.set("blue", json!([key.jwk()]));
    let oidc = provider.authenticator();
    let claims = provider.claims(&json!({}));
    let token = key.token(&claims);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let admin = provider.claims(&json!({"realm_access": {"roles": ["admin"]}}));
    let public = key.jwk().to_string();
    let by_public_key = hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes());
    let confused = message(&json!({"alg": "HS256", "kid": "a"}), &claims);
    let tag = hmac::sign(&by_public_key, confused.as_bytes());
    for (forged, reason) in [
        (other.token(&claims), "signature is wrong"),
        (
            format!("{}.{signature}", message(&key.header(), &admin)),
            "signature is wrong",
        ),
        (format!("{signed}."), "signature is wrong"),
        (format!("{signed}.AAAA"), "signature is wrong"),
        (
            format!("{confused}.{}", URL_SAFE_NO_PAD.encode(tag)),
            "not signed by",
        ),
        (
            format!("{}.", message(&json!({"alg": "none"}), &claims)),
            "not signed by",
        ),
        (signed.to_owned(), "no signed JWT"),
        (format!("{token}.x.y"), "no signed JWT"),
        (format!("{token}="), "signature is wrong"),
        ("gAAAAABnot-a-jwt".to_owned(), "no signed JWT"),
    ] {
        let refused = refusal(&oidc, &forged).await;
        assert!(refused.contains(reason), "{forged}: {refused}");
    }
    assert!(call(&oidc, &token).await.is_ok());
}

#[tokio::test]
async fn a_key_verifies_only_what_it_is_for() {
    let (provider, key) = (Provider::start().await, Signer::new("a"));
    let token = key.token(&provider.claims(&json!({})));
    for (changes, reason) in [
        (json!({"use": "enc"}), "none of its realm's keys"),
        (
            json!({"use": null, "key_ops": ["sign"]}),
            "none of its realm's keys",
        ),
        (json!({"alg": "ES384"}), "does not fit"),
        (json!({"alg": "PS256"}), "does not fit"),
        (json!({"crv": "P-384"}), "does not fit"),
        (
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "crv": null, "x": null, "y": null}),
            "does not fit",
        ),
        (
            json!({"kty": "oct", "k": "AQAB"}),
            "none of its realm's keys",
        ),
        (json!({"kid": null}), "none of its realm's keys"),
        (json!({"x": "!"}), "none of its realm's keys"),
        (json!({"x": "AQAB"}), "signature is wrong"),
    ] {
        provider.set(
            "blue",
            json!([with(key.jwk(), &changes), {"kty": "new"}, 7]),
        );
        let refused = refusal(&provider.authenticator(), &token).await;
        assert!(refused.contains(reason), "{changes}: {refused}");
    }
    for changes in [
        json!({"use": null, "alg": null}),
        json!({"use": null, "key_ops": ["verify"]}),
    ] {
        provider.set("blue", json!([7, with(key.jwk(), &changes)]));
        assert!(call(&provider.authenticator(), &token).await.is_ok());
    }
}

#[tokio::test]
async fn an_issuer_is_a_realm_of_the_provider_and_nothing_else() {
    let (provider, key) = (Provider::start().await, Signer::new("a"));
    provider.set("blue", json!([key.jwk()]));
    let oidc = provider.authenticator();
    let url = &provider.fake.url;
    for issuer in [
        "https://evil.example/realms/blue".to_owned(),
        format!("{url}.evil.example/realms/blue"),
        format!("{url}/realms/"),
        format!("{url}/realms"),
        format!("{url}//realms/blue"),
        format!("{url}/realms/blue/"),
        format!("{url}/realms/../realms/blue"),
        format!("{url}/realms/.."),
        format!("{url}/realms/%62lue"),
        format!("{url}/realms/red%2f..%2fblue"),
        format!("{url}/realms/blue?x"),
        format!("{url}/realms/blue#x"),
        format!("{url}/realms/blue\\x"),
        format!("{url}/realms/blue\u{0}"),
        format!("{url}/realms/bl\u{fc}e"),
        format!("{url}/realms/{}", "b".repeat(256)),
        "blue".to_owned(),
        String::new(),
    ] {
        let token = key.token(&provider.claims(&json!({"iss": issuer})));
        let refused = refusal(&oidc, &token).await;
        assert!(
            refused.contains("no realm of the configured"),
            "{issuer}: {refused}"
        );
    }
    assert_eq!(provider.fake.requests(), 0);
}

#[tokio::test]
async fn another_realms_key_and_a_realm_that_is_not_accepted_are_refused() {
    let (provider, key) = (Provider::start().await, Signer::new("a"));
    provider.set("blue", json!([key.jwk()]));
    provider.set("red", json!([Signer::new("r").jwk()]));
    let red = format!("{}/realms/red", provider.fake.url);
    let token = key.token(&provider.claims(&json!({"iss": red})));
    let refused = refusal(&provider.authenticator(), &token).await;
    assert!(refused.contains("none of its realm's keys"), "{refused}");
    let settings = OidcSettings {
        realms: vec!["blue".into()],
        ..provider.settings()
    };
    let only_blue = OidcAuthenticator::new(&settings, provider.clock.clone()).unwrap();
    let refused = refusal(&only_blue, &token).await;
    assert!(refused.contains("not among those"), "{refused}");
    let blue = key.token(&provider.claims(&json!({})));
    assert!(call(&only_blue, &blue).await.is_ok());
}

#[tokio::test]
async fn many_callers_at_once_ask_for_a_realms_keys_once() {
    let (provider, key) = (Provider::start().await, Signer::new("a"));
    provider.set("blue", json!([key.jwk()]));
    let oidc = provider.authenticator();
    let tokens: Vec<String> = (0..20)
        .map(|user| key.token(&provider.claims(&json!({"sub": user.to_string()}))))
        .collect();
    let answers = join_all(tokens.iter().map(|token| call(&oidc, token))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(provider.fake.requests(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_at_once_and_made_up_ones_are_not_asked_for_again_and_again() {
    let (provider, old, new) = (
        Provider::start().await,
        Signer::new("old"),
        Signer::new("new"),
    );
    provider.set("blue", json!([old.jwk()]));
    let oidc = provider.authenticator();
    call(&oidc, &old.token(&provider.claims(&json!({}))))
        .await
        .unwrap();
    provider.clock.advance(Duration::from_secs(3));
    provider.set("blue", json!([old.jwk(), new.jwk()]));
    call(&oidc, &new.token(&provider.claims(&json!({}))))
        .await
        .unwrap();
    for user in 0..10 {
        let claims = provider.claims(&json!({"sub": user.to_string()}));
        let refused = refusal(&oidc, &Signer::new("made-up").token(&claims)).await;
        assert!(refused.contains("none of its realm's keys"), "{refused}");
    }
    assert_eq!(provider.fake.requests(), 2);
}

#[tokio::test]
async fn made_up_realms_do_not_flood_the_provider() {
    let (provider, key) = (Provider::start().await, Signer::new("a"));
    provider.set("blue", json!([key.jwk()]));
    let oidc = provider.authenticator();
    let blue = key.token(&provider.claims(&json!({})));
    call(&oidc, &blue).await.unwrap();
    let token_of = |realm: &str| {
        let issuer = format!("{}/realms/{realm}", provider.fake.url);
        key.token(&provider.claims(&json!({"iss": issuer})))
    };
    for _ in 0..5 {
        let refused = refusal(&oidc, &token_of("nowhere")).await;
        assert!(refused.contains("does not know"), "{refused}");
    }
    assert_eq!(provider.fake.requests(), 2);
    let mut refused = 0;
    for number in 0..100 {
        let answer = call(&oidc, &token_of(&format!("made-up-{number}"))).await;
        if let Err(Error::Unavailable(reason)) = answer {
            assert!(reason.contains("[auth.oidc] realms"), "{reason}");
            refused += 1;
        }
    }
    assert_eq!(provider.fake.requests(), 30);
    assert_eq!(refused, 72);
    // Whoever is known goes on.
    let again = key.token(&provider.claims(&json!({"sub": "another"})));
    assert!(call(&oidc, &again).await.is_ok());
}

#[tokio::test]
async fn what_a_removed_key_has_signed_is_refused_when_the_keys_have_aged() {
    let (provider, old, new) = (
        Provider::start().await,
        Signer::new("old"),
        Signer::new("new"),
    );
    provider.set("blue", json!([old.jwk()]));
    let oidc = provider.authenticator();
    let claims = provider.claims(&json!({"exp": NOON + 3600}));
    let token = old.token(&claims);
    call(&oidc, &token).await.unwrap();
    provider.set("blue", json!([new.jwk()]));
    provider.clock.advance(Duration::from_secs(299));
    assert!(call(&oidc, &token).await.is_ok());
    provider.clock.advance(Duration::from_secs(1));
    let refused = refusal(&oidc, &token).await;
    assert!(refused.contains("none of its realm's keys"), "{refused}");
    assert!(call(&oidc, &new.token(&claims)).await.is_ok());
}

#[tokio::test]
async fn while_the_provider_is_away_its_known_keys_are_used_for_a_day() {
    let (provider, key) = (Provider::start().await, Signer::new("a"));
    provider.set("blue", json!([key.jwk()]));
    let oidc = provider.authenticator();
    let claims = provider.claims(&json!({"exp": NOON + 7 * 24 * 3600}));
    let token = key.token(&claims);
    call(&oidc, &token).await.unwrap();
    provider.is_down.store(true, Ordering::Relaxed);
    provider.clock.advance(Duration::from_secs(3600));
    assert!(call(&oidc, &token).await.is_ok());
    // So does one who comes for the first time.
    let newcomer = key.token(&with(claims.clone(), &json!({"sub": "u-2"})));
    assert!(call(&oidc, &newcomer).await.is_ok());
    // Nobody can tell of a new key, or of another realm.
    let red = format!("{}/realms/red", provider.fake.url);
    for unknown in [
        Signer::new("b").token(&claims),
        key.token(&with(claims.clone(), &json!({"iss": red}))),
    ] {
        match call(&oidc, &unknown).await {
            Err(Error::Unavailable(reason)) => assert!(reason.contains("502"), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    provider.clock.advance(Duration::from_secs(23 * 3600));
    let answer = call(&oidc, &token).await;
    assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    provider.is_down.store(false, Ordering::Relaxed);
    provider.clock.advance(Duration::from_secs(3));
    assert!(call(&oidc, &token).await.is_ok());
}

#[tokio::test]
async fn a_provider_that_does_not_answer_holds_nobody_up_whose_key_is_known() {
    let key = Signer::new("a");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let keys = json!({"keys": [key.jwk()]}).to_string();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            if silent.is_empty() {
                let mut request = [0; 4096];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                let length = keys.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{keys}"
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            silent.push(stream);
        }
    });
    let clock = SetClock::at("2026-11-22T12:00:00Z");
    let settings = OidcSettings {
        issuer_url: Some(url.clone()),
        audience: vec!["zonda".into()],
        ..OidcSettings::default()
    };
    let oidc = OidcAuthenticator::new(&settings, clock.clone()).unwrap();
    let issuer = format!("{url}/realms/blue");
    let token = key.token(&json!({"iss": issuer, "aud": "zonda", "exp": NOON + 900, "sub": "u"}));
    call(&oidc, &token).await.unwrap();
    clock.advance(Duration::from_secs(300));
    assert!(call(&oidc, &token).await.is_ok());
}

#[tokio::test]
async fn an_answer_that_is_no_key_set_is_no_answer() {
    let key = Signer::new("a");
    type Answer = fn() -> Response;
    let answers: [(Answer, &str); 5] = [
        (|| answer(200, &json!({"keys": 7})), "key set"),
        (|| with_header(200, "x-a", "b", "<html>"), "key set"),
        (
            || with_header(302, "location", "/realms/blue/keys", ""),
            "answers 302",
        ),
        (|| answer(200, &json!("x".repeat(300 << 10))), "more than"),
        (|| answer(500, &json!({"keys": []})), "answers 500"),
    ];
    for (made, expected) in answers {
        let fake = Fake::start(move |_: &str, _: &Seen| made()).await;
        let settings = OidcSettings {
            issuer_url: Some(fake.url.clone()),
            audience: vec!["zonda".into()],
            ..OidcSettings::default()
        };
        let clock = SetClock::at("2026-11-22T12:00:00Z");
        let oidc = OidcAuthenticator::new(&settings, clock).unwrap();
        let claims = json!({"iss": format!("{}/realms/blue", fake.url)});
        match call(&oidc, &key.token(&claims)).await {
            Err(Error::Unavailable(reason)) => assert!(reason.contains(expected), "{reason}"),
            other => panic!("{expected}: {other:?}"),
        }
        assert_eq!(fake.requests(), 1);
    }
}

#[tokio::test]
async fn a_verified_token_is_not_verified_again_and_ends_with_its_expiry() {
    let (provider, key) = (Provider::start().await, Signer::new("a"));
    provider.set("blue", json!([key.jwk()]));
    let oidc = provider.authenticator();
    let token = key.token(&provider.claims(&json!({"exp": NOON + 60})));
    let first = call(&oidc, &token).await.unwrap();
    assert!(Arc::ptr_eq(&first, &call(&oidc, &token).await.unwrap()));
    provider.clock.advance(Duration::from_secs(89));
    assert!(call(&oidc, &token).await.is_ok());
    provider.clock.advance(Duration::from_secs(1));
    assert!(refusal(&oidc, &token).await.contains("has expired"));
}

#[tokio::test]
async fn a_token_comes_in_either_header_and_only_one_comes() {
    let (provider, key) = (Provider::start().await, Signer::new("a"));
    provider.set("blue", json!([key.jwk()]));
    let oidc = provider.authenticator();
    let token = key.token(&provider.claims(&json!({})));
    let (plain, bearer) = (token.clone(), format!("bearer  {token}"));
    let with_error = format!(
        "Bearer realm=\"{}\", error=\"invalid_token\"",
        provider.fake.url
    );
    let without_error = format!("Bearer realm=\"{}\"", provider.fake.url);
    let (auth, header) = ("authorization", "x-auth-token");
    type Headers<'a> = Vec<(&'a str, &'a str)>;
    let cases: Vec<(Headers<'_>, Option<&str>)> = vec![
        (vec![(header, &plain)], None),
        (vec![(auth, &bearer)], None),
        (vec![(header, &plain), (auth, &bearer)], None),
        (vec![(header, &plain), (auth, "Basic eDp5")], None),
        (vec![], Some("there is no token")),
        (vec![(auth, "Basic eDp5")], Some("there is no token")),
        (vec![(header, "x"), (auth, &bearer)], Some("different")),
        (vec![(header, &plain), (header, "x")], Some("different")),
        (vec![(header, "")], Some("no single token")),
        (vec![(auth, "Bearer ")], Some("no single token")),
    ];
    for (given, reason) in cases {
        let mut headers = HeaderMap::new();
        for (name, value) in &given {
            headers.append(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        let answer = oidc.authenticate(&headers).await;
        match (answer, reason) {
            (Ok(_), None) => {}
            (Err(Error::Unauthorized(why)), Some(reason)) => {
                assert!(why.contains(reason), "{given:?}: {why}");
                let expected = if reason.contains("there is no") {
                    &without_error
                } else {
                    &with_error
                };
                assert_eq!(&oidc.challenge(&headers), expected);
            }
            (answer, _) => panic!("{given:?}: {answer:?}"),
        }
    }
}

#[test]
fn incomplete_settings_are_told_by_their_field() {
    let clock = SetClock::at("2026-11-22T12:00:00Z");
    let url = "issuer_url = 'https://sso.example'\n";
    for (field, text) in [
        ("issuer_url", String::new()),
        ("issuer_url", "issuer_url = 'sso.example'".to_owned()),
        ("issuer_url", "issuer_url = 'ftp://sso.example'".to_owned()),
        (
            "issuer_url",
            "issuer_url = 'https://u:p@sso.example'".to_owned(),
        ),
        (
            "issuer_url",
            "issuer_url = 'https://sso.example/?x'".to_owned(),
        ),
        (
            "issuer_url",
            "issuer_url = 'https://sso.example/realms/blue'".to_owned(),
        ),
        ("audience", url.to_owned()),
        ("audience", format!("{url}audience = ['']")),
        ("realms", format!("{url}audience = ['z']\nrealms = ['a/b']")),
        ("realms", format!("{url}audience = ['z']\nrealms = ['..']")),
        (
            "ca_file",
            format!("{url}audience = ['z']\nca_file = '/nowhere/at/all'"),
        ),
        (
            "keys_max_age_secs",
            format!("{url}audience = ['z']\nkeys_max_age_secs = 0"),
        ),
    ] {
        let settings: OidcSettings = toml::from_str(&text).unwrap();
        let error = OidcAuthenticator::new(&settings, clock.clone()).unwrap_err();
        assert_eq!(error.field, field, "{text}: {error}");
        assert!(error.to_string().starts_with("[auth.oidc] "), "{error}");
    }
}
