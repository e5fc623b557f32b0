use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering},
};
use std::time::Duration;

use http::HeaderMap;
use serde_json::json;

use super::*;
use crate::{
    domain::{Credential, Secret},
    openstack::fake::{Fake, Seen, SetClock, answer, token_body},
};

const LATER: &str = "2026-11-22T13:00:00Z";

/// A Keystone that knows the tokens `member`, `admin` and `unscoped`, and can be switched off.
struct Keystone {
    fake: Fake,
    is_down: Arc<AtomicBool>,
    revoked: Arc<AtomicUsize>,
    /// What the service user gets when it asks, in place of an answer; 0 for none.
    refusal: Arc<AtomicU16>,
}

async fn keystone() -> Keystone {
    let is_down = Arc::new(AtomicBool::new(false));
    let (down, issued) = (is_down.clone(), Arc::new(AtomicUsize::new(0)));
    let revoked = Arc::new(AtomicUsize::new(0));
    let gone = revoked.clone();
    let refusal = Arc::new(AtomicU16::new(0));
    let refused = refusal.clone();
    let fake = Fake::start(move |url: &str, seen: &Seen| {
        if down.load(Ordering::Relaxed) {
            return answer(503, &json!({}));
        }
        if seen.method == "POST" {
            let number = issued.fetch_add(1, Ordering::Relaxed) + 1;
            let mut response = answer(201, &token_body(url, "service", LATER));
            let token = format!("service-{number}").parse().unwrap();
            response.headers_mut().insert("x-subject-token", token);
            return response;
        }
        let service = format!("service-{}", issued.load(Ordering::Relaxed));
        let is_revoked = gone.load(Ordering::Relaxed) == issued.load(Ordering::Relaxed);
        if refused.load(Ordering::Relaxed) != 0 {
            let status = refused.load(Ordering::Relaxed);
            return answer(status, &json!({"error": {"code": status}}));
        }
        if seen.header("x-auth-token") != service || is_revoked {
            return answer(401, &json!({"error": {"code": 401}}));
        }
        let mut body = token_body(url, "p1", LATER);
        match seen.header("x-subject-token") {
            "member" => answer(200, &body),
            "admin" => {
                body["token"]["roles"] = json!([{"name": "reader"}, {"name": "admin"}]);
                answer(200, &body)
            }
            "unscoped" => {
                body["token"]["project"] = json!(null);
                answer(200, &body)
            }
            _ => answer(404, &json!({"error": {"code": 404}})),
        }
    })
    .await;
    Keystone {
        fake,
        is_down,
        revoked,
        refusal,
    }
}

fn authenticator(keystone: &Keystone) -> (Authenticator, Arc<SetClock>) {
    let clock = SetClock::at("2026-11-22T12:00:00Z");
    let settings = Settings {
        kind: Kind::Keystone,
        keystone: KeystoneSettings {
            auth_url: Some(keystone.fake.url.clone()),
            username: Some("zonda".into()),
            password: Some(Secret::new("pw".into())),
            ..KeystoneSettings::default()
        },
        ..Settings::default()
    };
    (Authenticator::new(&settings, clock.clone()).unwrap(), clock)
}

async fn call(authenticator: &Authenticator, token: &str) -> Result<Arc<Caller>, Error> {
    let mut headers = HeaderMap::new();
    if !token.is_empty() {
        headers.insert("x-auth-token", token.parse().unwrap());
    }
    let request = RequestContext {
        request_id: "req-1".into(),
        traceparent: "00-11-22-01".into(),
    };
    authenticator.authenticate(&headers, &request).await
}

#[tokio::test]
async fn without_authentication_everybody_is_the_same_and_no_admin() {
    let caller = call(&Authenticator::None, "anything").await.unwrap();
    assert_eq!(caller.project_id.as_str(), "<default-project>");
    assert!(!caller.is_admin && caller.home.is_none());
}

#[tokio::test]
async fn a_caller_is_who_keystone_says() {
    let keystone = keystone().await;
    let (authenticator, _) = authenticator(&keystone);
    let member = call(&authenticator, "member").await.unwrap();
    assert_eq!(member.project_id.as_str(), "p1");
    assert_eq!(member.user_id.as_deref(), Some("u1"));
    assert!(!member.is_admin);
    assert!(call(&authenticator, "admin").await.unwrap().is_admin);
    let home = member.home.clone().unwrap();
    assert!(!home.is_target && home.catalog.is_some());
    assert_eq!(
        home.credential,
        Credential::Token(Secret::new("member".into()))
    );
    assert_eq!(
        keystone.fake.seen("/v3/auth/tokens")[1].header("x-openstack-request-id"),
        "req-1"
    );
}

#[tokio::test]
async fn a_token_is_asked_about_once_in_a_while() {
    let keystone = keystone().await;
    let (authenticator, clock) = authenticator(&keystone);
    let calls = (0..5).map(|_| call(&authenticator, "member"));
    assert!(
        futures::future::join_all(calls)
            .await
            .iter()
            .all(Result::is_ok)
    );
    // One for the service user, one for the token.
    assert_eq!(keystone.fake.identity_calls(), 2);
    clock.advance(Duration::from_secs(60));
    call(&authenticator, "member").await.unwrap();
    assert_eq!(keystone.fake.identity_calls(), 3);
}

