//! A YAML document as a tree in which each node knows its place.
//!
//! Text of users: bytes, depth and nodes are bounded, aliases count as what they stand for.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, Tag};
use serde_json::Value;

use super::{
    fault::{Faults, Place},
    scalar,
    spot::Spot,
};

/// The longest document.
pub(super) const MOST_BYTES: usize = 4 << 20;
/// The deepest nesting.
const MOST_DEPTH: usize = 64;
/// The most nodes, aliases counted as what they stand for.
const MOST_NODES: usize = 500_000;

/// The place of a node among the nodes of its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeId(usize);

/// How a node is reached from its parent.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// It is the root.
    Root,
    /// It is the member of this name, which stands at this place.
    Member(String, Place),
    /// It is the item at this index.
    Item(usize),
}

/// What a node holds.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A text, number, truth value or nothing.
    Scalar(Value),
    /// Items.
    List(Vec<NodeId>),
    /// Members, in the order of the document.
    Map(Vec<NodeId>),
}

/// A node.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) parent: NodeId,
    pub(super) step: Step,
    pub(super) place: Place,
    pub(super) content: Content,
}

/// A document.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    /// Its text.
    pub(super) text: &'a str,
    nodes: Vec<Node>,
}

impl<'a> Tree<'a> {
    /// Reads `text`; none when it cannot be read to its end.
    pub(super) fn parse(text: &'a str, faults: &mut Faults) -> Option<Self> {
        let whole = Place::default();
        if text.len() > MOST_BYTES {
            let message = format!("the document is longer than {MOST_BYTES} bytes");
            faults.add_at(whole, String::new, message);
            return None;
        }
        let mut builder = Builder {
            tree: Tree {
                text,
                nodes: Vec::new(),
            },
            open: Vec::new(),
            anchors: HashMap::new(),
            documents: 0,
            faults,
        };
        for event in Parser::new_from_str_with_options(text, options()) {
            let taken = match event {
                Ok((event, span)) => builder.take(event, span),
                Err(error) => Err((place(*error.marker()), hint(text, &error))),
            };
            if let Err((place, message)) = taken {
                let path = builder.path();
                builder.faults.add_at(place, || path, message);
                return None;
            }
        }
        let Builder { tree, faults, .. } = builder;
        if tree.nodes.is_empty() {
            faults.add_at(whole, String::new, "the document is empty");
            return None;
        }
        Some(tree)
    }

    /// The root.
    pub(super) const fn root(&self) -> Spot<'_> {
        Spot::new(self, NodeId(0))
    }

    /// A node of this tree.
    pub(super) fn node(&self, id: NodeId) -> &Node {
        let node = self.nodes.get(id.0);
        node.expect("an id is given for a node, and no node is removed")
    }

    fn node_mut(&mut self, id: NodeId) -> &mut Node {
        let node = self.nodes.get_mut(id.0);
        node.expect("an id is given for a node, and no node is removed")
    }
}

fn options() -> Options {
    granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        block_scalar_eof_without_line_feed: true,
        flow_nesting_limit: MOST_DEPTH,
        block_nesting_limit: MOST_DEPTH,
    }
}

fn place(marker: granit_parser::Marker) -> Place {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Place {
        line: number(marker.line()),
        column: number(marker.col()).saturating_add(1),
        byte: marker.byte_offset().unwrap_or(0),
    }
}

/// What the parser says, and what helps where it is known.
fn hint(text: &str, error: &granit_parser::ScanError) -> String {
    let at = place(*error.marker()).byte;
    let next = text.get(at..).and_then(|rest| rest.chars().next());
    let help = match next {
        Some(c @ ('@' | '`' | '*' | '&' | '%' | '!')) => {
            format!("; a text that begins with `{c}` needs quotes")
        }
        Some('\t') => "; indent with spaces".to_owned(),
        Some(':') => "; a text with `: ` in it needs quotes".to_owned(),
        _ => String::new(),
    };
    format!("this is no YAML: {}{help}", error.info())
}

/// Stops reading, with the reason.
type Stop = (Place, String);

