//! Measures a release build of `zonda` beside a bare floor, in one run on one machine: what counts are the ratios.
//!
//! Started by `scripts/bench`, which builds what is measured. The names of the figures stay what they are.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

mod lists;
mod workflows;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e::client::Client;
use e2e::cloud::Cloud;
use e2e::faults::FaultServer;
use e2e::host::{Host, Settings};
use e2e::load::{Figures, Load};
use e2e::{guests, wait};
use serde_json::json;

/// How long each load lasts.
const TIME: Duration = Duration::from_secs(3);

/// How often the loads are gone through; a figure is the median.
const ROUNDS: usize = 3;

/// How many evil runs go on beside a neighbor's.
const EVIL_RUNS: usize = 16;

const CLIENTS: [usize; 3] = [1, 8, 64];

/// Figures by their names.
type Measured = BTreeMap<String, f64>;

#[tokio::main]
async fn main() -> Result<()> {
    let as_json = std::env::args().any(|argument| argument == "--json");
    let mut measured = Measured::new();
    if !std::env::args().any(|argument| argument == "--workflows") {
        store_rates(&mut measured)?;
        start_and_idle(&mut measured).await?;
        loads(&mut measured).await?;
        waiting(&mut measured).await?;
        neighbor(&mut measured).await?;
        auth(&mut measured).await?;
        lists::lists(&mut measured).await?;
        ratios(&mut measured)?;
    }
    workflows::workflows(&mut measured).await?;
    if as_json {
        println!("{}", serde_json::to_string_pretty(&measured)?);
    } else {
        for (name, value) in &measured {
            println!("{name:<32} {value:>12.3}");
        }
    }
    Ok(())
}

/// The level that an operator would run it at, and room for every waiting run.
fn settings() -> Settings {
    Settings::new()
        .set("log", "level", "info")
        .set("engine", "concurrent_jobs", 1100)
        .set("runtime", "concurrent_runs", 1100)
        .set("runtime", "concurrent_runs_per_project", 1100)
}

/// What the store alone commits, with durable group commits.
fn store_rates(measured: &mut Measured) -> Result<()> {
    let output = Command::new(example("store_rate")?)
        .stderr(Stdio::inherit())
        .output()?;
    let rates: BTreeMap<String, f64> =
        serde_json::from_slice(&output.stdout).context("store_rate prints JSON")?;
    for (clients, rate) in rates {
        measured.insert(format!("store.{clients}.writes_per_s"), rate);
    }
    Ok(())
}

/// A start with compiled code cached, and what an idle host holds before any load.
async fn start_and_idle(measured: &mut Measured) -> Result<()> {
    let mut host = Host::start_with(settings()).await?;
    host.stop().await?;
    let start = Instant::now();
    host.restart().await?;
    host.client()?.run("std.noop").send().await?.expect(201)?;
    measured.insert(
        "start.first_answer_ms".into(),
        start.elapsed().as_secs_f64() * 1e3,
    );
    host.stop().await?;
    host.restart().await?;
    measured.insert("idle.rss_mib".into(), resident_kib(&host)? / 1024.0);
    Ok(())
}

