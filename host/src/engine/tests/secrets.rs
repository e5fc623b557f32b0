//! What is sealed, what is erased, and who is told.

use serde_json::json as value;
use url::Url;

use super::*;
use crate::{
    domain::{Credential, CustomContext, PrivateObject, Secret, TargetCloud},
    store::{Kind, Store},
};

const CONTEXT_MARK: &str = "context-7c1d";
const TOKEN_MARK: &str = "token-41aa";

fn with_secrets(mut start: StartAction) -> StartAction {
    let context = value!({ "mark": CONTEXT_MARK });
    start.custom_context = context
        .as_object()
        .map(|members| CustomContext::new(&PrivateObject::new(members.clone())));
    // Nobody asks it: the actions here have no access rules.
    start.target = Some(TargetCloud {
        auth_url: Url::parse("http://10.0.0.1:5000/v3").unwrap(),
        credential: Credential::Token(Secret::new(TOKEN_MARK.to_owned())),
        region: None,
        project_id: None,
        user_id: None,
        user_name: None,
        ca_cert: None,
        insecure: false,
        catalog: None,
        is_target: true,
    });
    start
}

/// Whether what the store keeps of the execution holds `mark`.
async fn keeps(host: &Host, id: ActionExecutionId, mark: &str) -> bool {
    let mut bodies = Vec::new();
    for kind in [Kind::ActionExecution, Kind::Journal] {
        let record = host.store.find(kind, id.uuid()).await.unwrap();
        bodies.extend(record.map(|record| record.body));
    }
    assert!(!bodies.is_empty());
    bodies
        .iter()
        .any(|body| body.windows(mark.len()).any(|part| part == mark.as_bytes()))
}

