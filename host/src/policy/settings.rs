//! The settings of `[policy]`.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The policy file where none is named.
const USUAL: &str = "policy.yaml";

/// `[policy]`: who may do what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The policy file, in oslo.policy's format; default `policy.yaml` beside the configuration file, where there is
    /// one. A relative path is below the configuration file's folder. Read again whenever it changes.
    pub file: Option<PathBuf>,
    /// The folder of the configuration file.
    #[serde(skip)]
    pub folder: Option<PathBuf>,
}

/// Where the policy file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// Whether the operator named it, so that it must be there.
    pub(super) is_named: bool,
}

impl Settings {
    /// Where to look for the policy file; nowhere when none is named and there is no configuration file either.
    pub(super) fn place(&self) -> Option<Place> {
        let folder = self.folder.as_deref().unwrap_or(Path::new(""));
        match &self.file {
            Some(file) => Some(Place {
                path: folder.join(file),
                is_named: true,
            }),
            None => self.folder.as_ref().map(|folder| Place {
                path: folder.join(USUAL),
                is_named: false,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_below_the_configuration_file_s_folder() {
        let place = |file: Option<&str>, folder: Option<&str>| {
            let settings = Settings {
                file: file.map(PathBuf::from),
                folder: folder.map(PathBuf::from),
            };
            let place = settings.place()?;
            Some((place.path.display().to_string(), place.is_named))
        };
        assert_eq!(place(None, None), None);
        assert_eq!(
            place(None, Some("/etc/zonda")),
            Some(("/etc/zonda/policy.yaml".to_owned(), false))
        );
        assert_eq!(
            place(Some("p/a.yaml"), Some("/etc/zonda")),
            Some(("/etc/zonda/p/a.yaml".to_owned(), true))
        );
        assert_eq!(
            place(Some("/p.yaml"), Some("/etc/zonda")),
            Some(("/p.yaml".to_owned(), true))
        );
    }
}
