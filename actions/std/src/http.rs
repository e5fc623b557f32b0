//! `std.http`: one HTTP request, with the inputs and the result of Mistral's action of that name.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zonda_sdk::http::Request;
use zonda_sdk::{Context, Failure, JsonSchema, Response, Result};

use crate::url;

/// As many as Python's `requests` follows.
const MAX_REDIRECTS: usize = 30;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// An absolute http or https URL.
    url: String,
    /// The HTTP method; GET if there is none.
    method: Option<String>,
    /// Names and values to add to the URL's query; a list gives a name several times.
    params: Option<BTreeMap<String, Value>>,
    /// The body as text, or anything else to send as JSON.
    body: Option<Value>,
    /// The body as JSON, with the content type to go with it.
    json: Option<Value>,
    /// Headers by name.
    headers: Option<BTreeMap<String, Value>>,
    /// Cookies by name.
    cookies: Option<BTreeMap<String, Value>>,
    /// `user:password` for basic authentication.
    auth: Option<String>,
    /// Fail if the answer takes longer, in seconds.
    #[schemars(range(min = 0))]
    timeout: Option<f64>,
    /// Whether to follow redirects; not if there is none.
    allow_redirects: Option<bool>,
    /// The host has no proxies to offer: only null.
    proxies: Option<Value>,
    /// The host always verifies certificates: only true or null.
    verify: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Report {
    /// The body: JSON if it is that, else text.
    content: Value,
    status: u16,
    headers: BTreeMap<String, String>,
    /// Where the answer came from, after redirects.
    url: String,
    /// The URLs that redirected, in order.
    history: Vec<String>,
    encoding: Option<String>,
    reason: &'static str,
    cookies: BTreeMap<String, String>,
    /// Seconds from the request to the whole answer.
    elapsed: f64,
}

pub(crate) fn run(ctx: &Context, input: Input) -> Result<Report> {
    if input.verify == Some(false) {
        return Err("verify: the host always verifies certificates; leave it out".into());
    }
    if input
        .proxies
        .as_ref()
        .is_some_and(|proxies| !proxies.is_null())
    {
        return Err("proxies: the host uses none; leave it out".into());
    }
    let mut method = input.method.as_deref().unwrap_or("GET").to_uppercase();
    let mut url = match &input.params {
        Some(params) => url::with_query(&input.url, params),
        None => input.url.clone(),
    };
    let mut headers = headers_of(&input);
    let mut body = body_of(&input);
    let mut history = Vec::new();
    let timeout = input.timeout.map(Duration::try_from_secs_f64);
    let timeout = timeout
        .transpose()
        .map_err(|_| "timeout: a number of seconds from 0")?;
    let began = Instant::now();
    let response = loop {
        let mut request = Request::new(method.as_str(), url.as_str());
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        if let Some(body) = &body {
            request = request.text(body);
        }
        if let Some(timeout) = timeout {
            request = request.timeout(timeout.saturating_sub(began.elapsed()));
        }
        let response = ctx.http().send(request)?;
        let follow = input.allow_redirects == Some(true);
        let Some(location) = response
            .header("location")
            .filter(|_| follow && is_redirect(&response))
        else {
            break response;
        };
        let next = url::join(&url, location);
        if history.len() == MAX_REDIRECTS {
            return Err(Failure::new(format!("over {MAX_REDIRECTS} redirects")));
        }
        // Credentials are for the origin that they were given for.
        if url::origin(&next) != url::origin(&url) {
            headers.retain(|(name, _)| !["authorization", "cookie"].contains(&name.as_str()));
        }
        // As browsers and `requests` do; 307 and 308 keep method and body.
        let becomes_get = match response.status() {
            303 => method != "HEAD",
            301 | 302 => method == "POST",
            _ => false,
        };
        if becomes_get {
            method = "GET".into();
            body = None;
            headers.retain(|(name, _)| name != "content-type");
        }
        history.push(std::mem::replace(&mut url, next));
    };
    let elapsed = began.elapsed().as_secs_f64();
    let report = report(&response, url, history, elapsed);
    if (200..307).contains(&report.status) {
        return Ok(report);
    }
    let message = format!("{method} answered {} {}", report.status, report.reason);
    Err(Failure::new(message).detail(serde_json::to_value(report)?))
}

/// The headers to send, with names in lower case.
fn headers_of(input: &Input) -> Vec<(String, String)> {
    let given = input.headers.iter().flatten();
    let mut headers: Vec<_> = given
        .map(|(name, value)| (name.to_lowercase(), url::text_of(value)))
        .collect();
    let mut add = |name: &str, value: String| {
        if headers.iter().all(|(given, _)| given != name) {
            headers.push((name.into(), value));
        }
    };
    if input.json.is_some() && input.body.is_none() {
        add("content-type", "application/json".into());
    }
    if let Some(cookies) = &input.cookies {
        let pairs = cookies
            .iter()
            .map(|(name, value)| format!("{name}={}", url::text_of(value)));
        add("cookie", pairs.collect::<Vec<_>>().join("; "));
    }
    if let Some(auth) = &input.auth {
        add("authorization", format!("Basic {}", BASE64.encode(auth)));
    }
    headers
}

fn body_of(input: &Input) -> Option<String> {
    match (&input.body, &input.json) {
        (Some(Value::String(text)), _) => Some(text.clone()),
        (Some(body), _) => Some(body.to_string()),
        (None, json) => json.as_ref().map(Value::to_string),
    }
}

