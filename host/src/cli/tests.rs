//! Whole commands against a server and a Keystone inside the test.

mod definitions;
mod environments;
mod execution;
mod graph;
mod look_after;
mod run;
mod triggers;

use std::fs;

use clap::CommandFactory as _;
use serde_json::json;

use super::{
    fake_server::{Answer, FakeServer, Request},
    *,
};

/// What one command came to.
struct Ended {
    code: u8,
    out: String,
    notes: String,
}

/// Runs `zonda …` with `env` as its whole environment; a failure is noted as on standard error.
async fn zonda_with(
    args: &[&str],
    env: &[(&str, &str)],
    prepare: impl FnOnce(&mut Session<'_>),
) -> Ended {
    let cli =
        Cli::try_parse_from([&["zonda"], args].concat()).unwrap_or_else(|err| panic!("{err}"));
    let (common, command) = cli.into_parts();
    let Command::Client(command) = command else {
        panic!("not a client command");
    };
    let env = Environment::from_pairs(env);
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let mut session = Session::of_a_test(&common, &env, &mut out, &mut notes);
    prepare(&mut session);
    let code = match dispatch(&command, &mut session).await {
        Ok(code) => code,
        Err(err) => {
            session.note(&err.one_line());
            err.exit_code()
        }
    };
    Ended {
        code,
        out: String::from_utf8(out).unwrap(),
        notes: String::from_utf8(notes).unwrap(),
    }
}

async fn zonda(args: &[&str], env: &[(&str, &str)]) -> Ended {
    zonda_with(args, env, |_| {}).await
}

fn fault(status: u16, text: &str) -> Answer {
    let body = json!({"faultcode": "Client", "faultstring": text, "debuginfo": null});
    Answer::json(status, &body)
}

fn execution(state: &str, output: &str) -> serde_json::Value {
    json!({"id": "e1", "name": "std.echo", "state": state, "output": output, "input": "{}"})
}

/// A Keystone that gives the token `tok-PROJECT` to anybody who names a project.
async fn keystone() -> FakeServer {
    FakeServer::start(|request: &Request| {
        let body = json!({"token": {
            "methods": ["password"],
            "catalog": [{"type": "compute", "endpoints": []}],
            "project": {"id": "p1", "name": "demo", "domain": {"id": "default"}},
            "user": {"id": "u1"},
            "expires_at": "2030-01-01T00:00:00Z",
            "audit_ids": ["x"],
        }});
        if request.line.starts_with("GET") {
            return Answer::json(200, &body);
        }
        let auth = request.json();
        if auth.pointer("/auth/identity/password/user/password") == Some(&json!("wrong")) {
            let refusal =
                json!({"error": {"code": 401, "message": "The request needs authentication."}});
            return Answer::json(401, &refusal);
        }
        let project = auth.pointer("/auth/scope/project/name").cloned();
        let token = format!(
            "tok-{}",
            project.unwrap_or_default().as_str().unwrap_or("own")
        );
        Answer::json(201, &body).with("x-subject-token", &token)
    })
    .await
}

fn component() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("hello.wasm"), b"\0asm").unwrap();
    folder
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn options_of_the_stock_clients_are_understood_before_and_after_the_command() {
    let cli = |args: &[&str]| Cli::try_parse_from([&["zonda"], args].concat());
    let documented = [
        "--os-target-auth-url=http://keystone2.example.com:5000/v3",
        "--os-target-username=testuser",
        "--os-target-tenant=testtenant",
        "--os-target-password=MistralRuleZ",
        "--os-target_cacert=/ca.pem",
        "--os-mistral-url=http://mistral.example.com:8989/v2",
        "action",
        "run",
        "heat.stacks_list",
        "--custom_context={}",
        "--target_insecure",
    ];
    let parsed = cli(&documented).unwrap();
    assert!(!format!("{parsed:?}").contains("MistralRuleZ"));
    assert!(
        cli(&[
            "action",
            "list",
            "--all-tenants",
            "-f",
            "json",
            "-c",
            "name"
        ])
        .is_ok()
    );
    for flag in [
        "--all-tenants",
        "--all-projects",
        "--project-id=x",
        "--sort-keys=name,id",
    ] {
        for noun in ["action", "module", "action-execution", "environment"] {
            assert!(cli(&[noun, "list", flag]).is_ok(), "{noun} {flag}");
        }
    }
    assert!(cli(&["serve", "--config", "z.toml"]).is_ok());
    assert!(cli(&["module", "push", "x.wasm", "--public", "--private"]).is_err());
}

