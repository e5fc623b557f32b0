//! Decisions as oslo.policy's own, and files that are refused.

use std::{path::Path, sync::Arc, time::Duration};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Policy, Rule, Rules, Settings, Target, check::Check, file, parse, rules::Written};
use crate::{
    auth::Caller,
    clock::ManualClock,
    domain::{ProjectId, Timestamp},
};

fn caller(project: &str, roles: &[&str]) -> Caller {
    Caller {
        project_id: ProjectId::new(project),
        user_id: Some("u".into()),
        user_name: None,
        user_domain_id: None,
        project_domain_id: None,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        is_admin: roles.contains(&"admin"),
        home: None,
    }
}

fn passes(rules: &Rules, name: &str, caller: &Caller) -> bool {
    rules.explain(name, caller, &Target::of(caller)).passes
}

fn faults(yaml: &str) -> String {
    file::parse(yaml).expect_err(yaml).join("\n")
}

// ---- Against the real oslo.policy: scripts/oslo-policy-answers makes the file.

fn answers() -> Value {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/policy/__fixtures__/oslo_policy.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn parse_value(check: &Value) -> Result<Check, parse::Fault> {
    let Some(outer) = check.as_array() else {
        return parse::text(check.as_str().unwrap());
    };
    let texts = |inner: &Value| -> Vec<String> {
        match inner.as_str() {
            Some("") => Vec::new(),
            Some(text) => vec![text.to_owned()],
            None => serde_json::from_value(inner.clone()).unwrap(),
        }
    };
    parse::list(&outer.iter().map(texts).collect::<Vec<_>>())
}

fn caller_of(fields: &Value) -> Caller {
    let text = |name: &str| fields[name].as_str().map(Arc::from);
    Caller {
        project_id: ProjectId::new(fields["project_id"].as_str().unwrap()),
        user_id: text("user_id"),
        user_name: text("user_name"),
        user_domain_id: text("user_domain_id"),
        project_domain_id: text("project_domain_id"),
        roles: serde_json::from_value(fields["roles"].clone()).unwrap(),
        is_admin: fields["is_admin"].as_bool().unwrap(),
        home: None,
    }
}

#[test]
fn checks_decide_as_oslo_policy_does() {
    let answers = answers();
    let callers: Vec<Caller> = answers["callers"]
        .as_array()
        .unwrap()
        .iter()
        .map(caller_of)
        .collect();
    // Literals of Python that we do not read.
    let beyond = [
        "0.00001:",
        "0x10:",
        "1_000:",
        "1e3:",
        "[]:",
        "'''p1''':",
        "'p''1':",
    ];
    let mut compared = 0;
    for case in answers["checks"].as_array().unwrap() {
        let text = &case["check"];
        let theirs = case["answers"].as_str().unwrap();
        let Ok(check) = parse_value(text) else {
            // What is refused is a fault of theirs too, which they tell their log, or lets nobody pass there either.
            let is_beyond = |text: &str| beyond.iter().any(|literal| text.starts_with(literal));
            let is_fault = case["understood"] == false
                || theirs.contains('E')
                || text.as_str().is_some_and(is_beyond);
            assert!(is_fault || !theirs.contains('1'), "{case} is refused");
            continue;
        };
        assert_eq!(case["understood"], true, "{case} is taken");
        let mut ours = String::new();
        for rules in answers["rules"].as_array().unwrap() {
            let named = rules
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, check)| Written {
                    name: name.clone(),
                    text: String::new(),
                    check: parse_value(check).unwrap(),
                });
            let rules = Rules::new(named.collect()).unwrap();
            for target in answers["targets"].as_array().unwrap() {
                for caller in &callers {
                    let target = if target.is_null() {
                        Target::of(caller)
                    } else {
                        Target {
                            project_id: target["project_id"].as_str(),
                            user_id: target["user_id"].as_str(),
                        }
                    };
                    ours.push(if check.passes(caller, &target, &rules) {
                        '1'
                    } else {
                        '0'
                    });
                }
            }
        }
        assert_eq!(ours, theirs, "{text}");
        compared += 1;
    }
    assert!(compared > 400, "only {compared} checks were compared");
}

// ---- What is refused, with the remedy.

#[test]
fn checks_that_cannot_be_understood_are_refused_with_the_remedy() {
    for (check, remedy) in [
        (" ", "write \"\" to let everybody pass"),
        ("admin", "write role:NAME"),
        ("role:a role:b", "join them by `and`"),
        ("(role:a", "close every parenthesis"),
        ("'a'", "do not fit together"),
        ("a-b:c", "neither an attribute"),
        ("project_id:%(project_id)", "written %(project_id)s"),
        ("http://policy.example.com/", "no request waits for one"),
        (
            "role:a and https://policy.example.com/%(name)s",
            "no request waits for one",
        ),
    ] {
        let fault = parse::text(check).unwrap_err().to_string();
        assert!(fault.contains(remedy), "{check}: {fault}");
    }
}

