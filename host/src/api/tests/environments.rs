//! Environments over the wire, as Mistral has them and as Murano lists them.

use super::*;

const PATH: &str = "/v2/environments";
const MARK: &str = "password-93f1";

impl Host {
    async fn make(&self, body: Value) -> Answered {
        self.send(Method::POST, PATH, &[], body.to_string()).await
    }

    async fn change(&self, body: Value) -> Answered {
        self.send(Method::PUT, PATH, &[], body.to_string()).await
    }
}

#[tokio::test]
async fn variables_come_as_text_or_object_and_are_shown_as_text() {
    let host = Host::start().await;
    let variables = json!({ "key": MARK, "n": [1, { "a": null }] });
    for (name, given) in [
        ("one", variables.clone()),
        ("two", Value::String(variables.to_string())),
    ] {
        let made = host
            .make(json!({ "name": name, "variables": given, "description": "words" }))
            .await;
        assert_eq!(made.status, 201, "{}", made.text);
        let shown = host.get(&format!("{PATH}/{name}")).await;
        assert_eq!(shown.body, made.body);
        let shown: Value = serde_json::from_str(made.body["variables"].as_str().unwrap()).unwrap();
        assert_eq!(shown, variables);
        assert_eq!(made.body["scope"], "private");
        assert_eq!(made.body["updated_at"], Value::Null);
        assert_eq!(made.body["description"], "words");
    }
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_null_empties_a_field() {
    let host = Host::start().await;
    host.make(json!({ "name": "e", "variables": { "a": 1, "b": 2 }, "description": "words" }))
        .await;
    let changed = host
        .change(json!({ "name": "e", "variables": { "a": 3 } }))
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(changed.body["variables"], r#"{"a":3}"#);
    assert_eq!(changed.body["description"], "words");
    assert!(changed.body["updated_at"].is_string());
    let emptied = host
        .change(json!({ "name": "e", "variables": null, "description": null }))
        .await;
    assert_eq!(emptied.body["variables"], Value::Null);
    assert_eq!(emptied.body["description"], Value::Null);
    assert_eq!(
        host.change(json!({ "name": "f", "variables": {} }))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn wrong_environments_are_refused_in_mistrals_words() {
    let host = Host::start().await;
    let long = "x".repeat(1024 * 1024);
    for (body, words) in [
        (
            json!({ "variables": {} }),
            "Name of the environment is not provided.",
        ),
        (
            json!({ "name": "", "variables": {} }),
            "Name of the environment is not provided.",
        ),
        (
            json!({ "name": "e", "variables": [MARK] }),
            "variables: JsonType field value must be a dictionary",
        ),
        (
            json!({ "name": "e", "variables": format!("\"{MARK}\"") }),
            "variables: JsonType field value must be a dictionary",
        ),
        (
            json!({ "name": "e", "variables": {}, "x": 1 }),
            "Unknown attribute for argument env: x",
        ),
        (
            json!({ "name": "e", "scope": "secret" }),
            "Invalid input for field/attribute scope. Value should be one of: private, public",
        ),
        (
            json!({ "name": "e".repeat(256) }),
            "name: a name has 1 to 255 characters.",
        ),
        (
            json!({ "name": "a\nb" }),
            "name: a name has no control characters.",
        ),
        (
            json!({ "name": "e", "variables": { "a": long } }),
            "Field size limit exceeded [class=Environment, field=variables, size=1025KB, limit=1024KB]",
        ),
        (
            json!({ "name": "e", "description": "x".repeat(64 * 1024 + 1) }),
            "Field size limit exceeded [class=Environment, field=description, size=65KB, limit=64KB]",
        ),
    ] {
        for refusal in [host.make(body.clone()).await, host.change(body).await] {
            assert_eq!(refusal.status, 400, "{words}");
            assert_eq!(refusal.body["faultstring"], words);
            assert!(!refusal.text.contains(MARK));
        }
    }
    assert_eq!(host.get(&format!("{PATH}/e")).await.status, 404);
}

#[tokio::test]
async fn publicizing_is_for_admins() {
    let host = Host::start().await;
    host.make(json!({ "name": "e", "variables": {} })).await;
    for refusal in [
        host.make(json!({ "name": "f", "scope": "public" })).await,
        host.change(json!({ "name": "e", "scope": "public" })).await,
    ] {
        assert_eq!(refusal.status, 403);
        assert_eq!(
            refusal.body["faultstring"],
            "Operation forbidden (insufficient permissions)"
        );
    }
    assert_eq!(
        host.get(&format!("{PATH}/e")).await.body["scope"],
        "private"
    );
    assert_eq!(host.get(&format!("{PATH}/f")).await.status, 404);
}

#[tokio::test]
async fn a_name_may_have_slashes_and_is_deleted_by_name_or_id() {
    let host = Host::start().await;
    let made = host
        .make(json!({ "name": "a/b c?", "variables": {} }))
        .await;
    let path = format!("{PATH}/a%2Fb%20c%3F");
    assert_eq!(host.get(&path).await.body, made.body);
    assert_eq!(
        host.make(json!({ "name": "a/b c?", "variables": {} }))
            .await
            .status,
        409
    );
    let delete = |path: String| {
        let host = &host;
        async move { host.send(Method::DELETE, &path, &[], Body::empty()).await }
    };
    assert_eq!(delete(path.clone()).await.status, 204);
    assert_eq!(delete(path).await.status, 404);
    let made = host.make(json!({ "name": "..", "variables": {} })).await;
    let path = format!("{PATH}/{}", made.body["id"].as_str().unwrap());
    assert_eq!(delete(path).await.status, 204);
}

#[tokio::test]
async fn a_list_shows_variables_unless_others_are_asked_for_and_is_not_filtered_by_them() {
    let host = Host::start().await;
    for name in ["one", "two", "three"] {
        host.make(json!({ "name": name, "variables": { "key": MARK } }))
            .await;
    }
    let list = host.get(&format!("{PATH}?sort_keys=name&limit=2")).await;
    let names = |list: &Answered| -> Vec<String> {
        let list = list.body["environments"].as_array().unwrap();
        let name = |item: &Value| item["name"].as_str().unwrap().to_owned();
        list.iter().map(name).collect()
    };
    assert_eq!(names(&list), ["one", "three"]);
    assert_eq!(list.text.matches(MARK).count(), 2);
    let next = list.body["next"].as_str().unwrap();
    let rest = host.get(next.strip_prefix("http://h:8989").unwrap()).await;
    assert_eq!(names(&rest), ["two"]);

    // As the stock client asks.
    let fields = "name,description,scope,created_at,updated_at";
    let list = host.get(&format!("{PATH}?fields={fields}")).await;
    assert_eq!(list.status, 200, "{}", list.text);
    assert!(!list.text.contains("variables"));
    let list = host.get(&format!("{PATH}?fields=variables&name=two")).await;
    assert_eq!(list.text.matches(MARK).count(), 1);
    for query in [
        format!("variables=has:{MARK}"),
        "sort_keys=variables".to_owned(),
        "nulls=variables".to_owned(),
    ] {
        let refusal = host.get(&format!("{PATH}?{query}")).await;
        assert_eq!(refusal.status, 400, "{query}");
        assert!(!refusal.text.contains(MARK), "{query}");
    }
}

#[tokio::test]
async fn muranos_list_has_its_fields_and_never_variables() {
    let host = Host::start().await;
    let none = host.get("/v1/environments").await;
    assert_eq!(none.body, json!({ "environments": [] }));
    let made = host
        .make(json!({ "name": "e", "variables": { "key": MARK }, "description": "words" }))
        .await
        .body;
    let list = host
        .get("/v1/environments?all_tenants=FALSE&tenant=&sort=x")
        .await;
    assert_eq!(list.headers["content-type"], "application/json");
    let time = made["created_at"].as_str().unwrap().replace(' ', "T");
    let environment = json!({
        "id": made["id"], "name": "e", "tenant_id": made["project_id"], "status": "ready", "version": 0,
        "created": time, "updated": time, "description_text": "words", "networking": {},
    });
    assert_eq!(list.body, json!({ "environments": [environment] }));

    let path = format!("/v1/environments/{}", made["id"].as_str().unwrap());
    let mut shown = environment;
    shown["acquired_by"] = Value::Null;
    shown["services"] = json!([]);
    assert_eq!(host.get(&path).await.body, shown);
    for (path, empty) in [
        (format!("{path}/services"), json!([])),
        (format!("{path}/deployments"), json!({ "deployments": [] })),
        (
            "/v1/catalog/packages?limit=20".to_owned(),
            json!({ "packages": [] }),
        ),
    ] {
        let answer = host.get(&path).await;
        assert_eq!((answer.status.as_u16(), answer.body), (200, empty));
    }
}

#[tokio::test]
async fn muranos_list_has_no_end_of_a_page() {
    let host = Host::start().await;
    for n in 0..201 {
        host.make(json!({ "name": format!("e{n:03}"), "variables": {} }))
            .await;
    }
    let list = host.get("/v1/environments").await;
    let names: Vec<&str> = list.body["environments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|environment| environment["name"].as_str().unwrap())
        .collect();
    let expected: Vec<String> = (0..201).map(|n| format!("e{n:03}")).collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn muranos_refusals_have_muranos_form() {
    let host = Host::start().await;
    let id = "0196a1b2-0000-7000-8000-000000000001";
    for (path, code, title, words) in [
        (
            "/v1/environments?all_tenants=True".to_owned(),
            403,
            "Forbidden",
            "Access was denied to this resource.".to_owned(),
        ),
        (
            "/v1/environments?tenant=other".to_owned(),
            403,
            "Forbidden",
            "Access was denied to this resource.".to_owned(),
        ),
        (
            format!("/v1/environments/{id}"),
            404,
            "Not Found",
            format!("Environment with id {id} not found"),
        ),
        (
            format!("/v1/environments/{id}/services"),
            404,
            "Not Found",
            format!("Environment with id {id} not found"),
        ),
        (
            format!("/v1/environments/{id}/deployments"),
            404,
            "Not Found",
            format!("Environment with id {id} not found"),
        ),
        (
            "/v1/sessions".to_owned(),
            404,
            "Not Found",
            "There is no such path.".to_owned(),
        ),
    ] {
        let refusal = host.get(&path).await;
        assert_eq!(refusal.status.as_u16(), code, "{path}");
        // As Murano says of it, and as its clients need it.
        assert_eq!(
            refusal.headers["content-type"], "text/html; charset=UTF-8",
            "{path}"
        );
        let kind = format!("HTTP{}", title.replace(' ', ""));
        assert_eq!(
            refusal.body,
            json!({ "code": code, "title": title, "explanation": words,
                    "error": { "message": words, "type": kind, "traceback": null } })
        );
        assert!(
            refusal.headers["x-openstack-request-id"]
                .to_str()
                .unwrap()
                .starts_with("req-")
        );
    }
}
