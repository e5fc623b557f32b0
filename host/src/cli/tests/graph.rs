//! Drawings of workflows and executions.

use super::*;
use crate::cli::graph::{self, GraphArgs};

const DEFINITION: &str =
    "version: '2.0'\nwf: {tasks: {a: {on-success: b}, b: {action: std.noop}}}\n";

/// The two commands, as the nouns `workflow` and `execution` have them.
#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    draw: Draw,
}

#[derive(Debug, Subcommand)]
enum Draw {
    Workflow {
        name: String,
        #[arg(long, default_value = "")]
        namespace: String,
        #[command(flatten)]
        graph: GraphArgs,
    },
    Execution {
        id: String,
        #[command(flatten)]
        graph: GraphArgs,
    },
}

async fn draw(args: &[&str], server: &FakeServer) -> Result<String, Error> {
    let line =
        Line::try_parse_from([&["zonda"], args].concat()).unwrap_or_else(|err| panic!("{err}"));
    let env = Environment::from_pairs(&[("ZONDA_URL", server.url.as_str())]);
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let mut session = Session::of_a_test(&line.common, &env, &mut out, &mut notes);
    match &line.draw {
        Draw::Workflow {
            name,
            namespace,
            graph,
        } => graph::workflow(name, namespace, graph, &mut session).await,
        Draw::Execution { id, graph } => graph::execution(id, graph, &mut session).await,
    }?;
    drop(session);
    Ok(String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn a_definition_is_drawn_in_the_format_that_is_asked_for() {
    let server = FakeServer::start(|_: &Request| {
        Answer::json(200, &json!({"name": "wf", "definition": DEFINITION}))
    })
    .await;
    for (format, begin) in [
        (&[][..], "digraph \"wf\" {"),
        (&["--format", "mermaid"], "flowchart TD"),
        (&["-f", "svg", "--namespace", "n 1"], "<svg "),
    ] {
        let drawing = draw(&[&["workflow", "wf"], format].concat(), &server).await;
        assert!(drawing.unwrap().starts_with(begin));
    }
    let expected = [
        "GET /v2/workflows/wf",
        "GET /v2/workflows/wf",
        "GET /v2/workflows/wf?namespace=n+1",
    ];
    assert_eq!(server.lines(), expected);
}

#[tokio::test]
async fn an_execution_is_drawn_with_the_latest_state_of_each_task() {
    let server = FakeServer::start(|request: &Request| {
        let line = request.line.as_str();
        let body = match line.split(['?', ' ']).nth(1) {
            Some("/v2/executions/e1") => {
                json!({"id": "e1", "workflow_id": "w1", "workflow_name": "wf"})
            }
            Some("/v2/workflows/w1") => json!({"definition": DEFINITION}),
            _ => json!({"tasks": [
                {"id": "1", "name": "a", "state": "ERROR"},
                {"id": "2", "name": "a", "state": "SUCCESS"},
                {"id": "3", "name": "b", "state": "FUTURE"}
            ]}),
        };
        Answer::json(200, &body)
    })
    .await;
    let drawing = draw(&["execution", "e1"], &server).await.unwrap();
    assert!(
        drawing.contains(r#"n1 [label="a\nstd.noop\nSUCCESS""#),
        "{drawing}"
    );
    assert!(drawing.contains(r#"n2 [label="b\nstd.noop""#), "{drawing}");
    let asked = server.lines().pop().unwrap();
    assert!(
        asked.starts_with("GET /v2/tasks?workflow_execution_id=e1&"),
        "{asked}"
    );
}

#[tokio::test]
async fn what_cannot_be_drawn_is_told() {
    let server = FakeServer::start(|_: &Request| {
        Answer::json(200, &json!({"definition": "version: '2.0'\nwf: {}"}))
    })
    .await;
    let fault = draw(&["workflow", "wf"], &server).await.unwrap_err();
    assert!(
        fault.one_line().contains("line 2, column 5"),
        "{}",
        fault.one_line()
    );
    let fault = draw(&["-f", "json", "workflow", "wf"], &server)
        .await
        .unwrap_err();
    assert_eq!(fault.exit_code(), 2);
    let refused = Line::try_parse_from(["zonda", "workflow", "wf", "-f", "json"]).unwrap_err();
    assert!(
        refused.to_string().contains("dot, mermaid, svg"),
        "{refused}"
    );
}
