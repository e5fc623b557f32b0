//! Consent from both sides, the budget, dry runs and audits, and what object stores reach besides a path.

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::{
    domain::GrantedRule,
    openstack::{
        Body, Error, HttpRequest,
        fake::{answer, with_header},
    },
};

async fn cloud() -> Fake {
    Fake::start(|_, _| answer(200, &json!({}))).await
}

fn grant(rules: &[(&str, Option<&str>)]) -> Grant {
    let rules = rules.iter().map(|(text, region)| {
        let mut words = text.split(' ').map(str::to_owned);
        GrantedRule {
            rule: AccessRule {
                service_type: words.next().unwrap(),
                method: words.next().unwrap(),
                path: words.next().unwrap(),
            },
            region: region.map(str::to_owned),
        }
    });
    Grant {
        access: rules.collect(),
        mutating_requests: None,
    }
}

impl World {
    fn consenting(
        &self,
        fake: &Fake,
        rules: &[&str],
        grant: Option<Grant>,
        params: &Params,
    ) -> Session {
        let mut scope = self.scope("caller", rules);
        scope.consent = Arc::new(consent(grant, params));
        self.clouds.session(scope, with_catalog(fake)).unwrap()
    }

    fn report(&self, params: &Params) -> Value {
        self.journal.report(params).unwrap().to().unwrap()
    }
}

fn dry_run() -> Params {
    Params {
        dry_run: true,
        ..Params::default()
    }
}

fn audit() -> Params {
    Params {
        audit: true,
        ..Params::default()
    }
}

fn denial(answer: Result<impl std::fmt::Debug, Error>) -> String {
    match answer {
        Err(Error::Denied(text)) => text,
        other => panic!("not denied: {other:?}"),
    }
}

#[tokio::test]
async fn a_request_needs_the_consent_of_both_sides() {
    let fake = cloud().await;
    let send = async |rules: &[&str], granted: &[(&str, Option<&str>)], method: &str| {
        let world = world();
        let grant = Some(grant(granted));
        let session = world.consenting(&fake, rules, grant, &Params::default());
        let answer = session.send(request(method, "/servers/17")).await;
        let lines: Vec<String> = world
            .journal
            .page()
            .log
            .into_iter()
            .map(|line| line.message)
            .collect();
        (answer.map(|answer| answer.head.status), lines)
    };
    let rule = "compute GET /servers/{id}";
    assert_eq!(send(&[rule], &[(rule, None)], "GET").await.0, Ok(200));
    assert_eq!(
        send(&[rule], &[(rule, Some("One"))], "GET").await.0,
        Ok(200)
    );

    // Granted only: the module must declare it.
    let (answer, lines) = send(&["compute GET /servers"], &[(rule, None)], "GET").await;
    let text = denial(answer);
    assert!(
        text.contains("the module declares for test.action"),
        "{text}"
    );
    assert!(
        text.ends_with("{service_type: compute, method: GET, path: /servers/{id}}"),
        "{text}"
    );
    assert_eq!(lines, [text]);

    // Declared only: by service, by method, by path, by region, and with nothing granted at all.
    for granted in [
        &[("image GET /servers/{id}", None)][..],
        &[("compute POST /servers/{id}", None)],
        &[("compute GET /servers", None)],
        &[(rule, Some("Two"))],
        &[],
    ] {
        let (answer, lines) = send(&[rule], granted, "GET").await;
        let text = denial(answer);
        assert!(
            text.contains("what the operator grants to module test"),
            "{text}"
        );
        assert_eq!(lines, [text]);
    }
    // Neither: both are told.
    let (answer, lines) = send(&[], &[], "GET").await;
    assert_eq!(lines.len(), 2);
    assert!(denial(answer).contains("the module declares"));
    assert_eq!(fake.seen("/compute/v2.1/servers/17").len(), 2);
}

