//! Access rules: which requests an action may make.

use crate::domain::{
    AccessRule, Grant, GrantedRule, RULE_PART_BYTES, api_version, is_literal, is_method,
    is_service_type, is_wildcard,
};

use super::{path::Placed, service_type};

/// What is asked for, as rules see it: never the query, never the body.
pub(super) struct Asked<'a> {
    pub(super) service_type: &'a str,
    /// The region of the endpoint.
    pub(super) region: Option<&'a str>,
    pub(super) method: &'a str,
    pub(super) placed: &'a Placed,
    /// Whether everything below the path is asked for, too: then only a rule with `**` allows it.
    pub(super) is_below: bool,
}

impl Asked<'_> {
    /// Whether one of `rules` allows it.
    pub(super) fn is_allowed(&self, rules: &[AccessRule]) -> bool {
        rules.iter().any(|rule| self.matches(rule))
    }

    /// Whether `grant` has a rule that allows it in its region.
    pub(super) fn is_granted(&self, grant: &Grant) -> bool {
        let is_here = |granted: &GrantedRule| {
            let region = granted.region.as_deref();
            region.is_none() || region == self.region
        };
        let mut rules = grant.access.iter();
        rules.any(|granted| is_here(granted) && self.matches(&granted.rule))
    }

    fn matches(&self, rule: &AccessRule) -> bool {
        let same_service = rule.service_type == "*"
            || service_type::canonical(&rule.service_type)
                == service_type::canonical(self.service_type);
        let same_method = rule.method == "*" || rule.method.eq_ignore_ascii_case(self.method);
        same_service && same_method && self.matches_path(rule)
    }

    fn matches_path(&self, rule: &AccessRule) -> bool {
        let (wanted, asked) = (rule.version(), self.placed.version);
        if wanted.is_some() && asked.is_some() && wanted != asked {
            return false;
        }
        let pattern = rule.pattern();
        if self.is_below && pattern.last() != Some(&"**") {
            return false;
        }
        matches_segments(&pattern, &self.placed.rest)
    }

    /// The path that is asked for, as it is shown: decoded, and cut where it is long.
    pub(super) fn path(&self) -> String {
        const LONGEST: usize = 200;
        let mut path = format!("/{}", self.placed.rest.join("/"));
        if let Some((end, _)) = path.char_indices().nth(LONGEST) {
            path.truncate(end);
            path.push('…');
        }
        path
    }

    /// The smallest rule that allows it and all that differs from it in ids alone. An id is a number, a UUID, a
    /// hexadecimal text, or `project_id`.
    pub(super) fn rule(&self, project_id: Option<&str>) -> AccessRule {
        let mut path = String::new();
        if let Some(first) = self.placed.rest.first()
            && api_version(first).is_some()
        {
            // Without the real version before it, the first segment would be taken for one.
            path = format!("/v{}", self.placed.version.unwrap_or(1));
        }
        let mut is_below = self.is_below;
        for segment in &self.placed.rest {
            let part = if is_id(segment) || Some(segment.as_str()) == project_id {
                "{id}"
            } else if is_literal(segment) {
                segment
            } else {
                "*"
            };
            if path.len() + part.len() + "/".len() + "/**".len() > RULE_PART_BYTES {
                is_below = true;
                break;
            }
            path.push('/');
            path.push_str(part);
        }
        if is_below {
            path.push_str("/**");
        } else if path.is_empty() {
            path.push('/');
        }
        let service_type = service_type::canonical(self.service_type);
        let or_any = |is_right: bool, text: String| if is_right { text } else { "*".to_owned() };
        AccessRule {
            service_type: or_any(is_service_type(&service_type), service_type),
            method: or_any(is_method(self.method), self.method.to_owned()),
            path,
        }
    }
}

/// How much of a declared rule an operator grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Granted {
    /// Nothing of it.
    None,
    /// Some of its requests, or some regions alone.
    Some,
    /// All of it.
    All,
}

