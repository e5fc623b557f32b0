//! Takes secrets out of whatever comes back, across the borders of chunks too.
//!
//! What is looked for is what careless software makes of a token: itself, its forms in URLs and in JSON, its hexadecimal
//! digits, and base64 of a text that holds it. Whoever gets the token on purpose can always write it in another way; a
//! cloud that works together with an action has it anyway.

use std::{borrow::Cow, iter::zip, sync::Arc};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use memchr::{
    memchr,
    memmem::{self, Finder},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::domain::Secret;

const MASK: &[u8] = b"***";

/// Secrets shorter than this are looked for as they are and in URLs and JSON: their other forms are in every text.
const SHORTEST_ENCODED: usize = 8;

/// A text that is zeroed on drop.
type Needle = Zeroizing<Vec<u8>>;

/// Every form of the secrets to take out, longest first.
#[derive(Default)]
pub(super) struct Needles(Vec<Needle>);

impl Needles {
    /// The forms of `secrets`.
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut needles = Self::default();
        for secret in secrets {
            needles.add(secret);
        }
        needles
    }

    /// The same with those of another secret.
    pub(super) fn and(&self, secret: &Secret) -> Self {
        let mut needles = Self(self.0.clone());
        needles.add(secret);
        needles
    }

    /// Whether `secret` is looked for.
    pub(super) fn has(&self, secret: &Secret) -> bool {
        self.0
            .iter()
            .any(|needle| needle.as_slice() == secret.expose().as_bytes())
    }

    fn add(&mut self, secret: &Secret) {
        for form in forms(secret.expose()) {
            if !form.is_empty() && !self.0.contains(&form) {
                self.0.push(form);
            }
        }
        self.0.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
    }

    /// `text` without the secrets.
    pub(super) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.are_in(text.as_bytes()) {
            Cow::Owned(String::from_utf8_lossy(&self.cleaned(text.as_bytes())).into_owned())
        } else {
            Cow::Borrowed(text)
        }
    }

    /// `bytes` without the secrets.
    pub(super) fn whole(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.are_in(&bytes) {
            self.cleaned(&bytes)
        } else {
            bytes
        }
    }

    fn are_in(&self, bytes: &[u8]) -> bool {
        self.0
            .iter()
            .any(|needle| memmem::find(bytes, needle).is_some())
    }

    fn cleaned(&self, bytes: &[u8]) -> Vec<u8> {
        let mut clean = Vec::with_capacity(bytes.len());
        self.take_out(bytes, &[], &mut clean);
        clean
    }

    /// Appends to `clean` what of `input` is no secret, and answers how far that goes: to the first of the `holds` that
    /// is not in a secret itself, or to the end. Of secrets that overlap the first goes, of those that begin together
    /// the longest.
    fn take_out(&self, input: &[u8], holds: &[usize], clean: &mut Vec<u8>) -> usize {
        let mut found: Vec<(Finder<'_>, Option<usize>)> = self
            .0
            .iter()
            .map(|needle| Finder::new(needle.as_slice()))
            .map(|finder| {
                let at = finder.find(input);
                (finder, at)
            })
            .collect();
        let mut done = 0;
        loop {
            let end = holds.iter().copied().find(|hold| *hold >= done);
            let end = end.unwrap_or(input.len());
            let first = zip(&found, &self.0)
                .filter_map(|((_, at), needle)| Some(((*at)?, needle.len())))
                .min_by_key(|(at, _)| *at);
            let Some((at, length)) = first.filter(|(at, _)| *at < end) else {
                clean.extend_from_slice(input.get(done..end).unwrap_or_default());
                return end;
            };
            clean.extend_from_slice(input.get(done..at).unwrap_or_default());
            clean.extend_from_slice(MASK);
            done = at + length;
            let rest = input.get(done..).unwrap_or_default();
            for (finder, at) in &mut found {
                if at.is_some_and(|at| at < done) {
                    *at = finder.find(rest).map(|at| done + at);
                }
            }
        }
    }

    /// The places from which all that follows is the beginning of a secret, in order.
    fn beginnings(&self, input: &[u8]) -> Vec<usize> {
        let mut places = Vec::new();
        for needle in &self.0 {
            add_beginnings(needle, input, &mut places);
        }
        places.sort_unstable();
        places
    }
}

/// Takes secrets out of a stream of bytes.
pub(super) struct Scrubber {
    needles: Arc<Needles>,
    held: Vec<u8>,
}

impl Scrubber {
    pub(super) const fn new(needles: Arc<Needles>) -> Self {
        Self {
            needles,
            held: Vec::new(),
        }
    }