#[tokio::test]
async fn the_grant_of_a_denial_can_be_pasted() {
    let fake = cloud().await;
    let world = world();
    let session = world.consenting(&fake, &["* * /**"], Some(grant(&[])), &Params::default());
    let text = denial(session.send(request("GET", "/servers/17")).await);
    let (_, pasted) = text.split_once("allows it:\n").unwrap();
    let read: toml::Table = pasted.parse().unwrap();
    let entry = &read["grants"][0];
    assert_eq!(entry["project"].as_str(), Some("caller"));
    assert_eq!(entry["module"].as_str(), Some("test"));
    let rule = &entry["access"][0];
    let member = |name: &str| rule[name].as_str().unwrap();
    let all = ["service_type", "method", "path", "region"].map(member);
    assert_eq!(all, ["compute", "GET", "/servers/{id}", "One"]);
}

#[tokio::test]
async fn a_run_that_changes_more_than_its_budget_ends() {
    let fake = Fake::start(|_, seen| {
        if seen.path.ends_with("/moved") {
            return with_header(307, "location", "/compute/v2.1/servers", "");
        }
        answer(200, &json!({}))
    })
    .await;
    let world = world();
    let session = world.consenting(&fake, &["* * /**"], None, &Params::default());
    // Neither what reads nor another hop counts.
    for (method, path) in [
        ("GET", "/servers"),
        ("HEAD", "/servers"),
        ("OPTIONS", "/servers"),
        ("POST", "/moved"),
        ("PUT", "/servers"),
        ("PATCH", "/servers"),
        ("DELETE", "/servers"),
        ("COPY", "/servers"),
    ] {
        session.send(request(method, path)).await.unwrap();
    }
    let before = fake.seen("/compute/v2.1/servers").len();
    let over = session.send(request("POST", "/servers")).await;
    assert_eq!(
        over,
        Err(Error::OverBudget(
            "it asked for more than 5 mutating requests (runtime.mutating_requests = 5)".into()
        ))
    );
    let writer = session
        .upload(request("PUT", "/servers"), None)
        .await
        .unwrap();
    assert!(matches!(writer.finish().await, Err(Error::OverBudget(_))));
    let get = HttpRequest {
        method: "POST".into(),
        url: fake.url.clone(),
        headers: vec![],
        body: None,
        timeout: None,
    };
    let open = world_that_allows(Settings::default(), &["*"]);
    let mut scope = open.scope("caller", &[]);
    let none = MutatingBudget {
        limit: 0,
        setting: "params.mutating_requests".into(),
    };
    let module = ModuleName::parse("test").unwrap();
    scope.consent = Arc::new(Consent::new(module, None, none, &Params::default()));
    let outside = open.clouds.send_http(&scope, get).await;
    assert!(matches!(outside, Err(Error::OverBudget(_))), "{outside:?}");
    assert_eq!(fake.seen("/compute/v2.1/servers").len(), before);
    session.send(request("GET", "/servers")).await.unwrap();
}

#[tokio::test]
async fn a_denied_request_costs_nothing_of_the_budget() {
    let fake = cloud().await;
    let world = world();
    let session = world.consenting(&fake, &["compute POST /servers"], None, &Params::default());
    for _ in 0..9 {
        denial(session.send(request("POST", "/flavors")).await);
    }
    session.send(request("POST", "/servers")).await.unwrap();
}

