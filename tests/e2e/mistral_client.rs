//! The real `mistral` command against a real host.

use anyhow::{Context as _, Result};
use e2e::cloud::Cloud;
use e2e::host::{Host, Settings};
use e2e::mistral::Mistral;
use e2e::{unique, wait};
use serde_json::{Value, json};

#[tokio::test]
async fn run_action_prints_the_result() -> Result<()> {
    let host = Host::start().await?;
    let printed = Mistral::new(&host)
        .run(&["run-action", "std.echo", r#"{"output": "hi"}"#])
        .await?;
    assert_eq!(
        serde_json::from_str::<Value>(&printed)?,
        json!({ "result": "hi" })
    );
    Ok(())
}

#[tokio::test]
async fn a_refusal_reaches_the_terminal_in_our_words() -> Result<()> {
    let host = Host::start().await?;
    let refused = Mistral::new(&host).run(&["run-action", "std.ecoh"]).await;
    let words = refused.err().context("an unknown action ran")?.to_string();
    assert!(
        words.contains("Failed to find action [action_name=std.ecoh]"),
        "{words}"
    );
    Ok(())
}

#[tokio::test]
async fn a_saved_run_goes_through_every_command() -> Result<()> {
    let host = Host::start().await?;
    let mistral = Mistral::new(&host);

    let started = mistral
        .json(&["run-action", "-s", "std.echo", r#"{"output": [1, 2]}"#])
        .await?;
    let id = started["ID"]
        .as_str()
        .context("run-action -s prints no ID")?;
    let shown = wait::until("the run has ended", || async {
        let shown = mistral.json(&["action-execution-get", id]).await?;
        Ok(Some(shown).filter(|shown| shown["State"] != "RUNNING"))
    })
    .await?;
    assert_eq!(shown["State"], "SUCCESS");
    assert_eq!(shown["Name"], "std.echo");

    let list = mistral.json(&["action-execution-list"]).await?;
    assert_eq!(list[0]["ID"], id);
    let input: Value =
        serde_json::from_str(&mistral.run(&["action-execution-get-input", id]).await?)?;
    assert_eq!(input, json!({ "output": [1, 2] }));
    let output: Value =
        serde_json::from_str(&mistral.run(&["action-execution-get-output", id]).await?)?;
    assert_eq!(output, json!({ "result": [1, 2] }));

    mistral.run(&["action-execution-delete", id]).await?;
    // The client shows an empty list as one row of nothing.
    let list = mistral.json(&["action-execution-list"]).await?;
    assert_eq!(list[0]["ID"], "");
    Ok(())
}

#[tokio::test]
async fn an_asynchronous_run_is_completed_by_update() -> Result<()> {
    let host = Host::start().await?;
    let mistral = Mistral::new(&host);
    let started = mistral
        .json(&["run-action", "-s", "std.async_noop"])
        .await?;
    let id = started["ID"].as_str().context("no ID")?;
    assert_eq!(started["State"], "RUNNING");

    let update = [
        "action-execution-update",
        "--state",
        "SUCCESS",
        "--output",
        r#"{"a": 1}"#,
        id,
    ];
    assert_eq!(mistral.json(&update).await?["State"], "SUCCESS");
    let output: Value =
        serde_json::from_str(&mistral.run(&["action-execution-get-output", id]).await?)?;
    assert_eq!(output, json!({ "result": { "a": 1 } }));
    Ok(())
}

#[tokio::test]
async fn actions_are_listed_and_shown() -> Result<()> {
    let host = Host::start().await?;
    let mistral = Mistral::new(&host);
    let list = mistral.json(&["action-list"]).await?;
    let names: Vec<_> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|action| action["Name"].as_str())
        .collect();
    for name in [
        "std.echo",
        "std.noop",
        "heat.stacks_list",
        "nova.servers_list",
        "openstack.request",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let echo = mistral.json(&["action-get", "std.echo"]).await?;
    assert_eq!(echo["Name"], "std.echo");
    assert!(
        echo["Input"]
            .as_str()
            .is_some_and(|input| input.contains("output")),
        "{echo}"
    );
    Ok(())
}

#[tokio::test]
async fn the_documented_example_lists_stacks_of_another_cloud() -> Result<()> {
    let cloud = Cloud::b()?;
    let tenant = cloud.tenant().await?;
    let stack = unique("stack");
    cloud.create_stack(&tenant.token().await?, &stack).await?;
    // The client keeps the CA to itself, so the operator has to know it.
    let host = Host::start_with(Settings::new().trust(&cloud)).await?;

    // As in the documentation, but for --os-target-tenant, which the client itself finds ambiguous.
    let mut arguments = vec![
        format!("--os-target-auth-url={}", cloud.auth_url()),
        format!("--os-target-username={}", tenant.user_name),
        format!("--os-target-tenant-name={}", tenant.project_name),
        format!("--os-target-password={}", tenant.password),
        format!("--os-target-region-name={}", cloud.region()),
        format!("--os-mistral-url={}/v2", host.url()),
    ];
    arguments.extend(
        cloud
            .ca_file()
            .map(|path| format!("--os-target_cacert={path}")),
    );
    arguments.extend(["run-action".to_owned(), "heat.stacks_list".to_owned()]);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let printed: Value = serde_json::from_str(&Mistral::new(&host).run(&arguments).await?)?;

    assert_eq!(printed["result"][0]["stack_name"], stack, "{printed}");
    assert_eq!(printed["result"].as_array().map(Vec::len), Some(1));
    Ok(())
}

#[tokio::test]
async fn the_target_can_come_from_the_environment_and_be_insecure() -> Result<()> {
    let tenant = Cloud::b()?.tenant().await?;
    let host = Host::start().await?;
    let mistral = Mistral::new(&host).target(&tenant);

    // The host does not know the CA.
    let refusal = mistral.run(&["run-action", "heat.stacks_list"]).await;
    let words = format!("{:#}", refusal.err().context("an unknown CA was trusted")?);
    assert!(words.contains("ca_cert"), "{words}");

    let printed = mistral
        .run(&["--target_insecure", "run-action", "heat.stacks_list"])
        .await?;
    assert_eq!(
        serde_json::from_str::<Value>(&printed)?,
        json!({ "result": [] })
    );
    Ok(())
}

#[tokio::test]
async fn caller_and_target_sign_in_to_different_clouds() -> Result<()> {
    let (home, away) = (Cloud::a()?, Cloud::b()?);
    let (caller, target) = (home.tenant().await?, away.tenant().await?);
    let stack = unique("stack");
    away.create_stack(&target.token().await?, &stack).await?;
    let host = Host::start_with(Settings::new().keystone(&home).trust(&away)).await?;

    let mistral = Mistral::new(&host).caller(&caller);
    // Without a target: the caller's own cloud.
    let own: Value =
        serde_json::from_str(&mistral.run(&["run-action", "heat.stacks_list"]).await?)?;
    assert_eq!(own, json!({ "result": [] }));

    let printed = mistral
        .target(&target)
        .run(&["run-action", "heat.stacks_list"])
        .await?;
    let there: Value = serde_json::from_str(&printed)?;
    assert_eq!(there["result"][0]["stack_name"], stack, "{there}");
    Ok(())
}
