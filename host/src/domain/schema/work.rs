//! Bounds what applying a schema to a value costs.
//!
//! A small schema can ask for endless work: its references multiply, or lead back to where they were. What can be seen
//! in the schema alone is refused with it; what depends on the value is counted before the value is checked.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::BadSchema;

/// How often schemas may be applied to one value, all references followed, so that a small schema cannot cost much.
pub(super) const APPLICATIONS: usize = 10_000;
/// The same for all parts of a document together, which bounds what finding out costs.
const ALL_APPLICATIONS: usize = 200_000;
/// How deep schemas may lead into each other without a step into the value.
const IN_PLACE_DEPTH: usize = 100;
/// How deep schemas may lead into each other at all: compiling one and checking a value recurse.
pub(super) const DEPTH: usize = 256;
/// Schemas that may be applied in all while one value is checked.
pub(super) const STEPS: usize = 1_000_000;

/// Regular expressions in one schema; each may take a while to compile.
pub(super) const PATTERNS: usize = 256;

/// What would let a reference lead elsewhere than a JSON Pointer from the document's root says.
const BASES: [&str; 7] = [
    "$id",
    "$schema",
    "$anchor",
    "$dynamicAnchor",
    "$dynamicRef",
    "$recursiveAnchor",
    "$recursiveRef",
];

/// What a value may cost that is checked against a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Work {
    /// At most so many schemas are applied to each part of the value.
    PerPart(usize),
    /// That depends on the value.
    Open,
}

/// Surveys the schema `root`.
pub(super) fn survey(root: &Value) -> Result<Work, BadSchema> {
    check_references(root, root, true)?;
    if patterns(root) > PATTERNS {
        return Err(BadSchema::Patterns);
    }
    let mut left = ALL_APPLICATIONS;
    check_in_place(root, root, &mut left)?;
    let mut survey = Survey {
        root,
        known: HashMap::new(),
        is_recursive: false,
        targets: 0,
    };
    let (work, depth) = survey.visit(root, 0)?;
    if depth > DEPTH || (survey.is_recursive && survey.targets + height(root) > DEPTH) {
        return Err(BadSchema::TooDeep);
    }
    Ok(if survey.is_recursive {
        Work::Open
    } else {
        Work::PerPart(work)
    })
}

/// Every reference is a pointer into this document, and nothing makes it mean another one.
fn check_references(root: &Value, part: &Value, is_root: bool) -> Result<(), BadSchema> {
    match part {
        Value::Object(members) => {
            for keyword in BASES {
                let may_have = is_root && matches!(keyword, "$id" | "$schema");
                if !may_have && members.get(keyword).is_some_and(Value::is_string) {
                    return Err(BadSchema::Base(keyword));
                }
            }
            if let Some(Value::String(target)) = members.get("$ref")
                && pointed(root, target).is_none()
            {
                return Err(BadSchema::Reference(target.chars().take(200).collect()));
            }
            members
                .values()
                .try_for_each(|member| check_references(root, member, false))
        }
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| check_references(root, item, false)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// What a reference means; percent signs would be decoded by the validator and not here.
fn pointed<'a>(root: &'a Value, target: &str) -> Option<&'a Value> {
    let pointer = target.strip_prefix('#')?;
    if pointer.contains('%') {
        return None;
    }
    root.pointer(pointer)
}

