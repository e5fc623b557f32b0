//! The rules that hold: the defaults, and over them the operator's own.
//!
//! They have no circle, and deciding by any of them takes a bounded number of checks, not deeply nested.

use std::collections::{HashMap, HashSet};

use super::{
    Rule,
    check::{Attribute, Check},
    parse,
    rule::BASE,
};

/// How deeply a decision may nest, through the rules that it refers to.
const DEEPEST: usize = 200;
/// The most checks that one decision may take.
const MOST_CHECKS: usize = 10_000;

/// A rule as somebody wrote it.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) name: String,
    /// The check as text, for people.
    pub(super) text: String,
    pub(super) check: Check,
}

/// What is wrong with rules that are right one by one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// Rules refer to each other without end.
    #[error("the rules refer to each other in a circle: {}", .0.join(" → "))]
    Circle(Vec<String>),
    /// A rule goes too deep.
    #[error("it goes more than {DEEPEST} checks and rules deep: say it with fewer rules")]
    TooDeep,
    /// A rule takes too long.
    #[error("a decision by it could take more than {MOST_CHECKS} checks: say it with fewer")]
    TooLong,
}

/// A fault, and the rule in which it was found.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) rule: String,
    pub(super) fault: Fault,
}

#[derive(Debug)]
struct Entry {
    check: Check,
    text: String,
    is_overridden: bool,
}

/// The rules that hold.
#[derive(Debug)]
pub struct Rules {
    entries: HashMap<String, Entry>,
    warnings: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self::new(Vec::new()).expect("the defaults have no fault, which a test shows")
    }
}

/// A rule as it holds.
#[derive(Debug, Clone, Copy)]
pub struct Effective<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its check, as it was written.
    pub check: &'a str,
    /// Whether the policy file says so.
    pub is_overridden: bool,
}

impl Rules {
    /// The defaults, and `overrides` over them.
    pub(super) fn new(overrides: Vec<Written>) -> Result<Self, Refused> {
        let names: Vec<String> = overrides.iter().map(|rule| rule.name.clone()).collect();
        let defaults = Rule::ALL
            .iter()
            .map(|rule| (rule.name(), rule.default_check()))
            .chain(BASE.iter().map(|base| (base.name, base.check)));
        let mut entries: HashMap<String, Entry> = defaults
            .map(|(name, text)| {
                let check = parse::text(text).expect("a default is a check, which a test shows");
                (name.to_owned(), Entry::new(check, text.to_owned(), false))
            })
            .collect();
        for rule in overrides {
            entries.insert(rule.name, Entry::new(rule.check, rule.text, true));
        }
        let mut rules = Self {
            entries,
            warnings: Vec::new(),
        };
        let mut weights = Weights {
            rules: &rules,
            known: HashMap::new(),
            path: Vec::new(),
        };
        // The operator's first: a circle is told where it was written.
        for name in names.iter().chain(rules.entries.keys()) {
            let weighed = weights.rule(name);
            weighed.map_err(|fault| Refused {
                rule: name.clone(),
                fault,
            })?;
        }
        rules.warnings = rules.find_warnings(&names);
        Ok(rules)
    }

    /// What `name` means: its own check, else that of a rule called `default`.
    pub(super) fn check(&self, name: &str) -> Option<&Check> {
        let entry = self
            .entries
            .get(name)
            .or_else(|| self.entries.get("default"));
        entry.map(|entry| &entry.check)
    }

    /// Whether there is a rule of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Every rule, in the order of their names.
    #[must_use]
    pub fn effective(&self) -> Vec<Effective<'_>> {
        let mut rules: Vec<Effective<'_>> = self
            .entries
            .iter()
            .map(|(name, entry)| Effective {
                name,
                check: &entry.text,
                is_overridden: entry.is_overridden,
            })
            .collect();
        rules.sort_unstable_by_key(|rule| rule.name);
        rules
    }

    /// What is not wrong, but hardly meant, in whole sentences.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn find_warnings(&self, overrides: &[String]) -> Vec<String> {
        let used: HashSet<&str> = self
            .entries
            .values()
            .flat_map(|entry| references(&entry.check))
            .collect();
        let is_ours = |name: &str| Rule::ALL.iter().any(|rule| rule.name() == name);
        let is_base = |name: &str| name == "default" || BASE.iter().any(|base| base.name == name);
        let mut warnings = Vec::new();
        for name in overrides {
            if !is_ours(name) && !is_base(name) && !used.contains(name.as_str()) {
                warnings.push(format!(
                    "the rule `{name}` governs nothing, and no other rule refers to it"
                ));
            }
            let Some(entry) = self.entries.get(name) else {
                continue;
            };
            for missing in references(&entry.check) {
                if !self.entries.contains_key(missing) {
                    let instead = if self.entries.contains_key("default") {
                        "the rule `default` decides"
                    } else {
                        "it lets nobody pass"
                    };
                    warnings.push(format!(
                        "the rule `{name}` refers to `{missing}`, which there is not: {instead}"
                    ));
                }
            }
            each(&entry.check, &mut |check| {
                warnings.extend(unknown(check).map(|what| format!("the rule `{name}`: {what}")));
            });
        }
        warnings
    }
}

