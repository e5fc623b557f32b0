//! What rows ask of the cloud.

use serde_json::json;
use zonda_sdk::testing::Test;

use super::{header, json_body, query, request_of, run};

#[test]
fn a_create_wraps_its_inputs_and_gives_them_the_names_of_the_api() {
    let input = json!({
        "name": "web", "image": "i", "flavor": 1, "meta": {"a": "b"}, "security_groups": ["x", {"name": "y"}],
        "userdata": "#!/bin/sh", "nics": [{"net-id": "n", "v4-fixed-ip": "10.0.0.9"}, {"port-id": "p"}],
        "scheduler_hints": {"group": "g"}, "description": null,
    });
    let request = request_of(
        "nova.servers_create",
        input,
        ["compute", "POST", "/servers"],
        json!({"server": {}}),
    );
    assert_eq!(
        json_body(&request),
        json!({
            "server": {
                "name": "web", "imageRef": "i", "flavorRef": 1, "metadata": {"a": "b"},
                "security_groups": [{"name": "x"}, {"name": "y"}], "user_data": "IyEvYmluL3No",
                "networks": [{"uuid": "n", "fixed_ip": "10.0.0.9"}, {"port": "p"}],
            },
            "os:scheduler_hints": {"group": "g"},
        })
    );
    assert_eq!(header(&request, "content-type"), Some("application/json"));
}

#[test]
fn a_server_without_nics_leaves_the_network_to_the_cloud() {
    let input = json!({"name": "web", "image": "i", "flavor": "f"});
    let request = request_of(
        "nova.servers_create",
        input,
        ["compute", "POST", "/servers"],
        json!({"server": {}}),
    );
    assert_eq!(json_body(&request)["server"]["networks"], "auto");
}

#[test]
fn verbs_send_the_body_that_their_rows_say() {
    let at = ["compute", "POST", "/servers/s/action"];
    for (name, input, body) in [
        ("nova.servers_start", json!({}), json!({"os-start": null})),
        (
            "nova.servers_reboot",
            json!({}),
            json!({"reboot": {"type": "SOFT"}}),
        ),
        (
            "nova.servers_reboot",
            json!({"reboot_type": "HARD"}),
            json!({"reboot": {"type": "HARD"}}),
        ),
        (
            "nova.servers_unshelve",
            json!({}),
            json!({"unshelve": null}),
        ),
        (
            "nova.servers_unshelve",
            json!({"host": "h"}),
            json!({"unshelve": {"host": "h"}}),
        ),
        (
            "nova.servers_live_migrate",
            json!({}),
            json!({"os-migrateLive": {"host": null, "block_migration": "auto"}}),
        ),
    ] {
        let mut input = input;
        input["server"] = json!("s");
        let request = request_of(name, input, at, json!({}));
        assert_eq!(json_body(&request), body, "{name}");
    }
    let console = request_of(
        "nova.servers_get_vnc_console",
        json!({"server": "s", "console_type": "novnc"}),
        ["compute", "POST", "/servers/s/remote-consoles"],
        json!({}),
    );
    assert_eq!(
        json_body(&console),
        json!({"remote_console": {"protocol": "vnc", "type": "novnc"}})
    );
}

