//! What rows make of the cloud's answers.

use serde_json::{Value, json};
use zonda_sdk::testing::Test;

use super::{header, query, response, run};

#[test]
fn a_list_is_followed_to_its_end_and_never_to_another_host() {
    let next = "https://elsewhere.example/v2.1/servers/detail?marker=b&status=ACTIVE";
    let first = json!({"servers": [{"id": "a"}, {"id": "b"}], "servers_links": [{"rel": "next", "href": next}]});
    let test = Test::new()
        .answer("compute", "GET", "/servers/detail", 200, first)
        .answer(
            "compute",
            "GET",
            "/servers/detail",
            200,
            json!({"servers": [{"id": "c"}]}),
        );
    let result = run(
        &test,
        "nova.servers_list",
        json!({"search_opts": {"status": "ACTIVE"}}),
    )
    .unwrap();
    assert_eq!(result, json!([{"id": "a"}, {"id": "b"}, {"id": "c"}]));
    assert_eq!(
        query(&test.requests()[1]),
        [("marker", "b"), ("status", "ACTIVE")]
    );
}

#[test]
fn a_limit_asks_for_one_page_and_a_negative_one_for_all() {
    for (input, pages) in [
        (json!({"limit": 1}), 1),
        (json!({"search_opts": {"limit": 1}}), 1),
        (json!({"limit": -1}), 2),
        (json!({}), 2),
    ] {
        let links = json!([{"rel": "next", "href": "http://x/?marker=a"}]);
        let test = Test::new()
            .answer(
                "compute",
                "GET",
                "/servers/detail",
                200,
                json!({"servers": [{"id": "a"}], "servers_links": links}),
            )
            .answer(
                "compute",
                "GET",
                "/servers/detail",
                200,
                json!({"servers": [{"id": "b"}]}),
            );
        assert_eq!(
            run(&test, "nova.servers_list", input)
                .unwrap()
                .as_array()
                .unwrap()
                .len(),
            pages
        );
        assert!(!query(&test.requests()[0]).contains(&("limit", "-1")));
    }
}

#[test]
fn images_come_in_pages_of_the_size_asked_for() {
    let test = Test::new()
        .answer(
            "image",
            "GET",
            "/v2/images",
            200,
            json!({"images": [{"id": "a"}], "next": "/v2/images?limit=200&marker=a"}),
        )
        .answer(
            "image",
            "GET",
            "/v2/images",
            200,
            json!({"images": [{"id": "b"}], "first": "/v2/images"}),
        );
    assert_eq!(
        run(&test, "glance.images_list", json!({})).unwrap(),
        json!([{"id": "a"}, {"id": "b"}])
    );
    assert_eq!(query(&test.requests()[0]), [("limit", "200")]);
}

#[test]
fn neutron_keeps_its_envelope_over_all_pages() {
    let links = json!([{"rel": "next", "href": "http://x/v2.0/networks?marker=a"}]);
    let test = Test::new()
        .answer(
            "network",
            "GET",
            "/v2.0/networks",
            200,
            json!({"networks": [{"id": "a"}], "networks_links": links}),
        )
        .answer(
            "network",
            "GET",
            "/v2.0/networks",
            200,
            json!({"networks": [{"id": "b"}]}),
        );
    let result = run(&test, "neutron.list_networks", json!({})).unwrap();
    assert_eq!(result, json!({"networks": [{"id": "a"}, {"id": "b"}]}));
    let one = run(
        &test,
        "neutron.list_networks",
        json!({"retrieve_all": false}),
    )
    .unwrap();
    assert_eq!(one, json!({"networks": [{"id": "b"}]}));
}

#[test]
fn a_swift_listing_comes_with_its_headers() {
    let page = |names: &[&str]| {
        let items: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        response(
            200,
            &[("X-Account-Container-Count", "2")],
            &json!(items).to_string(),
        )
    };
    let test = Test::new()
        .answer_with("object-store", "GET", "/", page(&["a"]))
        .answer_with("object-store", "GET", "/", page(&["b"]))
        .answer_with("object-store", "GET", "/", response(204, &[], ""));
    let result = run(&test, "swift.get_account", json!({"full_listing": true})).unwrap();
    assert_eq!(
        result,
        json!([{"x-account-container-count": "2"}, [{"name": "a"}, {"name": "b"}]])
    );
    assert_eq!(
        query(&test.requests()[1]),
        [("format", "json"), ("limit", "10000"), ("marker", "a")]
    );
    assert_eq!(
        run(&test, "swift.get_account", json!({})).unwrap(),
        json!([{}, []])
    );
}