    /// The clean bytes so far; holds back an end that may be the beginning of a secret.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(chunk);
        let mut clean = Vec::with_capacity(self.held.len());
        let holds = self.needles.beginnings(&self.held);
        let done = self.needles.take_out(&self.held, &holds, &mut clean);
        self.held.drain(..done);
        clean
    }

    /// What was held back, now that nothing follows it.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        self.needles.whole(std::mem::take(&mut self.held))
    }
}

/// How a secret may look in what comes back.
fn forms(plain: &str) -> Vec<Needle> {
    let mut forms = vec![plain.to_owned()];
    let encoded = utf8_percent_encode(plain, NON_ALPHANUMERIC).to_string();
    // Query strings usually leave these alone, which tokens are full of.
    let query = ["-", "_", ".", "~"]
        .iter()
        .zip(["%2D", "%5F", "%2E", "%7E"])
        .fold(encoded.clone(), |text, (plain, code)| {
            text.replace(code, plain)
        });
    forms.extend([encoded, query]);
    let quoted = serde_json::Value::from(plain).to_string();
    let json = quoted.trim_start_matches('"');
    let json = json.strip_suffix('"').unwrap_or(json);
    forms.extend([json.to_owned(), json.replace('/', "\\/"), ascii(json)]);
    if plain.len() >= SHORTEST_ENCODED {
        let hex: String = plain.bytes().map(|byte| format!("{byte:02x}")).collect();
        forms.extend([hex.to_uppercase(), hex]);
        for offset in 0..3 {
            forms.extend(base64(plain, offset));
        }
    }
    forms
        .into_iter()
        .map(|form| Zeroizing::new(form.into_bytes()))
        .collect()
}

/// JSON text as Python writes it: all that is not ASCII as `\uXXXX`.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for unit in json.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\u{unit:04x}")),
        }
    }
    text
}

/// The characters that `plain` alone decides in the base64 of a text in which it stands `offset` bytes past a group.
fn base64(plain: &str, offset: usize) -> [String; 2] {
    let mut bytes = Zeroizing::new(vec![0; offset]);
    bytes.extend_from_slice(plain.as_bytes());
    let from = (offset * 8).div_ceil(6);
    let to = bytes.len() * 8 / 6;
    [
        STANDARD_NO_PAD.encode(&*bytes),
        URL_SAFE_NO_PAD.encode(&*bytes),
    ]
    .map(|text| text.get(from..to).unwrap_or_default().to_owned())
}

