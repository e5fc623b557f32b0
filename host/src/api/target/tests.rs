//! Every right and wrong combination of target values.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::Target;
use crate::domain::{Credential, PrivateObject, TargetCloud};

const URI: (&str, &str) = ("X-Target-Auth-Uri", "https://keystone.example:5000/v3/");
const TOKEN: (&str, &str) = ("X-Target-Auth-Token", "gAAAAAs3cret");
const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    headers
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else {
        panic!("not an object");
    };
    members
}

fn by_headers(pairs: &[(&str, &str)]) -> Result<Option<TargetCloud>, String> {
    Target::take(&headers(pairs), None)
        .map(|target| target.cloud)
        .map_err(|refusal| refusal.message().to_owned())
}

fn by_os_auth(os_auth: Value) -> Result<Option<TargetCloud>, String> {
    let context = object(json!({ "ticket": 7, "os.auth": os_auth }));
    Target::take(&HeaderMap::new(), Some(PrivateObject::new(context)))
        .map(|target| {
            assert_eq!(
                target.custom_context.unwrap().expose().replace(' ', ""),
                r#"{"ticket":7}"#
            );
            target.cloud
        })
        .map_err(|refusal| {
            assert_eq!(refusal.status(), 400);
            refusal.message().to_owned()
        })
}

fn catalog() -> Value {
    json!([{ "type": "compute", "name": "nova", "endpoints": [
        { "interface": "public", "region": "R", "url": "http://n:8774/v2.1" }
    ] }])
}

fn base64(value: &Value) -> String {
    STANDARD.encode(value.to_string())
}

#[test]
fn url_and_token_are_a_target() {
    let cloud = by_headers(&[URI, TOKEN]).unwrap().unwrap();
    assert_eq!(cloud.auth_url.as_str(), URI.1);
    assert!(matches!(&cloud.credential, Credential::Token(token) if token.expose() == TOKEN.1));
    assert!(cloud.is_target && !cloud.insecure);
    assert_eq!(cloud.catalog, None);
}

#[test]
fn nothing_is_no_target() {
    assert_eq!(by_headers(&[]).unwrap(), None);
    assert_eq!(
        by_headers(&[("X-Auth-Token", "t"), ("X-Region-Name", "R")]).unwrap(),
        None
    );
}

#[test]
fn what_the_stock_client_sends_besides_is_ignored() {
    let domains = [
        ("X-Target-User-Domain-Name", "Default"),
        ("X-Target-Project-Domain-Name", "Default"),
    ];
    assert_eq!(by_headers(&domains).unwrap(), None);
    let [user, project] = domains;
    let cloud = by_headers(&[URI, TOKEN, user, project]).unwrap().unwrap();
    assert_eq!(cloud.user_name, None);
}