/// How much of `declared` the operator's `grant` lets through.
#[must_use]
pub fn granted(declared: &AccessRule, grant: &Grant) -> Granted {
    let canonical = |rule: &AccessRule| AccessRule {
        service_type: service_type::canonical(&rule.service_type),
        ..rule.clone()
    };
    let declared = canonical(declared);
    let by_rule = grant.access.iter().map(|granted| {
        let rule = canonical(&granted.rule);
        if granted.region.is_none() && rule.covers(&declared) {
            Granted::All
        } else if rule.overlaps(&declared) {
            Granted::Some
        } else {
            Granted::None
        }
    });
    by_rule.max().unwrap_or(Granted::None)
}

/// Matches in time that grows with the product of both lengths: `reached[i]` tells whether the first `i` segments of
/// the path are spoken for.
fn matches_segments(pattern: &[&str], path: &[String]) -> bool {
    let mut reached: Vec<bool> = std::iter::once(true)
        .chain(path.iter().map(|_| false))
        .collect();
    for part in pattern {
        if *part == "**" {
            let mut any = false;
            for slot in &mut reached {
                any |= *slot;
                *slot = any;
            }
            continue;
        }
        let mut before = false;
        for (slot, segment) in reached
            .iter_mut()
            .zip(std::iter::once(None).chain(path.iter().map(Some)))
        {
            let fits = before && segment.is_some_and(|segment| matches_segment(part, segment));
            before = *slot;
            *slot = fits;
        }
    }
    reached.last().copied().unwrap_or(false)
}

fn matches_segment(part: &str, segment: &str) -> bool {
    is_wildcard(part) || part == segment
}

