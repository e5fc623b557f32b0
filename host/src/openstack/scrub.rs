//! Takes a secret's own bytes out of whatever comes back, across the borders of chunks too.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::domain::Secret;

const MASK: &[u8] = b"***";

/// Replaces secrets in a stream of bytes by `***`.
pub(super) struct Scrubber {
    needles: Vec<Zeroizing<Vec<u8>>>,
    held: Vec<u8>,
}

impl Scrubber {
    /// Takes out `secrets` as they are and as they look in a URL.
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut needles: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        for secret in secrets {
            let plain = secret.expose();
            let encoded = utf8_percent_encode(plain, NON_ALPHANUMERIC).to_string();
            // Query strings usually leave these three alone, which tokens are full of.
            let query = encoded
                .replace("%2D", "-")
                .replace("%5F", "_")
                .replace("%2E", ".");
            for form in [plain.to_owned(), encoded, query] {
                let form = Zeroizing::new(form.into_bytes());
                if !form.is_empty() && !needles.contains(&form) {
                    needles.push(form);
                }
            }
        }
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        Self {
            needles,
            held: Vec::new(),
        }
    }

    /// The clean bytes so far; holds back an end that may be the beginning of a secret.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(chunk);
        let mut clean = Vec::with_capacity(self.held.len());
        let mut rest = self.held.as_slice();
        while !rest.is_empty() {
            if let Some(needle) = self.needles.iter().find(|n| rest.starts_with(n)) {
                clean.extend_from_slice(MASK);
                rest = rest.get(needle.len()..).unwrap_or_default();
                continue;
            }
            if self.needles.iter().any(|needle| needle.starts_with(rest)) {
                break;
            }
            let skip = 1 + rest
                .iter()
                .skip(1)
                .position(|byte| self.begins(*byte))
                .unwrap_or(rest.len() - 1);
            let (done, next) = rest.split_at(skip);
            clean.extend_from_slice(done);
            rest = next;
        }
        self.held = rest.to_vec();
        clean
    }

    /// What was held back: the stream has ended, so it begins no secret. A shorter one may still stand in it.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut clean = Vec::new();
        while !self.held.is_empty() {
            clean.push(self.held.remove(0));
            clean.extend(self.push(b""));
        }
        clean
    }

    /// `text` without the secrets.
    pub(super) fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.whole(text.as_bytes())).into_owned()
    }

    /// `bytes` without the secrets.
    pub(super) fn whole(&self, bytes: &[u8]) -> Vec<u8> {
        let mut alone = Self {
            needles: self.needles.clone(),
            held: Vec::new(),
        };
        let mut clean = alone.push(bytes);
        clean.extend(alone.finish());
        clean
    }

    fn begins(&self, byte: u8) -> bool {
        self.needles
            .iter()
            .any(|needle| needle.first() == Some(&byte))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scrubber(secrets: &[&str]) -> Scrubber {
        let secrets: Vec<Secret> = secrets.iter().map(|s| Secret::new((*s).into())).collect();
        Scrubber::new(&secrets)
    }

    #[test]
    fn a_secret_is_masked_wherever_it_stands() {
        let scrubber = scrubber(&["gAAAA-x_y=="]);
        for (dirty, clean) in [
            ("gAAAA-x_y==", "***"),
            ("a gAAAA-x_y== b gAAAA-x_y==", "a *** b ***"),
            ("gAAAAgAAAA-x_y==", "gAAAA***"),
            ("?t=gAAAA-x_y%3D%3D&u=1", "?t=***&u=1"),
            ("?t=gAAAA%2Dx%5Fy%3D%3D", "?t=***"),
            ("gAAAA-x_y=", "gAAAA-x_y="),
            ("", ""),
        ] {
            assert_eq!(scrubber.text(dirty), clean);
        }
    }

    #[test]
    fn the_longer_of_two_secrets_wins() {
        assert_eq!(scrubber(&["ab", "abc"]).text("abcab"), "******");
    }

    #[test]
    fn a_secret_within_the_beginning_of_another_is_masked_at_the_end_too() {
        assert_eq!(scrubber(&["abaabab", "aab"]).text("abaab"), "ab***");
    }

    #[test]
    fn bytes_that_begin_no_secret_are_not_held_back() {
        let mut scrubber = scrubber(&["secret"]);
        assert_eq!(scrubber.push(b"hello s"), b"hello ");
        assert_eq!(scrubber.push(b"o"), b"so");
        assert_eq!(scrubber.finish(), b"");
    }

    proptest! {
        #[test]
        fn chunk_borders_make_no_difference(
            text in "([ab]{0,3}|abaabab|x){0,12}",
            cuts in proptest::collection::vec(0usize..6, 0..40),
        ) {
            let mut scrubber = scrubber(&["abaabab", "aab"]);
            let whole = scrubber.whole(text.as_bytes());
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
    }
}
