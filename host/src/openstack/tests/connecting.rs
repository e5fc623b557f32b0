//! Tokens: got, asked about, kept and renewed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::openstack::{
    Error,
    fake::{Response, Seen, answer, with_header},
};

/// How long the runs of these tests may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A Keystone that knows [`TOKEN`] and issues `issued-1`, `issued-2`…; its services take what `takes` says.
async fn cloud(takes: impl Fn(&str) -> bool + Clone + Send + Sync + 'static) -> Fake {
    let issued = Arc::new(AtomicUsize::new(0));
    Fake::start(move |url: &str, seen: &Seen| -> Response {
        match (seen.method.as_str(), seen.path.as_str()) {
            ("POST", "/v3/auth/tokens") => {
                let number = issued.fetch_add(1, Ordering::Relaxed) + 1;
                let mut response = answer(201, &token_body(url, "p1", LATER));
                let token = format!("issued-{number}").parse().unwrap();
                response.headers_mut().insert("x-subject-token", token);
                response
            }
            ("GET", "/v3/auth/tokens") if seen.header("x-auth-token") == TOKEN => {
                answer(200, &token_body(url, "p1", LATER))
            }
            (_, "/v3/auth/tokens") => answer(401, &json!({"error": {"code": 401}})),
            _ if takes(seen.header("x-auth-token")) => answer(200, &json!({})),
            _ => answer(401, &json!({})),
        }
    })
    .await
}

#[tokio::test]
async fn a_catalog_that_came_along_costs_no_identity_call() {
    let (world, fake) = (world(), cloud(|_| true).await);
    let session = world.session(with_catalog(&fake));
    session.connect(TIMEOUT).await.unwrap();
    session.send(request("GET", "/servers")).await.unwrap();
    let facts = session.facts().await.unwrap();
    assert_eq!(facts.project_id.as_deref(), Some("p1"));
    assert_eq!(facts.roles, ["member"]);
    assert_eq!(fake.identity_calls(), 0);
}

#[tokio::test]
async fn a_token_is_asked_about_once_for_a_project() {
    let (world, fake) = (world(), cloud(|_| true).await);
    let sessions: Vec<Session> = (0..5).map(|_| world.session(by_token(&fake))).collect();
    let answers =
        futures::future::join_all(sessions.iter().map(|session| session.connect(TIMEOUT))).await;
    assert!(answers.iter().all(Result::is_ok));
    world
        .session(by_token(&fake))
        .connect(TIMEOUT)
        .await
        .unwrap();
    assert_eq!(fake.identity_calls(), 1);

    let scope = world.scope("another", &[]);
    let session = world.clouds.session(scope, by_token(&fake)).unwrap();
    session.connect(TIMEOUT).await.unwrap();
    assert_eq!(fake.identity_calls(), 2);
}

