//! Checks what a module says about its actions before anybody else sees it.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use super::{
    bindings::exports::zonda::action::actions::ActionSpec as WitSpec, error::Error, log::cut,
};
use crate::domain::{AccessRule, ActionName, ActionSpec, JsonText, ModuleName, Schema};

/// Actions of one module.
const ACTIONS: usize = 2000;
const DESCRIPTION_BYTES: usize = 8 << 10;
const SCHEMA_BYTES: usize = 128 << 10;
/// Access rules of one action.
const RULES: usize = 512;

/// What checking everything that a module says may take; each schema by itself is bounded, too.
const CHECKING: Duration = Duration::from_secs(10);

/// The actions that a module described, or what is wrong with the first bad one. Takes its time.
pub(super) fn check(
    described: Vec<WitSpec>,
    module: Option<&ModuleName>,
) -> Result<Vec<ActionSpec>, Error> {
    if described.is_empty() {
        return Err(Error::refused("the module describes no action"));
    }
    if described.len() > ACTIONS {
        return Err(Error::refused(format!(
            "the module describes more than {ACTIONS} actions"
        )));
    }
    let mut names = HashSet::new();
    let mut specs = Vec::with_capacity(described.len());
    let began = Instant::now();
    for spec in described {
        if began.elapsed() > CHECKING {
            return Err(Error::refused(format!(
                "checking the schemas of the module's actions takes longer than {} s",
                CHECKING.as_secs()
            )));
        }
        let shown = cut(spec.name.clone(), 255);
        let spec = check_spec(spec, module).map_err(|fault| {
            Error::Refused(format!("action `{}`: {fault}", shown.escape_debug()))
        })?;
        if !names.insert(spec.name.clone()) {
            return Err(Error::Refused(format!(
                "the module describes `{}` twice",
                spec.name
            )));
        }
        specs.push(spec);
    }
    Ok(specs)
}

