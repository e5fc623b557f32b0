//! The policy for the operator who looks after it: `zonda policy`.

use std::{collections::HashMap, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use crate::{
    api::{self, Access},
    auth::Caller,
    cli::{self, CommonArgs, Format, Object, Output, PolicyCaller},
    config::Config,
    domain::ProjectId,
    policy::{BASE, Explanation, Policy, Rule, Rules, Target},
};

/// The columns of the list, which wide ones follow on demand.
const COLUMNS: [&str; 5] = ["name", "check", "overridden", "operations", "description"];

/// Prints every rule that holds, and on standard error what is hardly meant.
///
/// # Errors
/// When the policy file has faults, or the output cannot be written.
pub fn list(config: &Config, args: &CommonArgs) -> Result<()> {
    let rules = load(config)?;
    Ok(cli::print(args, |out| out.list(&rows(&rules), &COLUMNS))?)
}

/// Prints how a rule decides about a caller; answers whether it lets the caller pass.
///
/// # Errors
/// When there is no such rule, the policy file has faults, or the caller's cannot be read.
pub fn check(
    config: &Config,
    args: &CommonArgs,
    rule: &str,
    caller: &PolicyCaller,
) -> Result<bool> {
    let rules = load(config)?;
    ensure!(
        rules.has(rule),
        "there is no rule {rule}; `zonda policy list` names them"
    );
    let caller = caller_of(caller)?;
    let explained = rules.explain(rule, &caller, &Target::of(&caller));
    cli::print(args, |out| match out.format() {
        None | Some(Format::Table) => print_tree(out, rule, &explained),
        Some(Format::Value) => out.value(&explained.passes.into()),
        Some(Format::Json | Format::Yaml) => out.value(&json!({
            "rule": rule,
            "passes": explained.passes,
            "decision": explained,
        })),
    })?;
    Ok(explained.passes)
}

/// Prints a policy file of the defaults, all of them comments.
///
/// # Errors
/// When the output cannot be written.
pub fn sample(args: &CommonArgs) -> Result<()> {
    Ok(cli::print(args, |out| out.print(sample_text().trim_end()))?)
}

fn load(config: &Config) -> Result<std::sync::Arc<Rules>> {
    let (policy, _) = Policy::load(&config.policy)?;
    let rules = policy.rules();
    for warning in rules.warnings() {
        eprintln!("zonda: {warning}");
    }
    Ok(rules)
}

fn rows(rules: &Rules) -> Vec<Object> {
    let operations = operations();
    let described: HashMap<&str, &str> = Rule::ALL
        .iter()
        .map(|rule| (rule.name(), rule.description()))
        .chain(BASE.iter().map(|base| (base.name, base.description)))
        .collect();
    rules
        .effective()
        .into_iter()
        .map(|rule| {
            let description = described.get(rule.name).copied();
            Object::from_iter([
                ("name".to_owned(), rule.name.into()),
                ("check".to_owned(), rule.check.into()),
                ("overridden".to_owned(), rule.is_overridden.into()),
                (
                    "operations".to_owned(),
                    operations
                        .get(rule.name)
                        .cloned()
                        .unwrap_or_default()
                        .into(),
                ),
                (
                    "description".to_owned(),
                    description
                        .unwrap_or("A rule of the operator's own.")
                        .into(),
                ),
            ])
        })
        .collect()
}

/// The calls that each rule governs, from the table of routes.
fn operations() -> HashMap<&'static str, Vec<String>> {
    let mut operations: HashMap<&str, Vec<String>> = HashMap::new();
    let mut governs = |rule: Rule, call: String| {
        operations.entry(rule.name()).or_default().push(call);
    };
    for route in api::routes().table() {
        let call = format!("{} {}", route.method, route.path);
        // What a handler asks for besides, when a call goes beyond the caller's project.
        if let Some(rule) = route.doc.all_projects_rule() {
            let flag = if route.path.starts_with("/v1/") {
                "all_tenants"
            } else {
                "all_projects"
            };
            let beyond = if route.path.contains('{') {
                format!("{call} of another project")
            } else {
                format!("{call}?{flag}=true")
            };
            governs(rule, beyond);
        }
        if let Some(rule) = route.doc.publicizing_rule() {
            governs(rule, format!("{call} with scope=public"));
        }
        if let Access::Guarded(rule) = route.access {
            governs(rule, call);
        }
    }
    operations
}

