//! Graphviz's language.

use std::fmt::Write as _;

use super::{Graph, NodeKind};

/// `graph` in Graphviz's language.
pub(super) fn draw(graph: &Graph) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&[&graph.name]));
    text.push_str(
        "  node [fontname=\"sans-serif\", fontsize=12, shape=box, style=\"rounded,filled\"];\n",
    );
    text.push_str("  edge [fontname=\"sans-serif\", fontsize=10];\n");
    for (place, node) in graph.nodes.iter().enumerate() {
        let lines: Vec<&str> = node.lines.iter().map(String::as_str).collect();
        let (fill, border) = node.colors();
        let shape = match node.kind {
            NodeKind::Start => ", shape=circle, fontcolor=\"#ffffff\"",
            NodeKind::Task => "",
            NodeKind::Join => ", peripheries=2",
            NodeKind::Command => ", shape=ellipse",
        };
        let label = quoted(&lines);
        add(
            &mut text,
            format_args!(
                "  n{place} [label={label}, fillcolor=\"{fill}\", color=\"{border}\"{shape}];\n"
            ),
        );
    }
    for edge in &graph.edges {
        let (from, to) = (edge.from, edge.to);
        let label = quoted(&[&edge.label()]);
        let color = edge.kind.color();
        let style = if edge.kind.is_broken() {
            ", style=dashed"
        } else {
            ""
        };
        add(
            &mut text,
            format_args!(
                "  n{from} -> n{to} [label={label}, color=\"{color}\", fontcolor=\"{color}\"{style}];\n"
            ),
        );
    }
    text.push_str("}\n");
    text
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a String takes every write");
}

/// Lines as one text in quotes.
fn quoted(lines: &[&str]) -> String {
    let escaped = |line: &&str| line.replace('\\', "\\\\").replace('"', "\\\"");
    let lines: Vec<String> = lines.iter().map(escaped).collect();
    format!("\"{}\"", lines.join("\\n"))
}
