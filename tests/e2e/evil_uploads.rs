//! Hostile uploads: each is refused with the right words, leaves nothing, and the host goes on.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use e2e::client::{Answer, Client};
use e2e::guests;
use e2e::host::{Host, Settings};
use e2e::wait;

/// A host, and what it kept before anybody was evil to it.
struct Target {
    host: Host,
    client: Client,
    before: BTreeSet<PathBuf>,
}

impl Target {
    async fn start() -> Result<Self> {
        Self::start_with(Settings::new()).await
    }

    async fn start_with(settings: Settings) -> Result<Self> {
        let host = Host::start_with(settings).await?;
        Ok(Self {
            client: host.client()?,
            before: host.module_files()?,
            host,
        })
    }

    /// Uploads `component`, which must be refused so, with `words` in the reason.
    async fn refuses(&self, component: Vec<u8>, status: u16, words: &[&str]) -> Result<()> {
        let fault = self.client.push("faulty", component).await?.fault(status)?;
        for word in words {
            ensure!(fault.contains(word), "`{fault}` does not say `{word}`");
        }
        ensure!(fault.len() < 5000, "{} bytes of reason", fault.len());
        self.is_as_before().await
    }

    /// Nothing was left, and the host serves.
    async fn is_as_before(&self) -> Result<()> {
        self.client.get("/v2/modules/faulty").await?.fault(404)?;
        let after = self.host.module_files()?;
        ensure!(
            after == self.before,
            "{after:?} instead of {:?}",
            self.before
        );
        self.client.run("std.noop").result().await?;
        Ok(())
    }

    /// As [`Self::refuses`], with a component in the text format.
    async fn refuses_text(&self, text: &str, words: &[&str]) -> Result<()> {
        self.refuses(wat::parse_str(text)?, 422, words).await
    }
}

/// A component that says it is of the world, with `inner` in it.
fn pretending(inner: &str) -> String {
    format!(
        r#"(component {inner} (instance $i) (export "zonda:action/actions@0.1.0" (instance $i)))"#
    )
}