#[test]
fn remote_checks_are_refused() {
    for check in [
        "http:x",
        "https:x",
        "not http:x",
        "@ or https://%(user_id)s",
    ] {
        let fault = parse::text(check).unwrap_err();
        assert!(matches!(fault, parse::Fault::Remote(_)), "{check}");
        let list = parse::list(&[vec!["http:x".to_owned()]]).unwrap_err();
        assert!(matches!(list, parse::Fault::Remote(_)), "{check}");
    }
}

#[test]
fn a_check_without_end_is_refused_and_not_recursed_into() {
    let many = 100_000;
    for check in [
        "not ".repeat(many) + "@",
        "(".repeat(many) + "@" + &")".repeat(many),
        "(@ or ".repeat(many) + "@" + &")".repeat(many),
    ] {
        assert_eq!(parse::text(&check), Err(parse::Fault::TooNested));
    }
    // Length alone is no depth.
    let long = "role:a or role:b and ".repeat(1000) + "@";
    assert!(parse::text(&long).is_ok());
}

#[test]
fn rules_in_a_circle_are_refused_by_naming_it() {
    for (yaml, circle) in [
        ("a: rule:a", "a → a"),
        (
            "a: role:x or not rule:b\nb: [[rule:c]]\nc: '@ and rule:a'",
            "a → b → c → a",
        ),
        ("default: rule:missing", "default → default"),
        (
            "'actions:list': rule:admin_or_owner\nadmin_or_owner: rule:actions:list",
            "admin_or_owner → actions:list",
        ),
    ] {
        let fault = faults(yaml);
        assert!(
            fault.contains("circle") && fault.contains(circle),
            "{fault}"
        );
        assert!(fault.starts_with("line 1: "), "{fault}");
    }
}

#[test]
fn rules_that_go_too_deep_or_take_too_long_are_refused() {
    let chain = |count: usize, check: &dyn Fn(usize) -> String| -> String {
        (0..count)
            .map(|at| format!("r{at}: \"{}\"\n", check(at)))
            .chain([format!("r{count}: role:x\n")])
            .collect()
    };
    let deep = |at: usize| format!("rule:r{}", at + 1);
    assert!(file::parse(&chain(50, &deep)).is_ok());
    assert!(faults(&chain(5000, &deep)).contains("deep"));
    let doubling = |at: usize| format!("rule:r{0} and rule:r{0}", at + 1);
    assert!(file::parse(&chain(8, &doubling)).is_ok());
    assert!(faults(&chain(40, &doubling)).contains("more than 10000 checks"));
}

#[test]
fn every_fault_of_a_file_is_told_with_line_and_rule() {
    let fault = faults(
        "# A comment\n'actions:list': role:reader\n'modules:create': role\nmine: 'http://x'\nempty:\nmore: 7\n",
    );
    let lines: Vec<&str> = fault.lines().collect();
    assert!(
        lines[0].starts_with("line 3: modules:create: `role` is no check"),
        "{fault}"
    );
    assert!(lines[1].starts_with("line 4: mine: "), "{fault}");
    assert!(
        lines[2].starts_with("line 5: empty: nothing is said"),
        "{fault}"
    );
    assert!(
        lines[3].starts_with("line 6: more: a check is a text"),
        "{fault}"
    );
    assert_eq!(lines.len(), 4, "{fault}");
}

#[test]
fn what_is_no_mapping_of_rules_is_refused() {
    for yaml in [
        "a",
        "- a: b",
        "a: {b: c}",
        "a: [[[role:x]]]",
        "a: '@'\na: '!'",
        "a: '@\n",
        "a: *b",
        "--- \na: '@'\n---\nb: '@'",
        "{",
    ] {
        let fault = faults(yaml);
        assert!(!fault.is_empty(), "{yaml}");
        assert_eq!(fault.lines().count(), 1, "{fault}");
    }
}

#[test]
fn an_exclamation_mark_without_quotes_opens_nothing() {
    // In YAML it is a tag of nothing, which oslo.policy takes for "everybody".
    for yaml in [
        "'actions:list': !",
        "'actions:list': ! # nobody",
        "'actions:list': !\nb: '@'",
        "{'actions:list': !, b: '@'}",
        "'actions:list': !role:admin",
        "b: &x !\n'actions:list': *x",
        "'actions:list': |\n\nb: '@'",
    ] {
        assert!(file::parse(yaml).is_err(), "{yaml}");
    }
    for yaml in [
        "'actions:list': ''",
        "{\"actions:list\": \"\"}",
        "b: &x ''\n'actions:list': *x",
    ] {
        assert!(file::parse(yaml).is_ok(), "{yaml}");
    }
    for yaml in [
        "'actions:list': ~",
        "'actions:list': null",
        "'actions:list':",
    ] {
        assert!(faults(yaml).contains("nothing is said"), "{yaml}");
    }
}

