//! Makes text of a server's safe to show on a terminal.

use std::{borrow::Cow, fmt::Write as _};

/// Whether a terminal might obey `c` rather than show it: control characters but line feed and tab, and those that
/// turn the direction of writing.
fn is_unsafe(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => c.is_control(),
    }
}

/// `text` with what a terminal might obey written as `\u001b`. In a JSON document that changes nothing: such
/// characters stand inside strings only, where this is how to write them.
pub(super) fn sanitize(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            write!(safe, "\\u{:04x}", u32::from(c)).expect("a String takes every write");
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_are_shown_and_not_obeyed() {
        assert_eq!(
            sanitize("a\x1b[31mb\u{9b}2J\rc"),
            "a\\u001b[31mb\\u009b2J\\u000dc"
        );
        assert_eq!(sanitize("ab\u{202e}c"), "ab\\u202ec");
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        assert!(matches!(sanitize("grüße\n\t日本"), Cow::Borrowed(_)));
    }
}
