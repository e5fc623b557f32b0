//! Fuzz target of the language.

use std::time::{Duration, Instant};

use super::{
    super::{Bounds, Error},
    Expression,
    tests::{Data, data},
};
use crate::fuzz::fuzz;

const WORDS: &[&str] = &[
    "$",
    "$.",
    "$1",
    "$x",
    "$.l",
    "$.servers",
    "$.a",
    "$.s",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ", ,",
    "=>",
    "x => ",
    "->",
    " -> ",
    ".",
    "?.",
    "=",
    "!=",
    "<",
    ">=",
    "+",
    "-",
    "*",
    "/",
    " mod ",
    " in ",
    " and ",
    " or ",
    " not ",
    "=~",
    "!~",
    "'a'",
    "\"b\"",
    "`c`",
    "\\",
    "\\u",
    "1",
    "0",
    "-1",
    "1.5",
    "99999999999999999999999999999999999999",
    "null",
    "true",
    "let(",
    "with(",
    "def(f, ",
    "f(",
    "call(",
    ".select(",
    ".where(",
    ".orderBy(",
    ".thenBy(",
    ".groupBy(",
    ".aggregate(",
    ".accumulate(",
    ".join(",
    ".zip(",
    ".flatten()",
    ".toList()",
    ".toSet()",
    ".toDict(",
    ".memorize()",
    ".cycle()",
    ".repeat()",
    ".insert(",
    ".replace(",
    ".delete(",
    ".set(",
    ".keys()",
    ".items()",
    ".len()",
    ".sum()",
    ".max()",
    ".first()",
    ".last()",
    ".slice(",
    ".splitWhere(",
    ".mergeWith(",
    ".take(",
    "range(",
    "sequence()",
    "generate(",
    "generateMany(",
    "switch(",
    "coalesce(",
    "dict(",
    "set(",
    "list(",
    ".unpack() -> ",
    "regex(",
    ".replaceBy(",
    ".matches(",
    ".split(",
    ".join(",
    ".format(",
    "datetime(",
    "timespan(",
    "str(",
    "int(",
    "float(",
    "pow(",
    "shiftBitsLeft(",
    "round(",
    "'{0}'",
];

#[test]
fn expressions() {
    const BOUNDS: Bounds = Bounds {
        steps: 20_000,
        bytes: 4 << 20,
        depth: 64,
    };
    // Bounds are steps: what a machine makes of them in debug mode, with much to spare.
    const LONGEST: Duration = Duration::from_secs(20);
    fuzz!(WORDS, |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let Ok(expression) = Expression::parse(&text) else {
            return;
        };
        let begun = Instant::now();
        let scope = Data::new(data(), BOUNDS);
        match expression.evaluate(&scope) {
            Ok(_) => {}
            Err(Error::Evaluation { message, .. }) => assert!(!message.is_empty()),
            Err(Error::Bound(..)) => {}
            Err(Error::Syntax { message, .. }) => panic!("it was parsed: {message}"),
        }
        assert!(begun.elapsed() < LONGEST, "{text}");
    });
}
