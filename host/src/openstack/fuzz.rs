//! Fuzz targets of what guests and clouds send: paths, redirects, catalogs, headers, bodies with a token in them.

mod rewriting;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use url::Url;

use super::{
    catalog::Wanted,
    headers::{Destination, incoming, outgoing},
    outside::AllowList,
    path::{Placed, RelativePath, below, join},
    scrub::{Needles, Scrubber},
    token::TokenBody,
};
use crate::{domain::Secret, fuzz::fuzz};

const PROJECT: &str = "0d96eb8de2914eaea0a2528b1866ae85";
const ENDPOINTS: [&str; 6] = [
    "https://cloud.example:8774/compute/v2.1",
    "http://cloud.example:5000/",
    "http://cloud.example/identity/v3/",
    "http://cloud.example:8776/v3/0d96eb8de2914eaea0a2528b1866ae85",
    "http://cloud.example:8080/v1/AUTH_0d96eb8de2914eaea0a2528b1866ae85",
    "http://[2001:db8::1]/orchestration/v1/heat",
];

/// What readers of paths stumble over.
const PATH_WORDS: &[&str] = &[
    "/",
    "//",
    "..",
    ".",
    "/../",
    "/./",
    "%2e",
    "%2E",
    "%252e",
    "%2f",
    "%2F",
    "%5c",
    "\\",
    "%00",
    "%0d%0a",
    "\r\n",
    "\t",
    "?",
    "#",
    ";",
    "%3b",
    "%",
    "%25",
    "%c0%af",
    "%e2%80%8b",
    "\u{ff0f}",
    "\u{2024}",
    "@",
    ":",
    "http://169.254.169.254/",
    "//evil.example/",
    "v2.1",
    "/v3/",
    "V2",
    "AUTH_0d96eb8de2914eaea0a2528b1866ae85",
    PROJECT,
];

/// Holds for every URL that a guest's path or a cloud's redirect leads to.
fn assert_one_reading(endpoint: &Url, placed: &Placed) {
    let url = &placed.url;
    assert_eq!(url.origin(), endpoint.origin(), "{url}");
    assert!(url.username().is_empty() && url.password().is_none());
    assert!(url.query().is_none() && url.fragment().is_none());
    let path = url.path();
    let lower = path.to_ascii_lowercase();
    for bad in ["//", "%2f", "%5c", "%2e", "\\"] {
        assert!(!lower.contains(bad), "{bad} in {url}");
    }
    let kept = kept_segments(endpoint);
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    assert!(segments.starts_with(&kept), "{url} left {endpoint}");
    // What a server reads, decoding once, are the segments that the rules were asked about.
    let read = percent_decode_str(path).decode_utf8().unwrap();
    assert!(!read.chars().any(char::is_control), "{url}");
    assert!(!read.split('/').any(|s| s == "." || s == ".."), "{url}");
    let read: Vec<&str> = read.trim_end_matches('/').split('/').collect();
    assert!(read.ends_with(&placed.rest.iter().map(String::as_str).collect::<Vec<_>>()));
}

/// What comes before the endpoint's version, which a path may say otherwise; all of it where there is none.
fn kept_segments(endpoint: &Url) -> Vec<&str> {
    let segments = endpoint.path_segments().into_iter().flatten();
    segments
        .take_while(|segment| crate::domain::api_version(segment).is_none())
        .filter(|segment| !segment.is_empty())
        .collect()
}

fn endpoints() -> Vec<Url> {
    ENDPOINTS.map(|url| Url::parse(url).unwrap()).to_vec()
}

#[test]
fn paths() {
    let endpoints = endpoints();
    fuzz!(PATH_WORDS, |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let Ok(path) = RelativePath::parse(&text) else {
            return;
        };
        let shown = path.to_string();
        assert_eq!(RelativePath::parse(&shown).unwrap().to_string(), shown);
        for endpoint in &endpoints {
            assert_one_reading(endpoint, &join(endpoint, &path, Some(PROJECT)));
            assert_one_reading(endpoint, &join(endpoint, &path, None));
        }
    });
}