#[tokio::test]
async fn what_is_no_token_is_unauthorized_and_not_asked_about_again_at_once() {
    let keystone = keystone().await;
    let (authenticator, clock) = authenticator(&keystone);
    for (token, why) in [
        ("", "missing"),
        ("wrong", "does not know"),
        ("wrong", "does not know"),
        ("unscoped", "OS_PROJECT_NAME"),
        ("unscoped", "OS_PROJECT_NAME"),
    ] {
        let answer = call(&authenticator, token).await;
        assert!(
            matches!(&answer, Err(Error::Unauthorized(words)) if words.contains(why)),
            "{token}: {answer:?}"
        );
    }
    assert_eq!(keystone.fake.identity_calls(), 3);
    clock.advance(Duration::from_secs(10));
    assert!(call(&authenticator, "wrong").await.is_err());
    assert_eq!(keystone.fake.identity_calls(), 4);
}

#[tokio::test]
async fn while_keystone_is_away_known_callers_go_on_until_their_tokens_expire() {
    let keystone = keystone().await;
    let (authenticator, clock) = authenticator(&keystone);
    call(&authenticator, "member").await.unwrap();
    keystone.is_down.store(true, Ordering::Relaxed);
    clock.advance(Duration::from_secs(3000));
    assert!(call(&authenticator, "member").await.is_ok());
    let unknown = call(&authenticator, "admin").await;
    assert!(matches!(unknown, Err(Error::Unavailable(_))));
    clock.advance(Duration::from_secs(600));
    assert!(call(&authenticator, "member").await.is_err());
}

#[tokio::test]
async fn a_revoked_token_of_the_service_user_is_replaced() {
    let keystone = keystone().await;
    let (authenticator, _) = authenticator(&keystone);
    call(&authenticator, "member").await.unwrap();
    keystone.revoked.store(1, Ordering::Relaxed);
    call(&authenticator, "admin").await.unwrap();
    // Two logins, two questions with the first token, one with the second.
    assert_eq!(keystone.fake.identity_calls(), 5);
}

#[tokio::test]
async fn of_those_who_come_while_keystone_is_away_few_ask() {
    let keystone = keystone().await;
    let (authenticator, clock) = authenticator(&keystone);
    call(&authenticator, "member").await.unwrap();
    keystone.is_down.store(true, Ordering::Relaxed);
    // Its own token has to be renewed now, and a login that fails is nobody's fault but the host's.
    clock.advance(Duration::from_secs(3550));
    for _ in 0..5 {
        assert!(call(&authenticator, "member").await.is_ok());
        let unknown = call(&authenticator, "admin").await;
        assert!(matches!(unknown, Err(Error::Unavailable(_))), "{unknown:?}");
    }
    assert_eq!(keystone.fake.identity_calls(), 3);
    clock.advance(Error::RETRY_AFTER);
    keystone.is_down.store(false, Ordering::Relaxed);
    assert!(call(&authenticator, "admin").await.is_ok());
}

#[tokio::test]
async fn a_question_that_fails_is_told_to_nobody_else() {
    let keystone = keystone().await;
    let (authenticator, _) = authenticator(&keystone);
    for status in [400, 500] {
        keystone.refusal.store(status, Ordering::Relaxed);
        let failed = call(&authenticator, &format!("odd-{status}")).await;
        assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
        keystone.refusal.store(0, Ordering::Relaxed);
        let other = call(&authenticator, &format!("other-{status}")).await;
        assert!(matches!(other, Err(Error::Unauthorized(_))), "{other:?}");
    }
}

#[tokio::test]
async fn a_service_user_without_its_role_is_told_by_the_setting_and_does_not_log_in_again() {
    let keystone = keystone().await;
    let (authenticator, _) = authenticator(&keystone);
    keystone.refusal.store(403, Ordering::Relaxed);
    let refused = call(&authenticator, "member").await.unwrap_err();
    let Error::Unavailable(reason) = refused else {
        panic!("{refused}")
    };
    assert!(
        reason.contains("role `service`") && reason.contains("[auth.keystone]"),
        "{reason}"
    );
    assert_eq!(keystone.fake.identity_calls(), 2);
}

#[tokio::test]
async fn a_keystone_that_hangs_is_waited_for_no_longer_than_the_setting() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let clock = SetClock::at("2026-11-22T12:00:00Z");
    let settings = Settings {
        kind: Kind::Keystone,
        keystone: KeystoneSettings {
            auth_url: Some(format!("http://{}", listener.local_addr().unwrap())),
            username: Some("zonda".into()),
            password: Some(Secret::new("pw".into())),
            timeout_secs: 1,
            ..KeystoneSettings::default()
        },
        ..Settings::default()
    };
    let authenticator = Authenticator::new(&settings, clock).unwrap();
    for token in ["one", "two"] {
        let refused = call(&authenticator, token).await.unwrap_err();
        assert!(
            matches!(&refused, Error::Unavailable(why) if why.contains("`timeout_secs`")),
            "{refused}"
        );
    }
}

#[test]
fn incomplete_settings_are_told_by_their_field() {
    let clock = SetClock::at("2026-11-22T12:00:00Z");
    for (field, text) in [
        ("auth_url", ""),
        ("auth_url", "auth_url = 'not a url'"),
        (
            "auth_url",
            "auth_url = 'ftp://k'\nusername = 'u'\npassword = 'p'",
        ),
        ("username", "auth_url = 'http://k'"),
        ("password", "auth_url = 'http://k'\nusername = 'u'"),
        (
            "application_credential_secret",
            "auth_url = 'http://k'\napplication_credential_id = 'i'",
        ),
        (
            "ca_file",
            "auth_url = 'http://k'\nca_file = '/nowhere/at/all'",
        ),
        (
            "timeout_secs",
            "auth_url = 'http://k'\nusername = 'u'\npassword = 'p'\ntimeout_secs = 0",
        ),
    ] {
        let settings = format!("type = 'keystone'\n[keystone]\n{text}");
        let settings: Settings = toml::from_str(&settings).unwrap();
        let error = Authenticator::new(&settings, clock.clone()).unwrap_err();
        assert_eq!(error.field, field, "{text}");
    }
}
