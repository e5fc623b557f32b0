//! Fuzz targets of the API: target clouds, lists' arguments, and whole requests with their bodies.

use std::panic::AssertUnwindSafe;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Request},
};
use serde_json::{Map, Value};

use super::{target::Target, tests::Host};
use crate::{
    domain::{Credential, PrivateObject, TargetCloud},
    fuzz::fuzz,
};

/// What no refusal may repeat.
const MARK: &str = "fuzz-s3cret";

const TARGET_WORDS: &[&str] = &[
    "\n",
    ": ",
    "X-Target-Auth-Uri: http://k:5000/v3\n",
    "X-Target-Auth-Token: gAAAAA\n",
    "X-Target-Insecure: ",
    "True",
    "false",
    "yes",
    "X-Target-Service-Catalog: ",
    "W10=",
    "eyJjYXRhbG9nIjpbXX0=",
    "X-Target-Ca-Cert: ",
    "LS0tLS1CRUdJTg==",
    "X-Target-Project-Id: p\n",
    "X-Target-Region-Name: R\n",
    "X-Target-User-Domain-Name: d\n",
    "X-Target-Unknown: x\n",
    "http://u:p@k/",
    "http://k/?a",
    "http://k/#a",
    "file:///etc/passwd",
    "http://",
    "\u{e9}",
    "\t",
    "fuzz-s3cret",
];
const MEMBER_WORDS: &[&str] = &[
    "\"auth_url\":",
    "\"auth_token\":",
    "\"password\":",
    "\"username\":",
    "\"application_credential_id\":",
    "\"application_credential_secret\":",
    "\"insecure\":",
    "\"service_catalog\":",
    "\"ca_cert\":",
    "\"project_id\":",
    "\"X-Target-Auth-Uri\":",
    "\"X-Target-Auth-Token\":",
    "\"http://k:5000/v3\"",
    "\"fuzz-s3cret\"",
    "true",
    "null",
    "{",
    "}",
    "[]",
    ",",
    "7",
    "\"\"",
    "\"True\"",
];

/// Holds for every target that is taken.
fn assert_one_meaning(cloud: &TargetCloud) {
    let url = &cloud.auth_url;
    assert!(
        matches!(url.scheme(), "http" | "https") && url.has_host(),
        "{url}"
    );
    assert!(
        url.username().is_empty() && url.password().is_none(),
        "{url}"
    );
    assert!(url.query().is_none() && url.fragment().is_none(), "{url}");
    let secret = match &cloud.credential {
        Credential::Token(token) => token,
        Credential::Password { password, .. } => password,
        Credential::ApplicationCredential { secret, .. } => secret,
        Credential::Trust(_) => panic!("no caller names a trust"),
    };
    assert!(!secret.expose().is_empty());
}

fn headers(text: &str, mark: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in text.split('\n').filter_map(|line| line.split_once(':')) {
        let value = format!("{}{mark}", value.trim_start());
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            headers.append(name, value);
        }
    }
    headers
}

#[test]
fn target_headers() {
    fuzz!(TARGET_WORDS, |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let given = headers(&text, "");
        let names = ["x-target-auth-uri", "x-target-auth-token"];
        match Target::take(&given, None) {
            Ok(Target {
                cloud: Some(cloud), ..
            }) => {
                assert_one_meaning(&cloud);
                for name in names {
                    assert_eq!(given.get_all(name).iter().count(), 1, "{name}");
                }
                // The same target a second way is one too many.
                let context = Map::from_iter([("os.auth".to_owned(), Value::Null)]);
                assert!(Target::take(&given, Some(PrivateObject::new(context))).is_err());
            }
            Ok(Target { cloud: None, .. }) => {
                assert!(names.iter().all(|name| !given.contains_key(*name)))
            }
            Err(refusal) => assert_eq!(refusal.status(), 400),
        }
        let marked = headers(&text, MARK);
        // A refusal may name a header.
        let is_named = marked.keys().any(|name| name.as_str().contains(MARK));
        if let Err(refusal) = Target::take(&marked, None)
            && !is_named
        {
            assert!(!refusal.message().contains(MARK), "{}", refusal.message());
        }
    });
}

/// Puts the mark behind every text in `value`, names of members aside: those a refusal may name.
fn mark(value: &mut Value) {
    match value {
        Value::String(text) => text.push_str(MARK),
        Value::Array(items) => items.iter_mut().for_each(mark),
        Value::Object(members) => members.values_mut().for_each(mark),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn os_auth() {
    fuzz!(MEMBER_WORDS, |input: &[u8]| {
        let Ok(mut os_auth) =
            serde_json::from_str::<Value>(&String::from_utf8_lossy(input).replace(MARK, ""))
        else {
            return;
        };
        let take = |os_auth: &Value| {
            let context = Map::from_iter([("os.auth".to_owned(), os_auth.clone())]);
            Target::take(&HeaderMap::new(), Some(PrivateObject::new(context)))
        };
        match take(&os_auth) {
            Ok(target) => {
                assert_one_meaning(&target.cloud.expect("os.auth is a target or a fault"));
                let rest = target.custom_context.expect("it came with one");
                assert_eq!(rest.expose(), "{}");
            }
            Err(refusal) => assert_eq!(refusal.status(), 400),
        }
        mark(&mut os_auth);
        if let Err(refusal) = take(&os_auth) {
            assert!(!refusal.message().contains(MARK), "{}", refusal.message());
        }
    });
}

const REQUEST_WORDS: &[&str] = &[
    "GET ",
    "POST ",
    "PUT ",
    "DELETE ",
    "/v2/action_executions",
    "/v2/actions",
    "/v2/modules",
    "/std.echo",
    "/rollback",
    "?",
    "&",
    "=",
    "%00",
    "%ff",
    "%2f",
    "limit=-1",
    "limit=99999999999999999999",
    "marker=x",
    "sort_keys=",
    "sort_dirs=",
    "fields=",
    "created_at=gt:",
    "all_projects=",
    "name=in:a,b",
    "include_output=maybe",
    "\n",
    "\n\n",
    "content-type: application/wasm\n",
    "x-forwarded-host: h\n",
    "{",
    "}",
    "\"name\": \"std.echo\"",
    "\"input\":",
    "\"params\":",
    "\"custom_context\":",
    "\"{}\"",
    "\"timeout\": 1e308",
    "\"save_result\": true",
    "\"run_sync\":",
    "\"state\": \"SUCCESS\"",
    "\"output\":",
    "\"version\":",
    "null",
    "[",
    "-0.0",
    "\"\\ud800\"",
    "\u{feff}",
    "\0asm",
];

/// The request that `text` is: method and path, headers as lines, an empty line, the body.
fn request(text: &str) -> Option<Request<Body>> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let (first, head) = head.split_once('\n').unwrap_or((head, ""));
    let (method, target) = first.split_once(' ')?;
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .body(Body::from(body.to_owned()))
        .ok()?;
    *request.headers_mut() = headers(head, "");
    Some(request)
}

#[test]
fn requests() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let host = runtime.block_on(Host::start());
    let host = AssertUnwindSafe(host);
    fuzz!(REQUEST_WORDS, |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let Some(request) = request(&text) else {
            return;
        };
        let answered = runtime.block_on(host.answer(request));
        assert!(
            answered.status.as_u16() < 500,
            "{} {}",
            answered.status,
            answered.text
        );
        if answered.status.is_client_error() && answered.status != 404 {
            assert!(
                answered.body["faultstring"].is_string(),
                "{} {}",
                answered.status,
                answered.text
            );
        }
    });
}
