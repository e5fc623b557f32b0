//! What a task sees of what the tasks before it published, and how a join brings several such views together.
//!
//! A context is a stack of layers, the newest first, shared between the tasks that see them. Layers are merged so that
//! each is more than twice as heavy as the one above it: a long chain of publishing tasks costs little more than what
//! it publishes. Each layer counts how often a variable was published, since at a join the more often published one
//! holds, as in Mistral.

use std::{collections::BTreeMap, iter, sync::Arc};

use serde_json::{Map, Value};

/// The published variables that a task sees. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Context {
    layers: Arc<Vec<Arc<Layer>>>,
}

#[derive(Debug, PartialEq)]
struct Layer {
    values: Arc<Map<String, Value>>,
    /// How often each path was published; a path leads through objects to something that is none.
    versions: BTreeMap<String, u32>,
    weight: usize,
}

impl Layer {
    fn new(values: Map<String, Value>, versions: BTreeMap<String, u32>) -> Self {
        let weight = weight_of(&values);
        Self {
            values: Arc::new(values),
            versions,
            weight,
        }
    }

    /// One layer in place of this one and the one below it.
    fn over(self, below: &Self) -> Self {
        let mut values = below.values.as_ref().clone();
        for (name, value) in Arc::unwrap_or_clone(self.values) {
            values.insert(name, value);
        }
        let mut versions = below.versions.clone();
        versions.extend(self.versions);
        Self::new(values, versions)
    }
}

impl Context {
    /// The layers as expressions take them, the newest first.
    pub(super) fn layers(&self) -> impl Iterator<Item = Arc<Map<String, Value>>> {
        self.layers.iter().map(|layer| Arc::clone(&layer.values))
    }

    /// All variables in one map.
    pub(super) fn to_map(&self) -> Map<String, Value> {
        flatten(&self.layers)
    }

    /// What follows after a task that saw this published `published`.
    pub(super) fn publish(&self, published: Map<String, Value>) -> Self {
        if published.is_empty() {
            return self.clone();
        }
        let mut versions = BTreeMap::new();
        leaves(&published, "", &mut |path| {
            let version = self.version(&path).saturating_add(1);
            versions.insert(path, version);
        });
        self.push(Layer::new(published, versions))
    }

    /// The contexts of tasks that meet, by age. Of a variable that several of them see, the more often published one
    /// holds, member by member; of equals that of the youngest task, and of the others the oldest.
    pub(super) fn merge(mut contexts: Vec<Self>) -> Self {
        let Some(first) = contexts.pop() else {
            return Self::default();
        };
        contexts
            .iter()
            .fold(first, |merged, other| merged.merged_with(other))
    }

    fn merged_with(&self, other: &Self) -> Self {
        let common = iter::zip(self.layers.iter().rev(), other.layers.iter().rev())
            .take_while(|(mine, theirs)| Arc::ptr_eq(mine, theirs))
            .count();
        let (own, _) = other
            .layers
            .split_at(other.layers.len().saturating_sub(common));
        if own.is_empty() {
            return self.clone();
        }
        let mut values = Map::new();
        for (name, theirs) in flatten(own) {
            match self.get(&name) {
                None => {
                    values.insert(name, theirs);
                }
                Some(mine) => {
                    if let Some(merged) = self.newer(&name, mine, theirs, other) {
                        values.insert(name, merged);
                    }
                }
            }
        }
        let mut versions = BTreeMap::new();
        for path in own.iter().flat_map(|layer| layer.versions.keys()) {
            let theirs = other.version(path);
            if theirs > self.version(path) {
                versions.insert(path.clone(), theirs);
            }
        }
        if values.is_empty() && versions.is_empty() {
            return self.clone();
        }
        self.push(Layer::new(values, versions))
    }

