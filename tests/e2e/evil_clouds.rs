//! Clouds that mean harm end the run that was sent to them, with a reason for a person, and hurt nobody else.

use std::future::Future;

use anyhow::{Context as _, Result, bail};
use e2e::client::{Answer, Client, Run, id_of, result_of};
use e2e::cloud::Cloud;
use e2e::faults::{Certificate, FaultServer, path};
use e2e::host::{Host, Settings};
use e2e::marks::Marks;
use e2e::unique;
use e2e::wire::{Asked, Step, WireServer};
use serde_json::json;

/// The most bytes of an answer.
const ANSWER_BYTES: i64 = 100_000;

/// A host that waits for a second and reads little.
pub(super) fn impatient() -> Settings {
    Settings::new()
        .set("openstack", "request_timeout_secs", 1)
        .set("openstack", "connect_timeout_secs", 1)
        .set("openstack", "response_bytes", ANSWER_BYTES)
}

fn request<'a>(client: &'a Client, server: &WireServer, token: &str) -> Result<Run<'a>> {
    let input = json!({ "service_type": "compute", "path": "/" });
    let run = client.run("openstack.request").input(input);
    run.headers(server.target_headers(token))
}

/// Why the run failed: refused at once, or as a run in ERROR.
pub(super) fn complaint(answer: Answer) -> Result<String> {
    let words = match answer.status {
        400 => answer.fault(400)?,
        201 if answer.body["state"] == "ERROR" => result_of(&answer.body)?.to_string(),
        _ => bail!("neither refused nor failed: {}", answer.text()),
    };
    for inside in [
        "hyper", "reqwest", "rustls", "tokio", ".rs", "panicked", "os error",
    ] {
        anyhow::ensure!(!words.contains(inside), "the host's inside shows: {words}");
    }
    Ok(words)
}

/// Sends a run to a service that takes these steps, and answers with what became of it.
async fn run_against(client: &Client, steps: Vec<Step>) -> Result<Answer> {
    let server = WireServer::start(move |_| steps.clone()).await?;
    request(client, &server, "token")?.send().await
}

/// Checks that each of `cases`, all at once, ends with its words.
async fn each_ends(client: &Client, cases: Vec<(&str, &str, Vec<Step>)>) -> Result<()> {
    let cases = cases.into_iter().map(|(case, expected, steps)| async move {
        let words = run_against(client, steps).await.and_then(complaint);
        let words = words.with_context(|| case.to_owned())?;
        anyhow::ensure!(
            words.contains(expected),
            "{case}: `{words}` does not say `{expected}`"
        );
        Ok(())
    });
    futures::future::try_join_all(cases).await?;
    Ok(())
}

