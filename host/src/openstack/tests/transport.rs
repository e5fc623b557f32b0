//! What goes over the wire, byte by byte: nothing that a guest or a cloud writes makes one message two.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::openstack::{
    Error,
    fake::{Seen, answer, with_header},
    message::{Body, CloudResponse},
};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";

/// A server that writes bytes as they stand.
struct Raw {
    url: String,
    /// The requests' heads and bodies, a text for each connection.
    seen: Arc<Mutex<Vec<String>>>,
}

/// Answers the first request of each connection with the first of `answers` and so on; then closes.
async fn raw(answers: Vec<Vec<u8>>) -> Raw {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let at = {
                let mut kept = kept.lock().unwrap();
                kept.push(String::new());
                kept.len() - 1
            };
            tokio::spawn(talk(socket, answers.clone(), kept.clone(), at));
        }
    });
    Raw { url, seen }
}

async fn talk(
    mut socket: TcpStream,
    answers: Vec<Vec<u8>>,
    seen: Arc<Mutex<Vec<String>>>,
    at: usize,
) {
    for bytes in answers {
        let mut buffer = [0; 16 * 1024];
        let Ok(read @ 1..) = socket.read(&mut buffer).await else {
            return;
        };
        seen.lock().unwrap()[at].push_str(&String::from_utf8_lossy(&buffer[..read]));
        if socket.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

impl Raw {
    fn target(&self) -> TargetCloud {
        TargetCloud {
            auth_url: self.url.parse().unwrap(),
            catalog: Some(given_catalog(&token_body(&self.url, "p1", LATER))),
            credential: Credential::Token(Secret::new(TOKEN.to_owned())),
            region: None,
            project_id: None,
            user_id: None,
            user_name: None,
            ca_cert: None,
            insecure: false,
            is_target: true,
        }
    }

    fn connections(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn impatient() -> World {
    world_with(Settings {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        request_timeout_secs: 1,
        response_bytes: 100_000,
        ..Settings::default()
    })
}

/// What an action gets of a service that answers with `bytes`.
async fn got(bytes: &[u8]) -> Result<CloudResponse, Error> {
    let server = raw(vec![bytes.to_vec()]).await;
    let world = impatient();
    let session = world.session(server.target());
    let answer = session.send(request("GET", "/servers")).await;
    assert_eq!(server.connections().len(), 1, "nothing is asked twice");
    answer
}

async fn broken(bytes: &[u8]) -> String {
    match got(bytes).await {
        Err(Error::Unreachable(words)) => words,
        other => panic!("{:?} gave {other:?}", String::from_utf8_lossy(bytes)),
    }
}

fn text(answer: &CloudResponse) -> &str {
    match &answer.body {
        Body::Text(text) => text,
        Body::Bytes(_) => panic!("{answer:?}"),
    }
}

#[tokio::test]
async fn half_an_answer_is_none() {
    for bytes in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{}\r\n0\r\n\r\n",
    ] {
        broken(bytes.as_bytes()).await;
    }
}

#[tokio::test]
async fn an_answer_that_two_readers_would_read_differently_is_none() {
    for bytes in [
        "hello",
        "<html>HTTP/0.9</html>\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/3.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 5\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nx-a : b\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nx-a: b\r\n folded: c\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nx-a: b\0c\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n",
    ] {
        broken(bytes.as_bytes()).await;
    }
}

#[tokio::test]
async fn an_answer_in_a_coding_is_refused_unless_it_is_an_object() {
    const CODED: &str = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}";
    assert!(broken(CODED.as_bytes()).await.contains("coding"));
    let smuggled =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    assert!(broken(smuggled.as_bytes()).await.contains("coding"));

    let refusal = CODED.replace("200 OK", "404 Not Found");
    let server = raw(vec![CODED.into(), refusal.into()]).await;
    let world = impatient();
    let session = world.session(server.target());
    let mut object = request("GET", "/c/o");
    object.service_type = "object-store".into();
    let answer = session.send(object.clone()).await.unwrap();
    assert!(
        answer
            .head
            .headers
            .contains(&("content-encoding".into(), "gzip".into()))
    );
    assert!(session.send(object).await.is_err());
}

#[tokio::test]
async fn nobody_switches_protocols() {
    let words = broken(
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello",
    )
    .await;
    assert!(words.contains("another protocol"), "{words}");
}

#[tokio::test]
async fn endless_heads_end() {
    let line = format!("x-a: {}\r\n", "z".repeat(4000));
    let long = format!(
        "HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n",
        line.repeat(20)
    );
    assert!(
        broken(long.as_bytes())
            .await
            .contains("headers of more than")
    );
    for begin in [
        "HTTP/1.1 200 OK\r\nx-a: ",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 ",
        "HTTP/",
    ] {
        broken(format!("{begin}{}", "0".repeat(1 << 20)).as_bytes()).await;
    }
    let many = format!(
        "HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n",
        "x: y\r\n".repeat(5000)
    );
    broken(many.as_bytes()).await;
    // Interim answers without an end are one answer that does not come.
    broken(
        "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
            .repeat(5000)
            .as_bytes(),
    )
    .await;
}

#[tokio::test]
async fn trailers_and_reason_phrases_reach_no_action() {
    let bytes = format!(
        "HTTP/1.1 200 {TOKEN}\r\ntransfer-encoding: chunked\r\ntrailer: x-late\r\n\r\n\
         2\r\n{{}}\r\n0\r\nx-late: {TOKEN}\r\n\r\n"
    );
    let answer = got(bytes.as_bytes()).await.unwrap();
    assert_eq!(
        (answer.head.headers.as_slice(), text(&answer)),
        ([].as_slice(), "{}")
    );
    let flood = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n{}\r\n",
        "x-late: y\r\n".repeat(100_000)
    );
    broken(flood.as_bytes()).await;
}

#[tokio::test]
async fn what_follows_an_answer_is_not_the_next_one() {
    let poison = [OK, b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison"].concat();
    for bytes in [
        poison.clone(),
        [
            b"HTTP/1.1 204 No Content\r\ncontent-length: 6\r\n\r\n".as_slice(),
            &poison,
        ]
        .concat(),
        [b"HTTP/1.1 304 Not Modified\r\n\r\n".as_slice(), &poison].concat(),
    ] {
        for _ in 0..20 {
            let server = raw(vec![bytes.clone(), OK.to_vec()]).await;
            let world = impatient();
            let session = world.session(server.target());
            session.send(request("GET", "/servers")).await.unwrap();
            // Either it breaks off, or it is asked on another connection.
            if let Ok(answer) = session.send(request("GET", "/flavors")).await {
                assert!(!text(&answer).contains("poison"));
            }
        }
    }
}

#[tokio::test]
async fn connections_are_shared_within_a_project_and_never_across() {
    let server = raw(vec![OK.to_vec(), OK.to_vec(), OK.to_vec()]).await;
    let world = impatient();
    for (project, connections) in [("one", 1), ("one", 1), ("two", 2), ("two", 2), ("one", 2)] {
        let session = world
            .clouds
            .session(world.scope(project, &["* * /**"]), server.target())
            .unwrap();
        session.send(request("GET", "/servers")).await.unwrap();
        assert_eq!(server.connections().len(), connections, "{project}");
    }
}

#[tokio::test]
async fn a_request_is_one_request_whatever_a_guest_writes() {
    const SPLIT: &str = "x HTTP/1.1\r\nHost: evil\r\n\r\nGET /admin";
    let server = raw(vec![OK.to_vec(); 9]).await;
    let world = impatient();
    let session = world.session(server.target());
    let refused = [
        request(&format!("GET /{SPLIT}"), "/servers"),
        request("GET\r\n", "/servers"),
        request("", "/servers"),
        request("GET", &format!("/{SPLIT}")),
        request("GET", "/servers HTTP/1.1\r\nX: y"),
        CloudRequest {
            headers: vec![("x-a".into(), SPLIT.into())],
            ..request("GET", "/servers")
        },
        CloudRequest {
            headers: vec![(format!("x-a: b\r\n{SPLIT}"), "x".into())],
            ..request("GET", "/servers")
        },
        CloudRequest {
            service_type: format!("compute\r\n{SPLIT}"),
            ..request("GET", "/servers")
        },
        CloudRequest {
            region: Some(SPLIT.into()),
            ..request("GET", "/servers")
        },
    ];
    for request in refused {
        let answer = session.send(request.clone()).await;
        assert!(
            matches!(answer, Err(Error::InvalidRequest(_) | Error::NoEndpoint(_))),
            "{request:?}: {answer:?}"
        );
    }
    assert!(server.connections().is_empty());

    let hidden = CloudRequest {
        query: vec![(SPLIT.into(), SPLIT.into())],
        headers: vec![
            ("Content-Length".into(), "0".into()),
            ("Transfer-Encoding".into(), "chunked".into()),
            ("Connection".into(), "upgrade".into()),
            ("Upgrade".into(), "h2c".into()),
            ("Expect".into(), "100-continue".into()),
        ],
        body: Some(Body::Text(format!("GET /{SPLIT}"))),
        ..request("POST", "/servers")
    };
    session.send(hidden).await.unwrap();
    let sent = server.connections().concat();
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /compute/v2.1/servers?"), "{sent}");
    assert_eq!(body, format!("GET /{SPLIT}"));
    let head = head.to_lowercase();
    for name in ["transfer-encoding", "upgrade", "expect", "connection"] {
        assert!(!head.contains(&format!("\r\n{name}:")), "{sent}");
    }
    assert!(
        head.contains(&format!("content-length: {}", body.len())),
        "{sent}"
    );
    assert_eq!(head.matches("host:").count(), 1, "{sent}");
}

#[tokio::test]
async fn a_service_that_asks_to_come_again_is_asked_once() {
    for (status, answers) in [(429, "429 Too Many"), (503, "503 Busy")] {
        let bytes = format!("HTTP/1.1 {answers}\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(got(bytes.as_bytes()).await.unwrap().head.status, status);
    }
}

#[tokio::test]
async fn a_redirect_leads_nowhere_but_below_its_endpoint() {
    for to in [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest",
        "http://[::ffff:127.0.0.1]/x",
        "https://127.0.0.1/compute/v2.1/x",
        "//evil.example/compute/v2.1/x",
        "/\t/evil.example/compute/v2.1/x",
        "\\\\evil.example\\compute\\v2.1\\x",
        "file:///etc/passwd",
        "gopher://127.0.0.1/x",
        "javascript:alert(1)",
        "/admin",
        "/compute/v2.1/../../admin",
        "/compute/v2.1/%2e%2e/%2e%2e/admin",
        "/compute/v2.1/a%2f..%2f..%2fadmin",
        "/compute/v2.1//evil",
        "http://",
    ] {
        let fake = Fake::start(move |_, _| with_header(307, "location", to, "")).await;
        let world = impatient();
        let session = world.session(with_catalog(&fake));
        let answer = session.send(request("GET", "/servers")).await;
        assert!(matches!(answer, Err(Error::Denied(_))), "{to}: {answer:?}");
        assert_eq!(fake.requests(), 1, "{to}");
    }
}

#[tokio::test]
async fn a_redirect_with_credentials_or_without_an_end_is_not_followed() {
    let with_user = |url: &str, _: &Seen| {
        let to = url.replace("http://", "http://user:pw@") + "/compute/v2.1/x";
        with_header(302, "location", &to, "")
    };
    let fake = Fake::start(with_user).await;
    let world = impatient();
    let answer = world
        .session(with_catalog(&fake))
        .send(request("GET", "/servers"))
        .await;
    assert!(matches!(answer, Err(Error::Denied(_))), "{answer:?}");
    assert_eq!(fake.requests(), 1);

    let fake = Fake::start(|_, _| with_header(302, "location", "/compute/v2.1/servers", "")).await;
    let answer = world
        .session(with_catalog(&fake))
        .send(request("GET", "/servers"))
        .await;
    assert!(
        matches!(answer, Err(Error::InvalidRequest(_))),
        "{answer:?}"
    );
    assert_eq!(fake.requests(), 6);
}

#[tokio::test]
async fn after_a_303_the_method_counts_against_the_rules() {
    let fake = Fake::start(|_, seen: &Seen| match seen.method.as_str() {
        "POST" => with_header(303, "location", "/compute/v2.1/secrets", ""),
        _ => answer(200, &json!({})),
    })
    .await;
    let world = impatient();
    let send = async |rules: &[&str]| {
        let scope = world.scope("caller", rules);
        let session = world.clouds.session(scope, with_catalog(&fake)).unwrap();
        let mut create = request("POST", "/servers");
        create.body = Some(Body::Text("{}".into()));
        session.send(create).await
    };
    let denied = send(&["compute POST /v2/**"]).await;
    assert!(matches!(denied, Err(Error::Denied(_))), "{denied:?}");
    send(&["compute POST /v2/**", "compute GET /v2/secrets"])
        .await
        .unwrap();
    let followed = fake.seen("/compute/v2.1/secrets").remove(0);
    assert_eq!(
        (followed.method.as_str(), followed.body.as_str()),
        ("GET", "")
    );
    assert_eq!(followed.header("content-type"), "");
}

#[tokio::test]
async fn the_one_who_waits_for_a_drip_is_not_kept_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        assert!(socket.read(&mut [0; 4096]).await.unwrap() > 0);
        socket.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        while socket.write_all(b"x").await.is_ok() {
            ticks.tick().await;
        }
    });
    let server = Raw {
        url,
        seen: Arc::default(),
    };
    let world = impatient();
    let answer = world
        .session(server.target())
        .send(request("GET", "/servers"))
        .await;
    assert_eq!(answer, Err(Error::TimedOut));
}