fn sample_text() -> String {
    let operations = operations();
    let mut text = String::new();
    let mut rule = |description: &str, calls: &[String], name: &str, check: &str| {
        let calls: String = calls.iter().map(|call| format!("# {call}\n")).collect();
        text.push_str(&format!(
            "# {description}\n{calls}#\"{name}\": \"{check}\"\n\n"
        ));
    };
    for base in BASE {
        rule(base.description, &[], base.name, base.check);
    }
    for own in Rule::ALL {
        let calls = operations.get(own.name()).map_or(&[][..], Vec::as_slice);
        rule(own.description(), calls, own.name(), own.default_check());
    }
    text
}

fn print_tree(out: &mut Output<'_>, rule: &str, explained: &Explanation) -> Result<(), cli::Error> {
    let decision = if explained.passes {
        "allowed"
    } else {
        "denied"
    };
    out.print(&format!("{rule}: {decision}"))?;
    print_part(out, explained, 0)
}

fn print_part(out: &mut Output<'_>, part: &Explanation, depth: usize) -> Result<(), cli::Error> {
    let because = part.because.as_ref().map(|why| format!("    # {why}"));
    out.print(&format!(
        "{:7}{}{}{}",
        part.passes,
        "  ".repeat(depth),
        part.check,
        because.unwrap_or_default()
    ))?;
    part.parts
        .iter()
        .try_for_each(|part| print_part(out, part, depth + 1))
}

/// What Keystone says about a token, as far as a policy asks.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Known {
    roles: Vec<Named>,
    user: Named,
    project: Named,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    id: Option<String>,
    name: Option<String>,
    domain: Domain,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Domain {
    id: Option<String>,
}

fn caller_of(said: &PolicyCaller) -> Result<Caller> {
    let known = match &said.credentials {
        Some(path) => read_credentials(path)?,
        None => Known::default(),
    };
    let said_or = |said: &Option<String>, known: Option<String>| said.clone().or(known);
    let roles: Vec<String> = known
        .roles
        .into_iter()
        .filter_map(|role| role.name)
        .chain(said.roles.iter().cloned())
        .collect();
    let project_id = said_or(&said.project_id, known.project.id);
    Ok(Caller {
        project_id: ProjectId::new(project_id.as_deref().unwrap_or("<project>")),
        user_id: said_or(&said.user_id, known.user.id).map(Into::into),
        user_name: said_or(&said.user_name, known.user.name).map(Into::into),
        user_domain_id: said_or(&said.user_domain_id, known.user.domain.id).map(Into::into),
        project_domain_id: said_or(&said.project_domain_id, known.project.domain.id)
            .map(Into::into),
        is_admin: said.is_admin || roles.iter().any(|role| role == "admin"),
        roles,
        home: None,
    })
}

