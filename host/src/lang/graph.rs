//! Drawings of workflows: tasks and what leads to what, as text for Graphviz or Mermaid, or as a picture.

mod dot;
mod layout;
mod mermaid;
mod svg;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    str::FromStr,
};

use super::{COMMANDS, Callee, Clauses, Join, Task, Workflow, WorkflowKind};
use crate::{domain::State, expr::Template};

/// The most characters of a line in a drawing.
const MOST_CHARS: usize = 48;

/// What a drawing is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Graphviz's language.
    Dot,
    /// Mermaid's language, which Markdown pages show.
    Mermaid,
    /// A picture.
    Svg,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Dot, Self::Mermaid, Self::Svg];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dot => "dot",
            Self::Mermaid => "mermaid",
            Self::Svg => "svg",
        }
    }
}

impl FromStr for Format {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == text)
            .ok_or(())
    }
}

/// Draws `workflow`; tasks that have a state in `states` have its color.
#[must_use]
pub fn draw(workflow: &Workflow, states: &BTreeMap<String, State>, format: Format) -> String {
    let graph = Graph::new(workflow, states);
    match format {
        Format::Dot => dot::draw(&graph),
        Format::Mermaid => mermaid::draw(&graph),
        Format::Svg => svg::draw(&graph),
    }
}

/// A workflow as nodes and edges; texts are of one short line without control characters.
#[derive(Debug)]
struct Graph {
    name: String,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

#[derive(Debug, PartialEq, Eq)]
struct Node {
    kind: NodeKind,
    /// What it is called, and below it what it runs and how.
    lines: Vec<String>,
    state: Option<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodeKind {
    /// Where the execution begins.
    Start,
    /// A task.
    Task,
    /// A task that waits for those that lead to it.
    Join,
    /// An engine command.
    Command,
}

#[derive(Debug, PartialEq, Eq)]
struct Edge {
    from: usize,
    to: usize,
    kind: EdgeKind,
    guard: Option<String>,
}

/// Why one follows the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EdgeKind {
    Start,
    Success,
    Error,
    Complete,
    Skip,
    Requires,
}

impl EdgeKind {
    /// What an edge of this kind says; nothing where it needs no word.
    const fn label(self) -> &'static str {
        match self {
            Self::Start | Self::Requires => "",
            Self::Success => "success",
            Self::Error => "error",
            Self::Complete => "complete",
            Self::Skip => "skip",
        }
    }

    /// Its color.
    const fn color(self) -> &'static str {
        match self {
            Self::Start | Self::Requires | Self::Complete => "#57606a",
            Self::Success => "#1a7f37",
            Self::Error => "#cf222e",
            Self::Skip => "#9a6700",
        }
    }

    /// Whether its line is broken: it is not the way that things should go.
    const fn is_broken(self) -> bool {
        matches!(self, Self::Error | Self::Skip)
    }
}

impl Edge {
    /// Its word and its condition.
    fn label(&self) -> String {
        match (self.kind.label(), &self.guard) {
            (word, None) => word.to_owned(),
            ("", Some(guard)) => guard.clone(),
            (word, Some(guard)) => format!("{word}: {guard}"),
        }
    }
}

impl Node {
    /// Its inside and its border.
    const fn colors(&self) -> (&'static str, &'static str) {
        match (self.kind, self.state) {
            (NodeKind::Start, _) => ("#24292f", "#24292f"),
            (NodeKind::Command, _) => ("#f6f8fa", "#8c959f"),
            (NodeKind::Task | NodeKind::Join, None) => ("#ffffff", "#57606a"),
            (NodeKind::Task | NodeKind::Join, Some(state)) => colors(state),
        }
    }
}

/// The inside and the border of a task in `state`.
const fn colors(state: State) -> (&'static str, &'static str) {
    match state {
        State::Success => ("#dafbe1", "#1a7f37"),
        State::Error => ("#ffebe9", "#cf222e"),
        State::Running => ("#ddf4ff", "#0969da"),
        State::Waiting | State::Delayed | State::Paused => ("#fff8c5", "#9a6700"),
        State::Idle => ("#ffffff", "#57606a"),
        State::Cancelled | State::Skipped => ("#eaeef2", "#6e7781"),
    }
}

