//! The first page of an admin's list of all tenants, among few and many executions and projects.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use e2e::cloud::Cloud;
use e2e::host::Host;
use e2e::load::Load;

use super::{Measured, ROUNDS, TIME, address_of, example, median, settings};

/// Stored executions and their projects: the corners, and the middle. The first is what the others are compared with.
const STORES: [(u64, u64); 6] = [
    (1_000, 1),
    (1_000, 1_000),
    (100_000, 100),
    (1_000_000, 1),
    (1_000_000, 100),
    (1_000_000, 10_000),
];

/// What is asked for; each has a page's worth of executions in the smallest store.
const LISTS: [(&str, &str); 4] = [
    ("first", "limit=100"),
    ("newest", "limit=100&sort_keys=created_at&sort_dirs=desc"),
    ("errors", "limit=100&state=ERROR"),
    ("by_name", "limit=100&sort_keys=name&sort_dirs=desc"),
];

/// Measures all of them and adds their ratios to the smallest store's.
pub(super) async fn lists(measured: &mut Measured) -> Result<()> {
    let cloud = Cloud::a()?;
    let admin = cloud.tenant_with(&["admin"]).await?;
    let token = admin.token().await?.secret;
    for (executions, projects) in STORES {
        let mut host = Host::start_with(settings().keystone(&cloud)).await?;
        host.stop().await?;
        let filled = Command::new(example("fill_store")?)
            .arg(host.data_folder().join("store"))
            .args([executions.to_string(), projects.to_string()])
            .stdin(Stdio::null())
            .status()?;
        ensure!(filled.success(), "fill_store ended with {filled}");
        host.restart().await?;
        for (name, query) in LISTS {
            let path = format!("/v2/action_executions?all_tenants=true&{query}");
            let headers = [("X-Auth-Token", token.as_str())];
            let load = Load::get_with(address_of(host.url())?, &path, &headers, "next");
            load.run(1, TIME / 10).await?;
            let mut rounds = Vec::new();
            for _ in 0..ROUNDS {
                rounds.push(load.run(1, TIME / 3).await?.p50_ms);
            }
            let p50_ms = median(rounds);
            let smallest = format!("list.{name}.e1000.p1.p50_ms");
            let of = format!("{name}.e{executions}.p{projects}");
            measured.insert(format!("list.{of}.p50_ms"), p50_ms);
            if let Some(smallest) = measured.get(&smallest).copied() {
                measured.insert(format!("ratio.list.{of}"), p50_ms / smallest);
            }
        }
        host.stop().await?;
    }
    Ok(())
}