#[test]
fn redirects() {
    let endpoints = endpoints();
    fuzz!(PATH_WORDS, |input: &[u8]| {
        let location = String::from_utf8_lossy(input);
        for endpoint in &endpoints {
            let from = join(endpoint, &RelativePath::parse("/a/b").unwrap(), None).url;
            let Ok(target) = from.join(&location) else {
                continue;
            };
            if let Some(placed) = below(endpoint, &target, Some(PROJECT)) {
                assert_eq!(placed.url.path(), target.path());
                assert_one_reading(endpoint, &placed);
            }
        }
    });
}

#[test]
fn allowed_urls() {
    let entries = [
        "https://api.example/v1/public",
        "*.below.example",
        "host.example:8080",
    ];
    let allow = AllowList::parse(&entries.map(str::to_owned)).unwrap();
    fuzz!(PATH_WORDS, |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let _ = AllowList::parse(&[text.to_string()]);
        let Ok(url) = Url::parse(&text) else { return };
        if !matches!(url.scheme(), "http" | "https") || !allow.allows(&url) {
            return;
        }
        let (host, port) = (
            url.host_str().unwrap(),
            url.port_or_known_default().unwrap(),
        );
        match host {
            "api.example" => {
                assert_eq!((url.scheme(), port), ("https", 443));
                let read = percent_decode_str(url.path()).decode_utf8().unwrap();
                assert!(
                    read == "/v1/public" || read.starts_with("/v1/public/"),
                    "{url}"
                );
                assert!(!read.split('/').any(|segment| segment == ".."), "{url}");
            }
            "host.example" => assert_eq!(port, 8080),
            other => assert!(other.ends_with(".below.example"), "{url}"),
        }
    });
}

#[test]
fn catalogs() {
    const WORDS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        "null",
        "7",
        "\"\"",
        "\"catalog\":",
        "\"token\":",
        "\"access\":",
        "\"serviceCatalog\":",
        "\"endpoints\":",
        "\"url\":",
        "\"type\":",
        "\"identity\"",
        "http://",
        "file:///etc/passwd",
        "%(project_id)s",
        "$(tenant_id)s",
        "\"region_id\":",
        "\"expires_at\":",
        "\"9999999999-01-01T00:00:00Z\"",
        "http://u:p@h/",
        "http://h/?q#f",
        "unix:/run/x",
    ];
    let auth_url = Url::parse("http://keystone.example:5000/v3").unwrap();
    fuzz!(WORDS, |input: &[u8]| {
        let _ = TokenBody::from_keystone(input);
        let text = String::from_utf8_lossy(input);
        let body = match TokenBody::from_caller(&text) {
            Ok(body) => body,
            // A fault says what would be right, in words of its own.
            Err(fault) => return assert!(fault.to_string().len() < 200),
        };
        for interface in ["public", "internal", "admin"] {
            for (service_type, region) in body.catalog.services(interface) {
                let wanted = Wanted {
                    service_type: &service_type,
                    region: Some(&region),
                    preferred_region: None,
                    interface,
                    project_id: body.project_id(),
                    auth_url: &auth_url,
                };
                if let Ok(resolved) = body.catalog.resolve(&wanted) {
                    let url = resolved.url;
                    assert!(
                        matches!(url.scheme(), "http" | "https") && url.has_host(),
                        "{url}"
                    );
                    assert!(url.username().is_empty() && url.password().is_none());
                    assert!(url.query().is_none() && url.fragment().is_none(), "{url}");
                }
            }
        }
    });
}

/// Headers as lines of `name: value`.
fn lines(text: &str) -> Vec<(String, String)> {
    text.split('\n')
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim_start().to_owned()))
        .collect()
}