#[test]
fn every_header_arrives() {
    let catalog = base64(&json!({ "token": { "catalog": catalog(), "methods": ["password"] } }));
    let ca = STANDARD.encode(PEM);
    let cloud = by_headers(&[
        URI,
        TOKEN,
        ("X-Target-Project-Id", "p"),
        ("X-Target-User-Id", "u"),
        ("X-Target-User-Name", "alice"),
        ("X-Target-Region-Name", "R"),
        ("X-Target-Insecure", "True"),
        ("X-Target-Service-Catalog", &catalog),
        ("X-Target-Ca-Cert", &ca),
    ])
    .unwrap()
    .unwrap();
    assert_eq!(cloud.project_id.as_deref(), Some("p"));
    assert_eq!(cloud.user_id.as_deref(), Some("u"));
    assert_eq!(cloud.user_name.as_deref(), Some("alice"));
    assert_eq!(cloud.region.as_deref(), Some("R"));
    assert_eq!(cloud.ca_cert.as_deref(), Some(PEM));
    assert!(cloud.insecure);
    assert!(cloud.catalog.unwrap().expose().contains("nova"));
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn wrong_headers_are_named_with_the_remedy() {
    let not_a_catalog = base64(&json!({ "catalog": "nova" }));
    let not_services = base64(&json!([{ "type": "compute" }]));
    let not_json = STANDARD.encode("nova");
    let no_pem = STANDARD.encode("MIIB");
    let cut_pem = STANDARD.encode("-----BEGIN CERTIFICATE-----\nMIIB");
    /// Headers, what the refusal begins with, and what it says.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
    let cases: &[Case<'_>] = &[
        (&[TOKEN], "X-Target-Auth-Uri: ", "missing"),
        (&[URI], "X-Target-Auth-Token: ", "missing"),
        (
            &[("X-Target-Project-Id", "p")],
            "X-Target-Auth-Uri: ",
            "X-Target-Project-Id",
        ),
        (
            &[("X-Target-Insecure", "True")],
            "X-Target-Auth-Uri: ",
            "X-Target-Insecure",
        ),
        (
            &[("X-Target-Region-Name", "R"), TOKEN],
            "X-Target-Auth-Uri: ",
            "missing",
        ),
        (
            &[("X-Target-Auth-Uri", "keystone:5000"), TOKEN],
            "X-Target-Auth-Uri: ",
            "http",
        ),
        (
            &[("X-Target-Auth-Uri", "ftp://k/"), TOKEN],
            "X-Target-Auth-Uri: ",
            "http",
        ),
        (
            &[("X-Target-Auth-Uri", ""), TOKEN],
            "X-Target-Auth-Uri: ",
            "http",
        ),
        (
            &[("X-Target-Auth-Uri", "http://a:b@k/v3"), TOKEN],
            "X-Target-Auth-Uri: ",
            "password",
        ),
        (
            &[("X-Target-Auth-Uri", "http://k/v3?a=b"), TOKEN],
            "X-Target-Auth-Uri: ",
            "path",
        ),
        (
            &[URI, ("X-Target-Auth-Token", "")],
            "X-Target-Auth-Token: ",
            "empty",
        ),
        (&[URI, TOKEN, TOKEN], "X-Target-Auth-Token: ", "twice"),
        (
            &[URI, TOKEN, ("X-Target-Insecure", "yes")],
            "X-Target-Insecure: ",
            "True or False",
        ),
        (
            &[URI, TOKEN, ("X-Target-Insecure", "")],
            "X-Target-Insecure: ",
            "True or False",
        ),
        (
            &[URI, TOKEN, ("X-Target-Service-Catalog", "%%%")],
            "X-Target-Service-Catalog: ",
            "base64",
        ),
        (
            &[URI, TOKEN, ("X-Target-Service-Catalog", &not_json)],
            "X-Target-Service-Catalog: ",
            "not JSON",
        ),
        (
            &[URI, TOKEN, ("X-Target-Service-Catalog", &not_a_catalog)],
            "X-Target-Service-Catalog: ",
            "no catalog",
        ),
        (
            &[URI, TOKEN, ("X-Target-Service-Catalog", &not_services)],
            "X-Target-Service-Catalog: ",
            "entry 0",
        ),
        (
            &[URI, TOKEN, ("X-Target-Ca-Cert", "%%%")],
            "X-Target-Ca-Cert: ",
            "PEM",
        ),
        (
            &[URI, TOKEN, ("X-Target-Ca-Cert", &no_pem)],
            "X-Target-Ca-Cert: ",
            "PEM",
        ),
        (
            &[URI, TOKEN, ("X-Target-Ca-Cert", &cut_pem)],
            "X-Target-Ca-Cert: ",
            "end",
        ),
        (
            &[URI, TOKEN, ("X-Target-Auth-Url", "http://k")],
            "x-target-auth-url: ",
            "X-Target-Auth-Uri",
        ),
    ];
    for (pairs, field, remedy) in cases {
        let refusal = by_headers(pairs).unwrap_err();
        assert!(refusal.starts_with(field), "{pairs:?}: {refusal}");
        assert!(refusal.contains(remedy), "{pairs:?}: {refusal}");
        assert!(!refusal.contains(TOKEN.1), "{refusal}");
    }
}

#[test]
fn a_catalog_is_taken_as_token_body_as_its_inside_and_as_a_bare_list() {
    for value in [
        catalog(),
        json!({ "catalog": catalog() }),
        json!({ "catalog": catalog(), "methods": ["token"] }),
        json!({ "token": { "catalog": catalog() } }),
        json!({ "access": { "serviceCatalog": catalog() } }),
    ] {
        let text = base64(&value);
        assert!(by_headers(&[URI, TOKEN, ("X-Target-Service-Catalog", &text)]).is_ok());
        assert!(
            by_os_auth(json!({ "auth_url": URI.1, "auth_token": "t", "service_catalog": value }))
                .is_ok()
        );
        assert!(
            by_os_auth(json!({ "auth_url": URI.1, "auth_token": "t", "service_catalog": text }))
                .is_ok()
        );
    }
}

#[test]
fn os_auth_takes_the_names_of_headers_and_their_snake_case() {
    let by_header_names = by_os_auth(json!({
        "X-Target-Auth-Uri": URI.1, "X-Target-Auth-Token": "t", "X-Target-Region-Name": "R", "X-Target-Insecure": "True"
    }));
    let by_snake_case = by_os_auth(json!({
        "auth_url": URI.1, "auth_token": "t", "region_name": "R", "insecure": true, "project_id": null
    }));
    assert_eq!(by_header_names.unwrap(), by_snake_case.unwrap());
}

#[test]
fn os_auth_takes_passwords_and_application_credentials() {
    let cloud = by_os_auth(json!({
        "auth_url": URI.1, "username": "alice", "password": "s3cret", "user_domain_name": "D",
        "project_name": "p", "project_domain_id": "d", "ca_cert": PEM
    }))
    .unwrap()
    .unwrap();
    let Credential::Password {
        username,
        user_domain_name,
        project_name,
        project_domain_id,
        ..
    } = cloud.credential
    else {
        panic!("not a password");
    };
    assert_eq!(username.as_deref(), Some("alice"));
    assert_eq!(user_domain_name.as_deref(), Some("D"));
    assert_eq!(project_name.as_deref(), Some("p"));
    assert_eq!(project_domain_id.as_deref(), Some("d"));

    let cloud = by_os_auth(json!({
        "auth_url": URI.1, "application_credential_id": "i", "application_credential_secret": "s3cret"
    }))
    .unwrap()
    .unwrap();
    assert!(matches!(
        cloud.credential,
        Credential::ApplicationCredential { .. }
    ));
}

#[test]
fn wrong_os_auth_is_named_with_the_remedy() {
    let url = URI.1;
    let cases = [
        (json!("s3cret"), "os.auth: ", "object"),
        (json!({}), "os.auth: ", "auth_url"),
        (
            json!({ "auth_token": "s3cret" }),
            "os.auth.auth_url: ",
            "missing",
        ),
        (
            json!({ "auth_url": url }),
            "os.auth.auth_token: ",
            "application_credential_id",
        ),
        (
            json!({ "auth_url": 7, "auth_token": "s3cret" }),
            "os.auth.auth_url: ",
            "string",
        ),
        (
            json!({ "auth_url": url, "auth_token": ["s3cret"] }),
            "os.auth.auth_token: ",
            "string",
        ),
        (
            json!({ "auth_url": url, "auth_tken": "s3cret" }),
            "os.auth: ",
            "auth_tken",
        ),
        (
            json!({ "auth_url": url, "auth_token": "s3cret", "X-Target-Auth-Token": "s3cret" }),
            "os.auth.",
            "same",
        ),
        (
            json!({ "auth_url": url, "auth_token": "s3cret", "password": "s3cret" }),
            "os.auth.password: ",
            "exactly one",
        ),
        (
            json!({ "auth_url": url, "auth_token": "s3cret", "application_credential_id": "i" }),
            "os.auth.application_credential_id: ",
            "exactly one",
        ),
        (
            json!({ "auth_url": url, "password": "s3cret", "project_name": "p" }),
            "os.auth.password: ",
            "username",
        ),
        (
            json!({ "auth_url": url, "username": "a", "password": "s3cret" }),
            "os.auth.password: ",
            "project",
        ),
        (
            json!({ "auth_url": url, "username": "a" }),
            "os.auth.auth_token: ",
            "password with username",
        ),
        (
            json!({ "auth_url": url, "application_credential_id": "i" }),
            "os.auth.application_credential_id: ",
            "secret",
        ),
        (
            json!({ "auth_url": url, "application_credential_secret": "s3cret" }),
            "os.auth.application_credential_secret: ",
            "application_credential_id",
        ),
        (
            json!({ "auth_url": url, "auth_token": "s3cret", "insecure": "maybe" }),
            "os.auth.insecure: ",
            "True or False",
        ),
        (
            json!({ "auth_url": url, "auth_token": "s3cret", "insecure": 1 }),
            "os.auth.insecure: ",
            "true or false",
        ),
        (
            json!({ "auth_url": url, "auth_token": "s3cret", "ca_cert": "MIIB" }),
            "os.auth.ca_cert: ",
            "PEM",
        ),
        (
            json!({ "auth_url": url, "auth_token": "s3cret", "service_catalog": 5 }),
            "os.auth.service_catalog: ",
            "base64",
        ),
    ];
    for (os_auth, field, remedy) in cases {
        let refusal = by_os_auth(os_auth.clone()).unwrap_err();
        assert!(refusal.starts_with(field), "{os_auth}: {refusal}");
        assert!(refusal.contains(remedy), "{os_auth}: {refusal}");
        assert!(!refusal.contains("s3cret"), "{refusal}");
    }
}

#[test]
fn headers_and_os_auth_at_once_are_refused() {
    let context = object(json!({ "os.auth": { "auth_url": URI.1, "auth_token": "t" } }));
    let refusal =
        Target::take(&headers(&[URI, TOKEN]), Some(PrivateObject::new(context))).unwrap_err();
    assert_eq!(refusal.status(), 400);
    assert!(refusal.message().contains("os.auth"));
}