#[tokio::test]
async fn a_wrong_target_is_told_by_its_field() {
    let (world, fake) = (world(), cloud(|_| true).await);
    let html = Fake::start(|_, _| with_header(200, "content-type", "text/html", "<html>")).await;
    let secret = |text: &str| Credential::Token(Secret::new(text.into()));
    let catalog = |text: &str| Some(Secret::new(text.to_owned()));
    for (field, part, target) in [
        (
            "auth_token",
            "expired",
            TargetCloud {
                credential: secret("unknown"),
                ..by_token(&fake)
            },
        ),
        (
            "project_id",
            "another project",
            TargetCloud {
                project_id: Some("p2".into()),
                ..by_token(&fake)
            },
        ),
        (
            "project_id",
            "another project",
            TargetCloud {
                project_id: Some("p2".into()),
                ..with_catalog(&fake)
            },
        ),
        ("auth_url", "v3", by_token(&html)),
        (
            "auth_url",
            "refuses connections",
            TargetCloud {
                auth_url: "http://127.0.0.1:1/v3".parse().unwrap(),
                ..by_token(&fake)
            },
        ),
        (
            "auth_url",
            "metadata",
            TargetCloud {
                auth_url: "http://169.254.169.254/".parse().unwrap(),
                ..by_token(&fake)
            },
        ),
        (
            "auth_url",
            "credentials",
            TargetCloud {
                auth_url: "http://u:p@127.0.0.1/".parse().unwrap(),
                ..by_token(&fake)
            },
        ),
        (
            "auth_token",
            "header",
            TargetCloud {
                credential: secret("a\nb"),
                ..by_token(&fake)
            },
        ),
        (
            "ca_cert",
            "PEM",
            TargetCloud {
                ca_cert: Some("hello".into()),
                ..by_token(&fake)
            },
        ),
        (
            "service_catalog",
            "catalog",
            TargetCloud {
                catalog: catalog("{}"),
                ..by_token(&fake)
            },
        ),
        (
            "auth_token",
            "expired",
            TargetCloud {
                catalog: catalog(
                    r#"{"catalog":[],"methods":[],"project":{"id":"p1"},"expires_at":"2026-11-22T11:59:59Z"}"#,
                ),
                ..by_token(&fake)
            },
        ),
    ] {
        let scope = world.scope("caller", &[]);
        let error = match world.clouds.session(scope, target) {
            Ok(session) => session.connect(TIMEOUT).await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.field, field, "{error}");
        assert!(error.reason.contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_password_is_used_once_and_its_token_again() {
    let (world, fake) = (world(), cloud(|_| true).await);
    for _ in 0..3 {
        let session = world.session(by_password(&fake));
        session.send(request("GET", "/servers")).await.unwrap();
    }
    assert_eq!(fake.identity_calls(), 1);
    let login = fake.seen("/v3/auth/tokens").remove(0);
    assert!(login.body.contains("\"password\":\"pw\""));
    assert_eq!(login.header("x-openstack-request-id"), "req-1");
    let sent = fake.seen("/compute/v2.1/servers").remove(0);
    assert_eq!(sent.header("x-auth-token"), "issued-1");
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    let (world, fake) = (
        world(),
        Fake::start(|_, _| answer(401, &json!({"error": {"code": 401}}))).await,
    );
    let error = world
        .session(by_password(&fake))
        .connect(TIMEOUT)
        .await
        .unwrap_err();
    assert_eq!(error.field, "password");
}

#[tokio::test]
async fn the_hosts_own_token_is_renewed_before_it_expires() {
    let (world, fake) = (world(), cloud(|_| true).await);
    let session = world.session(by_password(&fake));
    session.connect(TIMEOUT).await.unwrap();
    world.clock.advance(Duration::from_secs(3600 - 61));
    session.connect(TIMEOUT).await.unwrap();
    assert_eq!(fake.identity_calls(), 1);
    world.clock.advance(Duration::from_secs(1));
    // The fake's next token has the same expiry, so it is good for this one request.
    session.connect(TIMEOUT).await.unwrap();
    assert_eq!(fake.identity_calls(), 2);
}

#[tokio::test]
async fn a_refused_token_of_the_hosts_own_is_renewed_once_for_all() {
    let (world, fake) = (world(), cloud(|token| token != "issued-1").await);
    let session = world.session(by_password(&fake));
    session.connect(TIMEOUT).await.unwrap();
    world.clock.advance(Duration::from_secs(10));
    let requests = (0..4).map(|_| session.send(request("POST", "/servers")));
    for answer in futures::future::join_all(requests).await {
        assert_eq!(answer.unwrap().head.status, 200);
    }
    assert_eq!(fake.identity_calls(), 2);
}

#[tokio::test]
async fn a_refused_token_of_the_callers_is_the_actions_to_see() {
    let (world, fake) = (world(), cloud(|_| false).await);
    let session = world.session(with_catalog(&fake));
    let answer = session.send(request("GET", "/servers")).await.unwrap();
    assert_eq!(answer.head.status, 401);
    assert_eq!(fake.identity_calls(), 0);
    world.clock.advance(Duration::from_secs(3600));
    assert_eq!(
        session.send(request("GET", "/servers")).await,
        Err(Error::TokenExpired)
    );
}

#[tokio::test]
async fn the_callers_own_cloud_is_opened_only_for_an_action_that_may_ask_it() {
    let (world, fake) = (world(), cloud(|_| true).await);
    let own = |catalog: &str| TargetCloud {
        catalog: Some(Secret::new(catalog.to_owned())),
        is_target: false,
        ..by_token(&fake)
    };
    let open = |rules: &[&str], target| world.clouds.session(world.scope("caller", rules), target);
    // A catalog that is none shows whether anybody reads it.
    let unopened = open(&[], own("none")).unwrap();
    assert!(unopened.facts().await.is_err());
    assert!(open(&["compute GET /**"], own("none")).is_err());
    let target = TargetCloud {
        is_target: true,
        ..own("none")
    };
    assert!(open(&[], target).is_err());

    let catalog = token_body(&fake.url, "p1", LATER).to_string();
    let session = open(&[], own(&catalog)).unwrap();
    assert_eq!(
        session.facts().await.unwrap().project_id.as_deref(),
        Some("p1")
    );
    assert_eq!(
        session.clean(format!("it is {TOKEN}")),
        "it is ***",
        "once it is open, its token is taken out"
    );
}
