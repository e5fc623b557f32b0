//! Headers on their way out and back: the host's own are the host's.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Error, scrub::Needles};

/// The most headers that an action may send with one request.
const MOST: usize = 100;
/// The most bytes of them all.
const MOST_BYTES: usize = 64 * 1024;

/// Headers between two neighbors, which concern no one behind them.
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-authentication-info",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// Headers that the host writes itself, or that would lead a request past its check.
const HOSTS_OWN: &[&str] = &[
    "host",
    "content-length",
    "expect",
    "accept-encoding",
    "user-agent",
    "forwarded",
    "via",
    "x-real-ip",
    "x-openstack-request-id",
    "traceparent",
    "tracestate",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-rewrite-url",
];

/// Headers that prove who asks, which in a cloud is the host's business.
const CREDENTIALS: &[&str] = &["authorization", "cookie", "x-auth-user", "x-auth-key"];

/// Where a guest's headers go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// A service of the target cloud, where the host proves who asks.
    Cloud,
    /// A host that the operator allowed, where the action may prove it itself.
    Elsewhere,
}

/// The guest's own headers, as far as they may go out.
pub(super) fn outgoing(
    guest: &[(String, String)],
    destination: Destination,
) -> Result<HeaderMap, Error> {
    let bytes: usize = guest
        .iter()
        .map(|(name, value)| name.len().saturating_add(value.len()))
        .sum();
    if guest.len() > MOST || bytes > MOST_BYTES {
        return Err(Error::InvalidRequest(format!(
            "a request has at most {MOST} headers of {MOST_BYTES} bytes"
        )));
    }
    let named_by_connection: Vec<String> = guest
        .iter()
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("connection"))
        .flat_map(|(_, value)| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let mut headers = HeaderMap::new();
    for (name, value) in guest {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::InvalidRequest("a header's name is no HTTP token".to_owned()))?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            Error::InvalidRequest(format!("the header {name} has control characters"))
        })?;
        let text = name.as_str();
        let is_credential = CREDENTIALS.contains(&text) || is_token(text);
        let is_dropped = HOP_BY_HOP.contains(&text)
            || HOSTS_OWN.contains(&text)
            || text.starts_with("x-forwarded")
            // Behind a gateway interface, `X_Auth_Token` is another spelling of `X-Auth-Token`.
            || text.contains('_')
            || named_by_connection.iter().any(|named| named == text)
            || (destination == Destination::Cloud && is_credential);
        if !is_dropped {
            headers.append(name, value);
        }
    }
    // An answer in a coding could hide the token from the scrubber.
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    Ok(headers)
}

/// An answer's headers, as far as the guest may see them.
pub(super) fn incoming(headers: &HeaderMap, needles: &Needles) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| {
            let text = name.as_str();
            !HOP_BY_HOP.contains(&text)
                && !is_token(text)
                && !matches!(text, "set-cookie" | "set-cookie2" | "www-authenticate")
        })
        .map(|(name, value)| {
            (
                needles.text(name.as_str()).into_owned(),
                needles
                    .text(&String::from_utf8_lossy(value.as_bytes()))
                    .into_owned(),
            )
        })
        .collect()
}

/// Whether an answer's body is in a coding, in which the token could pass the scrubber; nobody has asked for one.
///
/// An object that was stored in a coding (`is_object`) comes as it is: those are the bytes that somebody put there.
pub(super) fn is_coded(headers: &HeaderMap, is_object: bool) -> bool {
    let has_other = |name: HeaderName, plain: &str| {
        headers
            .get_all(name)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .any(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(plain.as_bytes()))
    };
    has_other(header::TRANSFER_ENCODING, "chunked")
        || (!is_object && has_other(header::CONTENT_ENCODING, "identity"))
}

/// `x-auth-token`, `x-subject-token`, `x-service-token`, `x-storage-token` and their like.
fn is_token(name: &str) -> bool {
    name.starts_with("x-") && name.ends_with("-token")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Secret;

    fn pairs(names: &[(&str, &str)]) -> Vec<(String, String)> {
        names
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_hosts_own_headers_cannot_be_set_by_a_guest() {
        let guest = pairs(&[
            ("Host", "evil"),
            ("content-length", "5"),
            ("Transfer-Encoding", "chunked"),
            ("X-Auth-Token", "forged"),
            ("x-subject-token", "forged"),
            ("X-Service-Token", "forged"),
            ("X_Auth_Token", "forged"),
            ("X_Copy_From", "/c/o"),
            ("Authorization", "Basic x"),
            ("Cookie", "a=b"),
            ("X-Forwarded-For", "1.2.3.4"),
            ("X-OpenStack-Request-ID", "req-forged"),
            ("traceparent", "forged"),
            ("X-HTTP-Method-Override", "DELETE"),
            ("Connection", "close, X-Secret-Hop"),
            ("X-Secret-Hop", "1"),
            ("Accept-Encoding", "gzip"),
            ("OpenStack-API-Version", "compute 2.96"),
            ("X-Object-Meta-Color", "blue"),
        ]);
        let headers = outgoing(&guest, Destination::Cloud).unwrap();
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "accept-encoding",
                "openstack-api-version",
                "x-object-meta-color"
            ]
        );
        assert_eq!(headers["accept-encoding"], "identity");
    }

    #[test]
    fn outside_the_cloud_an_action_may_prove_who_it_is() {
        let guest = pairs(&[("Authorization", "Bearer mine"), ("Host", "evil")]);
        let headers = outgoing(&guest, Destination::Elsewhere).unwrap();
        assert!(headers.contains_key("authorization"));
        assert!(!headers.contains_key("host"));
    }

    #[test]
    fn a_header_that_would_split_the_request_is_refused() {
        for (name, value) in [
            ("x-a", "b\r\nHost: c"),
            ("x a", "b"),
            ("", "b"),
            ("x-a", "\0"),
        ] {
            assert!(outgoing(&pairs(&[(name, value)]), Destination::Cloud).is_err());
        }
        let many = vec![("x-a".to_owned(), "b".to_owned()); 101];
        assert!(outgoing(&many, Destination::Cloud).is_err());
    }

    #[test]
    fn an_answer_in_a_coding_is_told_from_a_plain_one() {
        for (name, value, expected, of_an_object) in [
            ("content-encoding", "gzip", true, false),
            ("content-encoding", "identity, br", true, false),
            ("content-encoding", "Identity", false, false),
            ("content-encoding", "", false, false),
            ("transfer-encoding", "Chunked", false, false),
            ("transfer-encoding", "gzip, chunked", true, true),
            ("content-type", "gzip", false, false),
        ] {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )]);
            assert_eq!(is_coded(&headers, false), expected, "{name}: {value}");
            assert_eq!(is_coded(&headers, true), of_an_object, "{name}: {value}");
        }
    }

    #[test]
    fn an_answer_comes_without_tokens_and_cookies() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-subject-token", "fresh"),
            ("set-cookie", "a=b"),
            ("www-authenticate", "Keystone"),
            ("transfer-encoding", "chunked"),
            ("x-echo", "it was s3cr3t"),
            ("content-type", "text/plain"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let needles = Needles::new(&[Secret::new("s3cr3t".into())]);
        let mut seen = incoming(&headers, &needles);
        seen.sort();
        assert_eq!(
            seen,
            pairs(&[("content-type", "text/plain"), ("x-echo", "it was ***")])
        );
    }
}