/// Applies every schema of the document once, so that circles and multiplication show before a value is checked.
fn check_in_place(root: &Value, part: &Value, left: &mut usize) -> Result<(), BadSchema> {
    match part {
        Value::Object(members) => {
            let mut here = APPLICATIONS.min(*left);
            let before = here;
            apply(root, part, &mut here, 0)?;
            *left -= before - here;
            members
                .values()
                .try_for_each(|member| check_in_place(root, member, left))
        }
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| check_in_place(root, item, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Counts the schemas that `schema` applies to the same value.
fn apply(root: &Value, schema: &Value, left: &mut usize, depth: usize) -> Result<(), BadSchema> {
    *left = left.checked_sub(1).ok_or(BadSchema::Endless)?;
    if depth > IN_PLACE_DEPTH {
        return Err(BadSchema::Endless);
    }
    let Value::Object(members) = schema else {
        return Ok(());
    };
    in_place(root, members, |schema| apply(root, schema, left, depth + 1))
}

/// Visits the schemas that one applies to the value that it is itself applied to.
fn in_place<'a, E>(
    root: &'a Value,
    members: &'a Map<String, Value>,
    mut visit: impl FnMut(&'a Value) -> Result<(), E>,
) -> Result<(), E> {
    let is_repeated =
        members.contains_key("unevaluatedProperties") || members.contains_key("unevaluatedItems");
    // What is unevaluated shows when all the others were evaluated once more.
    for _ in 0..=usize::from(is_repeated) {
        for (keyword, part) in members {
            match keyword.as_str() {
                "$ref" => {
                    let target = part.as_str().and_then(|target| pointed(root, target));
                    target.map_or(Ok(()), &mut visit)?;
                }
                "allOf" | "anyOf" | "oneOf" => elements(Some(part)).try_for_each(&mut visit)?,
                "not" | "if" | "then" | "else" => visit(part)?,
                "dependentSchemas" | "dependencies" => {
                    values(Some(part)).try_for_each(&mut visit)?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// The schemas that one applies to members and items of the value.
fn below(members: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let single = [
        "additionalProperties",
        "unevaluatedProperties",
        "propertyNames",
        "items",
        "additionalItems",
        "unevaluatedItems",
        "contains",
        "contentSchema",
    ];
    values(members.get("properties"))
        .chain(values(members.get("patternProperties")))
        .chain(elements(members.get("prefixItems")))
        .chain(
            single
                .into_iter()
                .filter_map(|keyword| members.get(keyword)),
        )
}

fn values(keyword: Option<&Value>) -> impl Iterator<Item = &Value> {
    keyword
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::values)
}

fn elements(keyword: Option<&Value>) -> impl Iterator<Item = &Value> {
    keyword.and_then(Value::as_array).into_iter().flatten()
}

/// How many regular expressions a document holds.
fn patterns(part: &Value) -> usize {
    match part {
        Value::Object(members) => {
            let own = usize::from(members.get("pattern").is_some_and(Value::is_string));
            let named = values(members.get("patternProperties")).count();
            own + named + members.values().map(patterns).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(patterns).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// How deep the document itself nests.
fn height(part: &Value) -> usize {
    match part {
        Value::Object(members) => 1 + members.values().map(height).max().unwrap_or(0),
        Value::Array(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Follows every reference of a document once.
struct Survey<'a> {
    root: &'a Value,
    /// By the schema's address: applications and depth below it; none while it is being visited.
    known: HashMap<*const Value, Option<(usize, usize)>>,
    is_recursive: bool,
    /// The depth that the schemas which others refer to may add, one after the other.
    targets: usize,
}

impl<'a> Survey<'a> {
    fn visit(&mut self, schema: &'a Value, depth: usize) -> Result<(usize, usize), BadSchema> {
        let Value::Object(members) = schema else {
            return Ok((1, 1));
        };
        match self.known.get(&std::ptr::from_ref(schema)) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => {
                self.is_recursive = true;
                return Ok((1, 1));
            }
            None => {}
        }
        if depth > DEPTH {
            return Err(BadSchema::TooDeep);
        }
        self.known.insert(std::ptr::from_ref(schema), None);
        if let Some(target) = members.get("$ref").and_then(Value::as_str)
            && let Some(target) = pointed(self.root, target)
            && !self.known.contains_key(&std::ptr::from_ref(target))
        {
            self.targets += height(target);
        }
        let (root, mut work, mut deepest) = (self.root, 1_usize, 0);
        let mut follow = |inner| {
            let (inner_work, inner_depth) = self.visit(inner, depth + 1)?;
            work = work.saturating_add(inner_work);
            deepest = deepest.max(inner_depth);
            Ok(())
        };
        in_place(root, members, &mut follow)?;
        below(members).try_for_each(follow)?;
        let found = (work.saturating_add(choices(members)), deepest + 1);
        self.known.insert(std::ptr::from_ref(schema), Some(found));
        Ok(found)
    }
}

/// How many values a value is compared with.
fn choices(members: &Map<String, Value>) -> usize {
    members
        .get("enum")
        .and_then(Value::as_array)
        .map_or(0, Vec::len)
}

/// How many parts a value has.
pub(super) fn parts(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(parts).sum(),
        Value::Array(items) => items.iter().map(parts).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0_usize,
    }
}

/// That a value costs more than it may.
#[derive(Debug)]
pub(super) struct TooMuch;

/// Counts the schemas that are applied when `value` is checked against `schema`, without checking anything.
pub(super) fn spend(
    root: &Value,
    schema: &Value,
    value: &Value,
    left: &mut usize,
    depth: usize,
) -> Result<(), TooMuch> {
    *left = left.checked_sub(1).ok_or(TooMuch)?;
    if depth > DEPTH {
        return Err(TooMuch);
    }
    let Value::Object(members) = schema else {
        return Ok(());
    };
    *left = left.checked_sub(choices(members)).ok_or(TooMuch)?;
    let depth = depth + 1;
    in_place(root, members, |schema| {
        spend(root, schema, value, left, depth)
    })?;
    match value {
        Value::Object(of_value) => {
            for (name, value) in of_value {
                let named = members.get("properties").and_then(|all| all.get(name));
                let others = ["additionalProperties", "unevaluatedProperties"]
                    .into_iter()
                    .filter(|_| named.is_none())
                    .filter_map(|keyword| members.get(keyword));
                let applied = named
                    .into_iter()
                    .chain(others)
                    .chain(values(members.get("patternProperties")))
                    .chain(members.get("propertyNames"));
                for schema in applied {
                    spend(root, schema, value, left, depth)?;
                }
            }
        }
        Value::Array(items) => {
            let first = members.get("prefixItems").and_then(Value::as_array);
            for (index, value) in items.iter().enumerate() {
                let own = first.and_then(|first| first.get(index));
                let others = ["items", "additionalItems", "unevaluatedItems"]
                    .into_iter()
                    .filter(|_| own.is_none())
                    .filter_map(|keyword| members.get(keyword));
                let applied = own.into_iter().chain(others).chain(members.get("contains"));
                for schema in applied {
                    spend(root, schema, value, left, depth)?;
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}