/// What is wrong with one action.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Name(#[from] crate::domain::BadName),
    #[error("its name must begin with the module's name: `{0}.`")]
    Prefix(String),
    #[error("its {0} is longer than {1} bytes")]
    TooLong(&'static str, usize),
    #[error("its {0} is not JSON: {1}")]
    NotJson(&'static str, serde_json::Error),
    #[error("its {0} cannot be used: {1}")]
    Schema(&'static str, crate::domain::BadSchema),
    #[error("it has more than {RULES} access rules")]
    Rules,
    #[error("its access rule `{rule}`: {why}")]
    Rule { rule: AccessRule, why: &'static str },
}

fn check_spec(spec: WitSpec, module: Option<&ModuleName>) -> Result<ActionSpec, Fault> {
    let name = ActionName::parse(&spec.name)?;
    if let Some(module) = module
        && name.prefix() != module.as_str()
    {
        return Err(Fault::Prefix(module.to_string()));
    }
    if spec.description.len() > DESCRIPTION_BYTES {
        return Err(Fault::TooLong("description", DESCRIPTION_BYTES));
    }
    let input_schema = check_schema("input schema", spec.input_schema, Schema::compile_object)?;
    let output_schema = spec
        .output_schema
        .map(|text| check_schema("output schema", text, Schema::compile))
        .transpose()?;
    if spec.access.len() > RULES {
        return Err(Fault::Rules);
    }
    let access = spec
        .access
        .into_iter()
        .map(|rule| AccessRule {
            service_type: rule.service_type,
            method: rule.method,
            path: rule.path,
        })
        .map(|rule| match rule.fault() {
            None => Ok(rule),
            Some(why) => Err(Fault::Rule {
                rule: shown(rule),
                why,
            }),
        })
        .collect::<Result<_, _>>()?;
    Ok(ActionSpec {
        name,
        description: spec.description,
        input_schema,
        output_schema,
        access,
        idempotent: spec.idempotent,
        asynchronous: spec.asynchronous,
    })
}

fn check_schema(
    what: &'static str,
    text: String,
    compile: impl FnOnce(&JsonText) -> Result<Schema, crate::domain::BadSchema>,
) -> Result<JsonText, Fault> {
    if text.len() > SCHEMA_BYTES {
        return Err(Fault::TooLong(what, SCHEMA_BYTES));
    }
    let text = JsonText::parse(text).map_err(|err| Fault::NotJson(what, err))?;
    compile(&text).map_err(|err| Fault::Schema(what, err))?;
    Ok(text)
}

/// A rule short enough to be repeated.
fn shown(rule: AccessRule) -> AccessRule {
    AccessRule {
        service_type: cut(rule.service_type, 64),
        method: cut(rule.method, 16),
        path: cut(rule.path, 128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::bindings::zonda::action::types::AccessRule as WitRule;

    fn spec(name: &str) -> WitSpec {
        WitSpec {
            name: name.to_owned(),
            description: String::new(),
            input_schema: r#"{"type": "object"}"#.to_owned(),
            output_schema: None,
            access: Vec::new(),
            idempotent: false,
            asynchronous: false,
        }
    }

    fn refusal(specs: Vec<WitSpec>) -> String {
        let module = ModuleName::parse("demo").unwrap();
        check(specs, Some(&module)).unwrap_err().to_string()
    }

    #[test]
    fn a_good_description_is_taken() {
        let module = ModuleName::parse("demo").unwrap();
        let specs = check(vec![spec("demo.a"), spec("demo.b")], Some(&module)).unwrap();
        assert_eq!(specs.len(), 2);
    }

    #[test]
    fn a_system_module_may_own_several_prefixes() {
        assert!(
            check(
                vec![spec("nova.servers_list"), spec("heat.stacks_list")],
                None
            )
            .is_ok()
        );
    }

    #[test]
    fn bad_descriptions_are_refused_with_the_reason() {
        assert!(refusal(vec![]).contains("no action"));
        assert!(refusal(vec![spec("demo.a"), spec("demo.a")]).contains("`demo.a` twice"));
        assert!(refusal(vec![spec("other.a")]).contains("`demo.`"));
        assert!(refusal(vec![spec("demo")]).contains("prefix.verb"));
    }

    #[test]
    fn what_is_too_long_is_refused_with_its_limit() {
        let long = |change: fn(&mut WitSpec)| {
            let mut spec = spec("demo.a");
            change(&mut spec);
            refusal(vec![spec])
        };
        let said = long(|spec| spec.description = "x".repeat(8193));
        assert!(
            said.contains("description is longer than 8192 bytes"),
            "{said}"
        );
        let said = long(|spec| spec.input_schema = " ".repeat(131_073));
        assert!(
            said.contains("input schema is longer than 131072 bytes"),
            "{said}"
        );
        let said = long(|spec| spec.output_schema = Some(" ".repeat(131_073)));
        assert!(
            said.contains("output schema is longer than 131072 bytes"),
            "{said}"
        );
        let said = long(|spec| {
            let rule = || WitRule {
                service_type: "compute".to_owned(),
                method: "GET".to_owned(),
                path: "/".to_owned(),
            };
            spec.access = (0..513).map(|_| rule()).collect();
        });
        assert!(said.contains("more than 512 access rules"), "{said}");
        let many = (0..2001).map(|n| spec(&format!("demo.n{n}"))).collect();
        assert!(refusal(many).contains("more than 2000 actions"));
        let name = "\u{1b}[31m".repeat(1000);
        let said = refusal(vec![spec(&name)]);
        assert!(said.len() < 2000 && !said.contains('\u{1b}'), "{said}");
    }

    #[test]
    fn bad_schemas_are_refused() {
        for (schema, word) in [
            ("{", "not JSON"),
            ("[]", "object"),
            (r#"{"type": "string"}"#, "object"),
            (r#"{"type": "objekt"}"#, "objekt"),
            (
                r#"{"type": "object", "properties": {"a": {"$ref": "https://example.com/s"}}}"#,
                "example.com",
            ),
            (
                r#"{"type": "object", "properties": {"a": {"pattern": "(?=a)"}}}"#,
                "pattern",
            ),
        ] {
            let mut bad = spec("demo.a");
            bad.input_schema = schema.to_owned();
            let text = refusal(vec![bad]);
            assert!(text.contains(word), "{schema}: {text}");
        }
    }

    #[test]
    fn access_rules_follow_keystones_grammar() {
        let fault = |service_type: &str, method: &str, path: &str| {
            let mut spec = spec("demo.a");
            spec.access = vec![WitRule {
                service_type: service_type.to_owned(),
                method: method.to_owned(),
                path: path.to_owned(),
            }];
            check(vec![spec], None).err().map(|err| err.to_string())
        };
        for path in [
            "",
            "/",
            "/servers/{id}",
            "/servers/*/action",
            "/v1/**",
            "/a/",
        ] {
            assert_eq!(fault("compute", "GET", path), None, "{path}");
        }
        assert_eq!(fault("*", "*", "/**"), None);
        for path in [
            "servers", "//", "/a/../b", "/**/a", "/a*", "/{}", "/a b", "/a?b",
        ] {
            assert!(fault("compute", "GET", path).is_some(), "{path}");
        }
        assert!(fault("", "GET", "/").is_some());
        assert!(fault("compute", "get", "/").is_some());
    }
}