/// A list or map whose end is not read yet.
struct Open {
    id: NodeId,
    anchor: usize,
    is_map: bool,
    children: Vec<NodeId>,
    /// The name whose value comes next.
    name: Option<(String, Place, bool)>,
    names: HashSet<String>,
    /// What `<<` brings in.
    merges: Vec<NodeId>,
}

struct Builder<'a, 'f> {
    tree: Tree<'a>,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
    documents: u32,
    faults: &'f mut Faults,
}

impl<'a> Builder<'a, '_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let at = place(span.start);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let message = "a second document begins here; send one document at a time";
                    return Err((at, message.to_owned()));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                if self.expects_name() {
                    self.name(text.into_owned(), at, is_plain);
                    return Ok(());
                }
                let value = self.scalar(&text, is_plain, tag.as_deref(), at);
                let id = self.add(at, Content::Scalar(value))?;
                self.anchors.insert(anchor, id);
                self.close(id);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.begin(at, Content::List(Vec::new()), anchor, tag.as_deref())?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.begin(at, Content::Map(Vec::new()), anchor, tag.as_deref())?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, at)?,
            Event::UnresolvedAlias(name) => {
                let message = format!(
                    "there is no `&{name}` before; a text that begins with `*` needs quotes"
                );
                return Err((at, message));
            }
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentEnd
            | Event::Anchor(..)
            | Event::Comment(..) => {}
            // What it may emit in time is no node.
            _ => {}
        }
        Ok(())
    }

    fn expects_name(&self) -> bool {
        self.open
            .last()
            .is_some_and(|open| open.is_map && open.name.is_none())
    }

    fn name(&mut self, text: String, at: Place, is_plain: bool) {
        let is_merge = is_plain && text == "<<";
        let Some(open) = self.open.last_mut() else {
            return;
        };
        let is_new = is_merge || open.names.insert(text.clone());
        open.name = Some((text.clone(), at, is_merge));
        if !is_new {
            let message = format!("`{text}` is said twice; only one can count");
            let path = self.path();
            self.faults.add_at(at, || path, message);
        }
    }

    fn scalar(&mut self, text: &str, is_plain: bool, tag: Option<&Tag>, at: Place) -> Value {
        let tag = tag.map(|tag| (tag.core_suffix(), tag));
        let means = match tag {
            None => is_plain,
            Some((Some("str"), _)) => false,
            Some((Some("int" | "float" | "bool" | "null"), _)) => true,
            Some((_, tag)) if tag.original() == "!" => false,
            Some((_, tag)) => {
                let message = format!("the tag `{}` means nothing here", tag.original());
                let path = self.path();
                self.faults.add_at(at, || path, message);
                false
            }
        };
        if !means {
            return text.into();
        }
        scalar::plain(text).unwrap_or_else(|| {
            let path = self.path();
            let message = "the number has too many digits; write it in quotes";
            self.faults.add_at(at, || path, message);
            Value::from(0)
        })
    }

    /// Adds a node where the document stands.
    fn add(&mut self, place: Place, content: Content) -> Result<NodeId, Stop> {
        if self.open.len() >= MOST_DEPTH {
            let message = format!("more than {MOST_DEPTH} levels are nested here");
            return Err((place, message));
        }
        let (parent, step) = match self.open.last() {
            None => (NodeId(0), Step::Root),
            Some(open) => match &open.name {
                Some((name, at, _)) => (open.id, Step::Member(name.clone(), *at)),
                None if open.is_map => {
                    return Err((place, "a name is a text, no list or object".to_owned()));
                }
                None => (open.id, Step::Item(open.children.len())),
            },
        };
        self.push(Node {
            parent,
            step,
            place,
            content,
        })
    }

    fn push(&mut self, node: Node) -> Result<NodeId, Stop> {
        if self.tree.nodes.len() >= MOST_NODES {
            let message = format!("the document has more than {MOST_NODES} values");
            return Err((node.place, message));
        }
        self.tree.nodes.push(node);
        Ok(NodeId(self.tree.nodes.len() - 1))
    }

    fn begin(
        &mut self,
        at: Place,
        content: Content,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), Stop> {
        if let Some(tag) = tag
            && !matches!(tag.core_suffix(), Some("map" | "seq"))
            && tag.original() != "!"
        {
            let message = format!("the tag `{}` means nothing here", tag.original());
            return Err((at, message));
        }
        let is_map = matches!(content, Content::Map(_));
        let id = self.add(at, content)?;
        self.open.push(Open {
            id,
            anchor,
            is_map,
            children: Vec::new(),
            name: None,
            names: HashSet::new(),
            merges: Vec::new(),
        });
        Ok(())
    }

    fn end(&mut self) {
        let Some(mut open) = self.open.pop() else {
            return;
        };
        let mut children = self.merged(&mut open);
        children.append(&mut open.children);
        self.tree.node_mut(open.id).content = if open.is_map {
            Content::Map(children)
        } else {
            Content::List(children)
        };
        if open.anchor > 0 {
            self.anchors.insert(open.anchor, open.id);
        }
        self.close(open.id);
    }

    /// The members that `<<` brings in besides the map's own.
    fn merged(&mut self, open: &mut Open) -> Vec<NodeId> {
        let mut merged = Vec::new();
        for id in std::mem::take(&mut open.merges) {
            let sources = match &self.tree.node(id).content {
                Content::List(items) => items.clone(),
                Content::Map(_) | Content::Scalar(_) => vec![id],
            };
            for source in sources {
                let node = self.tree.node(source);
                let Content::Map(members) = &node.content else {
                    let (at, path) = (node.place, self.path());
                    let message = "`<<` takes an object, or a list of objects";
                    self.faults.add_at(at, || path, message);
                    continue;
                };
                for member in members.clone() {
                    if let Step::Member(name, _) = &self.tree.node(member).step
                        && open.names.insert(name.clone())
                    {
                        self.tree.node_mut(member).parent = open.id;
                        merged.push(member);
                    }
                }
            }
        }
        merged
    }

    /// A node is complete: it belongs to what is open.
    fn close(&mut self, id: NodeId) {
        if let Some(open) = self.open.last_mut() {
            match open.name.take() {
                Some((_, _, true)) => open.merges.push(id),
                _ => open.children.push(id),
            }
        }
    }

    fn alias(&mut self, anchor: usize, at: Place) -> Result<(), Stop> {
        if self.expects_name() {
            return Err((at, "a name is written out, not referred to".to_owned()));
        }
        let Some(&target) = self.anchors.get(&anchor) else {
            return Err((at, "it refers to what it is part of".to_owned()));
        };
        let content = self.tree.node(target).content.clone();
        let id = self.add(at, content)?;
        self.copy_children(id, at, self.open.len() + 1)?;
        self.close(id);
        Ok(())
    }

    /// Gives the node `id`, whose children are another's, children of its own.
    fn copy_children(&mut self, id: NodeId, at: Place, depth: usize) -> Result<(), Stop> {
        let (children, is_map) = match &self.tree.node(id).content {
            Content::Scalar(_) => return Ok(()),
            Content::List(children) => (children.clone(), false),
            Content::Map(children) => (children.clone(), true),
        };
        if depth > MOST_DEPTH {
            return Err((at, format!("more than {MOST_DEPTH} levels are nested here")));
        }
        let mut copies = Vec::with_capacity(children.len().min(MOST_NODES));
        for child in children {
            let mut node = self.tree.node(child).clone();
            node.parent = id;
            let copy = self.push(node)?;
            self.copy_children(copy, at, depth + 1)?;
            copies.push(copy);
        }
        self.tree.node_mut(id).content = if is_map {
            Content::Map(copies)
        } else {
            Content::List(copies)
        };
        Ok(())
    }

    /// The path of what is being read.
    fn path(&self) -> String {
        let Some(open) = self.open.last() else {
            return String::new();
        };
        let path = Spot::new(&self.tree, open.id).path();
        match &open.name {
            Some((name, ..)) if path.is_empty() => name.clone(),
            Some((name, ..)) => format!("{path}.{name}"),
            None => path,
        }
    }
}
