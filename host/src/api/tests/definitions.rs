//! Workflows, workbooks and ad-hoc actions over the wire, as Mistral has them.

use super::*;

const FLOW: &str = "version: '2.0'\nflow:\n  tags: [t]\n  input: [a, {b: x}]\n  output: {o: 1}\n  tasks: {one: {action: std.noop}}\n";
const FAULTY: &str = "version: '2.0'\nflow:\n  tasks:\n    one: {actoin: std.noop}\n";

impl Host {
    async fn text(&self, method: Method, path: &str, text: &str) -> Answered {
        let headers = [("content-type", "text/plain")];
        self.send(method, path, &headers, text.to_owned()).await
    }
}

#[tokio::test]
async fn a_workflow_is_answered_as_mistral_does() {
    let host = Host::start().await;
    let made = host.text(Method::POST, "/v2/workflows", FLOW).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let workflow = &made.body["workflows"][0];
    let interface = json!({"input": ["a", {"b": "x"}], "output": ["o"]});
    assert_eq!(workflow["interface"], interface);
    assert_eq!(workflow["input"], "a, b=\"x\"");
    assert_eq!(workflow["tags"], json!(["t"]));
    assert_eq!(workflow["definition"], FLOW);
    assert_eq!(workflow["scope"], "private");
    assert_eq!(workflow["namespace"], "");
    let shown = host.get("/v2/workflows/flow?namespace=").await;
    let text = shown.body["interface"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), interface);
    assert_eq!(shown.body["id"], workflow["id"]);

    let updated = host.text(Method::PUT, "/v2/workflows?scope=private&namespace=", FLOW);
    assert!(updated.await.body["workflows"].is_array());
    let path = format!("/v2/workflows/{}", workflow["id"].as_str().unwrap());
    let updated = host.text(Method::PUT, &path, FLOW).await;
    assert_eq!(updated.body["name"], "flow");
    assert!(updated.body["updated_at"].is_string());
    let list = host.get("/v2/workflows?fields=name,input").await;
    assert_eq!(list.body["workflows"][0]["input"], "a, b=\"x\"");
    let list = host.get("/v2/workflows?namespace=other").await;
    assert_eq!(list.body["workflows"], json!([]));
    let gone = host.send(Method::DELETE, &path, &[], String::new()).await;
    assert_eq!(gone.status, 204);
    let gone = host.get("/v2/workflows/flow").await;
    assert_eq!(gone.status, 404);
    assert_eq!(
        gone.body["faultstring"],
        "Workflow not found [workflow_identifier=flow, namespace=]"
    );
}

#[tokio::test]
async fn a_faulty_document_is_400_and_validate_is_always_200() {
    let host = Host::start().await;
    for (collection, good) in [
        ("workflows", FLOW),
        ("actions", "version: '2.0'\nsay: {base: std.echo}\n"),
        ("workbooks", "version: '2.0'\nname: book\n"),
    ] {
        let faulty = if collection == "workflows" {
            FAULTY
        } else {
            "version: '2.0'\nname: [1]\n"
        };
        for method in [Method::POST, Method::PUT] {
            let path = format!("/v2/{collection}?skip_validation");
            let refused = host.text(method, &path, faulty).await;
            assert_eq!(refused.status, 400, "{}", refused.text);
            let words = refused.body["faultstring"].as_str().unwrap();
            assert!(words.starts_with("Invalid DSL: line "), "{words}");
        }
        let path = format!("/v2/{collection}/validate");
        let invalid = host.text(Method::POST, &path, faulty).await;
        assert_eq!(
            (invalid.status, &invalid.body["valid"]),
            (StatusCode::OK, &json!(false))
        );
        assert!(invalid.body["error"].as_str().unwrap().contains("line "));
        assert!(invalid.body["faults"][0]["line"].as_u64().unwrap() > 1);
        let valid = host.text(Method::POST, &path, good).await;
        assert_eq!(
            (valid.status, valid.body),
            (StatusCode::OK, json!({"valid": true}))
        );
    }
    let wrong = host
        .text(Method::POST, "/v2/workflows?scope=all", FLOW)
        .await;
    assert_eq!(wrong.status, 400);
    let wrong = host
        .text(Method::POST, "/v2/workflows?scpe=private", FLOW)
        .await;
    assert_eq!(wrong.body["faultstring"], "Unknown argument: \"scpe\"");
}

#[tokio::test]
async fn an_ad_hoc_action_is_named_with_its_namespace_in_the_path() {
    let host = Host::start().await;
    let text = "version: '2.0'\nsay:\n  base: std.echo\n  input: [a, {b: [1]}]\n  tags: [t]\n  description: Says.\n";
    let made = host
        .text(Method::POST, "/v2/actions?namespace=ns", text)
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    let action = &made.body["actions"][0];
    assert_eq!(action["input"], "a, b=[1]");
    assert_eq!(action["is_system"], false);
    assert_eq!(action["tags"], json!(["t"]));
    assert_eq!(action["module"], Value::Null);
    let shown = host.get("/v2/actions/say/ns").await;
    assert_eq!(shown.body["id"], action["id"]);
    assert_eq!(shown.body["definition"], text);
    assert_eq!(host.get("/v2/actions/say/").await.status, 404);
    assert_eq!(
        host.get("/v2/actions?namespace=ns").await.body["actions"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let updated = host
        .text(
            Method::PUT,
            "/v2/actions/say?namespace=ns&scope=private",
            text,
        )
        .await;
    assert_eq!(
        updated.body["actions"][0]["id"], action["id"],
        "{}",
        updated.text
    );
    let gone = host
        .send(Method::DELETE, "/v2/actions/say/ns", &[], String::new())
        .await;
    assert_eq!(gone.status, 204);
    let gone = host
        .send(Method::DELETE, "/v2/actions/say/ns", &[], String::new())
        .await;
    assert_eq!(gone.status, 404);
}
