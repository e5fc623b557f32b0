//! Mermaid's language.

use std::fmt::Write as _;

use super::{Graph, NodeKind};

/// `graph` in Mermaid's language.
pub(super) fn draw(graph: &Graph) -> String {
    let mut text = String::from("flowchart TD\n");
    for (place, node) in graph.nodes.iter().enumerate() {
        let lines: Vec<String> = node.lines.iter().map(|line| escaped(line)).collect();
        let label = lines.join("<br/>");
        let (open, close) = match node.kind {
            NodeKind::Start => ("((", "))"),
            NodeKind::Task => ("(", ")"),
            NodeKind::Join => ("[[", "]]"),
            NodeKind::Command => ("([", "])"),
        };
        let (fill, border) = node.colors();
        let ink = match node.kind {
            NodeKind::Start => "#ffffff",
            NodeKind::Task | NodeKind::Join | NodeKind::Command => "#24292f",
        };
        add(
            &mut text,
            format_args!("  n{place}{open}\"{label}\"{close}\n"),
        );
        add(
            &mut text,
            format_args!("  style n{place} fill:{fill},stroke:{border},color:{ink}\n"),
        );
    }
    for (place, edge) in graph.edges.iter().enumerate() {
        let arrow = if edge.kind.is_broken() { "-.->" } else { "-->" };
        let label = edge.label();
        let label = if label.is_empty() {
            String::new()
        } else {
            format!("|\"{}\"|", escaped(&label))
        };
        let (from, to, color) = (edge.from, edge.to, edge.kind.color());
        add(&mut text, format_args!("  n{from} {arrow}{label} n{to}\n"));
        add(
            &mut text,
            format_args!("  linkStyle {place} stroke:{color}\n"),
        );
    }
    text
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a String takes every write");
}

/// `text` with what Mermaid, Markdown or HTML would take as theirs written by its number.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        let is_plain = c.is_alphanumeric() || " .,:_-/()=?…\u{fffd}".contains(c);
        if is_plain {
            escaped.push(c);
        } else {
            add(&mut escaped, format_args!("#{};", u32::from(c)));
        }
    }
    escaped
}