#[test]
fn search_options_and_repeated_parameters_go_into_the_query() {
    let input = json!({
        "search_opts": {"status": "ACTIVE", "all_tenants": true, "tags": null}, "sort_keys": ["name", "id"], "limit": 5,
    });
    let request = request_of(
        "nova.servers_list",
        input,
        ["compute", "GET", "/servers/detail"],
        json!({"servers": []}),
    );
    let mut sent = query(&request);
    sent.sort_unstable();
    assert_eq!(
        sent,
        [
            ("all_tenants", "true"),
            ("limit", "5"),
            ("sort_key", "name"),
            ("sort_key", "id"),
            ("status", "ACTIVE")
        ]
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
}

#[test]
fn a_switch_chooses_the_path_and_is_not_sent() {
    let input = json!({"detailed": false});
    let request = request_of(
        "nova.servers_list",
        input,
        ["compute", "GET", "/servers"],
        json!({"servers": []}),
    );
    assert!(request.query.is_empty());
}

#[test]
fn microversions_are_sent_in_both_forms() {
    let at = ["compute", "GET", "/servers/s"];
    let request = request_of(
        "nova.servers_get",
        json!({"server": "s"}),
        at,
        json!({"server": {}}),
    );
    assert_eq!(
        header(&request, "openstack-api-version"),
        Some("compute 2.96")
    );
    assert_eq!(
        header(&request, "x-openstack-nova-api-version"),
        Some("2.96")
    );
    let at = ["block-storage", "GET", "/volumes/v"];
    let request = request_of(
        "cinder.volumes_get",
        json!({"volume_id": "v"}),
        at,
        json!({"volume": {}}),
    );
    assert_eq!(
        header(&request, "openstack-api-version"),
        Some("volume 3.70")
    );
}

#[test]
fn the_region_is_passed_on_unless_it_is_empty() {
    let at = ["image", "GET", "/v2/images/i"];
    for (region, sent) in [("", None), ("North", Some("North"))] {
        let input = json!({"image_id": "i", "action_region": region});
        assert_eq!(
            request_of("glance.images_get", input, at, json!({}))
                .region
                .as_deref(),
            sent
        );
    }
}

#[test]
fn nothing_in_an_input_can_lead_to_another_path() {
    for id in ["", "..", ".", "a/b", "a/../b"] {
        let failure = run(&Test::new(), "nova.servers_delete", json!({"server": id})).unwrap_err();
        assert!(
            failure
                .message
                .starts_with("nova.servers_delete failed: `server` cannot be"),
            "{failure}"
        );
    }
    for object in ["a//b", "../x", "a/../b", ""] {
        let input = json!({"container": "c", "obj": object});
        assert!(
            run(&Test::new(), "swift.delete_object", input).is_err(),
            "{object}"
        );
    }
    let at = ["object-store", "DELETE", "/c/a%20b/%3F%25/d"];
    request_of(
        "swift.delete_object",
        json!({"container": "c", "obj": "a b/?%/d"}),
        at,
        json!({}),
    );
}

#[test]
fn the_inputs_choose_among_paths_and_none_is_ignored() {
    let at = ["identity", "PUT", "/v3/projects/p/groups/g/roles/r"];
    request_of(
        "keystone.roles_grant",
        json!({"role": "r", "group": "g", "project": "p"}),
        at,
        json!({}),
    );
    let at = [
        "identity",
        "PUT",
        "/v3/OS-INHERIT/domains/d/users/u/roles/r/inherited_to_projects",
    ];
    let input =
        json!({"role": "r", "user": "u", "domain": "d", "os_inherit_extension_inherited": true});
    request_of("keystone.roles_grant", input, at, json!({}));
    let at = ["identity", "PUT", "/v3/system/users/u/roles/r"];
    request_of(
        "keystone.roles_grant",
        json!({"role": "r", "user": "u", "system": "all"}),
        at,
        json!({}),
    );
    for input in [
        json!({"role": "r", "user": "u"}),
        json!({"role": "r", "user": "u", "group": "g", "project": "p"}),
        json!({"role": "r", "user": "u", "domain": "d", "project": "p"}),
    ] {
        let failure = run(&Test::new(), "keystone.roles_grant", input).unwrap_err();
        assert!(failure.message.contains("do not fit together"), "{failure}");
    }
}

#[test]
fn further_inputs_go_where_the_row_says() {
    let at = ["identity", "POST", "/v3/projects"];
    let input = json!({"name": "p", "domain": "d", "tags": ["t"]});
    let request = request_of(
        "keystone.projects_create",
        input,
        at,
        json!({"project": {}}),
    );
    let project = json!({"name": "p", "domain_id": "d", "enabled": true, "tags": ["t"]});
    assert_eq!(json_body(&request), json!({"project": project}));

    let at = ["network", "GET", "/v2.0/networks"];
    let input = json!({"name": "n", "fields": ["id", "name"]});
    let request = request_of("neutron.list_networks", input, at, json!({"networks": []}));
    assert_eq!(
        query(&request),
        [("name", "n"), ("fields", "id"), ("fields", "name")]
    );

    let failure = zonda_sdk::testing::Test::new()
        .run(
            &crate::row::action(crate::table::find("nova.servers_get").unwrap()),
            json!({"server": "s", "x": 1}),
        )
        .unwrap_err();
    assert_eq!(
        failure.message,
        "nova.servers_get failed: there is no input `x`"
    );
}

#[test]
fn an_image_is_updated_by_a_patch() {
    let at = ["image", "PATCH", "/v2/images/i"];
    let input = json!({"image_id": "i", "os/x": "v", "remove_props": ["old"]});
    let request = request_of("glance.images_update", input, at, json!({}));
    assert_eq!(
        json_body(&request),
        json!([{"op": "add", "path": "/os~1x", "value": "v"}, {"op": "remove", "path": "/old"}])
    );
    assert_eq!(
        header(&request, "content-type"),
        Some("application/openstack-images-v2.1-json-patch")
    );
}

#[test]
fn contents_are_sent_as_they_are() {
    let at = ["object-store", "PUT", "/c/o"];
    let input = json!({
        "container": "c", "obj": "o", "contents": "hello", "content_type": "text/plain", "headers": {"X-Object-Meta-A": "1"},
    });
    let request = request_of("swift.put_object", input, at, json!(null));
    assert_eq!(json_body(&request), "hello");
    assert_eq!(header(&request, "content-type"), Some("text/plain"));
    assert_eq!(header(&request, "x-object-meta-a"), Some("1"));
}

#[test]
fn the_tokens_user_stands_in_for_a_missing_one() {
    let at = [
        "identity",
        "GET",
        "/v3/users/cloud-user-id/application_credentials",
    ];
    request_of(
        "keystone.application_credentials_list",
        json!({}),
        at,
        json!({"application_credentials": []}),
    );
}

#[test]
fn roles_of_a_trust_come_from_two_inputs() {
    let at = ["identity", "POST", "/v3/OS-TRUST/trusts"];
    let input =
        json!({"trustee_user": "a", "trustor_user": "b", "role_names": ["x"], "role_ids": ["1"]});
    let request = request_of("keystone.trusts_create", input, at, json!({"trust": {}}));
    let mut roles = json_body(&request)["trust"]["roles"]
        .as_array()
        .unwrap()
        .clone();
    roles.sort_by_key(ToString::to_string);
    assert_eq!(roles, [json!({"id": "1"}), json!({"name": "x"})]);
}

#[test]
fn a_revision_is_a_condition() {
    let at = ["network", "PUT", "/v2.0/ports/p"];
    let input = json!({"port": "p", "body": {"port": {"name": "n"}}, "revision_number": 4});
    let request = request_of("neutron.update_port", input, at, json!({}));
    assert_eq!(header(&request, "if-match"), Some("revision_number=4"));
    assert_eq!(json_body(&request), json!({"port": {"name": "n"}}));
}

#[test]
fn a_stack_is_looked_up_by_name_before_it_is_changed() {
    let test = Test::new()
        .answer(
            "orchestration",
            "GET",
            "/stacks/web",
            200,
            json!({"stack": {"stack_name": "web", "id": "1"}}),
        )
        .answer("orchestration", "DELETE", "/stacks/web/1", 204, json!(null));
    assert_eq!(
        run(&test, "heat.stacks_delete", json!({"stack_id": "web"})).unwrap(),
        json!(null)
    );
    run(&test, "heat.stacks_delete", json!({"stack_id": "web/1"})).unwrap();
    assert_eq!(test.requests().len(), 3);

    let test = Test::new().answer("orchestration", "PATCH", "/stacks/web/1", 202, json!(null));
    let input =
        json!({"stack_id": "web/1", "existing": true, "parameters": {"a": 1}, "tags": ["x", "y"]});
    run(&test, "heat.stacks_update", input).unwrap();
    assert_eq!(
        json_body(&test.requests()[0]),
        json!({"parameters": {"a": 1}, "tags": "x,y"})
    );
}

#[test]
fn a_stacks_own_redirect_is_within_the_rules() {
    for path in ["/stacks/web", "/stacks/web/1"] {
        let id = path.trim_start_matches("/stacks/");
        request_of(
            "heat.stacks_get",
            json!({"stack_id": id}),
            ["orchestration", "GET", path],
            json!({"stack": {}}),
        );
    }
}

#[test]
fn a_forced_delete_is_an_action_and_a_plain_one_has_no_body() {
    for (force, method, path, body) in [
        (
            true,
            "POST",
            "/snapshots/s/action",
            json!({"os-force_delete": null}),
        ),
        (false, "DELETE", "/snapshots/s", json!(null)),
    ] {
        let input = json!({"snapshot": "s", "force": force});
        let at = ["block-storage", method, path];
        let request = request_of("cinder.volume_snapshots_delete", input, at, json!(null));
        assert_eq!(json_body(&request), body);
    }
}

#[test]
fn the_python_clients_shorthands_become_what_the_api_takes() {
    let input = json!({
        "name": "web", "image": "i", "flavor": "f", "nics": "none", "files": {"/etc/motd": "hi"},
        "block_device_mapping": {"vda": "v:snap:10:1", "vdb": "w"},
    });
    let request = request_of(
        "nova.servers_create",
        input,
        ["compute", "POST", "/servers"],
        json!({"server": {}}),
    );
    let server = &json_body(&request)["server"];
    assert_eq!(server["networks"], "none");
    assert_eq!(
        server["personality"],
        json!([{"path": "/etc/motd", "contents": "aGk="}])
    );
    assert_eq!(
        server["block_device_mapping"],
        json!([
            {"device_name": "vda", "snapshot_id": "v", "volume_size": 10, "delete_on_termination": true},
            {"device_name": "vdb", "volume_id": "w"},
        ])
    );
}
