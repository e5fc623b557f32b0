//! Which values make a login, and which are refused.

use super::*;

const COMPLETE: [(&str, &str); 4] = [
    ("OS_TARGET_AUTH_URL", "https://k2:5000"),
    ("OS_TARGET_USERNAME", "ann"),
    ("OS_TARGET_PASSWORD", "hunter2"),
    ("OS_TARGET_PROJECT_NAME", "demo"),
];

fn env(pairs: &[(&str, &str)]) -> Environment {
    Environment::from_pairs(pairs)
}

fn target_of(pairs: &[(&str, &str)]) -> Result<Option<Login>, Error> {
    target(&TargetArgs::default(), &env(pairs))
}

fn home_of(pairs: &[(&str, &str)]) -> Result<Home, Error> {
    home(&HomeArgs::default(), &env(pairs)).map(|(home, _)| home)
}

#[test]
fn nothing_given_is_no_target_and_no_login() {
    assert_eq!(target_of(&[("OS_USERNAME", "ann")]).unwrap(), None);
    assert_eq!(home_of(&[("OS_REGION_NAME", "r")]).unwrap(), Home::Nobody);
}

#[test]
fn the_targets_domains_alone_ask_for_nothing() {
    let pairs = [("OS_TARGET_USER_DOMAIN_ID", "default")];
    assert_eq!(target_of(&pairs).unwrap(), None);
}

#[test]
fn all_target_values_are_a_login() {
    let login = target_of(&COMPLETE).unwrap().unwrap();
    assert_eq!(login.auth_url.as_str(), "https://k2:5000/v3");
    assert_eq!(
        login.project,
        Some(Named::Name("demo".into(), Domain::Id("default".into())))
    );
}