/// `std.noop` through the bare floor, unsaved, and saved before it is answered.
async fn loads(measured: &mut Measured) -> Result<()> {
    let floor = Floor::start()?;
    let host = Host::start_with(settings()).await?;
    let address = address_of(host.url())?;
    let path = "/v2/action_executions";
    let saved = r#"{"name": "std.noop", "params": {"save_result": true, "run_sync": true}}"#;
    let loads = [
        ("floor", Load::post(floor.address, "/noop", "{}", "")),
        (
            "unsaved",
            Load::post(address, path, r#"{"name": "std.noop"}"#, "SUCCESS"),
        ),
        ("saved", Load::post(address, path, saved, "SUCCESS")),
    ];
    for (_, load) in &loads {
        load.run(8, Duration::from_millis(500)).await?;
    }
    for clients in CLIENTS {
        let mut rounds: Vec<Vec<Figures>> = vec![Vec::new(); loads.len()];
        // In turns, so that a machine that changes its speed changes it for all.
        for _ in 0..ROUNDS {
            for ((_, load), figures) in loads.iter().zip(&mut rounds) {
                figures.push(load.run(clients, TIME).await?);
            }
        }
        for ((name, _), figures) in loads.iter().zip(&rounds) {
            let mut put = |figure: &str, of: fn(&Figures) -> f64| {
                measured.insert(
                    format!("{name}.c{clients}.{figure}"),
                    median(figures.iter().map(of).collect()),
                );
            };
            put("rps", |figures| figures.rps);
            put("p50_ms", |figures| figures.p50_ms);
            put("p99_ms", |figures| figures.p99_ms);
        }
    }
    Ok(())
}

/// What runs that wait on a slow cloud hold, each with its connection to the cloud.
///
/// `waiting` are stored runs, whose callers have had their answers; `waiting_unsaved` hold their callers' connections
/// too. A connection is 24 to 40 KiB of an HTTP library's buffers.
async fn waiting(measured: &mut Measured) -> Result<()> {
    for (name, save_result) in [("waiting", true), ("waiting_unsaved", false)] {
        let host = Host::start_with(settings()).await?;
        let cloud = FaultServer::start().await?;
        let body = json!({
            "name": "openstack.request",
            "input": {"service_type": "compute", "method": "GET", "path": "/hang"},
            "params": {"save_result": save_result},
            "custom_context": {"os.auth": {
                "auth_url": cloud.url("/v3"), "auth_token": "t0ken", "service_catalog": cloud.catalog(""),
            }},
        });
        let idle = held_kib(&host)?;
        let mut runs = Vec::new();
        for count in [100, 1000] {
            while runs.len() < count {
                let (client, body) = (host.client()?, body.clone());
                runs.push(tokio::spawn(async move {
                    client
                        .send_json(reqwest::Method::POST, "/v2/action_executions", &body)
                        .await
                }));
            }
            wait::until("every run waits on the cloud", async || {
                Ok((cloud.seen().len() >= count).then_some(()))
            })
            .await?;
            let resident = resident_kib(&host)? / 1024.0;
            measured.insert(format!("{name}.{count}.rss_mib"), resident);
        }
        let each = (held_kib(&host)? - idle) / runs.len() as f64;
        measured.insert(format!("{name}.kib_each"), each);
        for run in runs {
            run.abort();
        }
    }
    Ok(())
}

/// `std.noop` in one project: alone, and while another project keeps evil runs going, each begun again when it ends.
async fn neighbor(measured: &mut Measured) -> Result<()> {
    let cloud = Cloud::a()?;
    let (honest, evil) = (cloud.tenant().await?, cloud.tenant().await?);
    let host = Host::start_with(settings().keystone(&cloud)).await?;
    let token = honest.token().await?.secret;
    let noop = Load::post_with(
        address_of(host.url())?,
        "/v2/action_executions",
        &[("X-Auth-Token", &token)],
        r#"{"name": "std.noop"}"#,
        "SUCCESS",
    );
    let evil = host.client()?.with_token(&evil.token().await?.secret);
    evil.push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    noop.run(8, Duration::from_millis(500)).await?;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(noop.run(8, TIME).await?);
        let runs: Vec<_> = (0..EVIL_RUNS)
            .map(|number| tokio::spawn(keep_evil(evil.clone(), number)))
            .collect();
        let figures = noop.run(8, TIME).await;
        for run in &runs {
            run.abort();
        }
        beside.push(figures?);
        for run in runs {
            if let Ok(Err(error)) = run.await {
                return Err(error);
            }
        }
    }
    for (name, rounds) in [("alone", &alone), ("beside_evil", &beside)] {
        let rps = median(rounds.iter().map(|figures| figures.rps).collect());
        let p99_ms = median(rounds.iter().map(|figures| figures.p99_ms).collect());
        measured.insert(format!("neighbor.{name}.rps"), rps);
        measured.insert(format!("neighbor.{name}.p99_ms"), p99_ms);
    }
    Ok(())
}

