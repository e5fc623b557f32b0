//! Modules: uploads good and bad, versions, scopes.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use e2e::client::Client;
use e2e::cloud::Cloud;
use e2e::guests;
use e2e::host::{Host, Settings};
use minisign::KeyPair;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The smallest core module, and the smallest component.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Nothing of a refused upload is to be seen.
async fn is_absent(client: &Client, name: &str) -> Result<()> {
    client
        .get(&format!("/v2/modules/{name}"))
        .await?
        .fault(404)?;
    let modules = client.get("/v2/modules").await?.expect(200)?;
    let mut all = modules["modules"].as_array().into_iter().flatten();
    assert!(all.all(|module| module["name"] != name), "{modules}");
    let actions = client.get("/v2/actions").await?;
    assert!(
        !actions.text().contains(&format!("\"{name}.")),
        "{}",
        actions.text()
    );
    Ok(())
}

#[tokio::test]
async fn an_upload_is_shown_listed_downloaded_run_and_deleted() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let component = guests::guest("probe")?;

    let pushed = client.push("probe", component.clone()).await?.expect(201)?;
    assert_eq!(pushed["name"], "probe");
    assert_eq!(pushed["version"], 1);
    assert_eq!(pushed["scope"], "private");
    assert!(
        pushed["digest"]
            .as_str()
            .is_some_and(|text| text.ends_with(&digest(&component))),
        "{pushed}"
    );
    let id = pushed["id"].as_str().unwrap_or_default();

    for key in ["probe", id] {
        let shown = client
            .get(&format!("/v2/modules/{key}"))
            .await?
            .expect(200)?;
        assert_eq!(shown["id"], id);
        let content = client.get(&format!("/v2/modules/{key}/content")).await?;
        assert!(content.bytes == component);
    }
    let list = client.get("/v2/modules").await?.expect(200)?;
    let mut modules = list["modules"].as_array().into_iter().flatten();
    assert!(modules.any(|module| module["id"] == id));
    let action = client
        .get("/v2/actions/probe.context/")
        .await?
        .expect(200)?;
    assert_eq!(action["name"], "probe.context");
    client.run("probe.context").result().await?;

    client.delete("/v2/modules/probe").await?.expect(204)?;
    is_absent(&client, "probe").await?;
    client.run("probe.context").send().await?.fault(400)?;
    Ok(())
}

#[tokio::test]
async fn a_name_can_be_taken_once() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    let fault = client
        .push("probe", guests::guest("probe")?)
        .await?
        .fault(409)?;
    assert!(fault.contains("probe"), "{fault}");
    Ok(())
}

#[tokio::test]
async fn a_published_name_is_taken_for_everybody() -> Result<()> {
    let cloud = Cloud::a()?;
    let host = Host::start_with(Settings::new().keystone(&cloud)).await?;
    let (one, two) = (cloud.tenant().await?, cloud.tenant().await?);
    let admin = host
        .client()?
        .with_token(&cloud.admin_token().await?.secret);
    let first = host.client()?.with_token(&one.token().await?.secret);
    let second = host.client()?.with_token(&two.token().await?.secret);

    admin
        .push_as("probe", "public", guests::guest("probe")?)
        .await?
        .expect(201)?;
    for client in [&first, &second] {
        client.run("probe.context").result().await?;
        client.delete("/v2/modules/probe").await?.fault(404)?;
    }
    // One's own goes before the public one, but cannot be published beside it.
    first
        .push("probe", guests::guest("probe")?)
        .await?
        .expect(201)?;
    first.run("probe.context").result().await?;
    admin
        .push_as("probe", "public", guests::guest("probe")?)
        .await?
        .fault(409)?;
    Ok(())
}

#[tokio::test]
async fn a_new_version_becomes_current_and_can_be_rolled_back() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let (first, second) = (guests::faulty("first")?, guests::faulty("second")?);

    client.push("faulty", first.clone()).await?.expect(201)?;
    assert_eq!(client.run("faulty.mode").result().await?, "first");
    let updated = client
        .update_module("faulty", second.clone())
        .await?
        .expect(200)?;
    assert_eq!(updated["version"], 2);
    assert!(client.get("/v2/modules/faulty/content").await?.bytes == second);
    assert_eq!(client.run("faulty.mode").result().await?, "second");

    client.roll_back("faulty", 1).await?.expect(200)?;
    assert!(client.get("/v2/modules/faulty/content").await?.bytes == first);
    assert_eq!(client.run("faulty.mode").result().await?, "first");
    let refused = client.roll_back("faulty", 9).await?;
    assert!(matches!(refused.status, 400 | 404), "{}", refused.text());
    client.update_module("nothing", first).await?.fault(404)?;
    Ok(())
}

