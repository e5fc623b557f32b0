//! Drawings over several shapes of workflows.

use super::*;
use crate::lang;

fn workflow(text: &str) -> Workflow {
    let text = format!("version: '2.0'\n{text}");
    lang::workflow(&text).unwrap_or_else(|faults| panic!("{faults:?}"))
}

/// A loop, a join, guards, a sub-workflow, commands.
fn rich() -> Workflow {
    workflow(
        "deploy:
  tasks:
    begin: {action: std.noop, on-success: [left, right]}
    left:
      action: nova.servers_list
      with-items: i in [1, 2]
      retry: count=3 delay=1
      on-success: [meet: <% $.n > 1 %>]
      on-error: ['fail(msg=\"left\")']
    right: {workflow: sub, on-complete: meet, on-skip: noop}
    meet: {join: all, on-success: [again: '{{ _.more }}']}
    again: {wait-before: 1, on-success: begin2}
    begin2: {action: std.echo output=\"x\", on-success: [again, begin3]}
    begin3: {action: std.noop}
",
    )
}

fn states() -> BTreeMap<String, State> {
    let states = [
        ("begin", State::Success),
        ("left", State::Error),
        ("right", State::Running),
        ("gone", State::Error),
    ];
    states
        .map(|(name, state)| (name.to_owned(), state))
        .into_iter()
        .collect()
}

fn edges(graph: &Graph) -> Vec<String> {
    let name = |node: usize| graph.nodes[node].lines[0].clone();
    let edges = graph.edges.iter();
    edges
        .map(|edge| format!("{} -{}-> {}", name(edge.from), edge.label(), name(edge.to)))
        .collect()
}

#[test]
fn a_direct_workflow_is_its_tasks_its_clauses_and_the_commands_it_uses() {
    let graph = Graph::new(&rich(), &states());
    let kinds: Vec<_> = graph
        .nodes
        .iter()
        .map(|node| (node.kind, node.lines.join(" / ")))
        .collect();
    let task = |text: &str| (NodeKind::Task, text.to_owned());
    assert_eq!(
        kinds,
        [
            (NodeKind::Start, "start".to_owned()),
            task("begin / std.noop / SUCCESS"),
            task("left / nova.servers_list / with-items, retry: 3 / ERROR"),
            task("right / workflow sub / RUNNING"),
            (NodeKind::Join, "meet / std.noop / join: all".to_owned()),
            task("again / std.noop"),
            task("begin2 / std.echo"),
            task("begin3 / std.noop"),
            (NodeKind::Command, "noop".to_owned()),
            (NodeKind::Command, "fail".to_owned()),
        ]
    );
    assert_eq!(
        edges(&graph),
        [
            "start --> begin",
            "begin -success-> left",
            "begin -success-> right",
            "left -success: <% $.n > 1 %>-> meet",
            "left -error-> fail",
            "right -complete-> meet",
            "right -skip-> noop",
            "meet -success: {{ _.more }}-> again",
            "again -success-> begin2",
            "begin2 -success-> again",
            "begin2 -success-> begin3",
        ]
    );
}

#[test]
fn a_reverse_workflow_leads_from_what_is_required_to_what_requires_it() {
    let reverse = workflow(
        "wf:\n  type: reverse\n  tasks:\n    a: {requires: [b, c]}\n    b: {requires: c}\n    c: {action: x}\n",
    );
    let graph = Graph::new(&reverse, &BTreeMap::new());
    assert_eq!(graph.nodes.len(), 3);
    assert_eq!(edges(&graph), ["b --> a", "c --> a", "c --> b"]);
}

#[test]
fn dot_is_what_graphviz_reads() {
    let two = workflow("wf: {tasks: {a: {on-error: b}, b: {join: 1}}}");
    let states = BTreeMap::from([("a".to_owned(), State::Error)]);
    assert_eq!(
        draw(&two, &states, Format::Dot),
        r##"digraph "wf" {
  node [fontname="sans-serif", fontsize=12, shape=box, style="rounded,filled"];
  edge [fontname="sans-serif", fontsize=10];
  n0 [label="start", fillcolor="#24292f", color="#24292f", shape=circle, fontcolor="#ffffff"];
  n1 [label="a\nstd.noop\nERROR", fillcolor="#ffebe9", color="#cf222e"];
  n2 [label="b\nstd.noop\njoin: 1", fillcolor="#ffffff", color="#57606a", peripheries=2];
  n0 -> n1 [label="", color="#57606a", fontcolor="#57606a"];
  n1 -> n2 [label="error", color="#cf222e", fontcolor="#cf222e", style=dashed];
}
"##
    );
}