/// A component of the world, whose core module is `core`: it exports `memory`, `realloc`, `describe` and `run`.
fn describing(core: &str, post_return: &str) -> String {
    format!(
        r#"(component
  (type $types (instance
    (type $rule' (record (field "service-type" string) (field "method" string) (field "path" string)))
    (export "access-rule" (type $rule (eq $rule')))
    (type $rules (list $rule))
    (type $text (option string))
    (type $spec' (record (field "name" string) (field "description" string) (field "input-schema" string)
      (field "output-schema" $text) (field "access" $rules) (field "idempotent" bool) (field "asynchronous" bool)))
    (export "action-spec" (type (eq $spec')))
    (type $failure' (record (field "message" string) (field "detail" $text) (field "retryable" bool)))
    (export "failure" (type (eq $failure')))
    (type $outcome' (variant (case "done" string) (case "pending")))
    (export "outcome" (type (eq $outcome')))))
  (import "zonda:action/types@0.1.0" (instance $t (type $types)))
  (alias export $t "action-spec" (type $spec))
  (alias export $t "failure" (type $failure))
  (alias export $t "outcome" (type $outcome))
  (core module $m {core})
  (core instance $c (instantiate $m))
  (type $describe (func (result (list $spec))))
  (type $run (func (param "name" string) (param "input" string) (result (result $outcome (error $failure)))))
  (func $describe' (type $describe)
    (canon lift (core func $c "describe") (memory (core memory $c "memory")) {post_return}))
  (func $run' (type $run)
    (canon lift (core func $c "run") (memory (core memory $c "memory")) (realloc (core func $c "realloc"))))
  (instance $actions (export "describe" (func $describe')) (export "run" (func $run')))
  (export "zonda:action/actions@0.1.0" (instance $actions)))"#
    )
}

/// What [`describing`] wants of a core module besides `describe`.
const REST: &str = r#"
  (memory (export "memory") 100)
  (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
  (func (export "run") (param i32 i32 i32 i32) (result i32) unreachable)"#;

#[tokio::test]
async fn evil_bytes_that_are_no_component_are_refused() -> Result<()> {
    let target = Target::start().await?;
    let garbage: Vec<u8> = (0..10_000_u32).map(|n| (n * n % 251) as u8).collect();
    target
        .refuses(garbage.clone(), 422, &["not WebAssembly"])
        .await?;
    let disguised = [b"\0asm\x0d\0\x01\0".as_slice(), &garbage].concat();
    target
        .refuses(disguised, 422, &["not a valid component"])
        .await?;
    target
        .refuses(b"\0asm\x01\0\0\0".to_vec(), 422, &["core module"])
        .await?;
    target
        .refuses(b"\0asm\x63\0\x01\0".to_vec(), 422, &["version"])
        .await?;
    Ok(())
}

#[tokio::test]
async fn evil_cuts_of_a_good_component_are_refused() -> Result<()> {
    let target = Target::start().await?;
    let good = guests::guest("faulty")?;
    for sixteenth in 0..16 {
        let cut = good
            .iter()
            .copied()
            .take(good.len() * sixteenth / 16)
            .collect();
        target
            .refuses(cut, 422, &[])
            .await
            .with_context(|| format!("cut at {sixteenth}/16"))?;
    }
    Ok(())
}

#[tokio::test]
async fn evil_size_is_refused() -> Result<()> {
    let target = Target::start().await?;
    let mut large = b"\0asm\x0d\0\x01\0".to_vec();
    large.resize(65 << 20, 0);
    target.refuses(large, 413, &["max_component_mib"]).await
}

#[tokio::test]
async fn evil_imports_are_refused_by_name() -> Result<()> {
    let target = Target::start().await?;
    target
        .refuses(guests::of_the_future()?, 422, &["0.9.0", "0.1.x"])
        .await?;
    for name in [
        "wasi:http/outgoing-handler@0.2.0",
        "wasi:sockets/tcp-create-socket@0.2.0",
        "wasi:sockets/ip-name-lookup@0.2.0",
        "wasi:filesystem/paths@0.2.0",
        "zonda:action/secrets@0.1.0",
        "env",
    ] {
        let text = pretending(&format!(r#"(import "{name}" (instance))"#));
        target.refuses_text(&text, &[name]).await?;
    }
    // A function that an allowed interface does not have.
    let text = pretending(
        r#"(import "zonda:action/log@0.1.0" (instance (export "steal" (func (result string)))))"#,
    );
    target.refuses_text(&text, &["steal"]).await
}

#[tokio::test]
async fn evil_numbers_of_things_are_refused_before_anything_is_compiled() -> Result<()> {
    let target = Target::start().await?;
    let module = |inner: String| pretending(&format!("(core module {inner})"));
    for (text, word) in [
        (module("(memory 0)".repeat(10_000)), "64 memories"),
        (module("(memory 40000)".to_owned()), "initial memories"),
        (
            module("(table 10000000 funcref)".to_owned()),
            "initial tables",
        ),
        (
            module(format!("(func (local {}))", "i64 ".repeat(40_000))),
            "locals",
        ),
        (
            module(format!(
                "(func {} {})",
                "block ".repeat(20_000),
                "end ".repeat(20_000)
            )),
            "blocks",
        ),
        (
            pretending(&("(component ".repeat(50) + &")".repeat(50))),
            "levels of nesting",
        ),
        (pretending(&"(core module)".repeat(1000)), "nested parts"),
    ] {
        target.refuses_text(&text, &[word]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn evil_modules_that_compile_but_are_of_no_use_leave_nothing() -> Result<()> {
    let target = Target::start().await?;
    for inner in [
        "(core module (memory 1) (memory 1) (func i32.const 0 i32.load 1 drop))",
        "(core module $m (func $f br 0) (start $f)) (core instance (instantiate $m))",
    ] {
        target
            .refuses_text(&pretending(inner), &["action-module"])
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn evil_types_that_explode_are_refused() -> Result<()> {
    let target = Target::start().await?;
    let mut bomb = "(type $t0 string)".to_owned();
    for n in 1..60 {
        let under = format!("$t{} ", n - 1);
        write!(bomb, "(type $t{n} (tuple {}))", under.repeat(10))?;
    }
    bomb +=
        r#"(import "zonda:action/types@0.1.0" (instance (export "f" (func (param "a" string)))))"#;
    target.refuses_text(&pretending(&bomb), &["size"]).await
}

#[tokio::test]
async fn evil_types_without_a_bottom_take_the_child_s_stack_and_not_the_hosts() -> Result<()> {
    let target = Target::start().await?;
    let mut types = vec![1];
    for _ in 0..1_000_000 {
        types.extend([0x42, 1, 1]);
    }
    let component = [wat::parse_str(pretending(""))?, section(7, &types)].concat();
    target.refuses(component, 422, &["nest too deep"]).await
}

/// Many functions, each of many operations, written as bytes: their text would take longer to read than to compile.
fn heavy(functions: usize, operations: usize) -> Result<Vec<u8>> {
    // No locals; then `local.get 0, i32.const 3, i32.mul, local.set 0`, and the result.
    let operation = [0x20, 0, 0x41, 3, 0x6c, 0x21, 0];
    let body = [&[0], &operation.repeat(operations)[..], &[0x20, 0, 0x0b]].concat();
    let body = [leb(body.len()), body].concat();
    let module = [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[1, 0x60, 1, 0x7f, 1, 0x7f]),
        section(3, &[leb(functions), vec![0; functions]].concat()),
        section(10, &[leb(functions), body.repeat(functions)].concat()),
    ];
    Ok([
        wat::parse_str(pretending(""))?,
        section(1, &module.concat()),
    ]
    .concat())
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [vec![id], leb(content.len()), content.to_vec()].concat()
}

/// A number as WebAssembly writes it.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[tokio::test]
async fn evil_compilations_are_ended_by_their_limits() -> Result<()> {
    let compile = "runtime.compile";
    for (setting, value) in [
        ("cpu_secs", 1),
        ("wall_secs", 1),
        ("memory_mib", 64),
        ("max_code_mib", 0),
    ] {
        let settings = Settings::new().set(compile, setting, value);
        // Nothing can be shipped under such limits.
        let empty = tempfile::tempdir()?;
        let folder = empty.path().to_string_lossy();
        let settings = settings.set("modules", "system_path", folder.as_ref());
        let host = Host::start_with(settings).await?;
        let client = host.client()?;
        let before = host.module_files()?;
        let fault = client.push("faulty", heavy(2000, 300)?).await?.fault(422)?;
        ensure!(
            fault.contains(&format!("{setting} = {value}")),
            "{setting}: {fault}"
        );
        ensure!(host.module_files()? == before, "{setting} leaves something");
        client.get("/readyz").await?.expect(200)?;
    }
    Ok(())
}

#[tokio::test]
async fn evil_lines_of_uploads_end_where_the_host_says() -> Result<()> {
    let settings = Settings::new().set("runtime.compile", "concurrent", 1).set(
        "runtime.compile",
        "waiting",
        0,
    );
    let target = Target::start_with(settings).await?;
    let component = heavy(4000, 300)?;
    let client = target.client.clone();
    let first = tokio::spawn(async move { client.push("faulty", component).await });
    let child = wait::until("the child compiles", || async {
        Ok(confined_child(&target.host))
    })
    .await?;
    ensure!(child.contains("NoNewPrivs:\t1"), "{child}");
    let other = guests::faulty("good")?;
    let second: Answer = target.client.push("other", other).await?;
    ensure!(second.headers.contains_key("retry-after"), "{second:?}");
    let fault = second.fault(429)?;
    ensure!(fault.contains("runtime.compile.waiting = 0"), "{fault}");
    // Runs stand in no such line.
    target.client.run("std.noop").result().await?;
    first.await??.fault(422)?;
    target.is_as_before().await
}

/// `/proc/PID/status` of the child that compiles for `host`, once its filter of system calls is set.
fn confined_child(host: &Host) -> Option<String> {
    let parent = format!("PPid:\t{}\n", host.pid()?);
    std::fs::read_dir("/proc").ok()?.find_map(|entry| {
        let status = std::fs::read_to_string(entry.ok()?.path().join("status")).ok()?;
        (status.contains(&parent) && status.contains("Seccomp:\t2")).then_some(status)
    })
}

#[tokio::test]
async fn evil_descriptions_are_ended_and_refused() -> Result<()> {
    let target = Target::start().await?;
    for (mode, word) in [
        ("traps", "describe failed on purpose"),
        ("loops", "longer than"),
        ("allocates", "MiB of memory"),
        ("exits", "exit("),
        ("long-text", "hostcall_mib"),
        ("many", "hostcall_mib"),
        ("bad-schema", "required"),
        ("remote-ref", "$ref"),
    ] {
        target
            .refuses(guests::faulty(mode)?, 422, &[word])
            .await
            .with_context(|| mode.to_owned())?;
    }
    Ok(())
}

#[tokio::test]
async fn evil_descriptions_by_hand_are_ended_and_refused() -> Result<()> {
    let target = Target::start().await?;
    // One text of 1 MiB, a hundred thousand times.
    let aliased = r#"(func (export "describe") (result i32) (local $i i32) (local $at i32)
        (loop $next
          (local.set $at (i32.mul (local.get $i) (i32.const 48)))
          (i32.store offset=12 (local.get $at) (i32.const 1048576))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) (i32.const 100000))))
        (i32.store (i32.const 5000004) (i32.const 100000))
        (i32.const 5000000))"#;
    let outside = r#"(func (export "describe") (result i32) (i32.const 0x7ffffffc))"#;
    let spinning = r#"(func (export "describe") (result i32) (loop br 0) unreachable)"#;
    let empty = r#"(func (export "describe") (result i32) (i32.const 0))"#;
    let starting = format!(r#"{empty} (func $s (loop br 0)) (start $s)"#);
    let returning = format!(r#"{empty} (func (export "post") (param i32) (loop br 0))"#);
    let post = r#"(post-return (core func $c "post"))"#;
    for (core, post, word) in [
        (aliased, "", "hostcall_mib"),
        (outside, "", "describe"),
        (spinning, "", "longer than"),
        (empty, "", "describes no action"),
        (&starting, "", "longer than"),
        (&returning, post, "longer than"),
    ] {
        target
            .refuses_text(&describing(&format!("{REST} {core}"), post), &[word])
            .await
            .with_context(|| core.to_owned())?;
    }
    Ok(())
}

#[tokio::test]
async fn evil_twins_leave_one_module_or_none() -> Result<()> {
    let target = Target::start().await?;
    let bad = guests::faulty("traps")?;
    let (one, two) = tokio::join!(
        target.client.push("faulty", bad.clone()),
        target.client.push("faulty", bad)
    );
    one?.fault(422)?;
    two?.fault(422)?;
    target.is_as_before().await?;

    let good = guests::faulty("good")?;
    let (one, two) = tokio::join!(
        target.client.push("faulty", good.clone()),
        target.client.push("faulty", good)
    );
    let mut statuses = [one?.status, two?.status];
    statuses.sort_unstable();
    ensure!(statuses == [201, 409], "{statuses:?}");
    ensure!(target.client.run("faulty.mode").result().await? == "good");
    target
        .client
        .delete("/v2/modules/faulty")
        .await?
        .expect(204)?;
    target.is_as_before().await
}