impl Entry {
    const fn new(check: Check, text: String, is_overridden: bool) -> Self {
        Self {
            check,
            text,
            is_overridden,
        }
    }
}

/// What a check asks that is never there.
fn unknown(check: &Check) -> Option<String> {
    let place = |text: &super::template::Template| {
        text.unknown().next().map(|name| {
            format!("`%({name})s` is never known, only project_id and user_id, so that `{check}` lets nobody pass")
        })
    };
    match check {
        Check::Role(name) => place(name),
        Check::Equals(subject, _) if subject.is_unknown() => {
            let names: Vec<&str> = Attribute::NAMES.iter().map(|(name, _)| *name).collect();
            Some(format!(
                "callers have no `{}`, only {}, so that `{check}` lets nobody pass",
                subject.written,
                names.join(", ")
            ))
        }
        Check::Equals(_, text) => place(text),
        Check::Always
        | Check::Never
        | Check::Not(_)
        | Check::All(_)
        | Check::Any(_)
        | Check::Rule(_) => None,
    }
}

/// Visits a check and all that it is made of.
fn each<'a>(check: &'a Check, visit: &mut impl FnMut(&'a Check)) {
    visit(check);
    for part in check.parts() {
        each(part, visit);
    }
}

/// The rules that a check names.
fn references(check: &Check) -> Vec<&str> {
    let mut names = Vec::new();
    each(check, &mut |check| {
        if let Check::Rule(name) = check {
            names.push(name.as_str());
        }
    });
    names
}

/// How deep a check is, and how many it takes.
#[derive(Debug, Default, Clone, Copy)]
struct Weight {
    depth: usize,
    checks: usize,
}

/// Weighs rules, each once.
struct Weights<'a> {
    rules: &'a Rules,
    known: HashMap<&'a str, Weight>,
    /// The rules under way, from the first one that was asked for.
    path: Vec<&'a str>,
}

impl<'a> Weights<'a> {
    fn rule(&mut self, name: &'a str) -> Result<Weight, Fault> {
        // A rule that is missing is as `default` is.
        let name = if self.rules.entries.contains_key(name) {
            name
        } else {
            "default"
        };
        if let Some(weight) = self.known.get(name) {
            return Ok(*weight);
        }
        let Some(entry) = self.rules.entries.get(name) else {
            return Ok(Weight::default());
        };
        if let Some(start) = self.path.iter().position(|under_way| *under_way == name) {
            let circle = self.path.iter().skip(start).chain([&name]);
            return Err(Fault::Circle(
                circle.map(|name| (*name).to_owned()).collect(),
            ));
        }
        if self.path.len() >= DEEPEST {
            return Err(Fault::TooDeep);
        }
        self.path.push(name);
        let weight = self.check(&entry.check)?;
        self.path.pop();
        self.known.insert(name, weight);
        Ok(weight)
    }

    fn check(&mut self, check: &'a Check) -> Result<Weight, Fault> {
        let mut weight = if let Check::Rule(name) = check {
            self.rule(name)?
        } else {
            Weight::default()
        };
        for part in check.parts() {
            let part = self.check(part)?;
            weight.depth = weight.depth.max(part.depth);
            weight.checks = weight.checks.saturating_add(part.checks);
        }
        weight.depth += 1;
        weight.checks = weight.checks.saturating_add(1);
        if weight.depth > DEEPEST {
            return Err(Fault::TooDeep);
        }
        if weight.checks > MOST_CHECKS {
            return Err(Fault::TooLong);
        }
        Ok(weight)
    }
}
