//! An answer to a request, and how a bad status becomes a failure that tells what happened.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Failure;
use crate::bindings::zonda::action::cloud::{self as wit, Body};

/// How much of an unreadable error page goes into a failure's message.
const EXCERPT_CHARS: usize = 300;

/// An answer of a service, whatever its status.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    what: String,
    wit: wit::Response,
}

impl Response {
    pub(crate) fn new(what: String, wit: wit::Response) -> Self {
        Self { what, wit }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.wit.status
    }

    /// Whether the status is 2xx.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.wit.status)
    }

    /// The first header of this name, in whichever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.wit.headers, name)
    }

    /// All headers, in order.
    pub fn headers(&self) -> &[(String, String)] {
        &self.wit.headers
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        match &self.wit.body {
            Body::Text(text) => text.as_bytes(),
            Body::Bytes(bytes) => bytes,
        }
    }

    /// The body as text; what is not UTF-8 is replaced by `�`.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.wit.body {
            Body::Text(text) => Cow::Borrowed(text),
            Body::Bytes(bytes) => String::from_utf8_lossy(bytes),
        }
    }

    /// Itself if the status is 2xx.
    ///
    /// # Errors
    /// Otherwise a failure with the request, the status and the service's own message.
    pub fn ok(self) -> Result<Self, Failure> {
        if self.is_ok() {
            Ok(self)
        } else {
            Err(self.failure())
        }
    }

    /// The body of a good answer, read as `T`. (The body of any other is in [`bytes`](Self::bytes).)
    ///
    /// # Errors
    /// As [`ok`](Self::ok), or that the body does not fit.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        if !self.is_ok() {
            return Err(self.failure());
        }
        serde_json::from_slice(self.bytes()).map_err(|error| {
            Failure::new(format!("{}: the answer does not fit: {error}", self.what))
        })
    }

    /// What this answer is as a failure: its message names request, status and the service's own words, its detail has
    /// `status`, `request` and the `body`.
    pub fn failure(&self) -> Failure {
        let body: Value = match serde_json::from_slice(self.bytes()) {
            Ok(body) => body,
            Err(_) => Value::String(excerpt(&self.text())),
        };
        let words = words_of(&body).map_or_else(String::new, |words| format!(": {words}"));
        let message = format!("{} answered {}{words}", self.what, self.wit.status);
        let detail = json!({
            "message": message, "status": self.wit.status, "request": self.what, "body": body,
        });
        let failure = Failure::new(message).detail(detail);
        // What services answer while they are overloaded, restarted or behind a proxy that waits for them.
        let passing = matches!(self.wit.status, 429 | 502 | 503 | 504);
        if passing {
            failure.retryable()
        } else {
            failure
        }
    }
}

pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = headers
        .iter()
        .filter(|(known, _)| known.eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value.as_str())
}

/// The service's own words: each OpenStack service has another place for them.
fn words_of(body: &Value) -> Option<String> {
    const MEMBERS: [&str; 6] = [
        "message",
        "faultstring",
        "error_message",
        "detail",
        "explanation",
        "title",
    ];
    match body {
        Value::String(text) => {
            // Ironic and Pecan put JSON into the text.
            let inner = serde_json::from_str::<Value>(text)
                .ok()
                .filter(Value::is_object);
            let words = match inner {
                Some(inner) => words_of(&inner)?,
                // WebOb ends its words with line breaks of HTML, in JSON too.
                None => excerpt(&text.replace("<br />", " ")),
            };
            (!words.is_empty()).then_some(words)
        }
        Value::Array(items) => items.iter().find_map(words_of),
        Value::Object(object) => {
            // Heat's outer explanation is general, its inner error says which.
            if let Some(inner @ Value::Object(_)) = object.get("error")
                && let Some(words) = words_of(inner)
            {
                return Some(words);
            }
            let own = MEMBERS
                .iter()
                .filter_map(|name| object.get(*name))
                .find_map(words_of);
            own.or_else(|| {
                let mut inner = object.values().filter(|value| !value.is_number());
                inner.find_map(words_of)
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn excerpt(text: &str) -> String {
    let text = text.trim();
    if text.starts_with('<') {
        // A proxy's page; its title is all that it says.
        let title = text
            .split_once("<title>")
            .and_then(|(_, rest)| rest.split_once("</title>"));
        return title.map_or("", |(title, _)| title).trim().into();
    }
    match text.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Response {
        let wit = wit::Response {
            status,
            headers: Vec::new(),
            body: Body::Text(body.into()),
        };
        Response::new("GET compute /servers/1".into(), wit)
    }

    #[test]
    fn a_bad_status_becomes_a_failure_in_the_words_of_the_service() {
        for (body, words) in [
            (
                r#"{"itemNotFound": {"code": 404, "message": "Instance 1 could not be found."}}"#,
                "Instance 1 could not be found.",
            ),
            (
                r#"{"error": {"code": 404, "message": "No project.", "title": "Not Found"}}"#,
                "No project.",
            ),
            (
                r#"{"NeutronError": {"type": "X", "message": "No network.", "detail": ""}}"#,
                "No network.",
            ),
            (
                r#"{"code": 404, "explanation": "General.", "error": {"message": "No stack a.", "traceback": null}}"#,
                "No stack a.",
            ),
            (
                r#"{"errors": [{"status": 404, "detail": "No provider.", "title": "Not Found"}]}"#,
                "No provider.",
            ),
            (
                r#"{"error_message": "{\"faultstring\": \"No node.\", \"debuginfo\": null}"}"#,
                "No node.",
            ),
            (
                r#"{"message": "No image.<br /><br />\n\n\n", "code": "404 Not Found", "title": "Not Found"}"#,
                "No image.",
            ),
            ("404 Not Found", "404 Not Found"),
            (
                "<html><head><title>404 Nothing</title></head></html>",
                "404 Nothing",
            ),
        ] {
            let failure = answer(404, body).ok().unwrap_err();
            assert_eq!(
                failure.message,
                format!("GET compute /servers/1 answered 404: {words}")
            );
            assert_eq!(failure.detail.unwrap()["status"], 404);
            assert!(!failure.retryable);
        }
    }

    #[test]
    fn an_empty_error_still_says_what_was_asked() {
        let failure = answer(503, "").ok().unwrap_err();
        assert_eq!(failure.message, "GET compute /servers/1 answered 503");
        assert!(failure.retryable);
    }

    #[test]
    fn json_of_a_bad_answer_is_its_failure() {
        assert!(
            answer(500, "{}")
                .json::<Value>()
                .unwrap_err()
                .message
                .contains("answered 500")
        );
        assert!(
            answer(200, "[")
                .json::<Value>()
                .unwrap_err()
                .message
                .contains("does not fit")
        );
        assert_eq!(answer(200, "[1]").json::<Vec<u8>>().unwrap(), [1]);
    }
}