    /// What `mine` becomes, if anything of `theirs` is newer.
    fn newer(&self, path: &str, mine: &Value, theirs: Value, other: &Self) -> Option<Value> {
        match (mine, theirs) {
            (Value::Object(mine), Value::Object(theirs)) => {
                let mut merged = None;
                for (name, theirs) in theirs {
                    let newer = match mine.get(&name) {
                        None => Some(theirs),
                        Some(value) => self.newer(&format!("{path}.{name}"), value, theirs, other),
                    };
                    if let Some(newer) = newer {
                        merged
                            .get_or_insert_with(|| mine.clone())
                            .insert(name, newer);
                    }
                }
                merged.map(Value::Object)
            }
            (_, theirs) => (other.version(path) > self.version(path)).then_some(theirs),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.layers.iter().find_map(|layer| layer.values.get(name))
    }

    fn version(&self, path: &str) -> u32 {
        let mut versions = self.layers.iter().map(|layer| layer.versions.get(path));
        versions
            .find_map(|version| version.copied())
            .unwrap_or_default()
    }

    fn push(&self, mut top: Layer) -> Self {
        let mut rest = self.layers.as_slice();
        while let Some((next, below)) = rest.split_first()
            && next.weight <= top.weight.saturating_mul(2)
        {
            top = top.over(next);
            rest = below;
        }
        let layers = iter::once(Arc::new(top)).chain(rest.iter().cloned());
        Self {
            layers: Arc::new(layers.collect()),
        }
    }
}

fn flatten(layers: &[Arc<Layer>]) -> Map<String, Value> {
    let mut all = Map::new();
    for layer in layers.iter().rev() {
        for (name, value) in layer.values.iter() {
            all.insert(name.clone(), value.clone());
        }
    }
    all
}

fn leaves(values: &Map<String, Value>, prefix: &str, found: &mut impl FnMut(String)) {
    for (name, value) in values {
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match value {
            Value::Object(members) => leaves(members, &path, found),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => found(path),
        }
    }
}

fn weight_of(values: &Map<String, Value>) -> usize {
    values
        .iter()
        .map(|(name, value)| 16 + name.len() + weight_of_value(value))
        .sum()
}

fn weight_of_value(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 16,
        Value::String(text) => 16 + text.len(),
        Value::Array(items) => 16 + items.iter().map(weight_of_value).sum::<usize>(),
        Value::Object(members) => 16 + weight_of(members),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(map) = value else {
            panic!("{value} is no object")
        };
        map
    }

    fn context(steps: &[Value]) -> Context {
        after(&Context::default(), steps)
    }

    fn after(before: &Context, steps: &[Value]) -> Context {
        steps.iter().fold(before.clone(), |context, step| {
            context.publish(object(step.clone()))
        })
    }

    #[test]
    fn what_is_published_later_hides_what_was_published_before() {
        let context = context(&[
            serde_json::json!({"a": 1, "b": {"c": 1}}),
            serde_json::json!({"a": 2, "b": {"d": 1}}),
        ]);
        assert_eq!(
            Value::from(context.to_map()),
            serde_json::json!({"a": 2, "b": {"d": 1}})
        );
    }

    #[test]
    fn nothing_published_shares_everything() {
        let one = context(&[serde_json::json!({"a": 1})]);
        let two = one.publish(Map::new());
        assert!(Arc::ptr_eq(&one.layers, &two.layers));
    }

    #[test]
    fn a_long_chain_keeps_few_layers() {
        let mut context = Context::default();
        for i in 0..10_000 {
            context = context.publish(object(serde_json::json!({ format!("v{i}"): i })));
        }
        assert!(context.layers.len() < 20);
        assert_eq!(context.get("v17"), Some(&Value::from(17)));
        assert_eq!(context.to_map().len(), 10_000);
    }

    #[test]
    fn at_a_join_the_more_often_published_variable_holds() {
        let base = context(&[serde_json::json!({"a": 0, "b": 0, "c": {"x": 0, "y": 0}})]);
        let left = after(&base, &[serde_json::json!({"a": 1, "c": {"x": 1}})]);
        let right = after(&base, &[serde_json::json!({"b": 2, "l": 2})]);
        for order in [vec![left.clone(), right.clone()], vec![right, left]] {
            assert_eq!(
                Value::from(Context::merge(order).to_map()),
                serde_json::json!({"a": 1, "b": 2, "c": {"x": 1, "y": 0}, "l": 2})
            );
        }
    }

    #[test]
    fn of_equals_the_youngest_task_holds() {
        let contexts = [1, 2, 3].map(|i| context(&[serde_json::json!({"a": i})]));
        let merged = Context::merge(contexts.to_vec());
        assert_eq!(merged.get("a"), Some(&Value::from(3)));
    }

    #[test]
    fn contexts_without_a_difference_meet_without_a_copy() {
        let base = context(&[serde_json::json!({"a": 0})]);
        let merged = Context::merge(vec![base.clone(); 200]);
        assert!(Arc::ptr_eq(&merged.layers, &base.layers));
    }
}
