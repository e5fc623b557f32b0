use proptest::prelude::*;

use super::*;

fn joined(endpoint: &str, path: &str) -> String {
    let endpoint = Url::parse(endpoint).unwrap();
    let path = RelativePath::parse(path).unwrap();
    join(&endpoint, &path, Some("p1")).url.to_string()
}

#[test]
fn tricks_with_paths_are_refused() {
    for (path, why) in [
        ("servers", BadPath::NotRelative),
        ("http://169.254.169.254/", BadPath::NotRelative),
        ("//evil.example/x", BadPath::Empty),
        ("/servers//x", BadPath::Empty),
        ("//", BadPath::Empty),
        ("/..", BadPath::Dots),
        ("/servers/../flavors", BadPath::Dots),
        ("/servers/./x", BadPath::Dots),
        ("/%2e%2e/x", BadPath::Dots),
        ("/%2E%2e/x", BadPath::Dots),
        ("/.%2e/x", BadPath::Dots),
        ("/%252e%252e/x", BadPath::Dots),
        ("/%25252e%25252e/x", BadPath::Dots),
        ("/..;a=b/x", BadPath::Dots),
        ("/..%3b/x", BadPath::Dots),
        ("/..%2fx", BadPath::Slash),
        ("/a%2Fb", BadPath::Slash),
        ("/a%252fb", BadPath::Slash),
        ("/a%5cb", BadPath::Slash),
        ("/a\\b", BadPath::Slash),
        ("/a%00b", BadPath::Control),
        ("/a%0d%0aHost:x", BadPath::Control),
        ("/a\r\nHost: x", BadPath::Control),
        ("/a%250ab", BadPath::Control),
        ("/a?b=c", BadPath::Query),
        ("/a#b", BadPath::Query),
        ("/%2576%32/images", BadPath::Version),
        ("/v2;a=b/images", BadPath::Version),
        ("/v2%20/images", BadPath::Version),
        ("/a%", BadPath::Encoding),
        ("/a%zz", BadPath::Encoding),
        ("/a%ff", BadPath::Encoding),
    ] {
        assert_eq!(RelativePath::parse(path), Err(why), "{path}");
    }
}

#[test]
fn ordinary_paths_are_taken() {
    for (path, shown) in [
        ("", ""),
        ("/", "/"),
        ("/servers/detail", "/servers/detail"),
        ("/images/", "/images/"),
        ("/c/a b", "/c/a%20b"),
        ("/c/100%25", "/c/100%25"),
        ("/c/%c3%a4", "/c/%C3%A4"),
        ("/c/ä", "/c/%C3%A4"),
        ("/c/what%3Fnot", "/c/what%3Fnot"),
        ("/c/...", "/c/..."),
        ("/c/.hidden", "/c/.hidden"),
        ("/v2/images/x:y@z", "/v2/images/x:y@z"),
    ] {
        assert_eq!(RelativePath::parse(path).unwrap().to_string(), shown);
    }
}

#[test]
fn a_version_is_written_once_and_the_paths_wins() {
    let project = "0d96eb8de2914eaea0a2528b1866ae85";
    for (endpoint, path, url) in [
        ("http://n:1/v2.1", "/servers", "http://n:1/v2.1/servers"),
        ("http://n:1/v2.1/", "/servers", "http://n:1/v2.1/servers"),
        (
            "http://n:1/v2.1",
            "/v2.1/servers",
            "http://n:1/v2.1/servers",
        ),
        ("http://n:1/v2.1", "/v2/servers", "http://n:1/v2.1/servers"),
        ("http://k:1/v2.0", "/v3/projects", "http://k:1/v3/projects"),
        ("http://k:1", "/v3/projects", "http://k:1/v3/projects"),
        ("http://k:1", "", "http://k:1/"),
        ("http://k:1/v3", "", "http://k:1/v3"),
        ("http://k:1/v3", "/", "http://k:1/v3/"),
        (
            "http://k/identity",
            "/v3/projects",
            "http://k/identity/v3/projects",
        ),
        ("http://g:1", "/v2/images", "http://g:1/v2/images"),
        ("http://g:1", "/images", "http://g:1/images"),
        ("http://c/v3/p1", "/volumes", "http://c/v3/p1/volumes"),
        ("http://c/v3/p1", "/v3/volumes", "http://c/v3/p1/volumes"),
        ("http://c/v2/p1", "/v3/volumes", "http://c/v3/p1/volumes"),
        ("http://c/v3/p1", "/v3/p1/volumes", "http://c/v3/p1/volumes"),
        (
            "http://s/v1/AUTH_p1",
            "/v1/secret",
            "http://s/v1/AUTH_p1/v1/secret",
        ),
        ("http://h/v1/heat", "/v1/x", "http://h/v1/heat/v1/x"),
    ] {
        assert_eq!(joined(endpoint, path), url, "{endpoint} + {path}");
    }
    assert_eq!(
        joined(&format!("http://h/v1/{project}"), "/v1/stacks"),
        format!("http://h/v1/{project}/stacks")
    );
}

#[test]
fn a_redirect_is_found_below_its_endpoint_or_not_at_all() {
    let endpoint = Url::parse("http://h/v1/p1").unwrap();
    let at = |location: &str| {
        below(&endpoint, &Url::parse(location).unwrap(), Some("p1")).map(|placed| placed.rest)
    };
    assert_eq!(
        at("http://h/v1/p1/stacks/a/b"),
        Some(vec!["stacks".into(), "a".into(), "b".into()])
    );
    assert_eq!(at("http://h/v1/p1"), Some(vec![]));
    assert_eq!(at("http://h/v2/p1/stacks"), Some(vec!["stacks".into()]));
    assert_eq!(at("http://h/admin"), None);
    assert_eq!(at("http://h/v1/other/stacks"), None);
    assert_eq!(at("http://h/v1/p1//stacks"), None);
    assert_eq!(at("http://h/v1/p1/%2e%2e%2fstacks"), None);
}

proptest! {
    #[test]
    fn a_path_that_is_taken_reads_the_same_again(text in "(/?[ -~ä%2ef5c/.;]{0,12}){0,4}") {
        if let Ok(path) = RelativePath::parse(&text) {
            prop_assert_eq!(RelativePath::parse(&path.to_string()), Ok(path));
        }
    }

    #[test]
    fn a_joined_path_stays_below_its_endpoint(text in "/[a-z%2eEfF5cC0.;/?#@:ä ]{0,24}") {
        let endpoint = Url::parse("https://cloud.example:8774/compute/v2.1").unwrap();
        if let Ok(path) = RelativePath::parse(&text) {
            let url = join(&endpoint, &path, None).url;
            prop_assert_eq!(url.host_str(), Some("cloud.example"));
            prop_assert_eq!(url.port(), Some(8774));
            prop_assert!(url.path().starts_with("/compute/"), "{}", url);
            prop_assert!(url.query().is_none());
        }
    }
}