#[test]
fn mermaid_is_what_markdown_shows() {
    let two = workflow("wf: {tasks: {a: {on-error: [b: '<% $.x %>']}, b: {join: 1}}}");
    assert_eq!(
        draw(&two, &BTreeMap::new(), Format::Mermaid),
        "flowchart TD
  n0((\"start\"))
  style n0 fill:#24292f,stroke:#24292f,color:#ffffff
  n1(\"a<br/>std.noop\")
  style n1 fill:#ffffff,stroke:#57606a,color:#24292f
  n2[[\"b<br/>std.noop<br/>join: 1\"]]
  style n2 fill:#ffffff,stroke:#57606a,color:#24292f
  n0 --> n1
  linkStyle 0 stroke:#57606a
  n1 -.->|\"error: #60;#37; #36;.x #37;#62;\"| n2
  linkStyle 1 stroke:#cf222e
"
    );
}

#[test]
fn nodes_of_a_picture_stand_apart_and_followers_stand_below() {
    let graph = Graph::new(&rich(), &states());
    let widths: Vec<f64> = graph.nodes.iter().map(|_| 100.0).collect();
    let layout = layout::Layout::new(&graph, &widths);
    for (place, edge) in graph.edges.iter().enumerate() {
        let (from, to) = (layout.nodes[edge.from].1, layout.nodes[edge.to].1);
        assert_eq!(layout.leads_down[place], from < to, "{edge:?}");
    }
    assert_eq!(layout.leads_down.iter().filter(|down| !**down).count(), 1);
    for (one, (x, layer)) in layout.nodes.iter().enumerate() {
        assert!((50.0..=layout.width - 50.0).contains(x));
        for (other_x, other_layer) in layout.nodes.iter().skip(one + 1) {
            assert!(layer != other_layer || (x - other_x).abs() >= 100.0);
        }
    }
}

#[test]
fn a_drawing_is_the_same_each_time() {
    for format in Format::ALL {
        let one = draw(&rich(), &states(), format);
        assert_eq!(one, draw(&rich(), &states(), format));
        assert!(one.contains("begin3"), "{one}");
        assert_eq!(format.as_str().parse(), Ok(format));
    }
}

#[test]
fn hostile_names_stay_texts() {
    let name = "</text><script>\\\\\\\"];x -> y;%%[31m]])-->\\u202e&#60;";
    let text = format!(
        "wf:\n  tasks:\n    \"{name}\": {{action: \"<% '</svg>\\\"' %>\", on-success: [noop: \"<% ']|' \\n\\e[31m %>\"]}}\n"
    );
    let hostile = workflow(&text);
    let [dot, mermaid, svg] = Format::ALL.map(|format| draw(&hostile, &BTreeMap::new(), format));
    for drawing in [&dot, &mermaid, &svg] {
        assert!(!drawing.contains(|c: char| c.is_control() && c != '\n'));
        assert!(!drawing.contains('\u{202e}'));
    }
    assert!(dot.contains("success: <% ']|' �[31m %>"), "{dot}");
    // Each line of the text has as many quotes that count as a harmless one has.
    for line in dot.lines().filter(|line| line.contains("label=")) {
        let quotes = line
            .replace("\\\\", "")
            .replace("\\\"", "")
            .matches('"')
            .count();
        assert_eq!(quotes % 2, 0, "{line}");
    }
    assert!(dot.contains(r#"label="</text><script>\\\"];x -> y;%%[31m]])-->�&#60;"#));
    assert!(!mermaid.contains("<script>") && !mermaid.contains("%%") && !mermaid.contains("]])"));
    assert_eq!(mermaid.matches('"').count() % 2, 0);
    assert!(!svg.contains("<script>") && svg.matches("</svg>").count() == 1);
    assert!(svg.contains("&lt;/text&gt;&lt;script&gt;"));
}

#[test]
fn a_long_text_is_cut() {
    let long = workflow(&format!(
        "{0}: {{tasks: {{{0}: {{action: {0}}}}}}}",
        "ä".repeat(200)
    ));
    let graph = Graph::new(&long, &BTreeMap::new());
    assert_eq!(graph.nodes[1].lines[0].chars().count(), MOST_CHARS);
    assert!(graph.nodes[1].lines[0].ends_with('…'));
}

#[test]
fn a_picture_of_thousands_of_tasks_is_drawn() {
    let mut text = String::from("wf:\n  task-defaults: {on-error: last}\n  tasks:\n");
    for task in 0..3000 {
        text.push_str(&format!("    t{task}: {{on-success: t{}}}\n", task + 1));
    }
    text.push_str("    t3000: {action: x}\n    last: {action: x, on-success: t5}\n");
    let drawn = draw(&workflow(&text), &BTreeMap::new(), Format::Svg);
    assert!(drawn.ends_with("</svg>\n") && !drawn.contains("NaN"));
}

#[test]
fn a_picture_without_edges_is_drawn() {
    let one = workflow("wf: {type: reverse, tasks: {a: {action: x}}}");
    assert!(draw(&one, &BTreeMap::new(), Format::Svg).contains(">a</text>"));
}
