//! Ad-hoc actions that are run by themselves.

use super::*;
use crate::{domain::Namespace, engine::Document};

impl Host {
    async fn make_ad_hoc(&self, text: &str) {
        let document = Document {
            text: format!("version: '2.0'\n{text}").into(),
            namespace: Namespace::default(),
            scope: None,
        };
        self.engine
            .create_ad_hoc_actions(&op("p"), document)
            .await
            .unwrap();
    }
}

/// A run of an ad-hoc action with this input.
fn run_of(name: &str, input: &str) -> StartAction {
    StartAction {
        name: ActionName::parse_any(name).unwrap(),
        input: serde_json::from_str(input).unwrap(),
        ..unsaved("t.echo")
    }
}

#[tokio::test]
async fn an_ad_hoc_action_gives_its_inputs_with_their_defaults_to_its_base() {
    let host = Host::start().await;
    host.make_ad_hoc(
        "say:\n  base: shout\n  input: [a, {b: 2}]\nshout:\n  base: t.echo\n  input: [a, b]\n",
    )
    .await;
    let ended = host.run(run_of("say", r#"{"a": 1}"#)).await.unwrap();
    assert_eq!(output(&ended.execution), r#"{"result": {"a":1,"b":2}}"#);
    assert_eq!(ended.execution.name.as_str(), "say");
    assert_eq!(ended.execution.base().as_str(), "t.echo");
    let refusal = host.run(run_of("say", r#"{"c": 1}"#)).await.unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "Invalid input [name=say, class=AdHocAction, missing=['a'], unexpected=['c']]"
    );
}

#[tokio::test]
async fn a_base_that_is_missing_is_the_callers_error() {
    let host = Host::start().await;
    host.make_ad_hoc("say: {base: t.nothing}\n").await;
    let refusal = host.run(run_of("say", "{}")).await.unwrap_err().to_string();
    assert!(
        refusal.starts_with("Failed to find base action [action_name=t.nothing"),
        "{refusal}"
    );
    let refusal = host.run(run_of("nothing", "{}")).await.unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "Failed to find action [action_name=nothing]"
    );
}

#[tokio::test]
async fn a_stored_run_of_an_ad_hoc_action_is_its_bases_with_its_own_name_and_input() {
    let host = Host::start().await;
    host.make_ad_hoc("say:\n  base: t.echo\n  base-input: {fixed: 1}\n")
        .await;
    let mut start = run_of("say", "{}");
    start.params.save_result = true;
    let id = host.run(start).await.unwrap().execution.id;
    host.work_off().await;
    let ended = host.get(id).await;
    assert_eq!((ended.name.as_str(), ended.input.as_str()), ("say", "{}"));
    assert_eq!(output(&ended), r#"{"result": {"fixed":1}}"#);
}

#[tokio::test]
async fn the_output_is_turned_whichever_way_the_action_is_run() {
    let mut host = Host::start().await;
    host.make_ad_hoc(
        "say:\n  base: t.echo\n  input: [n]\n  output: {said: <% $.n %>}\n\
         again:\n  base: say\n  input: [n]\n  output: <% [$.said, $.said] %>\n\
         later:\n  base: t.hold_later\n  output: {with: <% $.n %>}\n",
    )
    .await;
    let expected = r#"{"result": [7,7]}"#;
    let inline = host.run(run_of("again", r#"{"n": 7}"#)).await.unwrap();
    assert_eq!(output(&inline.execution), expected);
    for run_sync in [true, false] {
        let mut start = run_of("again", r#"{"n": 7}"#);
        (start.params.save_result, start.params.run_sync) = (true, run_sync);
        let id = host.run(start).await.unwrap().execution.id;
        host.work_off().await;
        assert_eq!(output(&host.get(id).await), expected);
    }
    let id = host.run(run_of("later", "{}")).await.unwrap().execution.id;
    let worker = Worker::start(&host.engine, &host.clock).await;
    host.begun().await.end(Outcome::Pending);
    worker.stop().await;
    let completed = host.update(id, State::Success, Some(r#"{"n": 3}"#)).await;
    assert_eq!(output(&completed.unwrap()), r#"{"result": {"with":3}}"#);
}

#[tokio::test]
async fn a_result_that_is_no_object_is_turned_too() {
    let host = Host::start().await;
    host.make_ad_hoc(
        "inner:\n  base: t.echo\n  base-input: {n: 7}\n  output: <% $.n %>\nouter:\n  base: inner\n  output: got <% $ %>\n",
    )
    .await;
    let ended = host.run(run_of("outer", r#"{"n": 7}"#)).await;
    assert!(ended.is_err(), "it takes no input");
    let ended = host.run(run_of("outer", "{}")).await.unwrap();
    assert_eq!(output(&ended.execution), r#"{"result": "got 7"}"#);
}