#[tokio::test]
async fn faults_of_the_command_line_reach_no_server() {
    let env = [("ZONDA_URL", "http://127.0.0.1:1")];
    let target = [
        "--os-target-auth-url",
        "http://127.0.0.1:1",
        "--os-target-auth-token",
        "t",
    ];
    let both = [
        &target[..],
        &[
            "action",
            "run",
            "a.b",
            "--custom-context",
            "{\"os.auth\": {}}",
        ],
    ]
    .concat();
    let cases: [(&[&str], &str); 6] = [
        (&["action", "run", "a.b", "{"], "the input is not JSON"),
        (
            &["action", "run", "a.b", "--custom-context", "[1]"],
            "must be a JSON object",
        ),
        (
            &["--os-target-username", "x", "action", "run", "a.b"],
            "all values or none",
        ),
        (&both, "give one of them"),
        (
            &["action", "run", "a.b", "--os-target-pass-credential"],
            "needs a target cloud",
        ),
        (
            &["module", "push", "/no/such.wasm"],
            "cannot read /no/such.wasm",
        ),
    ];
    for (args, expected) in cases {
        let ended = zonda(args, &env).await;
        assert!(ended.notes.contains(expected), "{args:?}: {}", ended.notes);
        assert_eq!(ended.code, 2, "{args:?}");
    }
}

#[tokio::test]
async fn keystones_refusal_is_told_without_the_password() {
    let home = keystone().await;
    let env = [
        ("OS_AUTH_URL", home.url.as_str()),
        ("OS_USERNAME", "ann"),
        ("OS_PASSWORD", "wrong"),
    ];
    let ended = zonda(&["action", "list"], &env).await;
    let expected = format!(
        "Keystone at {}/v3 refused: The request needs authentication. (HTTP 401)\n",
        home.url
    );
    assert_eq!((ended.code, ended.notes), (1, expected));
}

#[tokio::test]
async fn a_refusal_is_one_line_with_its_status() {
    let server =
        FakeServer::start(|_: &Request| fault(404, "Action not found\n[name=\u{1b}x]")).await;
    let ended = zonda(
        &["action", "show", "no.such"],
        &[("ZONDA_URL", &server.url)],
    )
    .await;
    assert_eq!(ended.notes, "Action not found [name=\\u001bx] (HTTP 404)\n");
    assert_eq!(ended.code, 1);
    assert_eq!(server.lines(), ["GET /v2/actions/no.such"]);
}

#[tokio::test]
async fn a_full_line_is_shown_with_the_time_to_come_again() {
    let server = FakeServer::start(|_: &Request| {
        fault(429, "Too many runs wait already.").with("retry-after", "5")
    })
    .await;
    let ended = zonda(&["action", "list"], &[("ZONDA_URL", &server.url)]).await;
    let expected = "Too many runs wait already. (HTTP 429, retry after 5 s)\n";
    assert_eq!((ended.code, ended.notes.as_str()), (1, expected));
}

#[tokio::test]
async fn an_unreachable_server_is_named() {
    let ended = zonda(&["module", "list"], &[("ZONDA_URL", "http://127.0.0.1:1")]).await;
    assert_eq!(ended.code, 1);
    let expected = "cannot reach Zonda at http://127.0.0.1:1/v2/modules: ";
    assert!(ended.notes.starts_with(expected), "{}", ended.notes);
}
