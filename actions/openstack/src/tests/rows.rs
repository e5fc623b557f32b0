//! Every row is well formed, and the index in the documentation is complete.

use std::collections::BTreeSet;

use crate::table::{Input, Kind, ROWS, Rest, To};
use crate::{row, spec};

#[test]
fn rows_are_in_order_and_each_is_found_by_its_name() {
    assert!(ROWS.is_sorted_by(|one, next| one.name < next.name));
    for row in ROWS {
        let prefix = row.name.split('.').next().unwrap();
        let prefixes = [
            "cinder", "glance", "heat", "keystone", "murano", "neutron", "nova", "swift",
        ];
        assert!(prefixes.contains(&prefix), "{}", row.name);
        assert!(std::ptr::eq(crate::table::find(row.name).unwrap(), row));
    }
    assert!(crate::table::find("nova.servers_levitate").is_none());
}

#[test]
fn every_row_describes_itself_in_a_sentence_of_its_own() {
    for row in ROWS {
        assert!(
            row.does.ends_with('.') && row.does.len() < 120,
            "{}: {}",
            row.name,
            row.does
        );
    }
}

#[test]
fn every_path_begins_as_its_service_wants_it() {
    for row in ROWS {
        let prefix = match row.service.service_type {
            "identity" => "/v3/",
            "image" => "/v2/",
            "network" => "/v2.0/",
            "application-catalog" => "/v1/",
            _ => "/",
        };
        for (_, path) in spec::access(row) {
            assert!(path.starts_with(prefix), "{}: {path}", row.name);
            assert!(
                !path.contains("//") && !path.contains("***"),
                "{}: {path}",
                row.name
            );
        }
    }
}

#[test]
fn no_row_may_make_requests_of_a_method_that_it_does_not_need() {
    for row in ROWS {
        let methods: BTreeSet<_> = spec::access(row)
            .iter()
            .map(|(method, _)| *method)
            .collect();
        if spec::is_idempotent(row) {
            assert!(
                methods
                    .iter()
                    .all(|method| ["GET", "HEAD"].contains(method)),
                "{}",
                row.name
            );
        }
        assert!(methods.len() <= 3, "{}: {methods:?}", row.name);
    }
}

#[test]
fn inputs_that_are_spread_are_objects_and_defaults_fit_their_types() {
    let fits = |input: &Input, value: &serde_json::Value| match input.kind {
        Kind::Id | Kind::String => value.is_string(),
        Kind::Integer | Kind::Number => value.is_number(),
        Kind::Boolean => value.is_boolean(),
        Kind::Object => value.is_object(),
        Kind::Array => value.is_array(),
        Kind::Any => true,
    };
    for row in ROWS {
        for input in row.inputs {
            let spread = matches!(input.to, To::QueryMembers | To::HeaderMembers | To::Members);
            assert!(
                !spread || input.kind == Kind::Object,
                "{}: {}",
                row.name,
                input.name
            );
            if let Some(default) = input.default {
                assert!(
                    fits(input, &serde_json::from_str(default).unwrap()),
                    "{}: {}",
                    row.name,
                    input.name
                );
                assert!(!input.required, "{}: {}", row.name, input.name);
            }
        }
    }
}

#[test]
fn every_input_schema_is_a_schema_and_has_the_region() {
    for row in ROWS {
        let spec = row::action(row).spec();
        let schema = serde_json::from_str(&spec.input_schema).unwrap();
        jsonschema::draft202012::meta::validate(&schema).unwrap();
        assert!(schema["properties"]["action_region"].is_object());
        assert_eq!(schema["additionalProperties"], row.rest != Rest::Refuse);
        assert_eq!(spec.idempotent, spec::is_idempotent(row));
        assert!(!spec.asynchronous);
    }
}

#[test]
fn the_documentation_names_every_action() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/openstack-actions.md"
    );
    let page = std::fs::read_to_string(path).unwrap();
    let named: BTreeSet<&str> = page.split('`').filter(|text| text.contains('.')).collect();
    for row in ROWS {
        assert!(
            named.contains(row.name),
            "docs/openstack-actions.md does not name {}",
            row.name
        );
    }
}