/// Unsaved `std.noop` of callers whose Keystone tokens the host knows already, beside callers without any.
async fn auth(measured: &mut Measured) -> Result<()> {
    let cloud = Cloud::a()?;
    let token = cloud.tenant().await?.token().await?.secret;
    let open = Host::start_with(settings()).await?;
    let guarded = Host::start_with(settings().keystone(&cloud)).await?;
    let noop = |host: &Host, headers: &[(&str, &str)]| {
        let (path, body) = ("/v2/action_executions", r#"{"name": "std.noop"}"#);
        let address = address_of(host.url())?;
        anyhow::Ok(Load::post_with(address, path, headers, body, "SUCCESS"))
    };
    let loads = [
        ("none", noop(&open, &[])?),
        ("keystone", noop(&guarded, &[("X-Auth-Token", &token)])?),
    ];
    for (_, load) in &loads {
        load.run(8, Duration::from_millis(500)).await?;
    }
    let mut rounds: Vec<Vec<f64>> = vec![Vec::new(); loads.len()];
    for _ in 0..ROUNDS {
        for ((_, load), rps) in loads.iter().zip(&mut rounds) {
            rps.push(load.run(8, TIME).await?.rps);
        }
    }
    for ((name, _), rps) in loads.iter().zip(rounds) {
        measured.insert(format!("auth.{name}.rps"), median(rps));
    }
    Ok(())
}

/// Makes one kind of evil run after the other: that computes until its timeout, writes much memory at once, takes all
/// the memory there is, or floods its log.
async fn keep_evil(client: Client, number: usize) -> Result<()> {
    let kinds = [
        ("probe.spin", json!(null)),
        ("probe.fill", json!({"mib": 64})),
        ("probe.allocate", json!({})),
        ("probe.flood_log", json!({"lines": 20_000, "bytes": 1000})),
    ];
    for (action, input) in kinds.into_iter().cycle().skip(number) {
        let run = client.run(action).param("timeout", 2);
        let run = if input.is_null() {
            run
        } else {
            run.input(input)
        };
        run.created().await?;
    }
    Ok(())
}

fn ratios(measured: &mut Measured) -> Result<()> {
    let figure = |name: &str| {
        measured
            .get(name)
            .copied()
            .with_context(|| format!("{name} was not measured"))
    };
    let ratios = [
        (
            "ratio.unsaved_to_floor.c8.rps",
            figure("unsaved.c8.rps")? / figure("floor.c8.rps")?,
        ),
        (
            "ratio.unsaved_to_floor.c64.rps",
            figure("unsaved.c64.rps")? / figure("floor.c64.rps")?,
        ),
        (
            "ratio.unsaved_to_floor.c1.p50",
            figure("unsaved.c1.p50_ms")? / figure("floor.c1.p50_ms")?,
        ),
        (
            "ratio.neighbor.rps",
            figure("neighbor.beside_evil.rps")? / figure("neighbor.alone.rps")?,
        ),
        (
            "ratio.neighbor.p99",
            figure("neighbor.beside_evil.p99_ms")? / figure("neighbor.alone.p99_ms")?,
        ),
        (
            "ratio.auth.rps",
            figure("auth.keystone.rps")? / figure("auth.none.rps")?,
        ),
        (
            "ratio.saved_to_store.c1.rps",
            figure("saved.c1.rps")? / figure("store.c1.writes_per_s")?,
        ),
        (
            "ratio.saved_to_store.c8.rps",
            figure("saved.c8.rps")? / figure("store.c8.writes_per_s")?,
        ),
        (
            "ratio.saved_to_store.c64.rps",
            figure("saved.c64.rps")? / figure("store.c64.writes_per_s")?,
        ),
    ];
    measured.extend(ratios.map(|(name, ratio)| (name.to_owned(), ratio)));
    Ok(())
}

/// The bare floor: axum, an `InstancePre`, a call.
struct Floor {
    process: Child,
    address: SocketAddr,
}

impl Floor {
    fn start() -> Result<Self> {
        let module = guests::action_file("std");
        let mut process = Command::new(example("floor")?)
            .arg(module)
            .arg("0")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("stdout is piped")?).read_line(&mut line)?;
        let port: u16 = line
            .trim()
            .parse()
            .with_context(|| format!("the floor prints its port, not {line:?}"))?;
        Ok(Self {
            process,
            address: ([127, 0, 0, 1], port).into(),
        })
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// An example program of the host, beside the binary that is measured.
fn example(name: &str) -> Result<std::path::PathBuf> {
    let host = std::env::var_os("ZONDA_BIN").context("scripts/bench sets ZONDA_BIN")?;
    let folder = std::path::Path::new(&host)
        .parent()
        .context("ZONDA_BIN is a file in a folder")?;
    Ok(folder.join("examples").join(name))
}

fn address_of(url: &str) -> Result<SocketAddr> {
    Ok(url.trim_start_matches("http://").parse()?)
}

fn resident_kib(host: &Host) -> Result<f64> {
    memory_kib(host, "Rss:")
}

/// What the host holds of the machine's memory: a page of a component's image that a thousand runs map is one page.
fn held_kib(host: &Host) -> Result<f64> {
    memory_kib(host, "Pss:")
}

fn memory_kib(host: &Host, row: &str) -> Result<f64> {
    let pid = host.pid().context("the host has ended")?;
    let rows = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let value = rows
        .lines()
        .find_map(|line| line.strip_prefix(row))
        .with_context(|| format!("a process has {row}"))?;
    Ok(value.trim().trim_end_matches(" kB").trim().parse()?)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