#[tokio::test]
async fn context_and_target_are_sealed_and_reach_the_run() {
    let mut host = Host::start().await;
    let id = host
        .run(with_secrets(saved("t.hold")))
        .await
        .unwrap()
        .execution
        .id;
    assert!(host.get(id).await.target.is_some());
    for mark in [CONTEXT_MARK, TOKEN_MARK] {
        assert!(!keeps(&host, id, mark).await, "{mark} is in the store");
    }
    let worker = Worker::start(&host.engine, &host.clock).await;
    let run = host.begun().await;
    let context = run.call.custom_context.as_ref().unwrap();
    assert_eq!(context.expose(), format!(r#"{{"mark":"{CONTEXT_MARK}"}}"#));
    assert!(run.call.session.is_some());
    assert!(!format!("{:?}", run.call).contains(CONTEXT_MARK));
    run.end(done("1"));
    worker.stop().await;
    for mark in [CONTEXT_MARK, TOKEN_MARK] {
        assert!(!keeps(&host, id, mark).await, "{mark} is in the store");
    }
}

#[tokio::test]
async fn credentials_are_erased_at_the_end_and_the_context_stays_sealed() {
    let host = Host::start().await;
    let id = host
        .run(with_secrets(saved("t.echo")))
        .await
        .unwrap()
        .execution
        .id;
    host.work_off().await;
    let execution = host.get(id).await;
    assert_eq!(execution.target, None);
    let context = host
        .engine
        .custom_context(&op("p"), &execution)
        .unwrap()
        .unwrap();
    assert!(context.expose().contains(CONTEXT_MARK));
}

#[tokio::test]
async fn cancelling_erases_credentials_of_a_run_that_has_not_begun() {
    let host = Host::start().await;
    let id = host
        .run(with_secrets(saved("t.echo")))
        .await
        .unwrap()
        .execution
        .id;
    host.update(id, State::Cancelled, None).await.unwrap();
    assert_eq!(host.get(id).await.target, None);
}

#[tokio::test]
async fn credentials_are_erased_when_the_run_is_over_and_its_result_still_to_come() {
    let host = Host::start().await;
    let id = host
        .run(with_secrets(saved("t.later")))
        .await
        .unwrap()
        .execution
        .id;
    assert!(host.get(id).await.target.is_some());
    host.work_off().await;
    let execution = host.get(id).await;
    assert_eq!(execution.state(), State::Running);
    assert_eq!(execution.target, None);
}

#[tokio::test]
async fn credentials_of_a_run_that_a_crash_ended_are_erased() {
    let host = Host::start().await;
    let id = host
        .run(with_secrets(saved("t.hold")))
        .await
        .unwrap()
        .execution
        .id;
    host.lose_a_host().await;
    host.work_off().await;
    let execution = host.get(id).await;
    assert_eq!(execution.state(), State::Error);
    assert_eq!(execution.target, None);
}

#[tokio::test]
async fn credentials_with_which_no_cloud_is_reached_are_erased() {
    let host = Host::start().await;
    let mut start = with_secrets(saved("t.cloudy"));
    let target = start.target.as_mut().unwrap();
    // With a catalog nobody is asked, so the run is taken; by the time it begins the token has expired.
    target.catalog = Some(Secret::new(
        value!({
            "catalog": [], "methods": [], "project": { "id": "p1" }, "expires_at": expiry(90)
        })
        .to_string(),
    ));
    let id = host.run(start).await.unwrap().execution.id;
    assert!(host.get(id).await.target.is_some());
    host.clock.advance(Duration::from_secs(50));
    host.work_off().await;
    let execution = host.get(id).await;
    assert_eq!(execution.state(), State::Error);
    assert!(output(&execution).contains("the token expires in 40 s"));
    assert_eq!(execution.target, None);
}

/// A time so many seconds after the tests' clock began.
fn expiry(secs: i64) -> String {
    Timestamp::from_unix_ms(1_000_000 + secs * 1000)
        .to_string()
        .replace(' ', "T")
        + "Z"
}

#[tokio::test]
async fn a_token_that_ends_before_its_run_may_is_refused() {
    let host = Host::start().await;
    let start = |action: &str, secs: i64, timeout: Option<u64>| {
        let mut start = with_secrets(unsaved(action));
        start.params.timeout_ms = timeout;
        start.target.as_mut().unwrap().catalog = Some(Secret::new(
            value!({
                "catalog": [], "methods": [], "project": { "id": "p1" }, "expires_at": expiry(secs)
            })
            .to_string(),
        ));
        start
    };
    let Err(Error::BadInput(refusal)) = host.run(start("t.cloudy", 59, None)).await else {
        panic!("it was taken")
    };
    assert_eq!(
        refusal,
        "Invalid target cloud: auth_token: the token expires in 59 s, sooner than the run's timeout of 60 s; get a new \
         one, or set params.timeout below it"
    );
    for start in [
        start("t.cloudy", 60, None),
        start("t.cloudy", 59, Some(58_000)),
        // It asks no cloud.
        start("t.echo", 59, None),
    ] {
        let execution = host.run(start).await.unwrap().execution;
        assert_eq!(execution.state(), State::Success);
    }
}

#[tokio::test]
async fn a_run_that_is_kept_at_its_end_never_keeps_credentials() {
    let host = Host::start().await;
    let mut start = with_secrets(saved("t.echo"));
    start.params.run_sync = true;
    let execution = host.run(start).await.unwrap().execution;
    assert_eq!(execution.target, None);
    assert!(execution.custom_context.is_some());
    assert!(!keeps(&host, execution.id, CONTEXT_MARK).await);
    assert!(!keeps(&host, execution.id, TOKEN_MARK).await);
}

#[tokio::test]
async fn a_context_is_told_to_its_own_project_only() {
    let host = Host::start().await;
    let id = host
        .run(with_secrets(saved("t.echo")))
        .await
        .unwrap()
        .execution
        .id;
    let execution = host.get(id).await;
    assert!(
        host.engine
            .custom_context(&op("q"), &execution)
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn what_a_run_says_is_sealed() {
    let host = Host::start().await;
    let id = host.leave("t.echo").await;
    host.work_off().await;
    assert_eq!(
        host.engine.journal(&op("p"), id).await.unwrap().log.len(),
        1
    );
    assert!(!keeps(&host, id, "said by the action").await);
}
