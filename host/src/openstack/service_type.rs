//! Service types and their aliases, as in OpenStack's service-types authority.

/// Each line: the official type, then its aliases, the newest first.
const FAMILIES: &[&[&str]] = &[
    &["alarm", "alarming"],
    &["application-container", "container"],
    &["baremetal", "bare-metal"],
    &[
        "block-storage",
        "volumev3",
        "volumev2",
        "volume",
        "block-store",
    ],
    &["clustering", "resource-cluster", "cluster"],
    &[
        "container-infrastructure-management",
        "container-infrastructure",
        "container-infra",
    ],
    &["event", "events"],
    &["message", "messaging"],
    &["meter", "metering", "telemetry"],
    &["operator-policy", "policy"],
    &["resource-optimization", "infra-optim"],
    &["root-cause-analysis", "rca"],
    &["shared-file-system", "sharev2", "share"],
    &["workflow", "workflowv2"],
];

/// `text` as service types are compared: in lower case, with `-` for `_`.
fn plain(text: &str) -> String {
    text.trim().to_ascii_lowercase().replace('_', "-")
}

fn family(plain: &str) -> Option<&'static [&'static str]> {
    FAMILIES
        .iter()
        .find(|names| names.contains(&plain))
        .copied()
}

/// The one name under which aliases are equal.
pub(super) fn canonical(service_type: &str) -> String {
    let plain = plain(service_type);
    match family(&plain).and_then(|names| names.first()) {
        Some(name) => (*name).to_owned(),
        None => plain,
    }
}

/// The names to look for in a catalog: the one asked for, then its official name and the aliases.
pub(super) fn names(service_type: &str) -> Vec<String> {
    let plain = plain(service_type);
    let mut names = vec![plain.clone()];
    for name in family(&plain).unwrap_or_default() {
        if *name != plain {
            names.push((*name).to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_one_service_type() {
        for (alias, official) in [
            ("volumev3", "block-storage"),
            ("volume", "block-storage"),
            ("Block_Store", "block-storage"),
            ("workflowv2", "workflow"),
            ("share", "shared-file-system"),
            ("compute", "compute"),
            ("something-new", "something-new"),
        ] {
            assert_eq!(canonical(alias), official, "{alias}");
        }
    }

    #[test]
    fn the_name_asked_for_is_looked_for_first() {
        assert_eq!(
            names("volumev2"),
            [
                "volumev2",
                "block-storage",
                "volumev3",
                "volume",
                "block-store"
            ]
        );
    }
}