/// Adds the places of `input` from which all that follows is the beginning of `needle` (Knuth, Morris and Pratt's way,
/// so that no input takes longer than another).
fn add_beginnings(needle: &[u8], input: &[u8], places: &mut Vec<usize>) {
    let (Some((first, _)), longest) = (needle.split_first(), needle.len().saturating_sub(1)) else {
        return;
    };
    let tail = input
        .get(input.len().saturating_sub(longest)..)
        .unwrap_or_default();
    let Some(from) = memchr(*first, tail) else {
        return;
    };
    // Of each beginning of the needle: the length of the longest other one that it ends with.
    let mut shorter: Vec<usize> = Vec::with_capacity(tail.len());
    let fitting = |shorter: &[usize], mut fitted: usize, byte: u8| loop {
        if needle.get(fitted) == Some(&byte) {
            return fitted + 1;
        }
        match fitted.checked_sub(1).and_then(|last| shorter.get(last)) {
            Some(next) => fitted = *next,
            None => return 0,
        }
    };
    shorter.push(0);
    for byte in needle.iter().take(tail.len()).skip(1) {
        let last = shorter.last().copied().unwrap_or_default();
        shorter.push(fitting(&shorter, last, *byte));
    }
    let mut fitted = 0;
    for byte in tail.get(from..).unwrap_or_default() {
        fitted = fitting(&shorter, fitted, *byte);
    }
    while fitted > 0 {
        places.push(input.len() - fitted);
        fitted = shorter.get(fitted - 1).copied().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    use super::*;

    fn needles(secrets: &[&str]) -> Arc<Needles> {
        let secrets: Vec<Secret> = secrets.iter().map(|s| Secret::new((*s).into())).collect();
        Arc::new(Needles::new(&secrets))
    }

    #[test]
    fn a_secret_is_masked_wherever_it_stands() {
        let needles = needles(&["gAAAA-x_y=="]);
        for (dirty, clean) in [
            ("gAAAA-x_y==", "***"),
            ("a gAAAA-x_y== b gAAAA-x_y==", "a *** b ***"),
            ("gAAAAgAAAA-x_y==", "gAAAA***"),
            ("?t=gAAAA-x_y%3D%3D&u=1", "?t=***&u=1"),
            ("?t=gAAAA%2Dx%5Fy%3D%3D", "?t=***"),
            ("gAAAA-x_y=", "gAAAA-x_y="),
            ("", ""),
        ] {
            assert_eq!(needles.text(dirty), clean);
        }
    }

    #[test]
    fn a_secret_is_masked_in_hexadecimal_digits() {
        let needles = needles(&["gAAAA-x_y=="]);
        assert_eq!(needles.text("<67414141412d785f793d3d>"), "<***>");
        assert_eq!(needles.text("<67414141412D785F793D3D>"), "<***>");
    }

    #[test]
    fn a_secret_is_masked_in_json_of_every_writer() {
        let needles = needles(&["p\"w/\u{e9}\u{1f600}"]);
        for dirty in [
            r#"{"a":"p\"w/é😀"}"#,
            r#"{"a":"p\"w\/é😀"}"#,
            r#"{"a":"p\"w/\u00e9\ud83d\ude00"}"#,
        ] {
            assert_eq!(needles.text(dirty), r#"{"a":"***"}"#, "{dirty}");
        }
    }

    #[test]
    fn a_short_secret_is_not_looked_for_in_base64() {
        assert_eq!(needles(&["ab"]).text("YWI=6162"), "YWI=6162");
    }

    #[test]
    fn the_first_of_two_secrets_wins_and_of_two_beginnings_the_longer() {
        assert_eq!(needles(&["ab", "abc"]).text("abcab"), "******");
        assert_eq!(needles(&["bcd", "abc"]).text("abcd"), "***d");
    }

    #[test]
    fn a_secret_within_the_beginning_of_another_is_masked_at_the_end_too() {
        assert_eq!(needles(&["abaabab", "aab"]).text("abaab"), "ab***");
    }

    #[test]
    fn bytes_that_begin_no_secret_are_not_held_back() {
        let mut scrubber = Scrubber::new(needles(&["secret"]));
        assert_eq!(scrubber.push(b"hello s"), b"hello ");
        assert_eq!(scrubber.push(b"o"), b"so");
        assert_eq!(scrubber.finish(), b"");
    }

    #[test]
    fn nothing_is_looked_for_without_a_secret() {
        let mut scrubber = Scrubber::new(needles(&[""]));
        assert_eq!(scrubber.push(b"hello"), b"hello");
    }

    proptest! {
        #[test]
        fn base64_of_any_text_around_a_secret_does_not_hold_it(
            before in "[a-z]{0,5}",
            after in "[a-z]{0,5}",
        ) {
            let secret = "gAAAAAB>?>?-the_token==";
            let needles = needles(&[secret]);
            let text = format!("{before}{secret}{after}");
            for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
                let clean = needles.text(&encoded).into_owned();
                prop_assert!(clean.contains("***"), "{}", clean);
                prop_assert!(clean.len() < before.len() + after.len() + 20, "{}", clean);
            }
        }

        #[test]
        fn chunk_borders_make_no_difference(
            text in "([ab]{0,3}|abaabab|x){0,12}",
            cuts in proptest::collection::vec(0usize..6, 0..40),
        ) {
            let needles = needles(&["abaabab", "aab"]);
            let whole = needles.whole(text.as_bytes().to_vec());
            let mut scrubber = Scrubber::new(needles);
            let mut streamed = Vec::new();
            let mut rest = text.as_bytes();
            for cut in cuts {
                let (chunk, next) = rest.split_at(cut.min(rest.len()));
                streamed.extend(scrubber.push(chunk));
                rest = next;
            }
            streamed.extend(scrubber.push(rest));
            streamed.extend(scrubber.finish());
            prop_assert_eq!(&streamed, &whole);
            let whole = String::from_utf8(whole).unwrap();
            prop_assert!(!whole.contains("abaabab"), "{}", whole);
        }

        #[test]
        fn what_is_held_back_is_the_beginning_of_a_secret_and_nothing_shorter_is_missed(
            text in "[ab]{0,12}",
        ) {
            let needles = needles(&["abaabab", "aab"]);
            let expected: Vec<usize> = (0..text.len())
                .filter(|at| needles.0.iter().any(|needle| {
                    let rest = &text.as_bytes()[*at..];
                    needle.len() > rest.len() && needle.starts_with(rest)
                }))
                .collect();
            let mut found = needles.beginnings(text.as_bytes());
            found.dedup();
            prop_assert_eq!(found, expected);
        }
    }
}