fn is_redirect(response: &Response) -> bool {
    matches!(response.status(), 301 | 302 | 303 | 307 | 308)
}

fn report(response: &Response, url: String, history: Vec<String>, elapsed: f64) -> Report {
    let content = serde_json::from_slice(response.bytes())
        .unwrap_or_else(|_| Value::String(response.text().into_owned()));
    let mut headers = BTreeMap::new();
    for (name, value) in response.headers() {
        let joined = headers.entry(name.clone()).or_insert_with(String::new);
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(value);
    }
    let cookies = response
        .headers()
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    let cookies = cookies.filter_map(|(_, value)| value.split(';').next()?.split_once('='));
    Report {
        content,
        status: response.status(),
        headers,
        url,
        history,
        encoding: encoding(response.header("content-type").unwrap_or_default()),
        reason: reason(response.status()),
        cookies: cookies
            .map(|(name, value)| (name.trim().into(), value.trim().into()))
            .collect(),
        elapsed,
    }
}

/// What `requests` takes the encoding to be.
fn encoding(content_type: &str) -> Option<String> {
    let content_type = content_type.to_lowercase();
    if let Some((_, charset)) = content_type.split_once("charset=") {
        let charset = charset.split(';').next().unwrap_or_default();
        return Some(charset.trim_matches([' ', '"', '\'']).into());
    }
    if content_type.starts_with("application/json") {
        return Some("utf-8".into());
    }
    content_type
        .starts_with("text/")
        .then(|| "ISO-8859-1".into())
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Payload Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use zonda_sdk::Action;
    use zonda_sdk::testing::{Body, Response, Test};

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        Response {
            status,
            headers: headers.collect(),
            body: Body::Text(body.into()),
        }
    }

    fn action() -> Action {
        Action::new("std.http", super::run)
    }

    #[test]
    fn the_result_has_the_shape_that_mistral_gives_it() {
        let headers = [
            ("content-type", "application/json"),
            ("set-cookie", "sid=1; Path=/"),
        ];
        let url = "https://api.example/a?x=1&name=a%20b&tag=1&tag=2";
        let test = Test::new().answer_url("GET", url, answer(200, &headers, r#"{"ok": true}"#));
        let params = json!({"name": "a b", "tag": [1, 2]});
        let input = json!({"url": "https://api.example/a?x=1", "params": params});
        let mut result = test.run(&action(), input).unwrap();
        assert!(result["elapsed"].take().as_f64().unwrap() >= 0.0);
        assert_eq!(
            result,
            json!({
                "content": {"ok": true}, "status": 200, "url": url, "history": [],
                "headers": {"content-type": "application/json", "set-cookie": "sid=1; Path=/"},
                "encoding": "utf-8", "reason": "OK", "cookies": {"sid": "1"}, "elapsed": null,
            })
        );
    }

    #[test]
    fn json_auth_and_cookies_become_body_and_headers() {
        let url = "https://api.example/";
        let test = Test::new().answer_url("POST", url, answer(201, &[], ""));
        let input = json!({
            "url": url, "method": "post", "json": {"a": 1}, "auth": "user:pass",
            "cookies": {"sid": 1}, "headers": {"X-Thing": "t"},
        });
        test.run(&action(), input).unwrap();
        let request = &test.http_requests()[0];
        assert_eq!(request.body, Some(Body::Text(r#"{"a":1}"#.into())));
        for (name, value) in [
            ("x-thing", "t"),
            ("content-type", "application/json"),
            ("cookie", "sid=1"),
            ("authorization", "Basic dXNlcjpwYXNz"),
        ] {
            assert!(
                request.headers.contains(&(name.into(), value.into())),
                "{request:?}"
            );
        }
    }

    #[test]
    fn a_bad_status_fails_with_the_same_dict() {
        let url = "https://api.example/gone";
        let test = Test::new().answer_url("GET", url, answer(404, &[], "no"));
        let failure = test.run(&action(), json!({"url": url})).unwrap_err();
        assert_eq!(failure.message, "GET answered 404 Not Found");
        let detail = failure.detail.unwrap();
        assert_eq!(
            (&detail["status"], &detail["content"]),
            (&json!(404), &json!("no"))
        );
    }

    #[test]
    fn redirects_are_followed_only_when_asked_and_without_credentials_elsewhere() {
        let (here, there) = ("https://a.example/x", "https://b.example/y");
        let test = Test::new()
            .answer_url("POST", here, answer(302, &[("location", there)], ""))
            .answer_url("GET", there, answer(200, &[], "there"));
        let mut input = json!({"url": here, "method": "POST", "body": "b", "auth": "u:p"});
        assert_eq!(test.run(&action(), input.clone()).unwrap()["status"], 302);
        input["allow_redirects"] = json!(true);
        let result = test.run(&action(), input).unwrap();
        assert_eq!(
            (&result["url"], &result["history"]),
            (&json!(there), &json!([here]))
        );
        let last = test.http_requests().pop().unwrap();
        assert_eq!((last.headers, last.body), (Vec::new(), None));
    }

    #[test]
    fn what_the_host_cannot_do_is_refused_by_name() {
        let failure = |input| Test::new().run(&action(), input).unwrap_err().message;
        assert!(failure(json!({"url": "u", "verify": false})).starts_with("verify:"));
        assert!(failure(json!({"url": "u", "proxies": {"http": "p"}})).starts_with("proxies:"));
    }
}