#[tokio::test]
async fn a_dry_run_sends_what_reads_and_plans_the_rest() {
    let fake = cloud().await;
    let world = world();
    let rules = ["compute * /servers", "object-store PUT /c/**"];
    let session = world.consenting(&fake, &rules, None, &dry_run());
    session.send(request("GET", "/servers")).await.unwrap();
    session.send(request("HEAD", "/servers")).await.unwrap();
    let mut create = request("POST", "/servers");
    create.query = vec![("a".into(), "b".into())];
    create.body = Some(Body::Text(r#"{"server": {"name": "x"}}"#.into()));
    let planned = session.send(create).await.unwrap();
    assert_eq!(
        (planned.head.status, planned.body),
        (202, Body::Text("{}".into()))
    );
    let marks = planned.head.headers;
    assert!(
        marks.contains(&("x-zonda-dry-run".into(), "true".into())),
        "{marks:?}"
    );
    assert!(
        marks.contains(&("content-type".into(), "application/json".into())),
        "{marks:?}"
    );
    session.send(request("OPTIONS", "/servers")).await.unwrap();
    // What is not allowed is not planned either.
    denial(session.send(request("DELETE", "/servers/1")).await);
    for length in [None, Some(5)] {
        let mut put = request("PUT", "/c/o");
        put.service_type = "object-store".into();
        let mut writer = session.upload(put, length).await.unwrap();
        writer.write(Bytes::from_static(b"hel")).await.unwrap();
        writer.write(Bytes::from_static(b"lo")).await.unwrap();
        assert_eq!(writer.finish().await.unwrap().head.status, 202);
    }
    let (head, mut reader) = session.open(request("POST", "/servers")).await.unwrap();
    assert_eq!(head.status, 202);
    assert_eq!(reader.read(10).await.unwrap(), Bytes::from_static(b"{}"));

    let seen: Vec<String> = fake
        .seen("/compute/v2.1/servers")
        .into_iter()
        .map(|seen| seen.method)
        .collect();
    assert_eq!(seen, ["GET", "HEAD"]);
    assert!(fake.seen("/swift/v1/AUTH_p1/c/o").is_empty());
    let row = |method: &str, more: Value| {
        let mut row = json!({"service_type": "compute", "region": "One", "method": method, "path": "/servers"});
        row.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        row
    };
    let upload = json!({"service_type": "object-store", "region": "One", "method": "PUT", "path": "/c/o",
        "body_bytes": 5, "body_left_out": "it is streamed"});
    assert_eq!(
        world.report(&dry_run())["plan"],
        json!([
            row(
                "POST",
                json!({"query": "a=b", "body": {"server": {"name": "x"}}})
            ),
            row("OPTIONS", json!({})),
            upload.clone(),
            upload,
            row("POST", json!({})),
        ])
    );
    let page = world.journal.page();
    let trace = page
        .requests
        .iter()
        .find(|row| row.method == "POST")
        .unwrap();
    assert_eq!(
        (trace.status, trace.error.as_deref()),
        (None, Some("not sent: this is a dry run"))
    );
}

#[tokio::test]
async fn a_dry_run_changes_nothing_outside_the_cloud_either() {
    let fake = cloud().await;
    let settings = Settings {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..Settings::default()
    };
    let world = world_that_allows(settings, &[&fake.url]);
    let mut scope = world.scope("caller", &[]);
    scope.consent = Arc::new(consent(None, &dry_run()));
    for method in ["GET", "POST"] {
        let request = HttpRequest {
            method: method.into(),
            url: format!("{}/hook?key=1", fake.url),
            headers: vec![],
            body: Some(Body::Text("not json".into())),
            timeout: None,
        };
        world.clouds.send_http(&scope, request).await.unwrap();
    }
    assert_eq!(fake.seen("/hook").len(), 1);
    assert_eq!(
        world.report(&dry_run())["plan"],
        json!([{"service_type": "http", "region": null, "method": "POST", "path": format!("{}/hook", fake.url),
            "query": "key=1", "body_bytes": 8, "body_left_out": "it is not JSON"}])
    );
}

#[tokio::test]
async fn an_audit_tells_the_rules_that_a_run_needs_and_those_that_it_lacks() {
    let fake = cloud().await;
    let world = world();
    let session = world.consenting(
        &fake,
        &["compute GET /**", "object-store * /**"],
        None,
        &audit(),
    );
    for path in ["/servers/1", "/servers/2", "/servers/detail", "/flavors"] {
        session.send(request("GET", path)).await.unwrap();
    }
    let mut copy = request("PUT", "/c/o");
    copy.service_type = "object-store".into();
    copy.headers = vec![("X-Copy-From".into(), "d/p".into())];
    session.send(copy).await.unwrap();
    denial(session.send(request("POST", "/servers")).await);
    let rule = |service_type: &str, method: &str, path: &str| json!({"service_type": service_type, "method": method, "path": path});
    assert_eq!(
        world.report(&audit()),
        json!({
            "access_rules": [
                rule("compute", "GET", "/flavors"),
                rule("compute", "GET", "/servers/{id}"),
                rule("object-store", "GET", "/d/p"),
                rule("object-store", "PUT", "/c/o"),
            ],
            "denied": [rule("compute", "POST", "/servers")],
        })
    );
}

/// A request that an action with `rules` makes of the object store.
async fn store(
    fake: &Fake,
    rules: &[&str],
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    query: &[(&str, &str)],
) -> Result<u16, Error> {
    let pairs = |pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        pairs.collect::<Vec<_>>()
    };
    let request = CloudRequest {
        service_type: "object-store".into(),
        headers: pairs(headers),
        query: pairs(query),
        ..request(method, path)
    };
    let world = world();
    let rules: Vec<String> = rules
        .iter()
        .map(|rule| format!("object-store {rule}"))
        .collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let session = world.consenting(fake, &rules, None, &Params::default());
    let answer = session.send(request).await.map(|answer| answer.head.status);
    if let Err(Error::Denied(text)) = &answer {
        assert_eq!(
            &world.journal.page().log[0].message,
            text,
            "a denial is a line for the user"
        );
    }
    answer
}

#[tokio::test]
async fn a_copy_a_link_and_a_manifest_need_the_rules_of_what_they_read_and_write() {
    let fake = cloud().await;
    for (method, header, value, own, needed) in [
        (
            "PUT",
            "X-Copy-From",
            "/secret/o",
            "PUT /c/**",
            "GET /secret/o",
        ),
        (
            "PUT",
            "x-copy-from",
            "secret/%6f",
            "PUT /c/**",
            "GET /secret/o",
        ),
        (
            "COPY",
            "Destination",
            "other/o",
            "COPY /c/**",
            "PUT /other/o",
        ),
        (
            "PUT",
            "X-Symlink-Target",
            "secret/o",
            "PUT /c/**",
            "GET /secret/*",
        ),
        (
            "PUT",
            "X-Object-Manifest",
            "secret/dir/part",
            "PUT /c/**",
            "GET /secret/dir/**",
        ),
        (
            "PUT",
            "X-Object-Manifest",
            "secret/part",
            "PUT /c/**",
            "GET /secret/**",
        ),
        (
            "PUT",
            "X-Versions-Location",
            "other",
            "PUT /c/**",
            "PUT /other/**",
        ),
        (
            "POST",
            "X-History-Location",
            "other",
            "POST /c/**",
            "PUT /other/**",
        ),
    ] {
        let headers = [(header, value)];
        let text = denial(store(&fake, &[own], method, "/c/o", &headers, &[]).await);
        assert!(
            text.starts_with(&format!("by {}: ", header.to_lowercase())),
            "{text}"
        );
        assert_eq!(
            store(&fake, &[own, needed], method, "/c/o", &headers, &[]).await,
            Ok(200)
        );
    }
    assert_eq!(fake.seen("/swift/v1/AUTH_p1/c/o").len(), 8);
    // A manifest reads more than one object.
    let headers = [("X-Object-Manifest", "secret/dir/part")];
    for rule in [
        "GET /secret/dir/part",
        "GET /secret/*/*",
        "GET /secret/dir/part/**",
    ] {
        denial(store(&fake, &["PUT /c/o", rule], "PUT", "/c/o", &headers, &[]).await);
    }
}

#[tokio::test]
async fn another_account_is_out_of_reach() {
    let fake = cloud().await;
    for (method, path, account) in [
        ("PUT", "X-Copy-From", "X-Copy-From-Account"),
        ("COPY", "Destination", "Destination-Account"),
        ("PUT", "X-Symlink-Target", "X-Symlink-Target-Account"),
    ] {
        let send = async |name: &str| {
            let headers = [(path, "d/p"), (account, name)];
            store(&fake, &["* /**"], method, "/c/o", &headers, &[]).await
        };
        for other in ["AUTH_p2", "p2", "AUTH_p1/x", "AUTH_%702"] {
            assert!(
                denial(send(other).await).contains("another account"),
                "{other}"
            );
        }
        for own in ["AUTH_p1", "p1", "AUTH_%701"] {
            assert_eq!(send(own).await, Ok(200), "{own}");
        }
    }
}

#[tokio::test]
async fn what_names_objects_in_its_body_needs_a_rule_for_any_object() {
    let fake = cloud().await;
    for (method, parameter, value, own, needed) in [
        ("PUT", "multipart-manifest", "put", "PUT /c/o", "GET /**"),
        (
            "DELETE",
            "multipart-manifest",
            "delete",
            "DELETE /c/o",
            "DELETE /**",
        ),
        ("POST", "bulk-delete", "", "POST /c/o", "DELETE /**"),
        ("DELETE", "bulk-delete", "true", "DELETE /c/o", "DELETE /**"),
        (
            "PUT",
            "extract-archive",
            "tar.gz",
            "PUT /c/o",
            "PUT /c/o/**",
        ),
    ] {
        let query = [(parameter, value)];
        let text = denial(store(&fake, &[own], method, "/c/o", &[], &query).await);
        assert!(text.starts_with(&format!("by ?{parameter}: ")), "{text}");
        let narrow = needed.replace("**", "*");
        denial(store(&fake, &[own, &narrow], method, "/c/o", &[], &query).await);
        assert_eq!(
            store(&fake, &[own, needed], method, "/c/o", &[], &query).await,
            Ok(200)
        );
    }
    let query = [("multipart-manifest", "get")];
    assert_eq!(
        store(&fake, &["GET /c/o"], "GET", "/c/o", &[], &query).await,
        Ok(200)
    );
}

#[tokio::test]
async fn headers_that_could_be_read_in_two_ways_are_not_sent() {
    let fake = cloud().await;
    for headers in [
        &[("X-Copy-From", "/c/o"), ("x-copy-from", "/secret/o")][..],
        &[("X-Copy-From", "/c/../secret/o")],
        &[("X-Copy-From", "/c/%2e%2e/secret/o")],
        &[("X-Copy-From", "//c/o")],
        &[("X-Copy-From", "/c/o?x")],
        &[("Destination", "http://elsewhere/c/o")],
    ] {
        let answer = store(&fake, &["* /c/**"], "PUT", "/c/o", headers, &[]).await;
        assert!(
            matches!(answer, Err(Error::InvalidRequest(_))),
            "{headers:?}: {answer:?}"
        );
    }
    for name in [
        "x-image-meta-location",
        "x-glance-api-copy-from",
        "X-Image-Meta-Copy-From",
    ] {
        let headers = [(name, "http://169.254.169.254/")];
        denial(store(&fake, &["* /**"], "PUT", "/c/o", &headers, &[]).await);
    }
    let none: &[(&str, &str)] = &[("X-Versions-Location", "")];
    assert_eq!(
        store(&fake, &["POST /c"], "POST", "/c", none, &[]).await,
        Ok(200)
    );
}

#[tokio::test]
async fn a_redirect_cannot_add_what_a_request_may_not_ask() {
    let fake = Fake::start(|_, seen| {
        if seen.query.is_empty() {
            let location = format!("{}?a;bulk-delete", seen.path);
            return with_header(307, "location", &location, "");
        }
        answer(200, &json!({}))
    })
    .await;
    let text = denial(store(&fake, &["POST /c"], "POST", "/c", &[], &[]).await);
    assert!(text.starts_with("by ?bulk-delete: "), "{text}");
    assert_eq!(fake.seen("/swift/v1/AUTH_p1/c").len(), 1);
}
