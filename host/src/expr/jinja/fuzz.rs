//! Fuzz target of the language.

use std::time::{Duration, Instant};

use super::{
    super::{Bounds, Error},
    Text,
    tests::Data,
};
use crate::fuzz::fuzz;

const WORDS: &[&str] = &[
    "{{ ",
    " }}",
    "{% ",
    " %}",
    "{#",
    "#}",
    "{% for i in range(9) %}",
    "{% for i in _ recursive %}",
    "{% endfor %}",
    "{% if 1 %}",
    "{% elif 0 %}",
    "{% else %}",
    "{% endif %}",
    "{% set x = ",
    "{% set n = namespace(x=[]) %}",
    "{% set n.x = [n.x, n.x] %}",
    "{% macro m(a) %}",
    "{% endmacro %}",
    "{% call m() %}",
    "{% endcall %}",
    "{% filter upper %}",
    "{% endfilter %}",
    "{% with a = 1 %}",
    "{% endwith %}",
    "{% break %}",
    "{% continue %}",
    "{% raw %}",
    "{% endraw %}",
    "{{ loop(i) }}",
    "{{ caller() }}",
    "m(",
    "_",
    "_.l",
    "_.servers",
    ".a",
    "[0]",
    "[::-1]",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "1",
    "-1",
    "1e308",
    "99999999999999999999999999999999999999",
    "'a'",
    "'%s'",
    "none",
    " + ",
    " * ",
    " ** ",
    " ~ ",
    " // ",
    " % ",
    " in ",
    " is defined",
    " if 1 else ",
    " and not ",
    " | list",
    " | map('upper')",
    " | join(',')",
    " | tojson",
    " | batch(2)",
    " | groupby('a')",
    " | sort",
    " | sum",
    " | unique",
    " | indent(9)",
    " | center(99)",
    " | replace('a', 'b')",
    " | format(1)",
    " | int(base=36)",
    " | round(2)",
    " | xmlattr",
    " | pprint",
    ".format(",
    ".join(",
    ".items()",
    ".split(",
    "range(",
    "dict(",
    "env()",
    "task('t')",
    "tasks()",
    "executions()",
    "global('a')",
    "uuid()",
    "json_parse(",
    "json_dump(",
    "yaml_parse(",
    "yaml_dump(",
];

#[test]
fn texts() {
    const BOUNDS: Bounds = Bounds {
        steps: 20_000,
        bytes: 4 << 20,
        depth: 64,
    };
    // Bounds are steps: what a machine makes of them in debug mode, with much to spare.
    const LONGEST: Duration = Duration::from_secs(20);
    fuzz!(WORDS, |input: &[u8]| {
        let source = String::from_utf8_lossy(input);
        let Ok(text) = Text::parse(&source) else {
            return;
        };
        let begun = Instant::now();
        match text.evaluate(&Data::new(BOUNDS)) {
            Ok(_) | Err(Error::Bound(..)) => {}
            Err(Error::Evaluation { message, .. }) => assert!(!message.is_empty()),
            Err(Error::Syntax { message, .. }) => panic!("it was parsed: {message}"),
        }
        assert!(begun.elapsed() < LONGEST, "{source}");
    });
}