// ---- What holds.

#[test]
fn without_a_file_admins_pass_all_rules_and_members_those_of_their_project() {
    let policy = Policy::default();
    for rule in Rule::ALL {
        let is_open = rule.default_check() == "rule:admin_or_owner";
        assert!(policy.enforce(&caller("p", &["admin"]), *rule).is_ok());
        let member = policy.enforce(&caller("p", &["member"]), *rule);
        assert_eq!(member.is_ok(), is_open, "{}", rule.name());
    }
}

#[test]
fn other_projects_are_for_admins() {
    let policy = Policy::default();
    for rule in Rule::ALL {
        let name = rule.name();
        if name.ends_with("all_projects") || name.ends_with("all_tenants") {
            let refusal = policy.enforce(&caller("p", &["member", "Administrator"]), *rule);
            assert_eq!(refusal.unwrap_err().0, name);
        }
    }
}

#[test]
fn an_empty_file_is_the_defaults() {
    for yaml in ["", "# nothing\n", "{}", "---\n"] {
        let rules = file::parse(yaml).unwrap();
        assert_eq!(rules.effective().len(), Rules::default().effective().len());
        assert!(rules.warnings().is_empty());
    }
}

#[test]
fn json_is_yaml_and_a_list_of_lists_is_a_check() {
    let rules = file::parse(
        r#"{"actions:list": [["role:reader", "project_id:%(project_id)s"], "is_admin:True"], "own": ""}"#,
    )
    .unwrap();
    assert!(passes(&rules, "actions:list", &caller("p", &["reader"])));
    assert!(!passes(&rules, "actions:list", &caller("p", &["member"])));
    let rule = rules
        .effective()
        .into_iter()
        .find(|rule| rule.name == "actions:list")
        .unwrap();
    assert_eq!(
        rule.check,
        "(role:reader and project_id:%(project_id)s) or is_admin:True"
    );
    assert!(rule.is_overridden);
}

#[test]
fn a_base_rule_changes_all_that_refer_to_it() {
    let rules = file::parse("admin_only: role:operator\nadmin_or_owner: '!'").unwrap();
    let operator = caller("p", &["operator"]);
    assert!(passes(&rules, "actions:list:all_projects", &operator));
    assert!(!passes(&rules, "actions:list", &operator));
}

#[test]
fn what_is_hardly_meant_is_warned_of() {
    let rules = file::parse(
        "actions:lst: role:a\nmine: role:b\nother: rule:mine\nactions:list: rule:othr\n\
         modules:list: system_scope:all\nmodules:get: user_id:%(target.user.id)s",
    )
    .unwrap();
    let warnings = rules.warnings().join("\n");
    for part in [
        "`actions:lst` governs nothing",
        "`other` governs nothing",
        "`actions:list` refers to `othr`, which there is not",
        "callers have no `system_scope`",
        "`%(target.user.id)s` is never known",
    ] {
        assert!(warnings.contains(part), "{part} in {warnings}");
    }
    assert_eq!(rules.warnings().len(), 5, "{warnings}");
    assert!(!passes(&rules, "actions:list", &caller("p", &["admin"])));
}

#[test]
fn a_decision_is_explained_part_by_part() {
    let rules = file::parse("actions:list: not rule:gone and role:Auditor").unwrap();
    let caller = caller("p", &["member"]);
    let explained = rules.explain("actions:list", &caller, &Target::of(&caller));
    assert!(!explained.passes);
    let and = &explained.parts[0];
    assert_eq!(and.check, "not rule:gone and role:Auditor");
    assert_eq!((and.parts[0].passes, and.parts[1].passes), (true, false));
    let gone = &and.parts[0].parts[0];
    assert_eq!(gone.because.as_deref(), Some("there is no rule gone"));
    assert_eq!(
        and.parts[1].because.as_deref(),
        Some("the roles are [member]")
    );
}

#[test]
fn a_check_reads_the_same_when_it_is_shown_and_read_again() {
    for case in answers()["checks"].as_array().unwrap() {
        if let Some(Ok(check)) = case["check"].as_str().map(parse::text) {
            assert_eq!(
                parse::text(&check.to_string()).as_ref(),
                Ok(&check),
                "{check}"
            );
        }
    }
}

// ---- The file as it changes.

