//! Whole documents.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{
    AdHocAction, Fault, Workbook, Workflow, action,
    fault::Faults,
    nearest, reader,
    source::Sources,
    spot::{Members, Spot},
    yaml::Tree,
};

/// The members of a workbook.
const WORKBOOK: [&str; 6] = [
    "name",
    "version",
    "description",
    "tags",
    "actions",
    "workflows",
];

/// Reads the workflows of a document.
///
/// # Errors
/// With the faults of the document.
pub fn workflows(text: &str) -> Result<Vec<Workflow>, Vec<Fault>> {
    list(text, "a workflow", super::workflow::read)
}

/// Reads the document of one workflow.
///
/// # Errors
/// With the faults of the document, or when it has several workflows.
pub fn workflow(text: &str) -> Result<Workflow, Vec<Fault>> {
    let mut workflows = workflows(text)?;
    match (workflows.pop(), workflows.is_empty()) {
        (Some(workflow), true) => Ok(workflow),
        _ => Err(vec![Fault {
            line: 0,
            column: 0,
            path: String::new(),
            message: "the document must have one workflow, but has several".to_owned(),
        }]),
    }
}

/// Reads the ad-hoc actions of a document.
///
/// # Errors
/// With the faults of the document.
pub fn actions(text: &str) -> Result<Vec<AdHocAction>, Vec<Fault>> {
    list(text, "an action", action::read)
}

/// Reads a workbook.
///
/// # Errors
/// With the faults of the document.
pub fn workbook(text: &str) -> Result<Workbook, Vec<Fault>> {
    let mut faults = Faults::default();
    let tree = Tree::parse(text, &mut faults);
    let workbook = tree.and_then(|tree| read_workbook(&tree, &mut faults));
    faults.or(workbook)
}

fn read_workbook(tree: &Tree<'_>, faults: &mut Faults) -> Option<Workbook> {
    let members = tree.root().members_of(&WORKBOOK, faults)?;
    version(tree.root(), members, faults);
    let Some(name) = members.get("name") else {
        faults.add(tree.root(), "a workbook must have a `name`");
        return None;
    };
    let name_text = name.text(faults)?;
    if let Err(error) = crate::domain::WorkbookName::parse(name_text) {
        faults.add(name, error.to_string());
    }
    let sources = Sources::new(tree);
    Some(Workbook {
        name: name_text.into(),
        description: reader::description(members, faults),
        tags: reader::tags(members, faults),
        workflows: section(
            members.get("workflows"),
            &sources,
            super::workflow::read,
            faults,
        ),
        actions: section(members.get("actions"), &sources, action::read, faults),
    })
}

/// Reads one definition.
type Read<T> = fn(Spot<'_>, Arc<str>, &mut Faults) -> Option<T>;

/// Reads the definitions of one section of a workbook.
fn section<T>(
    spot: Option<Spot<'_>>,
    sources: &Sources<'_>,
    read: Read<T>,
    faults: &mut Faults,
) -> IndexMap<Arc<str>, T> {
    let Some(members) = spot.and_then(|spot| spot.members(faults)) else {
        return IndexMap::new();
    };
    let mut all = IndexMap::new();
    for spot in members.iter().filter(|spot| spot.name() != "version") {
        let is_word = |c: char| c == '_' || c == '-' || c.is_alphanumeric();
        if !spot.name().chars().all(is_word) {
            let message = "a name in a workbook has letters, digits, `_` and `-` only";
            faults.add_name(spot, message);
        }
        let source = sources.of(spot, faults);
        if let Some(definition) = read(spot, source, faults) {
            all.insert(spot.name().into(), definition);
        }
    }
    all
}

/// Reads a document of definitions by name.
fn list<T>(text: &str, what: &str, read: Read<T>) -> Result<Vec<T>, Vec<Fault>> {
    let mut faults = Faults::default();
    let tree = Tree::parse(text, &mut faults);
    let all = tree.and_then(|tree| read_list(&tree, what, read, &mut faults));
    faults.or(all)
}

fn read_list<T>(tree: &Tree<'_>, what: &str, read: Read<T>, faults: &mut Faults) -> Option<Vec<T>> {
    let members = tree.root().members(faults)?;
    version(tree.root(), members, faults);
    let spots: Vec<Spot<'_>> = members
        .iter()
        .filter(|spot| spot.name() != "version")
        .collect();
    if spots.is_empty() {
        let message = format!("the document must have {what} besides its `version`");
        faults.add(tree.root(), message);
    }
    let sources = Sources::new(tree);
    let all: Vec<T> = spots
        .into_iter()
        .filter_map(|spot| {
            let source = sources.of(spot, faults);
            read(spot, source, faults)
        })
        .collect();
    Some(all)
}

/// Checks that the language is of the version that is read here.
fn version(root: Spot<'_>, members: Members<'_>, faults: &mut Faults) {
    const RIGHT: &str = "write version: '2.0'";
    let Some(spot) = members.get("version") else {
        let near = members
            .iter()
            .find(|member| nearest::of(member.name(), ["version"]).is_some());
        match near {
            Some(near) => faults.add_name(near, format!("did you mean `version`? {RIGHT}")),
            None => faults.add(root, format!("the document must have a version: {RIGHT}")),
        }
        return;
    };
    let value = spot.value();
    let number = match value.as_str() {
        Some(text) => text.trim().parse().ok(),
        None => value.as_f64(),
    };
    if number != Some(2.0) {
        faults.add(
            spot,
            format!("this version of the language is not known; {RIGHT}"),
        );
    }
}