#[test]
fn each_missing_target_value_is_named() {
    for (name, _) in COMPLETE {
        let rest: Vec<_> = COMPLETE.into_iter().filter(|(it, _)| *it != name).collect();
        let error = target_of(&rest).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("all values or none"), "{message}");
        let named = message.split("missing").nth(1).unwrap();
        assert!(named.contains(name), "{name}: {message}");
        assert!(!message.contains("hunter2"));
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn each_target_value_alone_is_refused() {
    for (name, value) in [
        ("OS_TARGET_REGION_NAME", "r"),
        ("OS_TARGET_INSECURE", "true"),
        ("OS_TARGET_AUTH_TOKEN", "t"),
        ("TARGET_OS_AUTH_URL", "http://k"),
        ("TARGET_OS_TENANT", "demo"),
        ("OS_TARGET_APPLICATION_CREDENTIAL_ID", "a"),
    ] {
        let message = target_of(&[(name, value)]).unwrap_err().to_string();
        assert!(message.contains("missing"), "{name}: {message}");
    }
}

#[test]
fn the_specifications_spelling_is_a_login() {
    let login = target_of(&[
        ("TARGET_OS_AUTH_URL", "http://k2:5000/v2.0/"),
        ("TARGET_OS_USERNAME", "ann"),
        ("TARGET_OS_PASSWORD", "p"),
        ("TARGET_OS_TENANT", "demo"),
    ]);
    let login = login.unwrap().unwrap();
    assert_eq!(login.auth_url.as_str(), "http://k2:5000/v3");
}

#[test]
fn a_token_or_an_application_credential_is_a_complete_credential() {
    let url = ("OS_TARGET_AUTH_URL", "http://k2/identity/v3");
    let token = target_of(&[url, ("OS_TARGET_AUTH_TOKEN", "t")])
        .unwrap()
        .unwrap();
    assert_eq!(token.identity, Identity::Token(Secret::new("t".into())));
    let pairs = [
        url,
        ("OS_TARGET_APPLICATION_CREDENTIAL_ID", "a"),
        ("OS_TARGET_APPLICATION_CREDENTIAL_SECRET", "s"),
    ];
    let application = target_of(&pairs).unwrap().unwrap();
    assert!(matches!(
        application.identity,
        Identity::ApplicationCredential { .. }
    ));
}

#[test]
fn two_credentials_are_refused_unless_the_type_chooses() {
    let mut pairs = COMPLETE.to_vec();
    pairs.push(("OS_TARGET_AUTH_TOKEN", "t"));
    let message = target_of(&pairs).unwrap_err().to_string();
    assert!(message.contains("several credentials"), "{message}");
    pairs.push(("OS_TARGET_AUTH_TYPE", "token"));
    assert!(target_of(&pairs).is_ok());
}

#[test]
fn an_option_wins_over_the_environment() {
    let mut args = TargetArgs::default();
    args.values.set(Field::Token, "t".into());
    let login = target(&args, &env(&COMPLETE)).unwrap().unwrap();
    assert!(matches!(login.identity, Identity::Token(_)));
}

#[test]
fn a_home_token_alone_needs_no_keystone() {
    assert!(matches!(home_of(&[("OS_TOKEN", "t")]), Ok(Home::Token(_))));
}

#[test]
fn a_home_password_alone_is_incomplete() {
    let message = home_of(&[("OS_PASSWORD", "p")]).unwrap_err().to_string();
    assert!(message.contains("OS_AUTH_URL"), "{message}");
    assert!(message.contains("OS_USERNAME"), "{message}");
}

#[test]
fn a_home_login_may_leave_the_project_to_keystone() {
    let home = home_of(&[
        ("OS_AUTH_URL", "http://k"),
        ("OS_USER_ID", "u"),
        ("OS_PASSWORD", "p"),
    ]);
    assert!(matches!(home, Ok(Home::Login(_))));
}

#[test]
fn authentication_type_none_switches_the_login_off() {
    let mut pairs = vec![("OS_AUTH_URL", "http://k"), ("OS_USERNAME", "ann")];
    pairs.push(("OS_AUTH_TYPE", "none"));
    assert_eq!(home_of(&pairs).unwrap(), Home::Nobody);
}

#[test]
fn a_password_in_the_url_is_refused_and_not_shown() {
    let mut pairs = COMPLETE.to_vec();
    pairs[0].1 = "https://ann:hunter2@k2:5000";
    let message = target_of(&pairs).unwrap_err().to_string();
    assert!(message.contains("by themselves"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn a_named_cloud_takes_nothing_but_a_password_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clouds.yaml");
    fs::write(
        &file,
        "clouds: {b: {auth: {auth_url: 'http://kb', username: bob, project_name: pb}}}",
    )
    .unwrap();
    let file = file.display().to_string();
    let mut pairs = COMPLETE.to_vec();
    pairs.push(("OS_CLIENT_CONFIG_FILE", file.as_str()));
    pairs.push(("OS_TARGET_REGION_NAME", "elsewhere"));
    let args = TargetArgs {
        cloud: Some("b".into()),
        ..TargetArgs::default()
    };
    let login = target(&args, &env(&pairs)).unwrap().unwrap();
    assert_eq!(login.auth_url.as_str(), "http://kb/v3");
    assert_eq!(login.region, None);
    assert_eq!(
        login.identity,
        Identity::Password {
            user: Named::Name("bob".into(), Domain::Id("default".into())),
            password: Secret::new("hunter2".into()),
        }
    );
}

#[test]
fn a_ca_file_without_certificates_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "no certificate").unwrap();
    let path = file.path().display().to_string();
    let message = home_of(&[("OS_CACERT", &path)]).unwrap_err().to_string();
    assert!(message.contains("no certificates in PEM"), "{message}");
}

#[test]
fn a_ca_file_that_is_not_there_is_named() {
    let mut pairs = COMPLETE.to_vec();
    pairs.push(("OS_TARGET_CACERT", "/no/such/ca.pem"));
    let message = target_of(&pairs).unwrap_err().one_line();
    assert!(
        message.starts_with("cannot read /no/such/ca.pem"),
        "{message}"
    );
}