#[test]
fn objects_come_as_text_or_as_base64() {
    let test = Test::new().answer_with(
        "object-store",
        "GET",
        "/c/o",
        response(200, &[("etag", "e")], "[1]"),
    );
    let result = run(
        &test,
        "swift.get_object",
        json!({"container": "c", "obj": "o"}),
    )
    .unwrap();
    assert_eq!(result, json!([{"etag": "e"}, "[1]"]));
    let mut binary = response(200, &[], "");
    binary.body = zonda_sdk::testing::Body::Bytes(vec![0xff]);
    let test = Test::new().answer_with("image", "GET", "/v2/images/i/file", binary);
    let result = run(&test, "glance.images_data", json!({"image_id": "i"})).unwrap();
    assert_eq!(result, json!({"base64": "/w=="}));
}

#[test]
fn results_have_the_shape_of_the_python_client() {
    for (name, input, method, path, answer, result) in [
        (
            "nova.servers_get",
            json!({"server": "s"}),
            "GET",
            "/servers/s",
            json!({"server": {"id": 1}}),
            json!({"id": 1}),
        ),
        (
            "nova.servers_delete",
            json!({"server": "s"}),
            "DELETE",
            "/servers/s",
            json!(null),
            json!(null),
        ),
        (
            "nova.keypairs_list",
            json!({}),
            "GET",
            "/os-keypairs",
            json!({"keypairs": [{"keypair": {"name": "k"}}]}),
            json!([{"name": "k"}]),
        ),
        (
            "nova.servers_create_image",
            json!({"server": "s", "image_name": "i"}),
            "POST",
            "/servers/s/action",
            json!({"image_id": "x"}),
            json!("x"),
        ),
    ] {
        let test = Test::new().answer("compute", method, path, 202, answer);
        assert_eq!(run(&test, name, input).unwrap(), result, "{name}");
    }
    let stack = json!({"stack": {"id": "1", "links": []}});
    let test = Test::new().answer("orchestration", "POST", "/stacks", 201, stack.clone());
    let input = json!({"stack_name": "web", "template": {"heat_template_version": "2021-04-16"}});
    assert_eq!(run(&test, "heat.stacks_create", input).unwrap(), stack);
    let test = Test::new().answer_with(
        "identity",
        "HEAD",
        "/v3/groups/g/users/u",
        response(204, &[], ""),
    );
    let input = json!({"user": "u", "group": "g"});
    assert_eq!(
        run(&test, "keystone.users_check_in_group", input).unwrap(),
        json!(true)
    );
}

#[test]
fn find_wants_exactly_one_whose_attributes_are_equal() {
    let servers = json!({"servers": [
        {"name": "web.1", "status": "ACTIVE"}, {"name": "web-1", "status": "ACTIVE"}, {"name": "db", "status": "ERROR"},
    ]});
    let test = Test::new().answer("compute", "GET", "/servers/detail", 200, servers);
    let found = run(&test, "nova.servers_find", json!({"name": "web.1"})).unwrap();
    assert_eq!(found["name"], "web.1");
    assert_eq!(query(&test.requests()[0]), [("name", r"web\.1")]);
    let none = run(&test, "nova.servers_find", json!({"name": "mail"})).unwrap_err();
    assert_eq!(none.message, "nova.servers_find failed: none matches");
    let many = run(&test, "nova.servers_find", json!({"status": "ACTIVE"})).unwrap_err();
    assert!(many.message.contains("2 match, not one"), "{many}");
    let all = run(&test, "nova.servers_findall", json!({"status": "ACTIVE"})).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 2);
}

