//! The configuration: one TOML file, overridden by the environment, with every fault reported at once.
//!
//! Each section is the `Settings` of the room that it governs; this module knows their names and nothing else of them.

mod document;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod manual;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::document::Document;
use crate::{api, auth, engine, executor, openstack, policy, runtime, store, telemetry};

/// All settings of the host.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the API listens and how much it takes.
    pub listen: api::Settings,
    /// Who may call.
    pub auth: auth::Settings,
    /// Who may do what.
    pub policy: policy::Settings,
    /// Where state is kept.
    pub store: store::Settings,
    /// How runs are made and kept.
    pub engine: engine::Settings,
    /// The sandbox: what one run may use, and how many there are at once.
    pub runtime: runtime::Settings,
    /// In which process runs are made.
    pub executor: executor::Settings,
    /// How clouds are reached.
    pub openstack: openstack::Settings,
    /// What actions may reach outside their cloud.
    pub http: openstack::HttpSettings,
    /// The modules that the host ships, and who signs those that are uploaded.
    pub modules: engine::ModuleSettings,
    /// What the operator grants to modules' runs, within what the modules declare. Entries that match are joined; a
    /// module that none matches may ask what it declares.
    pub grants: Vec<engine::GrantSettings>,
    /// How much a project may have that no admin gave quotas of its own; -1 is no limit.
    pub quotas: engine::QuotaSettings,
    /// For how long it is kept who did what.
    pub audit: engine::AuditSettings,
    /// The message broker whose notifications fire event triggers.
    pub notifications: engine::NotificationSettings,
    /// What is logged, and how.
    pub log: telemetry::Settings,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("the configuration file {path} is not TOML: {reason}")]
    NotToml {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// Some settings are wrong.
    #[error("{}", lines(.0))]
    Faults(Vec<Fault>),
}

/// One wrong setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct Fault {
    /// The setting's full name, `section.key`, or the variable of the environment that sets it.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

fn lines(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

impl Config {
    /// The configuration in `file`, else in the user's configuration folder, else in `/etc/zonda`, else the defaults;
    /// overridden by the variables `ZONDA__SECTION__KEY` of the environment.
    ///
    /// # Errors
    /// When the file cannot be read, or with every setting that is wrong.
    pub fn load(file: Option<&Path>) -> Result<Self, Error> {
        let environment: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let file = file.map(Path::to_path_buf).or_else(usual_file);
        let document = match &file {
            Some(path) => Document::read(path)?,
            None => Document::default(),
        };
        let mut config = Self::from_document(document, &environment)?;
        config.policy.folder = file.and_then(|path| path.parent().map(Path::to_path_buf));
        Ok(config)
    }

    fn from_document(
        mut document: Document,
        environment: &[(String, String)],
    ) -> Result<Self, Error> {
        let mut faults = document.faults();
        faults.extend(document.override_by(environment));
        if !faults.is_empty() {
            return Err(Error::Faults(faults));
        }
        let config = document
            .config()
            .map_err(|fault| Error::Faults(vec![fault]))?;
        let faults = config.check();
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(Error::Faults(faults))
        }
    }

    /// What types alone do not tell.
    fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut expect = |key: &str, is_right: bool, reason: &str| {
            if !is_right {
                faults.push(Fault {
                    key: key.to_owned(),
                    reason: reason.to_owned(),
                });
            }
        };
        expect(
            "listen.address",
            self.listen.address.parse::<std::net::SocketAddr>().is_ok(),
            "must be ADDRESS:PORT, such as 127.0.0.1:8989 or [::1]:8989",
        );
        expect(
            "listen.public_url",
            self.listen
                .public_url
                .as_ref()
                .is_none_or(|url| matches!(url.scheme(), "http" | "https")),
            "must be an http or https URL",
        );
        expect(
            "log.level",
            self.log.filter().is_ok(),
            "must be error, warn, info, debug, trace, or a filter by module",
        );
        expect(
            "modules.system_path",
            self.modules
                .system_path
                .as_ref()
                .is_none_or(|path| path.is_dir()),
            "is not a folder",
        );
        expect(
            "modules.trusted_keys",
            self.modules.fault().is_none(),
            self.modules.fault().unwrap_or_default(),
        );
        if let Some((field, reason)) = self.notifications.fault() {
            faults.push(Fault {
                key: format!("notifications.{field}"),
                reason,
            });
        }
        if let Some(fault) = self.auth.fault() {
            faults.push(Fault {
                key: format!("auth.{}.{}", fault.section, fault.field),
                reason: fault.reason,
            });
        }
        for (at, grant) in self.grants.iter().enumerate() {
            let places = grant.faults().into_iter();
            faults.extend(places.map(|(place, reason)| Fault {
                key: format!("grants[{at}].{place}"),
                reason,
            }));
        }
        faults
    }
}

