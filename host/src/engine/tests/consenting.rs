//! Budgets and grants as the engine hands them to runs, and the reports of dry runs and audits.

use super::*;
use crate::{
    domain::AccessRule,
    engine::{GrantRuleSettings, GrantSettings},
    openstack::Granted,
};

fn grant(project: &str, module: &str, mutating_requests: Option<u64>) -> GrantSettings {
    GrantSettings {
        project: project.to_owned(),
        module: module.to_owned(),
        access: vec![GrantRuleSettings {
            service_type: "compute".to_owned(),
            method: "GET".to_owned(),
            path: "/servers/**".to_owned(),
            region: None,
        }],
        mutating_requests,
    }
}

async fn host(grants: Vec<GrantSettings>) -> Host {
    Host::start_with(Settings {
        grants,
        mutating_requests: 10,
        ..settings()
    })
    .await
}

async fn ask(host: &Host, mutating_requests: u64) -> Result<StartedAction, Error> {
    let mut start = unsaved("t.echo");
    start.params.mutating_requests = Some(mutating_requests);
    host.run(start).await
}

#[tokio::test]
async fn a_caller_lowers_the_budget_and_never_raises_it() {
    for (grants, limit, setting) in [
        (vec![], 10, "runtime.mutating_requests"),
        (
            vec![grant("q", "t", Some(1))],
            10,
            "runtime.mutating_requests",
        ),
        (
            vec![grant("p", "own", Some(1))],
            10,
            "runtime.mutating_requests",
        ),
        (vec![grant("p", "t", None)], 10, "runtime.mutating_requests"),
        (
            vec![grant("p", "t", Some(20))],
            20,
            "grants.mutating_requests",
        ),
        (
            vec![grant("p", "t", Some(20)), grant("*", "*", Some(3))],
            3,
            "grants.mutating_requests",
        ),
    ] {
        let host = host(grants).await;
        ask(&host, limit).await.unwrap();
        ask(&host, 0).await.unwrap();
        let refused = ask(&host, limit + 1).await.unwrap_err().to_string();
        let expected = format!("params.mutating_requests: at most {limit}, or");
        assert!(
            refused.starts_with(&expected) && refused.contains(setting),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_module_is_shown_with_what_is_granted_to_the_callers_project() {
    let host = host(vec![grant("p", "t", Some(3))]).await;
    let (module, mut versions) = host
        .engine
        .module(&op("p"), &named("t"), Sight::Project)
        .await
        .unwrap();
    let mut version = versions.remove(0);
    let rule = |method: &str, path: &str| AccessRule {
        service_type: "compute".to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
    };
    let declared = [
        rule("GET", "/**"),
        rule("GET", "/servers/{id}"),
        rule("POST", "/servers"),
    ];
    for spec in &mut version.actions {
        spec.access = declared.to_vec();
    }
    let shown = |project: &str| {
        host.engine
            .module_consent(&op(project), &module.name, &version)
    };
    let extents = |extents: [Granted; 3]| declared.iter().cloned().zip(extents).collect::<Vec<_>>();
    let own = shown("p");
    assert_eq!(
        own.declared,
        extents([Granted::Some, Granted::All, Granted::None])
    );
    assert_eq!(
        (own.grant.unwrap().access.len(), own.mutating_requests),
        (1, 3)
    );
    // Without an entry, all that is declared is granted.
    let others = shown("q");
    assert_eq!(others.declared, extents([Granted::All; 3]));
    assert_eq!((others.grant, others.mutating_requests), (None, 10));
}

#[tokio::test]
async fn every_way_of_running_answers_with_the_report() {
    let host = Host::start().await;
    let with_report = |mut start: StartAction| {
        start.params.dry_run = true;
        start.params.audit = true;
        start
    };
    let expected = r#"{"result": {"n":1}, "plan":[],"access_rules":[],"denied":[]}"#;
    let unsaved = host.run(with_report(unsaved("t.echo"))).await.unwrap();
    assert_eq!(output(&unsaved.execution), expected);
    let mut start = with_report(saved("t.echo"));
    start.params.run_sync = true;
    let waited = host.run(start).await.unwrap();
    assert_eq!(output(&waited.execution), expected);
    let left = host.run(with_report(saved("t.echo"))).await.unwrap();
    // What is pending in a dry run has ended: nobody will complete it.
    let pending = host.run(with_report(saved("t.later"))).await.unwrap();
    host.work_off().await;
    assert_eq!(output(&host.get(left.execution.id).await), expected);
    let ended = host.get(pending.execution.id).await;
    assert_eq!(ended.state(), State::Success);
    assert!(
        output(&ended).starts_with(r#"{"result": null, "plan""#),
        "{}",
        output(&ended)
    );
    let mut start = saved("t.fail");
    start.params.audit = true;
    start.params.run_sync = true;
    let failed = host.run(start).await.unwrap();
    assert_eq!(
        output(&failed.execution),
        r#"{"result": "no luck", "access_rules":[],"denied":[]}"#
    );
}