#[tokio::test]
async fn a_bad_new_version_changes_nothing() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    client
        .push("faulty", guests::faulty("first")?)
        .await?
        .expect(201)?;
    client
        .update_module("faulty", guests::faulty("traps")?)
        .await?
        .fault(422)?;
    client
        .update_module("faulty", CORE_MODULE.to_vec())
        .await?
        .fault(422)?;
    assert_eq!(
        client.get("/v2/modules/faulty").await?.expect(200)?["version"],
        1
    );
    assert_eq!(client.run("faulty.mode").result().await?, "first");
    Ok(())
}

#[tokio::test]
async fn a_module_that_describes_itself_badly_is_refused_and_leaves_nothing() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    for (mode, expected) in [
        ("traps", "describe"),
        ("loops", "describe"),
        ("allocates", "describe"),
        ("exits", "describe"),
        ("empty", "action"),
        ("duplicate", "faulty.mode"),
        ("prefix", "other.mode"),
        ("no-prefix", "mode"),
        ("long-name", "255"),
        ("long-text", "describe"),
        ("many", "describe"),
        ("not-json", "faulty.mode"),
        ("not-object", "object"),
        ("bad-schema", "required"),
        ("remote-ref", "$ref"),
        ("bad-output", "output"),
        ("bad-rule", "servers"),
        ("bad-method", "GET /"),
    ] {
        let answer = client.push("faulty", guests::faulty(mode)?).await?;
        let fault = answer.fault(422).with_context(|| mode.to_owned())?;
        assert!(
            fault.contains(expected),
            "{mode}: `{fault}` does not say `{expected}`"
        );
        is_absent(&client, "faulty").await?;
    }
    client
        .push("faulty", guests::faulty("good")?)
        .await?
        .expect(201)?;
    Ok(())
}

#[tokio::test]
async fn a_future_version_of_the_contract_is_refused_by_name() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let fault = client
        .push("faulty", guests::of_the_future()?)
        .await?
        .fault(422)?;
    assert!(fault.contains("0.9.0") && fault.contains("0.1"), "{fault}");
    is_absent(&client, "faulty").await
}

#[tokio::test]
async fn what_is_no_action_module_is_refused_and_leaves_nothing() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let cut = guests::guest("probe")?
        .into_iter()
        .take(1000)
        .collect::<Vec<_>>();
    let bad: [(&str, Vec<u8>, &str); 5] = [
        ("not-wasm", b"#!/bin/sh\nexit 0\n".to_vec(), "component"),
        ("nothing", Vec::new(), "component"),
        ("core", CORE_MODULE.to_vec(), "core module"),
        ("other-world", EMPTY_COMPONENT.to_vec(), "zonda:action"),
        ("cut", cut, "component"),
    ];
    for (name, bytes, expected) in bad {
        let fault = client.push(name, bytes).await?.fault(422)?;
        assert!(
            fault.contains(expected),
            "{name}: `{fault}` does not say `{expected}`"
        );
        is_absent(&client, name).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_wrong_type_and_the_wrong_name_are_refused() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let component = guests::guest("probe")?;

    let mut text = HeaderMap::new();
    text.insert("content-type", "text/plain".parse()?);
    let path = "/v2/modules?name=probe&scope=private";
    client
        .send(Method::POST, path, text, Some(component.clone()))
        .await?
        .fault(415)?;

    // Its actions are all named `probe.…`.
    let fault = client.push("sonde", component.clone()).await?.fault(422)?;
    assert!(
        fault.contains("probe.") && fault.contains("sonde"),
        "{fault}"
    );
    for name in ["", "a%20b", "a.b", "%2e%2e%2fetc"] {
        client.push(name, component.clone()).await?.fault(400)?;
    }
    let fault = client
        .push_as("probe", "secret", component)
        .await?
        .fault(400)?;
    assert!(fault.contains("scope"), "{fault}");
    is_absent(&client, "probe").await
}

#[tokio::test]
async fn an_upload_over_the_limit_is_refused() -> Result<()> {
    let host =
        Host::start_with(Settings::new().set("runtime.compile", "max_component_mib", 1)).await?;
    let client = host.client()?;
    let fault = client.push("probe", vec![0; 2 << 20]).await?.fault(413)?;
    assert!(fault.contains("max_component_mib"), "{fault}");
    is_absent(&client, "probe").await
}

#[tokio::test]
async fn shipped_modules_are_visible_and_cannot_be_changed() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let list = client.get("/v2/modules").await?.expect(200)?;
    for name in ["std", "openstack"] {
        let mut modules = list["modules"].as_array().into_iter().flatten();
        assert!(modules.any(|module| module["name"] == name), "{list}");
        client
            .delete(&format!("/v2/modules/{name}"))
            .await?
            .fault(403)?;
        client
            .update_module(name, guests::action(name)?)
            .await?
            .fault(403)?;
    }
    Ok(())
}

