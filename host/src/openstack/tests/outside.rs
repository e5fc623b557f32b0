//! Requests outside the cloud.

use serde_json::json;

use super::*;
use crate::openstack::{
    Body, Error, HttpRequest,
    fake::{Response, Seen, answer, with_header},
};

fn get(url: String) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        url,
        headers: vec![("Authorization".into(), "mine".into())],
        body: None,
        timeout: None,
    }
}

fn loopback() -> Settings {
    Settings {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..Settings::default()
    }
}

#[tokio::test]
async fn nothing_outside_is_reached_until_the_operator_lists_it() {
    let fake = Fake::start(|_, _| answer(200, &json!({}))).await;
    let world = world_with(loopback());
    let scope = world.scope("caller", &["* * /**"]);
    let denied = world
        .clouds
        .send_http(&scope, get(format!("{}/x?secret=1", fake.url)))
        .await;
    let Err(Error::Denied(text)) = denied else {
        panic!("{denied:?}")
    };
    assert!(
        text.contains("[http] allow") && !text.contains("secret"),
        "{text}"
    );
    assert!(fake.seen("/x").is_empty());
}

#[tokio::test]
async fn an_allowed_server_is_reached_and_its_redirects_are_checked() {
    let other =
        Fake::start(|_, seen: &Seen| answer(200, &json!(seen.header("authorization")))).await;
    let elsewhere = other.url.clone();
    let fake = Fake::start(move |_, seen: &Seen| -> Response {
        match seen.path.as_str() {
            "/api/out" => with_header(302, "location", "/admin", ""),
            "/api/other" => with_header(302, "location", &elsewhere, ""),
            "/api/metadata" => with_header(302, "location", "http://169.254.169.254/", ""),
            _ => answer(200, &json!(seen.header("authorization"))),
        }
    })
    .await;
    let api = format!("{}/api", fake.url);
    let world = world_that_allows(loopback(), &[&api, &other.url, "169.254.169.254"]);
    let scope = world.scope("caller", &[]);
    let send = async |path: &str| {
        let answer = world
            .clouds
            .send_http(&scope, get(format!("{api}{path}")))
            .await;
        answer.map(|answer| answer.body)
    };
    assert_eq!(send("/x").await, Ok(Body::Text("\"mine\"".into())));
    assert_eq!(send("/other").await, Ok(Body::Text("\"\"".into())));
    assert!(matches!(send("/out").await, Err(Error::Denied(_))));
    assert!(matches!(
        send("/metadata").await,
        Err(Error::Unreachable(_))
    ));
    assert!(matches!(send("/..%2fadmin").await, Err(Error::Denied(_))));
    assert_eq!(world.journal.page().requests[0].service_type, "http");
}
