//! Documents of one definition each, cut out of the document that they came in.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::json;

use super::{fault::Faults, spot::Spot, yaml::Tree};

/// A document that definitions are cut out of.
pub(super) struct Sources<'a> {
    tree: &'a Tree<'a>,
    /// Where lines begin at which a definition or section begins, comments above it included.
    starts: BTreeSet<usize>,
}

impl<'a> Sources<'a> {
    /// Those of `tree`: of its members, and of the members of a workbook's sections.
    pub(super) fn new(tree: &'a Tree<'a>) -> Self {
        let mut starts = BTreeSet::new();
        let members = tree.root().as_members();
        for member in members.iter().flat_map(|members| members.iter()) {
            starts.insert(start(tree.text, member));
            if let ("workflows" | "actions", Some(members)) = (member.name(), member.as_members()) {
                starts.extend(members.iter().map(|member| start(tree.text, member)));
            }
        }
        Self { tree, starts }
    }

    /// The document of the definition at `spot` alone: the lines as they were written, with their comments, where
    /// they mean the same by themselves.
    pub(super) fn of(&self, spot: Spot<'_>, faults: &mut Faults) -> Arc<str> {
        if self.is_alone() {
            return self.tree.text.into();
        }
        let wanted = json!({ "version": "2.0", spot.name(): spot.value() });
        let means_the_same = |text: &str| {
            let mut faults = Faults::default();
            let tree = Tree::parse(text, &mut faults);
            faults.is_empty() && tree.is_some_and(|tree| tree.root().value() == wanted)
        };
        let lines = self.lines(spot);
        if means_the_same(&lines) {
            return lines.into();
        }
        let json = serde_json::to_string_pretty(&wanted).unwrap_or_default() + "\n";
        if !means_the_same(&json) {
            let message = "cannot stand in a document of its own; send it in one";
            faults.add_name(spot, message);
        }
        json.into()
    }

    /// Whether the document has one definition and its version, nothing else.
    fn is_alone(&self) -> bool {
        let members = self.tree.root().as_members();
        members.is_some_and(|members| {
            members.iter().len() == 2
                && members.get("version").is_some()
                && members.iter().all(|member| match member.name() {
                    "version" => true,
                    "workflows" | "actions" => false,
                    _ => member.as_members().is_some(),
                })
        })
    }

    /// The lines of a definition, moved to the left, under a version.
    fn lines(&self, spot: Spot<'_>) -> String {
        let text = self.tree.text;
        let start = start(text, spot);
        let end = self.starts.range(start + 1..).next().copied();
        let lines = text.get(start..end.unwrap_or(text.len())).unwrap_or("");
        let indent = usize::try_from(spot.name_place().column)
            .unwrap_or(1)
            .saturating_sub(1);
        let mut alone = String::from("version: '2.0'\n\n");
        for line in lines.lines() {
            let spaces = line.bytes().take(indent).take_while(|b| *b == b' ').count();
            alone.push_str(line.get(spaces..).unwrap_or(line));
            alone.push('\n');
        }
        alone.truncate(alone.trim_end().len());
        alone.push('\n');
        alone
    }
}

/// Where the line of a definition's name begins, or that of the first of the comments right above it.
fn start(text: &str, spot: Spot<'_>) -> usize {
    let place = spot.name_place();
    let before = text.get(..place.byte).unwrap_or("");
    let mut start = before.rfind('\n').map_or(0, |end| end + 1);
    let indent = before.get(start..).unwrap_or("");
    loop {
        let above = text.get(..start.saturating_sub(1)).unwrap_or("");
        let line_start = above.rfind('\n').map_or(0, |end| end + 1);
        let line = above.get(line_start..).unwrap_or("");
        let is_comment = line
            .strip_prefix(indent)
            .is_some_and(|rest| rest.starts_with('#'));
        if start == 0 || !is_comment {
            return start;
        }
        start = line_start;
    }
}
