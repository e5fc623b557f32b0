//! The host's own front door: whatever comes in over a connection, it is answered or closed, and others are served.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::guests;
use e2e::host::{Host, Settings};
use e2e::wait::PATIENCE;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

async fn connect(host: &Host) -> Result<TcpStream> {
    Ok(TcpStream::connect(host.url().trim_start_matches("http://")).await?)
}

/// All that comes until the host closes the connection.
async fn read_to_end(stream: &mut TcpStream) -> Result<String> {
    let mut bytes = Vec::new();
    // A host that refuses and closes while the request is still coming may reset the connection.
    let read = timeout(PATIENCE, stream.read_to_end(&mut bytes));
    let _reset = read
        .await
        .context("the host does not close the connection")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What the host answers to these bytes before it closes the connection; `connection: close` is the caller's.
async fn answer_to(host: &Host, bytes: &[u8]) -> Result<String> {
    let mut stream = connect(host).await?;
    let _reset = stream.write_all(bytes).await;
    read_to_end(&mut stream).await
}

fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

fn fault(answer: &str) -> Result<Value> {
    let (_, body) = answer.split_once("\r\n\r\n").context("no body")?;
    let fault: Value = serde_json::from_str(body).with_context(|| answer.to_owned())?;
    ensure!(fault["faultstring"].is_string(), "no fault: {answer}");
    Ok(fault)
}

async fn is_well(host: &Host) -> Result<()> {
    host.client()?
        .get("/v2/actions?limit=1")
        .await?
        .expect(200)?;
    Ok(())
}

fn impatient() -> Settings {
    Settings::new()
        .set("listen", "idle_timeout_secs", 1)
        .set("listen", "body_timeout_secs", 1)
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() -> Result<()> {
    let host = Host::start_with(impatient()).await?;
    for begin in [
        "",
        "G",
        "GET /v2",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ",
        "PRI * HTTP/2.0\r\n",
    ] {
        assert_eq!(answer_to(&host, begin.as_bytes()).await?, "", "{begin:?}");
    }
    // One byte now and then is no sign of life.
    let mut stream = connect(&host).await?;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let drip = async {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nX-A: ").await?;
        while stream.write_all(b"x").await.is_ok() {
            ticks.tick().await;
        }
        Ok::<_, std::io::Error>(())
    };
    timeout(PATIENCE, drip)
        .await
        .context("the drip was taken for ever")??;
    // A connection that has been of use ends, too.
    let answer = answer_to(&host, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await?;
    assert_eq!(status(&answer), Some(200), "{answer}");
    is_well(&host).await
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_with_a_timeout() -> Result<()> {
    let host = Host::start_with(impatient()).await?;
    for (path, media_type) in [
        ("/v2/action_executions", "application/json"),
        ("/v2/modules?name=slow", "application/wasm"),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {media_type}\r\nContent-Length: 1000\r\n\r\n{{"
        );
        let answer = answer_to(&host, head.as_bytes()).await?;
        assert_eq!(status(&answer), Some(408), "{answer}");
        let fault = fault(&answer)?;
        assert!(fault.to_string().contains("body_timeout_secs"), "{fault}");
    }
    is_well(&host).await
}

#[tokio::test]
async fn who_does_not_take_an_answer_is_not_kept() -> Result<()> {
    let host = Host::start_with(impatient().set("listen", "max_connections", 1)).await?;
    let client = host.client()?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    drop(client);
    let mut greedy = connect(&host).await?;
    // Far more answers than the sockets' buffers hold, and nobody reads them.
    let ask = "GET /v2/modules/probe/content HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);
    greedy.write_all(ask.as_bytes()).await?;
    // Its seat is the only one.
    is_well(&host).await
}

#[tokio::test]
async fn silent_connections_make_room_for_others() -> Result<()> {
    let host = Host::start_with(Settings::new().set("listen", "max_connections", 4)).await?;
    let mut silent = Vec::new();
    for _ in 0..12 {
        let mut stream = connect(&host).await?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\n").await?;
        silent.push(stream);
    }
    is_well(&host).await?;
    // Those that had waited for longest have gone.
    assert_eq!(read_to_end(&mut silent[0]).await?, "");
    Ok(())
}

#[tokio::test]
async fn broken_requests_are_refused_and_closed() -> Result<()> {
    let host = Host::start_with(impatient()).await?;
    let many = "X-A: b\r\n".repeat(1000);
    let large = format!("X-A: {}\r\n", "b".repeat(1 << 20));
    let long_path = "/a".repeat(100_000);
    for (case, request) in [
        ("a huge header", format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{large}\r\n")),
        ("many headers", format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n")),
        ("a long path", format!("GET {long_path} HTTP/1.1\r\nHost: x\r\n\r\n")),
        ("no HTTP", "hello\r\n\r\n".into()),
        ("another version", "GET / HTTP/4.2\r\n\r\n".into()),
        ("a space in a name", "GET / HTTP/1.1\r\nHost : x\r\n\r\n".into()),
        ("a folded header", "GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n".into()),
        ("a null byte", "GET / HTTP/1.1\r\nHost: x\0\r\n\r\n".into()),
        ("a null byte in the path", "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n".into()),
        (
            "two lengths",
            "POST /v2/action_executions HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ".into(),
        ),
        ("a length below zero", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n".into()),
        (
            "a transfer that never ends",
            "POST /v2/action_executions HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n{}".into(),
        ),
        (
            "a transfer in HTTP/1.0",
            "POST /v2/action_executions HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
        ),
        (
            "a chunk that is none",
            "POST /v2/action_executions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n".into(),
        ),
    ] {
        let answer = answer_to(&host, request.as_bytes()).await?;
        let refused = answer.is_empty() || status(&answer).is_some_and(|code| (400..500).contains(&code));
        assert!(refused, "{case}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), usize::from(!answer.is_empty()), "{case}: {answer}");
    }
    is_well(&host).await
}

#[tokio::test]
async fn what_two_servers_could_read_differently_ends_its_connection() -> Result<()> {
    let host = Host::start_with(impatient()).await?;
    // A proxy that goes by the length takes the second request for a part of the first one.
    let smuggled = "POST /v2/action_executions HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\
                    Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v2/actions HTTP/1.1\r\nHost: x\r\n\r\n";
    for request in [
        smuggled.to_owned(),
        smuggled.replace("Content-Length: 60\r\n", ""),
    ] {
        let answer = answer_to(&host, request.as_bytes()).await?;
        assert_eq!(status(&answer), Some(400), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    is_well(&host).await
}

#[tokio::test]
async fn strange_paths_are_refused_in_the_apis_own_words() -> Result<()> {
    let host = Host::start_with(impatient()).await?;
    for path in [
        "//v2/actions",
        "/v2//actions",
        "/v2/../metrics",
        "/v2/%2e%2e/metrics",
        "/v2/actions/..%2f..%2fmetrics",
        "/v2/actions/%ff%fe",
        "/v2/actions/%00",
        "/v2/actions/%zz",
        "/v2/modules/%2e%2e%2fkeys",
        "http://evil.example/v2/nothing",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = answer_to(&host, request.as_bytes()).await?;
        assert!(
            matches!(status(&answer), Some(400 | 404)),
            "{path}: {answer}"
        );
        fault(&answer)?;
    }
    for target in [
        b"GET /v2/actions/\xff\xfe".as_slice(),
        b"CONNECT evil.example:80",
        b"OPTIONS *",
        b"GET *",
        b"GET actions",
        b"BREW /v2/actions",
        b"GET evil.example:80",
    ] {
        let request = [target, b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"].concat();
        let answer = answer_to(&host, &request).await?;
        let refused = status(&answer).is_some_and(|code| (400..500).contains(&code));
        assert!(refused, "{}: {answer}", String::from_utf8_lossy(target));
    }
    is_well(&host).await
}

#[tokio::test]
async fn requests_one_behind_the_other_are_answered_in_order() -> Result<()> {
    let host = Host::start_with(impatient()).await?;
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let asked = [
        ask("/healthz"),
        ask("/v2/nothing"),
        ask("/v2/actions/std.noop"),
    ]
    .concat();
    let answers = answer_to(&host, asked.as_bytes()).await?;
    let statuses: Vec<_> = answers
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| status(&answers[at..]))
        .collect();
    assert_eq!(statuses, [Some(200), Some(404), Some(200)], "{answers}");
    Ok(())
}

#[tokio::test]
async fn http_2_is_spoken_by_those_who_know() -> Result<()> {
    let host = Host::start_with(impatient()).await?;
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .http2_prior_knowledge()
        .build()?;
    let ask = || async {
        let answer = client
            .get(format!("{}/v2/actions?limit=1", host.url()))
            .send()
            .await?;
        Ok::<_, reqwest::Error>((answer.version(), answer.status().as_u16()))
    };
    let answers = futures::future::try_join_all((0..50).map(|_| ask())).await?;
    assert!(
        answers
            .iter()
            .all(|answer| *answer == (reqwest::Version::HTTP_2, 200))
    );
    let long = "b".repeat(1 << 20);
    let refused = client
        .get(format!("{}/healthz", host.url()))
        .header("x-a", long)
        .send()
        .await;
    assert!(refused.map_or(true, |answer| answer.status() == 431));
    is_well(&host).await
}

#[tokio::test]
async fn on_the_way_down_silent_connections_are_not_waited_for() -> Result<()> {
    let mut host = Host::start_with(Settings::new().set("listen", "grace_secs", 600)).await?;
    let mut silent = connect(&host).await?;
    silent.write_all(b"GET /healthz HTTP/1.1\r\n").await?;
    is_well(&host).await?;
    // Less than the grace, or the wait would fail.
    host.stop().await?;
    assert_eq!(read_to_end(&mut silent).await?, "");
    Ok(())
}