/// Runs on a real cloud, one after the other, for as long as `evil` takes; each must succeed.
async fn with_a_neighbor<T>(
    client: &Client,
    headers: &[(&'static str, String)],
    evil: impl Future<Output = Result<T>>,
) -> Result<T> {
    let neighbor = async {
        let mut runs = 0;
        loop {
            let run = client.run("heat.stacks_list").headers(headers.to_vec());
            if let Err(error) = run?.result().await {
                return Err::<T, _>(error.context(format!("the neighbor's run {runs}")));
            }
            runs += 1;
        }
    };
    // One run of the neighbor's at the end, too.
    let ended = tokio::select! {
        ended = evil => ended?,
        failed = neighbor => return failed,
    };
    client
        .run("heat.stacks_list")
        .headers(headers.to_vec())?
        .result()
        .await?;
    Ok(ended)
}

/// How an answer begins that is none yet.
pub(super) const OK: &str = "HTTP/1.1 200 OK\r\n";

#[tokio::test]
async fn evil_cloud_that_keeps_a_run_waiting_is_given_up() -> Result<()> {
    let host = Host::start_with(impatient()).await?;
    let client = host.client()?;
    let head = || Step::text(format!("{OK}content-length: 9\r\n\r\n"));
    each_ends(
        &client,
        vec![
            ("silence", "time", vec![Step::Hang]),
            ("half a head", "time", vec![Step::text(OK), Step::Hang]),
            (
                "half a body",
                "time",
                vec![head(), Step::text("1234"), Step::Hang],
            ),
            (
                "a drip of a head",
                "time",
                vec![Step::text(OK), Step::Drip(b"x".into())],
            ),
            (
                "a drip of headers",
                "time",
                vec![Step::text(OK), Step::Drip(b"a: b\r\n".into())],
            ),
            (
                "a drip of chunks",
                "time",
                vec![
                    Step::text(format!("{OK}transfer-encoding: chunked\r\n\r\n")),
                    Step::Drip(b"1\r\nx\r\n".into()),
                ],
            ),
            (
                "a chunk size without end",
                "time",
                vec![
                    Step::text(format!("{OK}transfer-encoding: chunked\r\n\r\n")),
                    Step::Drip(b"0".into()),
                ],
            ),
            (
                "a flood of interim answers",
                "time",
                vec![Step::Flood(
                    b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000),
                )],
            ),
            (
                "interim answers without end",
                "time",
                vec![Step::Drip(b"HTTP/1.1 102 Processing\r\n\r\n".into())],
            ),
        ],
    )
    .await?;
    let deaf = WireServer::deaf().await?;
    let words = complaint(request(&client, &deaf, "token")?.send().await?)?;
    assert!(words.contains("time"), "{words}");
    Ok(())
}

#[tokio::test]
async fn evil_cloud_without_an_end_is_cut_off_and_takes_no_memory() -> Result<()> {
    // What ends these is their size, however long a busy machine takes to get there.
    let patient = impatient()
        .set("openstack", "request_timeout_secs", 30)
        .set("log", "level", "info");
    let host = Host::start_with(patient).await?;
    let client = host.client()?;
    run_against(&client, vec![Step::json("200 OK", "", "{}")])
        .await?
        .expect(201)?;
    let before = host.resident_bytes()?;
    let zeros = || Step::Flood(vec![b'0'; 64 << 10]);
    let chunk = || Step::Flood([b"10000\r\n".as_slice(), &[b'0'; 1 << 16], b"\r\n"].concat());
    let mut cases = Vec::new();
    for _ in 0..4 {
        cases.extend([
            (
                "an endless body",
                "100000",
                vec![Step::text(format!("{OK}\r\n")), zeros()],
            ),
            (
                "endless chunks",
                "100000",
                vec![
                    Step::text(format!("{OK}transfer-encoding: chunked\r\n\r\n")),
                    chunk(),
                ],
            ),
            (
                "an endless header",
                "reached",
                vec![Step::text(format!("{OK}x-a: ")), zeros()],
            ),
            (
                "endless headers",
                "reached",
                vec![
                    Step::text(OK),
                    Step::Flood(b"x-a: bcdefgh\r\n".repeat(1000)),
                ],
            ),
            (
                "an endless status line",
                "reached",
                vec![Step::text("HTTP/1.1 200 "), zeros()],
            ),
        ]);
    }
    each_ends(&client, cases).await?;
    let grown = host.resident_bytes()?.saturating_sub(before);
    assert!(grown < 64 << 20, "the host took {grown} bytes more");
    Ok(())
}

#[tokio::test]
async fn evil_cloud_that_lies_about_its_answer_is_not_believed() -> Result<()> {
    let host = Host::start_with(impatient()).await?;
    let client = host.client()?;
    let answer = |head: &str, body: &str| vec![Step::text(format!("{OK}{head}\r\n\r\n{body}"))];
    // Ten thousand zeros after gzip's magic: what it would unpack to is never known.
    let bomb = "\u{1f}0000".repeat(10_000);
    each_ends(
        &client,
        vec![
            ("nothing", "cannot be reached", vec![]),
            ("too few bytes", "cannot be reached", answer("content-length: 5", "{}")),
            ("too few chunks", "cannot be reached", answer("transfer-encoding: chunked", "2\r\n{}\r\n")),
            ("no chunk", "no proper HTTP", answer("transfer-encoding: chunked", "zz\r\n{}\r\n0\r\n\r\n")),
            ("two lengths", "cannot be reached", answer("content-length: 2\r\ncontent-length: 3", "{} ")),
            ("no HTTP", "cannot be reached", vec![Step::text("SSH-2.0-OpenSSH_9.6\r\n\r\n")]),
            ("HTTP/0.9", "cannot be reached", vec![Step::text("<html>hello</html>\r\n\r\n")]),
            ("a gzip bomb", "coding", answer("content-encoding: gzip\r\ncontent-length: 50000", &bomb)),
            ("codings", "coding", answer("content-encoding: br, gzip, gzip\r\ncontent-length: 0", "")),
            ("a coded transfer", "coding", answer("transfer-encoding: gzip, chunked", "0\r\n\r\n")),
            (
                "another protocol",
                "protocol",
                vec![Step::text(
                    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
                )],
            ),
            (
                "large headers",
                "headers",
                answer(&format!("x-a: {}\r\ncontent-length: 0", "b".repeat(70_000)), ""),
            ),
        ],
    )
    .await?;
    // More than was announced is cut off, and no one's next answer.
    let more = answer(
        "content-length: 2",
        "{}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison",
    );
    let longer = run_against(&client, more).await?.expect(201)?;
    assert_eq!(longer["state"], "SUCCESS", "{longer}");
    assert!(!longer.to_string().contains("poison"), "{longer}");
    Ok(())
}

#[tokio::test]
async fn evil_cloud_that_redirects_is_not_followed_out_of_its_endpoint() -> Result<()> {
    let host = Host::start_with(impatient().set("openstack", "request_timeout_secs", 20)).await?;
    let client = host.client()?;
    let elsewhere = FaultServer::start().await?;
    let own = host.url().to_owned();
    for to in [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[fd00:ec2::254]/latest/meta-data/".to_owned(),
        "http://[::ffff:127.0.0.1]/".to_owned(),
        "http://2852039166/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "gopher://127.0.0.1:11211/_stats".to_owned(),
        "//evil.example/".to_owned(),
        "/\t/evil.example/".to_owned(),
        format!("{own}/metrics"),
        elsewhere.url(path::ECHO),
        elsewhere
            .url(path::ECHO)
            .replace("http://", "http://user:pw@"),
    ] {
        for status in [
            "301 Moved",
            "302 Found",
            "303 See Other",
            "307 Temporary",
            "308 Permanent",
        ] {
            let location = format!("location: {to}\r\n");
            let steps = vec![Step::json(status, &location, "{}")];
            let words = complaint(run_against(&client, steps).await?)?;
            assert!(words.contains("does not follow"), "{status} {to}: {words}");
        }
    }
    assert!(elsewhere.seen().is_empty(), "the token left its origin");

    let headers = "location: /\r\nconnection: close\r\n";
    let server = WireServer::start(|_| vec![Step::json("302 Found", headers, "{}")]).await?;
    let words = complaint(request(&client, &server, "token")?.send().await?)?;
    assert!(words.contains("more than 5 times"), "{words}");
    assert_eq!(server.seen().len(), 6);
    Ok(())
}

#[tokio::test]
async fn evil_cloud_that_asks_again_and_again_is_asked_once() -> Result<()> {
    let host = Host::start_with(impatient()).await?;
    let client = host.client()?;
    for status in [
        "401 Unauthorized",
        "429 Too Many Requests",
        "503 Service Unavailable",
    ] {
        let answer = Step::json(
            status,
            "retry-after: 0\r\nwww-authenticate: Basic\r\n",
            "{}",
        );
        let server = WireServer::start(move |_| vec![answer.clone()]).await?;
        let execution = request(&client, &server, "token")?.created().await?;
        assert!(execution["state"] != "RUNNING", "{execution}");
        assert_eq!(server.seen().len(), 1, "{status}");
    }
    Ok(())
}

/// Answers with the token of the request wherever an answer has room for it.
fn echo_everywhere(asked: &Asked) -> Vec<Step> {
    let token = asked.header("x-auth-token");
    let status = match asked.text.split(' ').nth(1).unwrap_or_default() {
        "/refused" => format!("403 you sent {token}"),
        "/moved" => format!("302 {token}"),
        "/failed" => format!("500 {token}"),
        _ => format!("200 {token}"),
    };
    vec![Step::text(format!(
        "HTTP/1.1 {status}\r\nx-echo: {token}\r\nx-{token}: 1\r\nlocation: http://evil.example/{token}?t={token}\r\n\
         x-openstack-request-id: {token}\r\nx-subject-token: {token}\r\nset-cookie: t={token}\r\n\
         content-type: text/{token}\r\ntransfer-encoding: chunked\r\ntrailer: x-late\r\n\r\n\
         5\r\nhello\r\n{:x}\r\n{token}\r\n0\r\nx-late: {token}\r\n\r\n",
        token.len()
    ))]
}

#[tokio::test]
async fn evil_cloud_that_echoes_the_token_echoes_it_to_nobody() -> Result<()> {
    let host = Host::start_with(impatient()).await?;
    let client = host.client()?;
    let server = WireServer::start(echo_everywhere).await?;
    let token = unique("marked-token");
    for at in ["/", "/refused", "/moved", "/failed"] {
        let input = json!({ "service_type": "compute", "path": at });
        let run = client.run("openstack.request").input(input).saved();
        let run = run
            .param("run_sync", true)
            .headers(server.target_headers(&token))?;
        let execution = run.created().await?;
        let id = id_of(&execution)?;
        let mut seen = execution.to_string();
        for part in ["", "/log", "/requests"] {
            let answer = client
                .get(&format!("/v2/action_executions/{id}{part}"))
                .await?;
            seen.push_str(&answer.expect(200)?.to_string());
        }
        assert!(!seen.contains(&token), "{at}: {seen}");
        assert!(at == "/moved" || seen.contains("hello"), "{at}: {seen}");
    }
    assert_eq!(server.seen().len(), 4);
    let mut marks = Marks::default();
    marks.add("token", &token);
    for (path, bytes) in host.files()? {
        let found = marks.found_in(&bytes);
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
    Ok(())
}

#[tokio::test]
async fn evil_cloud_that_is_not_who_it_says_is_told_nothing() -> Result<()> {
    let host = Host::start_with(impatient()).await?;
    let client = host.client()?;
    for (certificate, expected) in [
        (Certificate::WrongName, "another name"),
        (Certificate::Expired, "expired"),
        (Certificate::NotYetValid, "not valid yet"),
        (Certificate::SelfSigned, "certificate"),
        (Certificate::OtherCa, "unknown CA"),
    ] {
        let server = FaultServer::start_tls(certificate).await?;
        let run = |headers: Vec<(&'static str, String)>| {
            let input = json!({ "service_type": "compute", "path": path::ECHO });
            client
                .run("openstack.request")
                .input(input)
                .headers(headers)
        };
        let as_service = server.target_headers("token", &server.catalog(""));
        let words = complaint(run(as_service.clone())?.send().await?)?;
        assert!(
            words.contains(expected),
            "{certificate:?} as a service: {words}"
        );

        let as_keystone: Vec<_> = as_service
            .into_iter()
            .filter(|(name, _)| *name != "X-Target-Service-Catalog")
            .collect();
        let words = complaint(run(as_keystone)?.send().await?)?;
        assert!(
            words.contains(expected),
            "{certificate:?} as Keystone: {words}"
        );
        assert!(
            server.seen().is_empty(),
            "{certificate:?}: it got a request"
        );
    }
    Ok(())
}

#[tokio::test]
async fn evil_cloud_or_not_no_proxy_of_the_environment_is_used() -> Result<()> {
    let proxy = WireServer::start(|_| vec![Step::json("200 OK", "", "{\"stolen\": true}")]).await?;
    let url = proxy.url("");
    let variables = [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ];
    let host = Host::start_among(impatient(), &variables.map(|name| (name, url.as_str()))).await?;
    let client = host.client()?;
    let server = FaultServer::start().await?;
    let run = client
        .run("openstack.request")
        .input(json!({ "service_type": "compute", "path": path::ECHO }))
        .headers(server.target_headers("token", &server.catalog("")))?;
    assert_eq!(run.result().await?["status"], 200);
    assert_eq!(server.seen().len(), 1);
    assert!(proxy.seen().is_empty(), "{:?}", proxy.seen());
    Ok(())
}

#[tokio::test]
async fn evil_clouds_all_at_once_leave_a_neighbor_alone() -> Result<()> {
    let cloud = Cloud::a()?;
    let (evil, good) = (cloud.tenant().await?, cloud.tenant().await?);
    let (evil_token, good_token) = (evil.token().await?, good.token().await?);
    let host = Host::start_with(impatient().set("log", "level", "info").keystone(&cloud)).await?;
    let (evil_client, good_client) = (
        host.client()?.with_token(&evil_token.secret),
        host.client()?.with_token(&good_token.secret),
    );
    let headers = good.target_headers(&good_token);
    good_client
        .run("heat.stacks_list")
        .headers(headers.clone())?
        .result()
        .await?;
    let before = host.resident_bytes()?;
    let behaviors = [
        vec![Step::Hang],
        vec![Step::text(OK), Step::Drip(b"a: b\r\n".into())],
        vec![
            Step::text(format!("{OK}\r\n")),
            Step::Flood(vec![b'0'; 64 << 10]),
        ],
        vec![
            Step::text(format!("{OK}x: ")),
            Step::Flood(vec![b'0'; 64 << 10]),
        ],
        vec![Step::text(format!("{OK}content-length: 99\r\n\r\n{{}}"))],
    ];
    let attack = async {
        for _ in 0..3 {
            let runs = behaviors.iter().cycle().take(40).cloned();
            let runs = runs.map(|steps| run_against(&evil_client, steps));
            for answer in futures::future::try_join_all(runs).await? {
                complaint(answer)?;
            }
        }
        Ok(())
    };
    with_a_neighbor(&good_client, &headers, attack).await?;
    let grown = host.resident_bytes()?.saturating_sub(before);
    assert!(grown < 96 << 20, "the host took {grown} bytes more");
    Ok(())
}
