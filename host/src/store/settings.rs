//! The `[store]` section of the configuration.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where state is kept. Writes are always durable before they are acknowledged; no setting weakens that.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The folder of everything the host keeps; the user's data folder when none.
    pub path: Option<PathBuf>,
    /// How much of the embedded store is kept in memory, in MiB.
    pub cache_mib: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            path: None,
            cache_mib: 64,
        }
    }
}

impl Settings {
    /// The folder of everything the host keeps; none when no path is set and the user has no home.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        self.path.clone().or_else(|| {
            directories::ProjectDirs::from("", "", "zonda")
                .map(|folders| folders.data_dir().to_path_buf())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_setting_is_refused_by_name() {
        let error = toml::from_str::<Settings>("cache_mb = 3").unwrap_err();
        assert!(error.to_string().contains("cache_mb"), "{error}");
    }

    #[test]
    fn a_set_path_is_the_folder() {
        let settings: Settings = toml::from_str(r#"path = "/var/lib/zonda""#).unwrap();
        assert_eq!(settings.folder(), Some("/var/lib/zonda".into()));
        assert_eq!(settings.cache_mib, 64);
    }
}
