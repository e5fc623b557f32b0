//! What a run knows is taken out of all that comes back, in every form and however late it was got.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::json;

use super::*;
use crate::openstack::{
    Body, Error,
    fake::{Seen, answer},
};

const TIMEOUT: Duration = Duration::from_secs(60);
const SECRET: &str = "an application credential's secret";

fn by_application_credential(fake: &Fake) -> TargetCloud {
    TargetCloud {
        credential: Credential::ApplicationCredential {
            id: "ac1".into(),
            secret: Secret::new(SECRET.into()),
        },
        ..by_token(fake)
    }
}

/// A cloud that issues `issued-token-1`, `issued-token-2`… for so many seconds each, and refuses the first.
async fn cloud(clock: &Arc<SetClock>, lifetime: u64) -> Fake {
    let issued = Arc::new(AtomicUsize::new(0));
    let clock = clock.clone();
    Fake::start(move |url: &str, seen: &Seen| {
        if seen.path == "/v3/auth/tokens" {
            let number = issued.fetch_add(1, Ordering::Relaxed) + 1;
            let expires = crate::clock::Clock::now(&*clock).after(Duration::from_secs(lifetime));
            let expires = expires.to_string().replace(' ', "T") + "Z";
            let mut response = answer(201, &token_body(url, "p1", &expires));
            let token = format!("issued-token-{number}").parse().unwrap();
            response.headers_mut().insert("x-subject-token", token);
            return response;
        }
        let token = seen.header("x-auth-token");
        let status = if token == "issued-token-1" { 401 } else { 200 };
        answer(status, &json!({ "you sent": token }))
    })
    .await
}

#[tokio::test]
async fn every_token_of_a_run_is_taken_out_and_the_credential_too() {
    let world = world();
    let fake = cloud(&world.clock, 3600).await;
    let session = world.session(by_application_credential(&fake));
    session.connect(TIMEOUT).await.unwrap();
    world.clock.advance(Duration::from_secs(10));
    let answered = session.send(request("GET", "/servers")).await.unwrap();
    assert_eq!(answered.head.status, 200);
    assert_eq!(answered.body, Body::Text(r#"{"you sent":"***"}"#.into()));
    assert_eq!(
        session.clean(format!("issued-token-1, issued-token-2, {SECRET}.")),
        "***, ***, ***."
    );
}

#[tokio::test]
async fn a_short_password_is_a_word_that_results_keep() {
    let world = world();
    let fake = cloud(&world.clock, 3600).await;
    let session = world.session(by_password(&fake));
    assert_eq!(session.clean("httpwd pw".into()), "httpwd pw");
}

#[tokio::test]
async fn a_token_of_a_few_letters_leaves_no_holes_in_texts_and_one_of_eight_is_taken_out() {
    let world = world();
    let fake = cloud(&world.clock, 3600).await;
    for (token, clean) in [("t", "t, that is all"), ("fake-tok", "***, that is all")] {
        let session = world.session(TargetCloud {
            credential: Credential::Token(Secret::new(token.into())),
            ..with_catalog(&fake)
        });
        assert_eq!(session.clean(format!("{token}, that is all")), clean);
    }
}

#[tokio::test]
async fn a_token_in_a_redirect_is_not_in_the_denial() {
    let fake = Fake::start(|_, seen: &Seen| {
        let location = format!("/compute/v2.1/{}", seen.header("x-auth-token"));
        crate::openstack::fake::with_header(302, "location", &location, "")
    })
    .await;
    let world = world();
    let scope = world.scope("caller", &["compute GET /servers"]);
    let session = world.clouds.session(scope, with_catalog(&fake)).unwrap();
    let Err(Error::Denied(denial)) = session.send(request("GET", "/servers")).await else {
        panic!("it was not denied")
    };
    assert!(denial.contains("/***"), "{denial}");
    let page = format!("{:?}", world.journal.page());
    assert!(page.contains("/***") && !page.contains(TOKEN), "{page}");
}

#[tokio::test]
async fn what_an_evil_keystone_says_of_a_token_does_not_hold_it() {
    let fake = Fake::start(|url: &str, seen: &Seen| {
        let mut body = token_body(url, "p1", LATER);
        let token = seen.header("x-auth-token");
        body["token"]["project"]["name"] = json!(token);
        body["token"]["roles"] = json!([{ "name": token }]);
        body["token"]["catalog"][0]["endpoints"][0]["region"] = json!(token);
        answer(200, &body)
    })
    .await;
    let world = world();
    let session = world.session(by_token(&fake));
    let facts = session.facts().await.unwrap();
    let services = session.services().await.unwrap();
    assert_eq!(facts.project_name.as_deref(), Some("***"));
    let told = format!("{facts:?} {services:?}");
    assert!(!told.contains(TOKEN), "{told}");
}

#[tokio::test]
async fn a_given_token_must_last_for_the_run_and_a_credential_need_not() {
    let world = world();
    let fake = cloud(&world.clock, 90).await;
    let hour = Duration::from_secs(3600);
    let session = world.session(with_catalog(&fake));
    session.connect(hour).await.unwrap();
    let refusal = session
        .connect(hour + Duration::from_secs(1))
        .await
        .unwrap_err();
    assert_eq!(refusal.field, "auth_token");
    assert!(refusal.reason.contains("expires in 3600 s"), "{refusal}");

    let session = world.session(by_application_credential(&fake));
    session.connect(hour).await.unwrap();
}

#[tokio::test]
async fn a_run_that_outlasts_its_tokens_never_notices() {
    let world = world();
    let fake = cloud(&world.clock, 90).await;
    let session = world.session(by_application_credential(&fake));
    session.connect(TIMEOUT).await.unwrap();
    for calls in 2..6 {
        world.clock.advance(Duration::from_secs(31));
        let sends = (0..8).map(|_| session.send(request("GET", "/servers")));
        for answered in futures::future::join_all(sends).await {
            assert_eq!(answered.unwrap().head.status, 200);
        }
        let (head, _) = session.open(request("GET", "/servers")).await.unwrap();
        assert_eq!(head.status, 200);
        assert_eq!(fake.identity_calls(), calls, "one identity call for all");
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_refused() {
    let world = world();
    let fake = cloud(&world.clock, 90).await;
    for token in [String::new(), "a\nb".to_owned(), "x".repeat(8193)] {
        let target = TargetCloud {
            credential: Credential::Token(Secret::new(token)),
            ..by_token(&fake)
        };
        let scope = world.scope("caller", &[]);
        let refusal = world.clouds.session(scope, target).unwrap_err();
        assert_eq!(refusal.field, "auth_token");
    }
}
