//! A place in a document's tree, and what can be read there.

use serde_json::{Map, Value};

use super::{
    fault::{Faults, Place},
    nearest,
    yaml::{Content, NodeId, Step, Tree},
};
use crate::expr::{self, Template};

/// A node of a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    tree: &'a Tree<'a>,
    id: NodeId,
}

/// The members of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Members<'a> {
    spot: Spot<'a>,
    ids: &'a [NodeId],
}

impl<'a> Spot<'a> {
    pub(super) const fn new(tree: &'a Tree<'a>, id: NodeId) -> Self {
        Self { tree, id }
    }

    const fn at(self, id: NodeId) -> Self {
        Self {
            tree: self.tree,
            id,
        }
    }

    /// Where it stands.
    pub(super) fn place(self) -> Place {
        self.tree.node(self.id).place
    }

    /// Where its name stands; where it stands itself when it has none.
    pub(super) fn name_place(self) -> Place {
        match &self.tree.node(self.id).step {
            Step::Member(_, place) => *place,
            Step::Root | Step::Item(_) => self.place(),
        }
    }

    /// The name of the member that it is; empty for no member.
    pub(super) fn name(self) -> &'a str {
        match &self.tree.node(self.id).step {
            Step::Member(name, _) => name,
            Step::Root | Step::Item(_) => "",
        }
    }

    /// How it is reached from the root.
    pub(super) fn path(self) -> String {
        let mut steps = Vec::new();
        let mut at = self.id;
        loop {
            let node = self.tree.node(at);
            match &node.step {
                Step::Root => break,
                step @ (Step::Member(..) | Step::Item(_)) => steps.push(step),
            }
            at = node.parent;
        }
        let mut path = String::new();
        for step in steps.into_iter().rev() {
            match step {
                Step::Root => {}
                Step::Member(name, _) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                }
                Step::Item(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }

    /// The value as it stands.
    pub(super) fn value(self) -> Value {
        match &self.tree.node(self.id).content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(|id| self.at(*id).value()).collect(),
            Content::Map(members) => {
                let member = |id: &NodeId| {
                    let spot = self.at(*id);
                    (spot.name().to_owned(), spot.value())
                };
                Value::Object(members.iter().map(member).collect::<Map<_, _>>())
            }
        }
    }

    /// The text, if it is one.
    pub(super) fn as_text(self) -> Option<&'a str> {
        match &self.tree.node(self.id).content {
            Content::Scalar(value) => value.as_str(),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// The members, if it is an object.
    pub(super) fn as_members(self) -> Option<Members<'a>> {
        match &self.tree.node(self.id).content {
            Content::Map(ids) => Some(Members { spot: self, ids }),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    /// The items, if it is a list.
    pub(super) fn as_items(self) -> Option<impl ExactSizeIterator<Item = Self> + use<'a>> {
        match &self.tree.node(self.id).content {
            Content::List(ids) => Some(ids.iter().map(move |id| self.at(*id))),
            Content::Scalar(_) | Content::Map(_) => None,
        }
    }

    /// Whether nothing stands here.
    pub(super) fn is_null(self) -> bool {
        matches!(
            self.tree.node(self.id).content,
            Content::Scalar(Value::Null)
        )
    }

    /// What kind of thing it is, for people.
    pub(super) fn kind(self) -> &'static str {
        match &self.tree.node(self.id).content {
            Content::List(_) => "a list",
            Content::Map(_) => "an object",
            Content::Scalar(value) => kind(value),
        }
    }

    /// A text that is not empty.
    pub(super) fn text(self, faults: &mut Faults) -> Option<&'a str> {
        match self.as_text() {
            Some("") => {
                faults.add(self, "must not be empty");
                None
            }
            Some(text) => Some(text),
            None => {
                let is_bare = matches!(
                    self.tree.node(self.id).content,
                    Content::Scalar(Value::Bool(_) | Value::Number(_))
                );
                let help = if is_bare { ": write it in quotes" } else { "" };
                faults.add(
                    self,
                    format!("must be a text, but is {}{help}", self.kind()),
                );
                None
            }
        }
    }

    /// The members of an object that is not empty.
    pub(super) fn members(self, faults: &mut Faults) -> Option<Members<'a>> {
        match self.as_members() {
            Some(members) if members.ids.is_empty() => {
                faults.add(self, "must not be empty");
                None
            }
            Some(members) => Some(members),
            None => {
                let message = format!(
                    "must be an object of names and values, but is {}",
                    self.kind()
                );
                faults.add(self, message);
                None
            }
        }
    }

    /// The members of an object that may have members of these names only.
    pub(super) fn members_of(self, known: &[&str], faults: &mut Faults) -> Option<Members<'a>> {
        let members = self.members(faults)?;
        for member in members.iter() {
            let name = member.name();
            if !known.contains(&name) {
                let help = nearest::of(name, known.iter().copied()).map_or_else(
                    || format!("; known are {}", known.join(", ")),
                    |nearest| format!("; did you mean `{nearest}`?"),
                );
                faults.add_name(member, format!("`{name}` is not known here{help}"));
            }
        }
        Some(members)
    }

    /// The texts of a list, each once.
    pub(super) fn texts(self, faults: &mut Faults) -> Option<Vec<(Self, &'a str)>> {
        let Some(items) = self.as_items() else {
            faults.add(
                self,
                format!("must be a list of texts, but is {}", self.kind()),
            );
            return None;
        };
        if items.len() == 0 {
            faults.add(self, "must not be empty");
        }
        let mut seen = std::collections::HashSet::new();
        let mut texts = Vec::new();
        for item in items {
            if let Some(text) = item.text(faults) {
                if !seen.insert(text) {
                    faults.add(item, format!("`{text}` is in the list twice"));
                }
                texts.push((item, text));
            }
        }
        Some(texts)
    }

    /// The value with its expressions parsed; an object that is not empty.
    pub(super) fn object(self, faults: &mut Faults) -> Option<Template> {
        self.members(faults)?;
        self.template(faults)
    }

    /// The value with its expressions parsed.
    pub(super) fn template(self, faults: &mut Faults) -> Option<Template> {
        match Template::parse(self.value()) {
            Ok(template) => Some(template),
            Err(error) => {
                if !self.expression_faults(faults) {
                    faults.add(self, error.to_string());
                }
                None
            }
        }
    }

    /// A value that was made of what stands here, with its expressions parsed.
    pub(super) fn template_of(self, value: Value, faults: &mut Faults) -> Option<Template> {
        Template::parse(value)
            .map_err(|error| faults.add(self, error.to_string()))
            .ok()
    }

    /// Adds a fault for each text with a fault in its expressions; whether there was one.
    fn expression_faults(self, faults: &mut Faults) -> bool {
        match &self.tree.node(self.id).content {
            Content::List(ids) | Content::Map(ids) => {
                let mut found = false;
                for id in ids {
                    found |= self.at(*id).expression_faults(faults);
                }
                found
            }
            Content::Scalar(value) => match Template::parse(value.clone()) {
                Ok(_) => false,
                Err(error) => {
                    let place = match (&error, value) {
                        (expr::Error::Syntax { at, .. }, Value::String(text)) => {
                            self.place_within(text, *at)
                        }
                        _ => self.place(),
                    };
                    faults.add_at(place, || self.path(), error.to_string());
                    true
                }
            },
        }
    }

    /// Where the character `at` of its text stands, when the text stands in the document as it is.
    fn place_within(self, text: &str, at: usize) -> Place {
        let place = self.place();
        let source = self.tree.text.get(place.byte..).unwrap_or("");
        let quote = usize::from(source.starts_with(['"', '\'']));
        let before: String = text.chars().take(at).collect();
        let is_there = source
            .get(quote..)
            .is_some_and(|rest| rest.starts_with(&before));
        if !is_there || before.contains('\n') {
            return place;
        }
        let columns = u32::try_from(before.chars().count() + quote).unwrap_or(0);
        Place {
            column: place.column.saturating_add(columns),
            byte: place.byte + quote + before.len(),
            ..place
        }
    }
}

impl<'a> Members<'a> {
    /// Each, in the order of the document.
    pub(super) fn iter(self) -> impl ExactSizeIterator<Item = Spot<'a>> {
        self.ids.iter().map(move |id| self.spot.at(*id))
    }

    /// The member `name`.
    pub(super) fn get(self, name: &str) -> Option<Spot<'a>> {
        self.iter().find(|member| member.name() == name)
    }
}

/// What kind of thing a value is, for people.
pub(super) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_within_a_text_is_found_where_the_text_stands_as_it_is() {
        let text = "a: x<% y\nb: \"größe <% y\"\nc: |\n  x<% y\n";
        let mut faults = Faults::default();
        let tree = Tree::parse(text, &mut faults).unwrap();
        let members = tree.root().as_members().unwrap();
        let column = |name: &str, at: usize| {
            let spot = members.get(name).unwrap();
            let place = spot.place_within(spot.as_text().unwrap(), at);
            (place.line, place.column)
        };
        assert_eq!(column("a", 3), (1, 7));
        assert_eq!(column("b", 6), (2, 11));
        assert_eq!(column("c", 3), (4, 6));
    }
}
