//! `clouds.yaml` with `secure.yaml`: finds the files and reads one cloud.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    cloud_fields::{Field, ROWS, Values},
    environment::Environment,
    error::Error,
};

/// The cloud called `name`, from the first `clouds.yaml` of the usual places, completed from `secure.yaml`.
///
/// # Errors
/// When there is no file, it is not YAML, or it has no such cloud (which names those that it has).
pub(super) fn cloud(name: &str, env: &Environment) -> Result<Values, Error> {
    let path = find("clouds", "OS_CLIENT_CONFIG_FILE", env).ok_or_else(|| {
        Error::usage(format!(
            "cloud `{name}` is asked for, and there is no clouds.yaml in the current folder, {} or /etc/openstack; \
             OS_CLIENT_CONFIG_FILE can name one",
            user_folder(env).map_or_else(
                || "~/.config/openstack".to_owned(),
                |folder| folder.display().to_string()
            )
        ))
    })?;
    let mut document = read(&path)?;
    if let Some(secure) = find("secure", "OS_CLIENT_SECURE_FILE", env) {
        merge(&mut document, read(&secure)?);
    }
    let clouds = document.get("clouds").and_then(Value::as_object);
    let Some(entry) = clouds.and_then(|clouds| clouds.get(name)) else {
        let known = clouds.map_or_else(String::new, |clouds| {
            clouds.keys().cloned().collect::<Vec<_>>().join(", ")
        });
        return Err(Error::usage(format!(
            "{} has no cloud `{name}`; it has: {known}",
            path.display()
        )));
    };
    Ok(values(entry, env))
}

/// The fields of one cloud's entry: those of `auth` first, then the entry's own.
fn values(entry: &Value, env: &Environment) -> Values {
    let mut values = Values::default();
    for row in ROWS {
        let value = entry
            .get("auth")
            .and_then(|auth| auth.get(row.yaml))
            .or_else(|| entry.get(row.yaml))
            .and_then(scalar);
        if let Some(value) = value {
            values.set(row.field, value);
        }
    }
    let in_auth = |member: &str| {
        entry
            .get("auth")
            .and_then(|auth| auth.get(member))
            .and_then(scalar)
    };
    for (field, old) in [
        (Field::ProjectName, "tenant_name"),
        (Field::ProjectId, "tenant_id"),
    ] {
        if let (false, Some(value)) = (values.has(field), in_auth(old)) {
            values.set(field, value);
        }
    }
    if entry.get("verify").and_then(Value::as_bool) == Some(false) {
        values.set(Field::Insecure, "true".to_owned());
    }
    if let (Some(path), Some(home)) = (
        values
            .get(Field::CaCert)
            .and_then(|path| path.strip_prefix("~/").map(str::to_owned)),
        env.get("HOME"),
    ) {
        values.set(
            Field::CaCert,
            Path::new(&home).join(path).display().to_string(),
        );
    }
    values
}

/// A scalar as text: YAML reads an unquoted password of digits as a number.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Lays `upper` over `lower`, object by object.
fn merge(lower: &mut Value, upper: Value) {
    match (lower, upper) {
        (Value::Object(lower), Value::Object(upper)) => {
            for (key, value) in upper {
                merge(lower.entry(key).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (lower, upper) => *lower = upper,
    }
}

fn read(path: &Path) -> Result<Value, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    // The parser's own message shows lines of the file, which hold passwords.
    serde_saphyr::from_str(&text).map_err(|err| {
        let place = err
            .location()
            .map(|at| format!(" (line {})", at.line()))
            .unwrap_or_default();
        Error::usage(format!("{} is not valid YAML{place}", path.display()))
    })
}

/// `~/.config/openstack`, also where the platform's own configuration folder is another.
fn user_folder(env: &Environment) -> Option<PathBuf> {
    env.get("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&env.get("HOME")?).join(".config")))
        .map(|folder| folder.join("openstack"))
}

/// The first file called `stem`.yaml or .yml: where `variable` says, here, in the user's folder, in /etc.
fn find(stem: &str, variable: &str, env: &Environment) -> Option<PathBuf> {
    if let Some(path) = env.get(variable) {
        return Some(PathBuf::from(path));
    }
    [
        Some(PathBuf::from(".")),
        user_folder(env),
        Some(PathBuf::from("/etc/openstack")),
    ]
    .into_iter()
    .flatten()
    .flat_map(|folder| ["yaml", "yml"].map(|extension| folder.join(stem).with_extension(extension)))
    .find(|path| is_there(path))
}

/// Whether there is something at `path`; a file that may not be read is there, and its error is shown.
fn is_there(path: &Path) -> bool {
    match fs::metadata(path) {
        Ok(found) => found.is_file(),
        Err(err) => err.kind() == io::ErrorKind::PermissionDenied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOUDS: &str = "
clouds:
  home:
    auth:
      auth_url: https://keystone.example.com:5000/v3
      username: ann
      project_name: demo
      password: 012345
    region_name: RegionOne
    verify: false
    cacert: ~/ca.pem
  other:
    auth_type: v3applicationcredential
    auth: {auth_url: http://other:5000, application_credential_id: abc}
";

    fn files(clouds: &str, secure: &str) -> (tempfile::TempDir, Environment) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("clouds.yaml"), clouds).unwrap();
        fs::write(folder.path().join("secure.yaml"), secure).unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let env = Environment::from_pairs(&[
            ("OS_CLIENT_CONFIG_FILE", &at("clouds.yaml")),
            ("OS_CLIENT_SECURE_FILE", &at("secure.yaml")),
            ("HOME", "/home/ann"),
        ]);
        (folder, env)
    }

    #[test]
    fn a_cloud_is_read_with_its_secrets_from_secure_yaml() {
        let (_folder, env) = files(
            CLOUDS,
            "clouds: {other: {auth: {application_credential_secret: s3cret}}}",
        );
        let other = cloud("other", &env).unwrap();
        assert_eq!(other.get(Field::ApplicationCredentialId), Some("abc"));
        assert_eq!(
            other.get(Field::ApplicationCredentialSecret),
            Some("s3cret")
        );
        assert_eq!(other.get(Field::AuthType), Some("v3applicationcredential"));
    }

    #[test]
    fn verify_false_is_insecure_and_a_tilde_is_the_home_folder() {
        let (_folder, env) = files(CLOUDS, "");
        let home = cloud("home", &env).unwrap();
        assert_eq!(home.get(Field::Insecure), Some("true"));
        assert_eq!(home.get(Field::CaCert), Some("/home/ann/ca.pem"));
        assert_eq!(home.get(Field::RegionName), Some("RegionOne"));
        assert!(home.has(Field::Password));
    }

    #[test]
    fn an_unknown_cloud_is_refused_by_naming_the_known_ones() {
        let (_folder, env) = files(CLOUDS, "");
        let message = cloud("hom", &env).unwrap_err().to_string();
        assert!(
            message.ends_with("has no cloud `hom`; it has: home, other"),
            "{message}"
        );
    }

    #[test]
    fn a_fault_in_the_file_does_not_show_its_lines() {
        let (_folder, env) = files("clouds: {home: {auth: {password: hunter2", "");
        let message = cloud("home", &env).unwrap_err().one_line();
        assert!(message.contains("is not valid YAML"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }

    #[test]
    fn the_users_folder_is_searched() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("openstack")).unwrap();
        fs::write(folder.path().join("openstack/clouds.yaml"), CLOUDS).unwrap();
        let env =
            Environment::from_pairs(&[("XDG_CONFIG_HOME", &folder.path().display().to_string())]);
        assert!(cloud("home", &env).is_ok());
    }
}