#[test]
fn an_older_cloud_is_asked_again_in_its_own_version() {
    let refusal = json!({"computeFault": {
        "message": "Version 2.96 is not supported by the API. Minimum is 2.1 and maximum is 2.79.", "code": 406,
    }});
    let test = Test::new()
        .answer("compute", "GET", "/servers/detail", 406, refusal.clone())
        .answer(
            "compute",
            "GET",
            "/servers/detail",
            200,
            json!({"servers": []}),
        );
    assert_eq!(
        run(&test, "nova.servers_list", json!({})).unwrap(),
        json!([])
    );
    assert_eq!(
        header(&test.requests()[1], "openstack-api-version"),
        Some("compute 2.79")
    );

    let test = Test::new().answer("compute", "GET", "/servers/detail", 406, refusal);
    assert!(
        run(&test, "nova.servers_list", json!({}))
            .unwrap_err()
            .message
            .ends_with("(HTTP 406)")
    );
    assert_eq!(test.requests().len(), 2);
}

#[test]
fn a_refusal_is_a_failure_in_the_words_of_the_service() {
    let body = json!({"itemNotFound": {"message": "Instance s could not be found.", "code": 404}});
    let test = Test::new().answer("compute", "GET", "/servers/s", 404, body.clone());
    let failure = run(&test, "nova.servers_get", json!({"server": "s"})).unwrap_err();
    assert_eq!(
        failure.message,
        "nova.servers_get failed: Instance s could not be found. (HTTP 404)"
    );
    let detail = failure.detail.unwrap();
    assert_eq!((&detail["status"], &detail["body"]), (&json!(404), &body));
    assert_eq!(detail["message"], json!(failure.message));
    assert!(!failure.retryable);

    let test = Test::new().answer_with("compute", "GET", "/servers/s", response(503, &[], ""));
    let failure = run(&test, "nova.servers_get", json!({"server": "s"})).unwrap_err();
    assert_eq!(
        failure.message,
        "nova.servers_get failed: GET compute /servers/s answered 503 (HTTP 503)"
    );
    assert!(failure.retryable);
}

#[test]
fn an_answer_of_another_shape_is_a_failure_that_says_so() {
    let test = Test::new().answer("compute", "GET", "/servers/s", 200, json!({}));
    let failure = run(&test, "nova.servers_get", json!({"server": "s"})).unwrap_err();
    assert_eq!(
        failure.message,
        "nova.servers_get failed: the answer has no `server`"
    );
    let test = Test::new().answer(
        "compute",
        "GET",
        "/servers/detail",
        200,
        json!({"servers": {}}),
    );
    assert!(
        run(&test, "nova.servers_list", json!({}))
            .unwrap_err()
            .message
            .contains("no list `servers`")
    );
}

#[test]
fn any_request_answers_status_headers_and_body() {
    let test = Test::new().answer("dns", "POST", "/v2/zones", 202, json!({"id": 1}));
    let input = json!({
        "service_type": "dns", "method": "post", "path": "/v2/zones", "query": {"a": ["1", 2]}, "body": {"name": "z."},
        "headers": {"X-A": "b"}, "action_region": "North",
    });
    let result = run(&test, "openstack.request", input).unwrap();
    let headers = json!({"content-type": "application/json"});
    assert_eq!(
        result,
        json!({"status": 202, "headers": headers, "body": {"id": 1}})
    );
    let request = &test.requests()[0];
    assert_eq!(query(request), [("a", "1"), ("a", "2")]);
    assert_eq!(
        (header(request, "x-a"), request.region.as_deref()),
        (Some("b"), Some("North"))
    );
    assert_eq!(super::json_body(request), json!({"name": "z."}));
}

#[test]
fn any_request_that_is_refused_fails_with_the_answer_as_its_detail() {
    let test = Test::new().answer(
        "dns",
        "GET",
        "/v2/zones/1",
        404,
        json!({"message": "No zone 1."}),
    );
    let input = json!({"service_type": "dns", "path": "/v2/zones/1"});
    let failure = run(&test, "openstack.request", input).unwrap_err();
    assert_eq!(
        failure.message,
        "openstack.request failed: No zone 1. (HTTP 404)"
    );
    let detail = failure.detail.unwrap();
    assert_eq!(
        (&detail["status"], &detail["body"]),
        (&json!(404), &json!({"message": "No zone 1."}))
    );
    assert_eq!(
        detail["headers"],
        json!({"content-type": "application/json"})
    );
}