#[tokio::test]
async fn actions_are_listed_like_mistrals() -> Result<()> {
    let host = Host::start().await?;
    let client = host.client()?;
    let list = client.get("/v2/actions?limit=1000").await?.expect(200)?;
    let actions: Vec<&Value> = list["actions"].as_array().into_iter().flatten().collect();
    let names: Vec<_> = actions
        .iter()
        .filter_map(|action| action["name"].as_str())
        .collect();
    assert!(names.is_sorted(), "{names:?}");
    let echo = client.get("/v2/actions/std.echo").await?.expect(200)?;
    // python-mistralclient sends the namespace, which is empty, as a last segment.
    assert_eq!(
        client.get("/v2/actions/std.echo/").await?.expect(200)?,
        echo
    );
    assert!(actions.contains(&&echo), "{echo} is not in the list");
    assert_eq!(
        client.get("/v2/actions?name=std.echo").await?.expect(200)?["actions"],
        json!([echo])
    );
    client.get("/v2/actions/std.ecoh").await?.fault(404)?;
    Ok(())
}

/// The headers of an upload with the signature `text`.
fn signed(text: &str) -> Result<HeaderMap> {
    let signature = BASE64.encode(text);
    e2e::client::headers([
        ("content-type", "application/wasm"),
        ("x-module-signature", &signature),
    ])
}

#[tokio::test]
async fn a_project_that_requires_signatures_takes_only_what_a_trusted_key_has_signed() -> Result<()>
{
    let (ours, theirs) = (
        KeyPair::generate_unencrypted_keypair()?,
        KeyPair::generate_unencrypted_keypair()?,
    );
    let key = toml::Table::from_iter([
        ("name".to_owned(), "release".into()),
        ("key".to_owned(), ours.pk.to_base64().into()),
    ]);
    let host = Host::start_with(
        Settings::new()
            .set("modules", "trusted_keys", vec![toml::Value::Table(key)])
            .set("modules", "require_signature", vec!["*"]),
    )
    .await?;
    let client = host.client()?;
    let before = host.module_files()?;
    let (first, second) = (guests::faulty("first")?, guests::faulty("second")?);
    let sign = |pair: &KeyPair, component: &[u8]| -> Result<String> {
        let signature = minisign::sign(None, &pair.sk, component, Some("build 7"), None)?;
        Ok(signature.into_string())
    };
    let path = "/v2/modules?name=faulty";
    let push = async |headers| {
        let component = Some(first.clone());
        client.send(Method::POST, path, headers, component).await
    };

    let fault = client.push("faulty", first.clone()).await?.fault(422)?;
    assert!(fault.contains("only signed modules"), "{fault}");
    let fault = push(signed(&sign(&theirs, &first)?)?).await?.fault(422)?;
    assert!(fault.contains("does not trust"), "{fault}");
    let fault = push(signed(&sign(&ours, &second)?)?).await?.fault(422)?;
    assert!(fault.contains("is wrong"), "{fault}");
    let fault = push(signed("hello")?).await?.fault(422)?;
    assert!(fault.contains("no minisign signature"), "{fault}");
    let raw = e2e::client::headers([
        ("content-type", "application/wasm"),
        ("x-module-signature", "not base64"),
    ])?;
    let fault = push(raw).await?.fault(400)?;
    assert!(fault.contains("X-Module-Signature"), "{fault}");
    push(signed(&"x".repeat(5000))?).await?.fault(400)?;
    is_absent(&client, "faulty").await?;
    assert_eq!(host.module_files()?, before);

    let made = push(signed(&sign(&ours, &first)?)?).await?.expect(201)?;
    let expected = json!({"key_name": "release", "trusted_comment": "build 7",
        "key_id": made["signature"]["key_id"]});
    assert_eq!(made["signature"], expected);
    let update = signed(&sign(&ours, &second)?)?;
    client
        .send(Method::PUT, "/v2/modules/faulty", update, Some(second))
        .await?
        .expect(200)?;
    client.roll_back("faulty", 1).await?.expect(200)?;
    assert_eq!(client.run("faulty.mode").result().await?, "first");
    let shown = client.get("/v2/modules/faulty").await?.expect(200)?;
    for version in shown["versions"].as_array().into_iter().flatten() {
        assert_eq!(version["signature"], expected, "{shown}");
    }
    let listed = client.get("/v2/modules?fields=name,signature").await?;
    let listed = listed.expect(200)?;
    let modules = listed["modules"].as_array().into_iter().flatten();
    let faulty = modules
        .into_iter()
        .find(|module| module["name"] == "faulty");
    assert_eq!(faulty.map(|module| &module["signature"]), Some(&expected));
    Ok(())
}