fn is_id(segment: &str) -> bool {
    let hex = segment.bytes().filter(u8::is_ascii_hexdigit).count();
    segment.bytes().all(|b| b.is_ascii_digit())
        || (hex >= 16 && segment.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use proptest::prelude::*;

    use super::*;
    use crate::openstack::path::{RelativePath, join};

    fn asked<'a>(service_type: &'a str, method: &'a str, placed: &'a Placed) -> Asked<'a> {
        Asked {
            service_type,
            region: Some("One"),
            method,
            placed,
            is_below: false,
        }
    }

    fn placed(endpoint: &str, path: &str) -> Placed {
        let path = RelativePath::parse(path).unwrap();
        join(&Url::parse(endpoint).unwrap(), &path, Some("p1"))
    }

    fn rule(text: &str) -> AccessRule {
        let mut words = text.split(' ').map(str::to_owned);
        AccessRule {
            service_type: words.next().unwrap(),
            method: words.next().unwrap(),
            path: words.next().unwrap(),
        }
    }

    fn is_allowed(rule_text: &str, endpoint: &str, request: &str) -> bool {
        let mut words = request.split(' ');
        let (service_type, method) = (words.next().unwrap(), words.next().unwrap());
        let path = RelativePath::parse(words.next().unwrap()).unwrap();
        let placed = join(&Url::parse(endpoint).unwrap(), &path, None);
        asked(service_type, method, &placed).is_allowed(&[rule(rule_text)])
    }

    #[test]
    fn rules_allow_what_they_say_and_nothing_else() {
        let nova = "http://n/v2.1";
        let glance = "http://g";
        for (rule, endpoint, request, expected) in [
            (
                "compute GET /servers/detail",
                nova,
                "compute GET /servers/detail",
                true,
            ),
            (
                "compute GET /servers/detail",
                nova,
                "compute GET /servers/detail/",
                true,
            ),
            (
                "compute GET /servers/detail",
                nova,
                "compute POST /servers/detail",
                false,
            ),
            (
                "compute GET /servers/detail",
                nova,
                "image GET /servers/detail",
                false,
            ),
            (
                "compute GET /servers/*",
                nova,
                "compute GET /servers",
                false,
            ),
            (
                "compute GET /servers/*",
                nova,
                "compute GET /servers/1",
                true,
            ),
            (
                "compute GET /servers/*",
                nova,
                "compute GET /servers/1/ips",
                false,
            ),
            (
                "compute GET /servers/{id}/ips",
                nova,
                "compute GET /servers/1/ips",
                true,
            ),
            (
                "compute GET /servers/**",
                nova,
                "compute GET /servers/1/ips/x",
                true,
            ),
            (
                "compute GET /servers/**",
                nova,
                "compute GET /flavors",
                false,
            ),
            (
                "compute GET /**/ips",
                nova,
                "compute GET /servers/1/ips",
                true,
            ),
            (
                "compute GET /**/ips",
                nova,
                "compute GET /servers/1/ip",
                false,
            ),
            ("* * /**", nova, "compute DELETE /anything/at/all", true),
            ("* GET /**", nova, "compute DELETE /anything", false),
            (
                "compute get /servers/*",
                nova,
                "compute GET /servers/1",
                true,
            ),
            (
                "compute GET /v2.1/servers",
                nova,
                "compute GET /servers",
                true,
            ),
            (
                "compute GET /v2/servers",
                nova,
                "compute GET /servers",
                true,
            ),
            (
                "compute GET /servers",
                nova,
                "compute GET /v2.1/servers",
                true,
            ),
            (
                "compute GET /v3/servers",
                nova,
                "compute GET /servers",
                false,
            ),
            (
                "compute GET /v2/servers",
                nova,
                "compute GET /v3/servers",
                false,
            ),
            ("image GET /v2/images", glance, "image GET /v2/images", true),
            (
                "image GET /v2/images",
                glance,
                "image GET /v1/images",
                false,
            ),
            ("image GET /images", glance, "image GET /v2/images", true),
            ("image GET /v2/images", glance, "image GET /images", true),
            (
                "block-storage GET /volumes",
                "http://c/v3/0d96eb8de2914eaea0a2528b1866ae85",
                "volumev3 GET /volumes",
                true,
            ),
        ] {
            assert_eq!(
                is_allowed(rule, endpoint, request),
                expected,
                "{rule} for {request}"
            );
        }
    }

    #[test]
    fn many_wildcards_cost_no_more_than_their_length() {
        let pattern: Vec<&str> = (0..200).map(|_| "**").collect();
        let mut path: Vec<String> = (0..200).map(|_| "a".to_owned()).collect();
        assert!(matches_segments(&pattern, &path));
        let mut pattern = pattern;
        pattern.push("b");
        assert!(!matches_segments(&pattern, &path));
        path.push("b".to_owned());
        assert!(matches_segments(&pattern, &path));
    }

    #[test]
    fn the_smallest_rule_leaves_ids_open_and_nothing_else() {
        let swift = "http://s/v1/AUTH_p1";
        for (endpoint, path, rule) in [
            ("http://n/v2.1", "/servers/detail", "/servers/detail"),
            ("http://n/v2.1", "/servers/17/ips", "/servers/{id}/ips"),
            (
                "http://n/v2.1",
                "/servers/6a26d3f1-5b0c-4f0a-9f1c-0d8c3d1c7a11/action",
                "/servers/{id}/action",
            ),
            ("http://k", "/v3/projects/p1", "/projects/{id}"),
            ("http://k", "/v3", "/"),
            (swift, "/backups/a b", "/backups/*"),
            (swift, "/v1/x", "/v1/v1/x"),
            ("http://s/AUTH_p1", "/v3/x", "/v1/v3/x"),
        ] {
            let placed = placed(endpoint, path);
            let asked = asked("compute", "GET", &placed);
            let made = asked.rule(Some("p1"));
            assert_eq!(made.path, rule, "{path}");
            assert_eq!(made.fault(), None);
            assert!(asked.is_allowed(&[made]), "{path}");
        }
        let long = placed(swift, &format!("/{}/{}", "x".repeat(400), "y".repeat(400)));
        let made = asked("object-store", "GET", &long).rule(None);
        assert_eq!(made.path, format!("/{}/**", "x".repeat(400)));
    }

    #[test]
    fn a_grant_for_another_region_does_not_hold() {
        let placed = placed("http://n/v2.1", "/servers");
        let asked = asked("compute", "GET", &placed);
        let granted = |region: Option<&str>| {
            asked.is_granted(&Grant {
                access: vec![GrantedRule {
                    rule: rule("compute GET /servers"),
                    region: region.map(str::to_owned),
                }],
                mutating_requests: None,
            })
        };
        assert!(granted(None) && granted(Some("One")));
        assert!(!granted(Some("Two")) && !granted(Some("")));
    }

    #[test]
    fn what_is_granted_of_a_declared_rule_is_told() {
        let grant = |text: &str, region: Option<&str>| Grant {
            access: vec![GrantedRule {
                rule: rule(text),
                region: region.map(str::to_owned),
            }],
            mutating_requests: None,
        };
        let declared = rule("volumev3 GET /volumes/{id}");
        for (text, region, expected) in [
            ("block-storage GET /volumes/**", None, Granted::All),
            ("block-storage GET /volumes/**", Some("One"), Granted::Some),
            ("block-storage GET /volumes/detail", None, Granted::Some),
            ("block-storage POST /volumes/**", None, Granted::None),
            ("compute * /**", None, Granted::None),
        ] {
            assert_eq!(granted(&declared, &grant(text, region)), expected, "{text}");
        }
        assert_eq!(granted(&declared, &Grant::default()), Granted::None);
    }

    #[test]
    fn all_below_a_path_needs_a_rule_for_the_rest() {
        let placed = placed("http://s/v1/AUTH_p1", "/c/d");
        let asked = Asked {
            is_below: true,
            ..asked("object-store", "GET", &placed)
        };
        for (path, expected) in [
            ("/**", true),
            ("/c/**", true),
            ("/{c}/d/**", true),
            ("/c/d", false),
            ("/c/*", false),
            ("/c/d/e/**", false),
            ("/x/**", false),
        ] {
            let rule = rule(&format!("object-store GET {path}"));
            assert_eq!(asked.is_allowed(&[rule]), expected, "{path}");
        }
        assert_eq!(asked.rule(None).path, "/c/d/**");
    }

    const ENDPOINTS: [&str; 4] = [
        "http://n/v2.1",
        "http://g",
        "http://c/v3/p1",
        "http://s/v1/AUTH_p1",
    ];

    /// The path that a reader understands who decodes, cuts parameters off, and leaves out dots and empty segments.
    fn as_a_careless_server_reads(path: &str) -> Vec<String> {
        let mut text = path.to_owned();
        loop {
            let decoded = percent_encoding::percent_decode_str(&text)
                .decode_utf8_lossy()
                .into_owned();
            if decoded == text {
                break;
            }
            text = decoded;
        }
        let mut read = Vec::new();
        for segment in text.replace('\\', "/").split('/') {
            match segment.split(';').next().unwrap_or_default() {
                "" | "." => {}
                ".." => {
                    read.pop();
                }
                _ => read.push(segment.to_owned()),
            }
        }
        read
    }

    /// One way of many to write the same path.
    fn rewritten(segments: &[&str], trick: u8, at: usize, upper: bool) -> String {
        let at = at % segments.len();
        let hex = |text: &str| -> String {
            let digits = text.bytes().map(|byte| format!("%{byte:02x}"));
            let text: String = digits.collect();
            if upper {
                text.to_ascii_uppercase()
            } else {
                text
            }
        };
        let mut parts: Vec<String> = segments.iter().map(|part| (*part).to_owned()).collect();
        match trick {
            0 => parts[at] = hex(segments[at]),
            1 => parts[at] = hex(segments[at]).replace('%', "%25"),
            2 => parts.insert(at, String::new()),
            3 => parts.insert(at, ".".to_owned()),
            4 => parts.insert(at, hex(".")),
            5 => parts
                .splice(at..at, ["x".to_owned(), "..".to_owned()])
                .for_each(drop),
            6 => parts
                .splice(at..at, ["x".to_owned(), hex("..")])
                .for_each(drop),
            7 => parts
                .splice(at..at, ["x".to_owned(), "..;a".to_owned()])
                .for_each(drop),
            8 => parts.push(String::new()),
            9 => parts[at].push_str("?a=b"),
            10 => parts[at].push_str("#a"),
            11 => parts[at].push_str(&hex("/")),
            12 => parts[at].insert(0, '\\'),
            13 => parts[at].push_str(&hex("\0")),
            14 => return format!("http://n/v2.1/{}", parts.join("/")),
            15 => return format!("//n/{}", parts.join("/")),
            _ => return parts.join("/"),
        }
        format!("/{}", parts.join("/"))
    }

    proptest! {
        #[test]
        fn what_a_rule_refuses_cannot_be_written_so_that_it_passes(
            segments in prop::collection::vec("(servers|os-secrets|detail|17|c|v2|%2e%2e)", 1..4),
            pattern in "(/(servers|os-secrets|detail|17|c|\\*|\\{id\\})){0,3}(/\\*\\*)?",
            endpoint in 0..ENDPOINTS.len(),
            trick in 0u8..17,
            at in 0usize..4,
            upper in any::<bool>(),
        ) {
            let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
            let rules = [rule(&format!("compute GET {pattern}"))];
            let endpoint = Url::parse(ENDPOINTS[endpoint]).unwrap();
            let is_allowed = |text: &str| RelativePath::parse(text).ok().map(|path| {
                let placed = join(&endpoint, &path, Some("p1"));
                (asked("compute", "GET", &placed).is_allowed(&rules), placed)
            });
            let plain = is_allowed(&format!("/{}", segments.join("/")));
            let text = rewritten(&segments, trick, at, upper);
            if let Some((true, placed)) = is_allowed(&text) {
                // Either the same path is allowed anyway, or the rule has a place for just this text.
                let same = as_a_careless_server_reads(&text) == as_a_careless_server_reads(&segments.join("/"));
                let is_plain_allowed = plain.is_some_and(|(is_allowed, _)| is_allowed);
                prop_assert!(!same || is_plain_allowed, "{} as {}: {}", segments.join("/"), text, placed.url);
            }
        }

        #[test]
        fn what_is_allowed_is_read_alike_by_every_server(
            text in "/[a-d0-9%2eEfF5cC.;/\\\\]{0,20}",
            endpoint in 0..ENDPOINTS.len(),
        ) {
            let endpoint = Url::parse(ENDPOINTS[endpoint]).unwrap();
            if let Ok(path) = RelativePath::parse(&text) {
                let placed = join(&endpoint, &path, Some("p1"));
                let read = as_a_careless_server_reads(placed.url.path());
                let rest: Vec<String> = placed
                    .rest
                    .iter()
                    .flat_map(|segment| as_a_careless_server_reads(segment))
                    .collect();
                prop_assert!(read.ends_with(&rest), "{} is read as {:?}", placed.url, read);
                prop_assert_eq!(rest.len(), placed.rest.len());
            }
        }

        #[test]
        fn the_rules_of_a_run_allow_its_requests_and_none_is_too_many(
            requests in prop::collection::vec(
                ("(GET|POST|PROPFIND)", prop::collection::vec("(servers|detail|17|c|v1|p1|a b|\\*\\*|[0-9a-f]{32})", 0..4), 0..ENDPOINTS.len()),
                1..12,
            )
        ) {
            let places: Vec<(String, Placed)> = requests.iter().map(|(method, segments, endpoint)| {
                let encoded: Vec<String> = segments.iter().map(|segment| segment.replace(' ', "%20")).collect();
                (method.clone(), placed(ENDPOINTS[*endpoint], &format!("/{}", encoded.join("/"))))
            }).collect();
            let journal = crate::domain::Journal::new(crate::domain::JournalCaps { lines: 1, bytes: 1, requests: 1 });
            for (method, placed) in &places {
                journal.learn(asked("compute", method, placed).rule(Some("p1")), true);
            }
            let params = crate::domain::Params { audit: true, ..Default::default() };
            let report: serde_json::Value = journal.report(&params).unwrap().to().unwrap();
            let rules: Vec<AccessRule> = serde_json::from_value(report["access_rules"].clone()).unwrap();
            prop_assert!(rules.iter().all(|rule| rule.fault().is_none()));
            for (method, placed) in &places {
                prop_assert!(asked("compute", method, placed).is_allowed(&rules), "{} {:?}", placed.url, rules);
            }
            for at in 0..rules.len() {
                let mut fewer = rules.clone();
                let removed = fewer.remove(at);
                let is_missed = places.iter().any(|(method, placed)| !asked("compute", method, placed).is_allowed(&fewer));
                prop_assert!(is_missed, "{} is not needed beside {:?}", removed, fewer);
            }
        }
    }
}