const HEADER_WORDS: &[&str] = &[
    "\n",
    ": ",
    "\r",
    "\0",
    "host",
    "Host",
    "x-auth-token",
    "X-Subject-Token",
    "x-any-token",
    "connection",
    "Connection: x-a, te\n",
    "transfer-encoding: chunked\n",
    "content-length: 0\n",
    "expect: 100-continue\n",
    "upgrade",
    "x-http-method-override",
    "X-Forwarded-Host: h\n",
    "cookie",
    "set-cookie",
    "authorization",
    "traceparent",
    "gAAAAAB-fuzz",
    "gAAAAAB%2Dfuzz",
    "\u{e9}",
    " ",
];

#[test]
fn request_headers() {
    fuzz!(HEADER_WORDS, |input: &[u8]| {
        let given = lines(&String::from_utf8_lossy(input));
        for destination in [Destination::Cloud, Destination::Elsewhere] {
            let Ok(headers) = outgoing(&given, destination) else {
                continue;
            };
            for (name, value) in &headers {
                let name = name.as_str();
                let is_hosts = matches!(
                    name,
                    "host"
                        | "connection"
                        | "transfer-encoding"
                        | "content-length"
                        | "te"
                        | "upgrade"
                        | "expect"
                        | "trailer"
                        | "keep-alive"
                        | "via"
                        | "forwarded"
                        | "traceparent"
                        | "user-agent"
                        | "x-http-method-override"
                ) || name.starts_with("x-forwarded");
                assert!(!is_hosts, "{name} went out");
                assert!(
                    !(name.starts_with("x-") && name.ends_with("-token"))
                        || destination != Destination::Cloud
                );
                let bytes = value.as_bytes();
                assert!(!bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
            }
            assert_eq!(headers["accept-encoding"], "identity");
        }
    });
}

#[test]
fn response_headers() {
    let token = Secret::new("gAAAAAB-fuzz".to_owned());
    let needles = Needles::new([&token]);
    fuzz!(HEADER_WORDS, |input: &[u8]| {
        let mut headers = HeaderMap::new();
        for line in input.split(|byte| *byte == b'\n') {
            let mut parts = line.splitn(2, |byte| *byte == b':');
            let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
                continue;
            };
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
            {
                headers.append(name, value);
            }
        }
        for (name, value) in incoming(&headers, &needles) {
            assert!(!matches!(
                name.as_str(),
                "set-cookie" | "connection" | "transfer-encoding"
            ));
            assert!(
                !(name.starts_with("x-") && name.ends_with("-token")),
                "{name}"
            );
            for text in [name, value] {
                assert!(
                    !text.contains("gAAAAAB-fuzz") && !text.contains("gAAAAAB%2Dfuzz"),
                    "{text}"
                );
            }
        }
    });
}

#[test]
fn scrubbed_streams() {
    const WORDS: &[&str] = &[
        "gAAAAAB-fuzz",
        "gAAAAAB",
        "-fuzz",
        "gAAAAAB%2Dfuzz",
        "gAAAAAB%2d",
        "aab",
        "abaabab",
        "aba",
        "***",
        "\u{0}",
    ];
    let secrets = ["gAAAAAB-fuzz", "abaabab", "aab"].map(|text| Secret::new(text.to_owned()));
    let needles = Arc::new(Needles::new(&secrets));
    fuzz!(WORDS, |input: &[u8]| {
        let whole = needles.whole(input.to_vec());
        // The first bytes say where the stream is cut.
        let mut scrubber = Scrubber::new(Arc::clone(&needles));
        let (mut streamed, mut rest) = (Vec::new(), input);
        for cut in input.iter().cycle().take(input.len()) {
            let (chunk, next) = rest.split_at(usize::from(*cut % 16).min(rest.len()));
            streamed.extend(scrubber.push(chunk));
            rest = next;
        }
        streamed.extend(scrubber.push(rest));
        streamed.extend(scrubber.finish());
        assert_eq!(streamed, whole);
        for secret in &secrets {
            let needle = secret.expose().as_bytes();
            assert!(!whole.windows(needle.len()).any(|window| window == needle));
        }
    });
}
