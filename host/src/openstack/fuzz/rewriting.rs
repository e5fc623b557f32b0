//! No path that a rule refuses can be written differently so that it passes.

use percent_encoding::percent_decode;
use proptest::{prelude::*, sample::select};
use url::Url;

use super::{PROJECT, endpoints};
use crate::{
    domain::AccessRule,
    openstack::{
        allow::Asked,
        path::{Placed, RelativePath, join},
    },
};

/// One way of writing a path differently, of which some server says that it is the same.
#[derive(Debug, Clone)]
enum Trick {
    /// Percent-encodes a byte `rounds` times over.
    Encode {
        at: usize,
        rounds: usize,
        upper: bool,
    },
    /// Puts `text` before the segment.
    Before { at: usize, text: &'static str },
    /// Puts `text` behind the segment's text.
    Behind { at: usize, text: &'static str },
    /// Replaces every slash behind the first.
    Slashes(&'static str),
    /// Writes a letter as one that some reader folds into it.
    Fold { at: usize, with: char },
    /// Writes a byte as overlong UTF-8.
    Overlong { at: usize },
    /// Puts `text` before the whole.
    Front(&'static str),
    /// Puts `text` behind the whole.
    Back(&'static str),
    /// Writes all in capitals.
    Capitals,
}

fn trick() -> impl Strategy<Value = Trick> {
    let at = 0..40usize;
    prop_oneof![
        4 => (at.clone(), 1..4usize, any::<bool>())
            .prop_map(|(at, rounds, upper)| Trick::Encode { at, rounds, upper }),
        2 => (at.clone(), select(vec!["./", "/", "x/../", "%2e/", "x/%2e%2e/", "x/%2E./", "x/.%252e/", "x\\..\\", ";/",
            "x/..;/", "x/..%3b/", "%2f", ".%00/", "x%2f..%2f", "x%5c..%5c", "%20/", "\t", "\r\n", "%e2%80%8b"]))
            .prop_map(|(at, text)| Trick::Before { at, text }),
        2 => (at.clone(), select(vec![";", ";a=b", "%3b", ".", "%2e", "%20", " ", "%00", "%00.json", ".json", "?", "?a",
            "%3f", "#", "%23", "\t", "%09", "+", "%0d%0a", "\u{200b}", "%e2%80%8b"]))
            .prop_map(|(at, text)| Trick::Behind { at, text }),
        1 => select(vec!["//", "\\", "%2f", "%2F", "%252f", "%5c", "\u{ff0f}", "%ef%bc%8f", "%c0%af", "/./", "/%2e/"])
            .prop_map(Trick::Slashes),
        1 => (at.clone(), select(vec!['\u{ff41}', '\u{430}', '\u{131}', 'K', '\u{17f}']))
            .prop_map(|(at, with)| Trick::Fold { at, with }),
        1 => at.prop_map(|at| Trick::Overlong { at }),
        1 => select(vec!["/", "/.", "/..", "\\", "http://cloud.example", "http://cloud.example:5000", "//cloud.example",
            "/v2.1", "/V2.1", "/v3", "/v1", "/v2.1/0d96eb8de2914eaea0a2528b1866ae85",
            "/v3/0d96eb8de2914eaea0a2528b1866ae85", "/v1/AUTH_0d96eb8de2914eaea0a2528b1866ae85", "/%76%33", "@", "*"])
            .prop_map(Trick::Front),
        1 => select(vec!["/", "//", "/.", "/..", "/%2e", "/x/..", "?", "#", "%", "%2", "%20", "/;", "/%00"])
            .prop_map(Trick::Back),
        1 => Just(Trick::Capitals),
    ]
}

/// `path` as bytes, after the trick; places are taken round the path's length.
fn play(path: &[u8], trick: &Trick) -> Vec<u8> {
    let replace = |at: usize, with: &[u8]| {
        let at = at % path.len().max(1);
        let after = path.get(at + 1..).unwrap_or_default();
        [&path[..at.min(path.len())], with, after].concat()
    };
    let byte = |at: usize| path.get(at % path.len().max(1)).copied().unwrap_or(b'/');
    let per_segment = |at: usize, change: &dyn Fn(&[u8]) -> Vec<u8>| {
        let mut segments: Vec<Vec<u8>> = path.split(|b| *b == b'/').map(<[u8]>::to_vec).collect();
        let count = segments.len();
        // The first is what stands before the leading slash.
        let slot = &mut segments[1.min(count - 1) + at % (count - 1).max(1)];
        *slot = change(slot);
        segments.join(&b'/')
    };
    match trick {
        Trick::Encode { at, rounds, upper } => {
            let mut text = if *upper {
                format!("%{:02X}", byte(*at))
            } else {
                format!("%{:02x}", byte(*at))
            };
            for _ in 1..*rounds {
                text = text.replace('%', "%25");
            }
            replace(*at, text.as_bytes())
        }
        Trick::Before { at, text } => per_segment(*at, &|s| [text.as_bytes(), s].concat()),
        Trick::Behind { at, text } => per_segment(*at, &|s| [s, text.as_bytes()].concat()),
        Trick::Slashes(with) => {
            let (first, rest) = path.split_at(1.min(path.len()));
            let parts: Vec<&[u8]> = rest.split(|b| *b == b'/').collect();
            [first, &parts.join(with.as_bytes())].concat()
        }
        Trick::Fold { at, with } => replace(*at, with.to_string().as_bytes()),
        Trick::Overlong { at } => {
            let byte = byte(*at);
            let text = format!("%{:02x}%{:02x}", 0xc0 | (byte >> 6), 0x80 | (byte & 0x3f));
            replace(*at, text.as_bytes())
        }
        Trick::Front(text) => [text.as_bytes(), path].concat(),
        Trick::Back(text) => [path, text.as_bytes()].concat(),
        Trick::Capitals => path.to_ascii_uppercase(),
    }
}

/// What servers may take a URL's path for: WSGI's decoding, and readers that are more helpful than that.
fn readings(url: &Url) -> [Vec<u8>; 4] {
    let wsgi: Vec<u8> = percent_decode(url.path().as_bytes()).collect();
    let twice: Vec<u8> = percent_decode(&wsgi).collect();
    let tidy = tidy(&wsgi);
    [percent_decode(&tidy).collect(), tidy, twice, wsgi].map(|path| {
        let end = path.iter().rposition(|b| *b != b'/').map_or(0, |at| at + 1);
        path[..end].to_vec()
    })
}

/// As a helpful server reads it: backslashes are slashes, parameters go, blanks round a name too, dots are followed.
fn tidy(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| matches!(byte, b'/' | b'\\')) {
        let bare = segment
            .split(|byte| matches!(byte, b';' | 0))
            .next()
            .unwrap_or_default();
        match bare.trim_ascii() {
            // No server takes a segment of blanks for none.
            b"" if !bare.is_empty() => kept.push(bare),
            b"" | b"." => {}
            b".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    kept.iter()
        .flat_map(|segment| [b"/", *segment].concat())
        .collect()
}

fn is_allowed(rule: &AccessRule, placed: &Placed) -> bool {
    let asked = Asked {
        service_type: "compute",
        region: None,
        method: "GET",
        placed,
        is_below: false,
    };
    asked.is_allowed(std::slice::from_ref(rule))
}

fn place(endpoint: &Url, path: &str) -> Option<Placed> {
    RelativePath::parse(path)
        .ok()
        .map(|path| join(endpoint, &path, Some(PROJECT)))
}

fn words() -> impl Strategy<Value = String> {
    let word = select(vec![
        "servers",
        "os-keypairs",
        "admin",
        "stacks",
        "k",
        "s",
        "v2",
        "7",
        PROJECT,
    ]);
    prop::collection::vec(word, 1..4).prop_map(|words| format!("/{}", words.join("/")))
}

fn pattern() -> impl Strategy<Value = String> {
    let part = select(vec![
        "servers",
        "os-keypairs",
        "admin",
        "stacks",
        "k",
        "*",
        "{id}",
        "v2",
        "v3",
        "7",
    ]);
    (prop::collection::vec(part, 0..4), any::<bool>()).prop_map(|(mut parts, is_open)| {
        if is_open {
            parts.push("**");
        }
        format!("/{}", parts.join("/"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_refused_path_can_be_written_so_that_it_passes(
        endpoint in select(endpoints()),
        pattern in pattern(),
        refused in words(),
        tricks in prop::collection::vec(trick(), 1..4),
    ) {
        let rule = AccessRule { service_type: "compute".to_owned(), method: "GET".to_owned(), path: pattern };
        let meant = place(&endpoint, &refused).expect("words are a path");
        prop_assume!(!is_allowed(&rule, &meant));
        let written = tricks.iter().fold(refused.into_bytes(), |path, trick| play(&path, trick));
        // A guest's path is text; bytes that are none arrive as replacement characters.
        let written = String::from_utf8_lossy(&written);
        if let Some(placed) = place(&endpoint, &written).filter(|placed| is_allowed(&rule, placed)) {
            let meant_readings = readings(&meant.url);
            for (got, meant) in readings(&placed.url).iter().zip(&meant_readings) {
                prop_assert_ne!(
                    got, meant, "{} passes {} and reaches {}", written, rule, String::from_utf8_lossy(meant)
                );
            }
        }
    }
}
