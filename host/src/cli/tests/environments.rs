//! Environments: made from a file, listed without what is private.

use serde_json::Value;

use super::*;

#[tokio::test]
async fn an_environment_is_made_of_json_and_shown() {
    let server = FakeServer::start(|request: &Request| {
        assert_eq!(request.line, "POST /v2/environments");
        let mut body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            body,
            json!({"name": "prod", "variables": {"key": 1}, "description": "words", "scope": "public"})
        );
        body["variables"] = r#"{"key":1}"#.into();
        Answer::json(201, &body)
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), r#"{"key": 1}"#).unwrap();
    let file = format!("@{}", file.path().display());
    for variables in [r#"{"key": 1}"#, &file] {
        let create = ["environment", "create", "prod", variables];
        let more = ["--description", "words", "--public", "-f", "json"];
        let ended = zonda(&[&create[..], &more].concat(), &env).await;
        assert_eq!(ended.code, 0, "{}", ended.notes);
        let shown: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(shown["variables"], json!({"key": 1}));
    }
}

#[tokio::test]
async fn an_update_sends_what_is_given_and_wants_something() {
    let server = FakeServer::start(|request: &Request| {
        assert_eq!(request.line, "PUT /v2/environments");
        Answer::json(200, &serde_json::from_slice(&request.body).unwrap())
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let update = ["environment", "update", "prod"];
    let ended = zonda(&[&update[..], &["--private", "-f", "json"]].concat(), &env).await;
    let sent: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(sent, json!({"name": "prod", "scope": "private"}));
    let ended = zonda(&update, &env).await;
    assert_eq!(ended.code, 2);
    assert!(ended.notes.contains("nothing to change"), "{}", ended.notes);
    let ended = zonda(&[&update[..], &["hunter2"]].concat(), &env).await;
    assert_eq!(ended.code, 2);
    assert!(!ended.notes.contains("hunter2"), "{}", ended.notes);
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn a_list_asks_for_variables_only_when_they_are_to_be_seen() {
    let server = FakeServer::start(|_: &Request| {
        Answer::json(
            200,
            &json!({"environments": [{"name": "a/b", "variables": "{}"}]}),
        )
    })
    .await;
    let env = [("ZONDA_URL", server.url.as_str())];
    let list = ["environment", "list", "--all-tenants", "-f", "value", "-c"];
    for column in ["name", "variables"] {
        assert_eq!(zonda(&[&list[..], &[column]].concat(), &env).await.code, 0);
    }
    let expected = [
        "GET /v2/environments?all_tenants=true&fields=id%2Cname%2Cdescription%2Cscope%2Cproject_id%2Ccreated_at%2C\
         updated_at",
        "GET /v2/environments?all_tenants=true",
    ];
    assert_eq!(server.lines(), expected);
}

#[tokio::test]
async fn a_name_with_a_slash_is_one_part_of_the_path() {
    let server = FakeServer::start(|_: &Request| Answer::json(200, &json!({}))).await;
    let env = [("ZONDA_URL", server.url.as_str())];
    zonda(&["environment", "show", "a/b c?"], &env).await;
    zonda(&["environment", "delete", "a/b", "c"], &env).await;
    let expected = [
        "GET /v2/environments/a%2Fb%20c%3F",
        "DELETE /v2/environments/a%2Fb",
        "DELETE /v2/environments/c",
    ];
    assert_eq!(server.lines(), expected);
}