fn usual_file() -> Option<PathBuf> {
    let own = directories::ProjectDirs::from("", "", "zonda")
        .map(|folders| folders.config_dir().join("zonda.toml"));
    own.into_iter()
        .chain([PathBuf::from("/etc/zonda/zonda.toml")])
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(toml: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let environment: Vec<(String, String)> = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Config::from_document(Document::parse(toml).unwrap(), &environment).map_err(|error| {
            match &error {
                Error::Faults(faults) => faults.iter().map(ToString::to_string).collect(),
                Error::Unreadable { .. } | Error::NotToml { .. } => vec![error.to_string()],
            }
        })
    }

    #[test]
    fn nothing_said_is_the_defaults() {
        let config = load("", &[]).unwrap();
        assert_eq!(config.listen.address, "127.0.0.1:8989");
        assert_eq!(config.log.level, "info");
    }

    #[test]
    fn every_fault_is_reported_with_its_full_name() {
        let faults = load(
            "[listen]\naddress = 7\nprot = 1\nmax_body_bytes = \"big\"\n[engine]\ntimeout_secs = -1\n[lisen]\na = 1",
            &[("ZONDA__LOG__FORMAT", "xml"), ("ZONDA__LOG__COLOR", "red")],
        )
        .unwrap_err();
        for key in [
            "listen.address: ",
            "listen.prot: ",
            "listen.max_body_bytes: ",
            "engine.timeout_secs: ",
            "lisen: ",
            "ZONDA__LOG__FORMAT: ",
            "ZONDA__LOG__COLOR: ",
        ] {
            assert!(
                faults.iter().any(|fault| fault.starts_with(key)),
                "{key} in {faults:#?}"
            );
        }
        assert_eq!(faults.len(), 7, "{faults:#?}");
    }

    #[test]
    fn the_environment_wins_and_is_read_in_the_setting_s_type() {
        let config = load(
            "[listen]\naddress = \"127.0.0.1:1\"",
            &[
                ("ZONDA__LISTEN__ADDRESS", "127.0.0.1:2"),
                ("ZONDA__LISTEN__MAX_BODY_BYTES", "77"),
                ("ZONDA__STORE__PATH", "/1"),
                ("ZONDA__OPENSTACK__ALLOW", "127.0.0.0/8, ::1/128"),
                ("ZONDA_URL", "not ours"),
            ],
        )
        .unwrap();
        assert_eq!(config.listen.address, "127.0.0.1:2");
        assert_eq!(config.listen.max_body_bytes, 77);
        assert_eq!(config.store.path, Some("/1".into()));
        assert_eq!(config.openstack.allow.len(), 2);
    }

    #[test]
    fn what_types_do_not_tell_is_checked_too() {
        let faults = load(
            "[listen]\naddress = \"nowhere\"\n[log]\nlevel = \"=,\"",
            &[],
        )
        .unwrap_err();
        assert!(
            faults
                .iter()
                .any(|fault| fault.starts_with("listen.address: ")),
            "{faults:?}"
        );
        assert!(
            faults.iter().any(|fault| fault.starts_with("log.level: ")),
            "{faults:?}"
        );
    }

    #[test]
    fn a_setting_that_authentication_lacks_is_reported_with_its_full_name() {
        for (kind, key) in [
            ("oidc", "auth.oidc.issuer_url: "),
            ("keystone", "auth.keystone.auth_url: "),
        ] {
            let faults = load("", &[("ZONDA__AUTH__TYPE", kind)]).unwrap_err();
            assert!(faults[0].starts_with(key), "{faults:?}");
        }
    }

    #[test]
    fn a_bad_grant_is_reported_with_its_place() {
        let faults = load(
            "[[grants]]\nproject = '*'\nmodule = '*'\naccess = []\n\
             [[grants]]\nproject = 'p'\nmodule = 'a b'\naccess = [\n\
             { service_type = 'compute', method = 'GET', path = '/**' },\n\
             { service_type = 'compute', method = 'get', path = '/x' }]",
            &[],
        )
        .unwrap_err();
        assert!(faults[0].starts_with("grants[1].module: "), "{faults:?}");
        assert!(
            faults[1].starts_with("grants[1].access[1]: `compute get /x`: the method"),
            "{faults:?}"
        );
        let faults = load(
            "[[grants]]\nproject = '*'\nmodule = '*'\naccess = []\n[[grants]]\nproject = 'p'\nacces = []",
            &[],
        )
        .unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("grants[1]: "), "{faults:?}");
    }

    #[test]
    fn a_secret_is_not_repeated_in_a_fault() {
        let faults = load("", &[("ZONDA__LISTEN__ADDRES", "s3cret")]).unwrap_err();
        assert!(!faults.concat().contains("s3cret"), "{faults:?}");
    }
}