fn read_credentials(path: &Path) -> Result<Known> {
    #[derive(Deserialize)]
    struct Envelope {
        token: Known,
    }
    let text = fs::read_to_string(path)
        .with_context(|| format!("--credentials {} cannot be read", path.display()))?;
    // Without the parser's words, which may quote what is private.
    let envelope: Option<Envelope> = serde_json::from_str(&text).ok();
    Ok(envelope
        .with_context(|| {
            format!(
                "--credentials {} is not what Keystone answers about a token: {{\"token\": {{…}}}}",
                path.display()
            )
        })?
        .token)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_rule_of_a_route_tells_its_calls() {
        let operations = operations();
        for rule in Rule::ALL {
            assert!(operations.contains_key(rule.name()), "{}", rule.name());
        }
        for route in api::routes().table() {
            if let Access::Guarded(rule) = route.access {
                let call = format!("{} {}", route.method, route.path);
                assert!(operations[rule.name()].contains(&call), "{call}");
            }
        }
        assert_eq!(
            operations["actions:list:all_projects"],
            [
                "GET /v2/actions?all_projects=true",
                "GET /v2/actions/{name} of another project",
                "GET /v2/actions/{name}/{namespace} of another project",
            ]
        );
        assert_eq!(
            operations["modules:publicize"],
            [
                "POST /v2/modules with scope=public",
                "PUT /v2/modules/{module} with scope=public",
            ]
        );
    }

    #[test]
    fn a_sample_changes_nothing_and_reads_back_as_the_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.yaml");
        let rules = |text: &str| {
            fs::write(&path, text).unwrap();
            let settings = crate::policy::Settings {
                file: Some(path.clone()),
                folder: None,
            };
            Policy::load(&settings).unwrap().0.rules()
        };
        let is_overridden = |rules: &Rules| {
            rules
                .effective()
                .iter()
                .filter(|rule| rule.is_overridden)
                .count()
        };
        let sample = sample_text();
        assert_eq!(is_overridden(&rules(&sample)), 0);
        let uncommented = rules(&sample.replace("#\"", "\""));
        assert_eq!(is_overridden(&uncommented), Rule::ALL.len() + BASE.len());
        assert!(uncommented.warnings().is_empty());
    }

    #[test]
    fn credentials_are_keystones_answer_and_options_win() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token.json");
        let token = json!({"token": {"roles": [{"id": "1", "name": "member"}],
            "user": {"id": "u", "name": "ann", "domain": {"id": "d"}},
            "project": {"id": "p", "domain": {"id": "default"}}}});
        fs::write(&path, token.to_string()).unwrap();
        let said = PolicyCaller {
            roles: vec!["admin".to_owned()],
            user_id: Some("other".to_owned()),
            credentials: Some(path.clone()),
            ..PolicyCaller::default()
        };
        let caller = caller_of(&said).unwrap();
        assert_eq!(caller.roles, ["member", "admin"]);
        assert!(caller.is_admin);
        assert_eq!(caller.user_id.as_deref(), Some("other"));
        assert_eq!(caller.project_id.as_str(), "p");
        assert_eq!(caller.user_domain_id.as_deref(), Some("d"));
        fs::write(&path, r#"{"token": "s3cret"}"#).unwrap();
        let refusal = caller_of(&said).unwrap_err();
        assert!(!format!("{refusal:#}").contains("s3cret"));
    }

    const HEAD: &str = "| rule | default | governs | calls |\n|---|---|---|---|\n";

    /// The table of `docs/policy.md`.
    fn table() -> String {
        let rows = rows(&Rules::default());
        let rows = rows.iter().map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or_default();
            let calls: Vec<String> = row["operations"]
                .as_array()
                .unwrap()
                .iter()
                .map(|call| format!("`{}`", call.as_str().unwrap()))
                .collect();
            format!(
                "| `{}` | `{}` | {} | {} |\n",
                text("name"),
                text("check"),
                text("description"),
                calls.join(", ")
            )
        });
        HEAD.to_owned() + &rows.collect::<String>()
    }

    #[test]
    fn the_manual_page_on_policy_has_every_rule() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy.md");
        let page = fs::read_to_string(&path).unwrap();
        let start = page.find(HEAD).expect("the page has the table");
        let end = page[start..]
            .find("\n\n")
            .map_or(page.len(), |at| start + at + 1);
        let table = table();
        if std::env::var_os("ZONDA_WRITE_DOCS").is_some() {
            fs::write(&path, format!("{}{table}{}", &page[..start], &page[end..])).unwrap();
            return;
        }
        assert!(
            page[start..end] == table,
            "docs/policy.md is out of date: run this test with ZONDA_WRITE_DOCS=1"
        );
    }
}
