//! Fuzz targets of the policy's language and file.

use super::{Target, file, parse, rules::Rules, rules::Written};
use crate::{auth::Caller, domain::ProjectId, fuzz::fuzz};

fn caller() -> Caller {
    Caller {
        project_id: ProjectId::new("p"),
        user_id: Some("u".into()),
        user_name: None,
        user_domain_id: None,
        project_domain_id: None,
        roles: vec!["member".to_owned(), "größe".to_owned()],
        is_admin: false,
        home: None,
    }
}

#[test]
fn checks() {
    const WORDS: &[&str] = &[
        " ",
        "(",
        ")",
        " and ",
        " or ",
        " not ",
        "@",
        "!",
        ":",
        "role:",
        "rule:",
        "rule:checked",
        "is_admin:",
        "True",
        "None",
        "'",
        "\"",
        "%",
        "%%",
        "%(project_id)s",
        "%(user_id)s",
        "%()s",
        "\u{a0}",
        "-1.50",
        "\\",
        "http:",
        "roles:",
    ];
    fuzz!(WORDS, |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let Ok(check) = parse::text(&text) else {
            return;
        };
        assert_eq!(
            parse::text(&check.to_string()),
            Ok(check.clone()),
            "{check}"
        );
        let written = Written {
            name: "checked".to_owned(),
            text: text.into_owned(),
            check: check.clone(),
        };
        let Ok(rules) = Rules::new(vec![written]) else {
            return;
        };
        let caller = caller();
        let target = Target::of(&caller);
        let explained = rules.explain("checked", &caller, &target);
        assert_eq!(explained.passes, check.passes(&caller, &target, &rules));
    });
}

#[test]
fn files() {
    const WORDS: &[&str] = &[
        "\n",
        ": ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"",
        "&a ",
        "*a",
        "<<: *a",
        "!",
        "!!str ",
        "~",
        "|\n ",
        ">\n ",
        "---\n",
        "actions:list",
        "default",
        "rule:default",
        "rule:admin_only",
        "role:member",
        "@",
        "!!binary ",
        "7",
        "true",
        "\t",
        "# ",
        "? ",
    ];
    fuzz!(WORDS, |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let caller = caller();
        match file::parse(&text) {
            Ok(rules) => {
                for rule in rules.effective() {
                    let _ = rules.explain(rule.name, &caller, &Target::of(&caller));
                }
            }
            Err(faults) => {
                assert!(!faults.is_empty() && faults.iter().all(|fault| !fault.is_empty()))
            }
        }
    });
}