struct Followed {
    folder: tempfile::TempDir,
    policy: Policy,
    clock: Arc<ManualClock>,
    stop: CancellationToken,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Followed {
    fn begin(before: &[(&str, &str)], file: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in before {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let settings = Settings {
            file: file.map(Into::into),
            folder: Some(folder.path().to_owned()),
        };
        let (policy, follower) = Policy::load(&settings).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix_ms(0)));
        let stop = CancellationToken::new();
        tokio::spawn(follower.run(clock.clone(), stop.clone()));
        Self {
            folder,
            policy,
            clock,
            stop,
        }
    }

    fn write(&self, text: &str) {
        std::fs::write(self.folder.path().join("policy.yaml"), text).unwrap();
    }

    /// Lets the follower look a few times.
    async fn look(&self) {
        for _ in 0..4 {
            self.clock.until_asleep(1).await;
            self.clock.advance(Duration::from_secs(1));
        }
        self.clock.until_asleep(1).await;
    }

    fn lets_members_list_actions(&self) -> bool {
        self.policy
            .enforce(&caller("p", &["member"]), Rule::ActionsList)
            .is_ok()
    }
}

#[tokio::test]
async fn a_file_that_comes_changes_and_goes_is_followed() {
    let followed = Followed::begin(&[], None);
    followed.look().await;
    assert!(followed.lets_members_list_actions());
    followed.write("actions:list: rule:admin_only");
    followed.look().await;
    assert!(!followed.lets_members_list_actions());
    followed.write("actions:list: role:member");
    followed.look().await;
    assert!(followed.lets_members_list_actions());
    followed.write("actions:list: '!'");
    followed.look().await;
    assert!(!followed.lets_members_list_actions());
    std::fs::remove_file(followed.folder.path().join("policy.yaml")).unwrap();
    followed.look().await;
    assert!(followed.lets_members_list_actions());
}

#[tokio::test]
async fn a_broken_file_leaves_the_last_good_policy() {
    let followed = Followed::begin(&[("policy.yaml", "actions:list: '!'")], None);
    for broken in [
        "actions:list: '",
        "actions:list: rule:actions:list",
        "actions:list: http://x/",
        "7",
        "\u{0}",
    ] {
        followed.write(broken);
        followed.look().await;
        assert!(!followed.lets_members_list_actions(), "{broken}");
    }
    followed.write("actions:list: '@'");
    followed.look().await;
    assert!(followed.lets_members_list_actions());
}

#[tokio::test]
async fn a_file_that_was_named_and_is_gone_leaves_the_last_good_policy() {
    let followed = Followed::begin(&[("policy.yaml", "actions:list: '!'")], Some("policy.yaml"));
    std::fs::remove_file(followed.folder.path().join("policy.yaml")).unwrap();
    followed.look().await;
    assert!(!followed.lets_members_list_actions());
}

#[tokio::test]
async fn a_link_that_is_turned_to_another_file_is_followed() {
    // As Kubernetes does: policy.yaml → ..data/policy.yaml, and ..data → a folder that is replaced.
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, check) in [("one", "'@'"), ("two", "'!'")] {
        std::fs::create_dir(at(name)).unwrap();
        std::fs::write(
            at(name).join("policy.yaml"),
            format!("actions:list: {check}"),
        )
        .unwrap();
    }
    std::os::unix::fs::symlink("one", at("..data")).unwrap();
    std::os::unix::fs::symlink("..data/policy.yaml", at("policy.yaml")).unwrap();
    let settings = Settings {
        file: None,
        folder: Some(folder.path().to_owned()),
    };
    let (policy, follower) = Policy::load(&settings).unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix_ms(0)));
    let stop = CancellationToken::new();
    tokio::spawn(follower.run(clock.clone(), stop.clone()));
    let followed = Followed {
        folder,
        policy,
        clock,
        stop,
    };
    followed.look().await;
    assert!(followed.lets_members_list_actions());
    std::os::unix::fs::symlink("two", followed.folder.path().join("..next")).unwrap();
    std::fs::rename(
        followed.folder.path().join("..next"),
        followed.folder.path().join("..data"),
    )
    .unwrap();
    followed.look().await;
    assert!(!followed.lets_members_list_actions());
}

#[test]
fn what_is_no_file_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let load = |file: &str| {
        let settings = Settings {
            file: Some(file.into()),
            folder: Some(folder.path().to_owned()),
        };
        Policy::load(&settings).map(|_| ()).unwrap_err().to_string()
    };
    assert!(load("none.yaml").contains("see [policy] file"));
    assert!(load(".").contains("is no file"));
    std::fs::write(folder.path().join("large.yaml"), "#".repeat(2 << 20)).unwrap();
    assert!(load("large.yaml").contains("bytes"));
    std::fs::write(folder.path().join("faulty.yaml"), "\nactions:list: role").unwrap();
    assert!(load("faulty.yaml").contains("line 2: actions:list: `role` is no check"));
}
