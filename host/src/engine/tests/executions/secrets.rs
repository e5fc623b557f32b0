//! What is private of an execution reaches its actions, and nothing else.

use super::*;
use crate::domain::{Credential, CustomContext, PrivateObject, Secret};

fn target() -> TargetCloud {
    TargetCloud {
        auth_url: "http://10.0.0.1:5000/v3".parse().unwrap(),
        credential: Credential::Token(Secret::new("the-token".to_owned())),
        region: None,
        project_id: None,
        user_id: None,
        user_name: None,
        ca_cert: None,
        insecure: false,
        catalog: None,
        is_target: true,
    }
}

fn context() -> CustomContext {
    let members = serde_json::from_str(r#"{"secret": "s3cret"}"#).unwrap();
    CustomContext::new(&PrivateObject::new(members))
}

#[tokio::test]
async fn custom_context_and_target_reach_every_action_of_the_tree_and_are_erased() {
    let mut host = Host::start().await;
    host.define("hold", "tasks:\n  a:\n    action: t.hold")
        .await;
    host.define(
        "top",
        "tasks:\n  s:\n    workflow: hold\n    on-success: z\n  z:\n    action: t.hold",
    )
    .await;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let mut wish = start("top");
    wish.custom_context = Some(context());
    wish.target = Some(target());
    let id = host
        .engine
        .start_execution(&op("p"), wish)
        .await
        .unwrap()
        .id;
    {
        let run = host.begun().await;
        let said = run
            .call
            .custom_context
            .as_ref()
            .unwrap()
            .expose()
            .to_owned();
        assert_eq!(said, r#"{"secret":"s3cret"}"#);
        let session = run.call.session.as_ref().unwrap();
        assert_eq!(
            session.target().auth_url.as_str(),
            "http://10.0.0.1:5000/v3"
        );
        assert_eq!(run.call.task.as_ref().unwrap().root_execution_id, id);
        run.end(Outcome::Failed(Failure::new("no")));
    }
    let ended = host.until(id, State::Error).await;
    assert!(ended.target.is_none() && ended.has_target && ended.custom_context.is_some());
    let task = host.task("a").await.id;
    let rerun = |target| RerunTask {
        reset: true,
        env: None,
        target,
    };
    let refused = host.engine.rerun_task(&op("p"), task, rerun(None)).await;
    assert!(
        matches!(&refused, Err(Error::BadInput(text)) if text.contains("target cloud")),
        "{refused:?}"
    );
    let again = rerun(Some(target()));
    host.engine.rerun_task(&op("p"), task, again).await.unwrap();
    let run = host.begun().await;
    assert!(run.call.session.is_some() && run.call.custom_context.is_some());
    run.end(done("1"));
    let run = host.begun().await;
    assert!(run.call.session.is_some());
    run.end(done("1"));
    let ended = host.until(id, State::Success).await;
    assert!(ended.target.is_none());
    worker.stop().await;
}

#[tokio::test]
async fn a_repeated_execution_brings_its_own_target() {
    let host = Host::start().await;
    host.define("two", TWO).await;
    let mut wish = start("two");
    wish.target = Some(target());
    wish.custom_context = Some(context());
    let source = host
        .engine
        .start_execution(&op("p"), wish)
        .await
        .unwrap()
        .id;
    let again = |target| StartExecution {
        workflow: None,
        source_execution_id: Some(source),
        target,
        ..start("two")
    };
    let refused = host.engine.start_execution(&op("p"), again(None)).await;
    assert!(matches!(refused, Err(Error::BadInput(_))), "{refused:?}");
    let repeated = host
        .engine
        .start_execution(&op("p"), again(Some(target())))
        .await
        .unwrap();
    assert!(repeated.custom_context.is_some());
    assert_eq!(
        repeated.description.unwrap(),
        format!("Based on the execution '{source}'")
    );
}

#[tokio::test]
async fn what_is_sealed_of_executions_is_sealed_again_with_a_newer_key() {
    let host = Host::start().await;
    host.define("wait", "tasks:\n  a:\n    action: t.later")
        .await;
    let mut wish = start("wait");
    wish.target = Some(target());
    wish.custom_context = Some(context());
    let id = host
        .engine
        .start_execution(&op("p"), wish)
        .await
        .unwrap()
        .id;
    // All of it is under the newest key already.
    let resealed = crate::engine::reseal(&*host.store, &host.keys)
        .await
        .unwrap();
    assert_eq!(resealed, 0);
    assert!(host.execution(id).await.target.is_some());
}
