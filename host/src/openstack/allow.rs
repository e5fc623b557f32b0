//! Access rules: which requests an action may make.

use crate::domain::AccessRule;

use super::{
    path::{Placed, version},
    service_type,
};

/// What is asked for, as rules see it: never the query, never the body.
pub(super) struct Asked<'a> {
    pub(super) service_type: &'a str,
    pub(super) method: &'a str,
    pub(super) placed: &'a Placed,
}

impl Asked<'_> {
    /// Whether one of `rules` allows it.
    pub(super) fn is_allowed(&self, rules: &[AccessRule]) -> bool {
        rules.iter().any(|rule| self.matches(rule))
    }

    fn matches(&self, rule: &AccessRule) -> bool {
        let same_service = rule.service_type == "*"
            || service_type::canonical(&rule.service_type)
                == service_type::canonical(self.service_type);
        let same_method = rule.method == "*" || rule.method.eq_ignore_ascii_case(self.method);
        same_service && same_method && self.matches_path(&rule.path)
    }

    fn matches_path(&self, pattern: &str) -> bool {
        let mut pattern: Vec<&str> = pattern.split('/').filter(|s| !s.is_empty()).collect();
        if let Some(wanted) = pattern.first().and_then(|s| version(s)) {
            if self.placed.version.is_some_and(|asked| asked != wanted) {
                return false;
            }
            pattern.remove(0);
        }
        matches_segments(&pattern, &self.placed.rest)
    }

    /// Why it is denied, with the rule that would allow it.
    pub(super) fn denial(&self) -> String {
        let mut path = String::new();
        let mut rule = String::new();
        for segment in &self.placed.rest {
            path.push('/');
            path.push_str(segment);
            rule.push('/');
            rule.push_str(if is_id(segment) { "*" } else { segment });
        }
        if path.is_empty() {
            path.push('/');
            rule.push('/');
        }
        let (service, method) = (service_type::canonical(self.service_type), self.method);
        format!(
            "{method} {service} {path} is outside the action's access rules; \
             a rule that allows it: {{service_type: {service}, method: {method}, path: {rule}}}"
        )
    }
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
    part == "*" || (part.starts_with('{') && part.ends_with('}')) || part == segment
}

fn is_id(segment: &str) -> bool {
    let hex = segment.bytes().filter(u8::is_ascii_hexdigit).count();
    segment.bytes().all(|b| b.is_ascii_digit())
        || (hex >= 16 && segment.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::openstack::path::{RelativePath, join};

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
        let asked = Asked {
            service_type,
            method,
            placed: &placed,
        };
        asked.is_allowed(&[rule(rule_text)])
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
    fn a_denial_names_the_rule_that_would_allow_it() {
        let path = RelativePath::parse("/servers/1").unwrap();
        let placed = join(&Url::parse("http://n/v2.1").unwrap(), &path, None);
        let asked = Asked {
            service_type: "compute",
            method: "GET",
            placed: &placed,
        };
        assert_eq!(
            asked.denial(),
            "GET compute /servers/1 is outside the action's access rules; a rule that allows it: \
             {service_type: compute, method: GET, path: /servers/*}"
        );
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
}
