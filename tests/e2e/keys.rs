//! The operator looks after the keys that seal what is private.

use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use e2e::client::{Client, id_of};
use e2e::host::Host;
use serde_json::json;

/// What a command said on standard output, if it succeeded.
fn said(output: &Output) -> Result<String> {
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "it failed: {errors}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What a command complained of, if it failed.
fn complaint(output: &Output) -> Result<String> {
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(!output.status.success(), "it succeeded: {said}");
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The ids of the keys, oldest first; the newest seals.
async fn ids(host: &Host) -> Result<Vec<String>> {
    let list = said(&host.command(&["keys", "list"]).await?)?;
    let ids: Vec<String> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    ensure!(list.matches("seals").count() == 1 && list.trim_end().ends_with("seals"));
    let ring = std::fs::read_to_string(host.data_folder().join("keys"))?;
    for key in ring.lines().filter_map(|line| line.split(' ').nth(2)) {
        ensure!(key.starts_with("Seals") || key == "what" || !list.contains(key));
    }
    Ok(ids)
}

/// A run that waits for its end, with a custom context.
async fn waiting(client: &Client, number: u32) -> Result<String> {
    let run = client
        .run("std.async_noop")
        .custom_context(json!({ "number": number }));
    id_of(&run.created().await?)
}

async fn shows(client: &Client, id: &str, number: u32) -> Result<()> {
    let shown = client.action_execution(id).await?.expect(200)?;
    assert_eq!(
        shown["custom_context"],
        json!({ "number": number }).to_string()
    );
    Ok(())
}

#[tokio::test]
async fn a_key_is_rotated_and_the_old_one_dropped_and_nothing_is_lost() -> Result<()> {
    let mut host = Host::start().await?;
    let first = waiting(&host.client()?, 1).await?;
    let old = ids(&host).await?.pop().context("there is no key")?;

    // While the host runs: it goes on with the key that it has.
    said(&host.command(&["keys", "rotate"]).await?)?;
    let second = waiting(&host.client()?, 2).await?;
    host.stop().await?;
    host.restart().await?;
    let third = waiting(&host.client()?, 3).await?;
    for (id, number) in [(&first, 1), (&second, 2), (&third, 3)] {
        shows(&host.client()?, id, number).await?;
    }
    let both = ids(&host).await?;
    assert_eq!((both.len(), &both[0]), (2, &old));

    let refusal = complaint(&host.command(&["keys", "drop", &old]).await?)?;
    assert!(refusal.contains("in use by another process"), "{refusal}");
    host.stop().await?;
    let report = said(&host.command(&["keys", "drop", &old]).await?)?;
    assert!(report.contains("sealed 2 records again"), "{report}");
    assert_eq!(ids(&host).await?, both[1..]);

    // Compiled code was authenticated under a key that is gone, so it is compiled again.
    host.restart().await?;
    let client = host.client()?;
    for (id, number) in [(&first, 1), (&second, 2), (&third, 3)] {
        shows(&client, id, number).await?;
    }
    assert!(host.log().contains("it is compiled again"));
    let echoed = client.run("std.echo").input(json!({ "output": 7 }));
    assert_eq!(echoed.result().await?, 7);
    Ok(())
}

#[tokio::test]
async fn a_key_that_seals_or_that_is_none_is_not_dropped() -> Result<()> {
    let mut host = Host::start().await?;
    host.stop().await?;
    let newest = ids(&host).await?.pop().context("there is no key")?;
    let refusal = complaint(&host.command(&["keys", "drop", &newest]).await?)?;
    assert!(refusal.contains("zonda keys rotate"), "{refusal}");
    let refusal = complaint(&host.command(&["keys", "drop", "0123456789abcdef"]).await?)?;
    assert!(refusal.contains("zonda keys list"), "{refusal}");
    assert_eq!(ids(&host).await?, [newest]);
    Ok(())
}