/// `text` on one line that is not too long, with nothing in it that a terminal or a picture would obey.
fn line(text: &str) -> String {
    let mut line = String::new();
    for (count, word) in text.split_whitespace().enumerate() {
        if count > 0 {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > 4 * MOST_CHARS {
            break;
        }
    }
    let is_unsafe = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    let shown = |c| if is_unsafe(c) { '\u{fffd}' } else { c };
    if line.chars().nth(MOST_CHARS).is_none() {
        return line.chars().map(shown).collect();
    }
    let mut short: String = line.chars().take(MOST_CHARS - 1).map(shown).collect();
    short.push('…');
    short
}

/// The text of an expression.
fn text(template: &Template) -> String {
    let source = template.source();
    match source.as_str() {
        Some(text) => line(text),
        None => line(&source.to_string()),
    }
}

impl Graph {
    fn new(workflow: &Workflow, states: &BTreeMap<String, State>) -> Self {
        let mut graph = Self {
            name: line(&workflow.name),
            nodes: Vec::new(),
            edges: Vec::new(),
        };
        if workflow.kind == WorkflowKind::Direct {
            graph.nodes.push(Node {
                kind: NodeKind::Start,
                lines: vec!["start".to_owned()],
                state: None,
            });
        }
        let mut places = HashMap::new();
        for task in workflow.tasks.values() {
            places.insert(task.name.as_ref(), graph.nodes.len());
            graph.nodes.push(node(task, states.get(task.name.as_ref())));
        }
        match workflow.kind {
            WorkflowKind::Direct => graph.add_clauses(workflow, places),
            WorkflowKind::Reverse => {
                for task in workflow.tasks.values() {
                    for required in &task.requires {
                        graph.add_edge(&places, required, &task.name, EdgeKind::Requires);
                    }
                }
            }
        }
        graph
    }

    fn add_edge(&mut self, places: &HashMap<&str, usize>, from: &str, to: &str, kind: EdgeKind) {
        if let (Some(&from), Some(&to)) = (places.get(from), places.get(to)) {
            self.edges.push(Edge {
                from,
                to,
                kind,
                guard: None,
            });
        }
    }

    fn add_clauses<'w>(&mut self, workflow: &'w Workflow, mut places: HashMap<&'w str, usize>) {
        let followers: HashSet<&str> = workflow
            .tasks
            .values()
            .flat_map(clauses)
            .flat_map(|(_, clauses)| &clauses.next)
            .map(|next| next.name.as_ref())
            .collect();
        for command in COMMANDS {
            if followers.contains(command) && !places.contains_key(command) {
                places.insert(command, self.nodes.len());
                self.nodes.push(Node {
                    kind: NodeKind::Command,
                    lines: vec![command.to_owned()],
                    state: None,
                });
            }
        }
        for task in workflow.tasks.values() {
            let Some(&place) = places.get(task.name.as_ref()) else {
                continue;
            };
            if !followers.contains(task.name.as_ref()) {
                self.edges.push(Edge {
                    from: 0,
                    to: place,
                    kind: EdgeKind::Start,
                    guard: None,
                });
            }
            for (kind, clauses) in clauses(task) {
                for next in &clauses.next {
                    if let Some(&to) = places.get(next.name.as_ref()) {
                        self.edges.push(Edge {
                            from: place,
                            to,
                            kind,
                            guard: next.guard.as_ref().map(text),
                        });
                    }
                }
            }
        }
    }
}

fn clauses(task: &Task) -> [(EdgeKind, &Clauses); 4] {
    [
        (EdgeKind::Success, &task.on_success),
        (EdgeKind::Error, &task.on_error),
        (EdgeKind::Complete, &task.on_complete),
        (EdgeKind::Skip, &task.on_skip),
    ]
}

fn node(task: &Task, state: Option<&State>) -> Node {
    let mut lines = vec![line(&task.name)];
    lines.push(match &task.callee {
        Callee::Action(name) => text(name),
        Callee::Workflow(name) => line(&format!("workflow {}", text(name))),
    });
    let mut notes = Vec::new();
    match task.join {
        Some(Join::All) => notes.push("join: all".to_owned()),
        Some(Join::Count(count)) => notes.push(format!("join: {count}")),
        None => {}
    }
    if !task.with_items.is_empty() {
        notes.push("with-items".to_owned());
    }
    if let Some(retry) = &task.retry {
        notes.push(format!("retry: {}", text(&retry.count)));
    }
    if !notes.is_empty() {
        lines.push(line(&notes.join(", ")));
    }
    if let Some(state) = state {
        lines.push(state.to_string());
    }
    Node {
        kind: match task.join {
            Some(_) => NodeKind::Join,
            None => NodeKind::Task,
        },
        lines,
        state: state.copied(),
    }
}
