//! Signatures of modules: whose are accepted for which project, and where one is required.
//!
//! The format is that of the `minisign` tool, prehashed, so a component is verified while it is read.

use std::{fmt, fs::File, io::Read as _, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use minisign_verify::{PublicKey, Signature};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{Engine, Error, Upload};
use crate::domain::{ModuleSignature, ModuleVersion, ProjectId};

/// Every project, in a list of projects.
const EVERY: &str = "*";
/// The algorithm of a prehashed signature; the legacy one is `Ed`.
const PREHASHED: &[u8] = b"ED";
/// How much of a component is read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// `[modules]`: the modules that the host ships, and who signs those that are uploaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ModuleSettings {
    /// The folder of the shipped components, `NAME.wasm` each; `../share/zonda/actions` or `../actions` beside the
    /// program when none.
    pub system_path: Option<PathBuf>,
    /// Keys whose signatures of uploads are accepted, such as
    /// `[{ name = "release", key = "RW…", projects = ["*"] }]`: a name to show, the second line of minisign's public
    /// key file, and the ids of the projects for which it holds (`*`, the default, is every one).
    pub trusted_keys: Vec<TrustedKey>,
    /// Ids of the projects that take only signed modules; `*` is every one.
    pub require_signature: Vec<String>,
}

/// A key whose signatures are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// What is shown of it.
    pub name: String,
    /// The second line of the public key file.
    pub key: Key,
    /// The projects for which it holds.
    #[serde(default = "every_project")]
    pub projects: Vec<String>,
}

fn every_project() -> Vec<String> {
    vec![EVERY.to_owned()]
}

fn holds_for(projects: &[String], project: &ProjectId) -> bool {
    projects
        .iter()
        .any(|id| id == EVERY || id == project.as_str())
}

/// A public key of minisign.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Key {
    text: String,
    public: PublicKey,
    id: KeyId,
}

impl TryFrom<String> for Key {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const FAULT: &str = "must be the second line of a minisign public key file, `RW…`";
        let public = PublicKey::from_base64(text.trim()).map_err(|_| FAULT)?;
        let (_, id) = algorithm_and_key(text.trim()).ok_or(FAULT)?;
        Ok(Self { text, public, id })
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.text
    }
}

/// What tells keys from each other; minisign shows it in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct KeyId(u64);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

/// The two bytes of the algorithm and the key's id, with which keys and signatures of minisign begin.
fn algorithm_and_key(base64: &str) -> Option<([u8; 2], KeyId)> {
    let bytes = BASE64.decode(base64).ok()?;
    let algorithm = bytes.get(..2)?.try_into().ok()?;
    let id = bytes.get(2..10)?.try_into().ok()?;
    Some((algorithm, KeyId(u64::from_le_bytes(id))))
}

/// Why a signature is not accepted.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("The signature is no minisign signature: send the text of the .minisig file.")]
    NotOne,
    #[error(
        "The signature is of minisign's legacy form, which is not accepted: sign again with minisign 0.12 or later, or with its -H."
    )]
    Legacy,
    #[error(
        "The signature is by the key {0}, which this host does not trust for this project ([modules] trusted_keys)."
    )]
    Untrusted(KeyId),
    #[error(
        "The signature by the key {0} is wrong: it is of another file, or one of the two was changed."
    )]
    Wrong(KeyId),
    #[error(
        "This project takes only signed modules ([modules] require_signature): sign the component with a key that the \
         host trusts (`minisign -Sm FILE`), and push it with its FILE.minisig."
    )]
    Missing,
    #[error("the component cannot be read")]
    Unreadable(#[source] std::io::Error),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreadable(source) => Self::Host(source.into()),
            fault @ (Fault::NotOne
            | Fault::Legacy
            | Fault::Untrusted(_)
            | Fault::Wrong(_)
            | Fault::Missing) => Self::Refused(fault.to_string()),
        }
    }
}

impl ModuleSettings {
    /// What is wrong with the keys taken together.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let mut names: Vec<&str> = self.trusted_keys.iter().map(|key| &*key.name).collect();
        names.sort_unstable();
        if names.iter().any(|name| name.trim().is_empty()) {
            return Some("every key must have a name");
        }
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Some("two keys have the same name");
        }
        None
    }

    fn is_required(&self, project: &ProjectId) -> bool {
        holds_for(&self.require_signature, project)
    }

    /// Whose signature of `component` it is, if that one is accepted for `project`. Blocks.
    fn verify(
        &self,
        project: &ProjectId,
        signature: Option<&str>,
        component: impl FnOnce() -> std::io::Result<File>,
    ) -> Result<Option<ModuleSignature>, Fault> {
        let Some(text) = signature else {
            return if self.is_required(project) {
                Err(Fault::Missing)
            } else {
                Ok(None)
            };
        };
        let signature = Signature::decode(text).map_err(|_| Fault::NotOne)?;
        let line = text.lines().nth(1).unwrap_or_default();
        let (algorithm, id) = algorithm_and_key(line).ok_or(Fault::NotOne)?;
        if algorithm != PREHASHED {
            return Err(Fault::Legacy);
        }
        let trusted = self
            .trusted_keys
            .iter()
            .find(|trusted| trusted.key.id == id && holds_for(&trusted.projects, project))
            .ok_or(Fault::Untrusted(id))?;
        let mut verifier = trusted
            .key
            .public
            .verify_stream(&signature)
            .map_err(|_| Fault::Wrong(id))?;
        let mut component = component().map_err(Fault::Unreadable)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let count = component.read(&mut chunk).map_err(Fault::Unreadable)?;
            match chunk.get(..count) {
                Some([]) | None => break,
                Some(read) => verifier.update(read),
            }
        }
        verifier.finalize().map_err(|_| Fault::Wrong(id))?;
        Ok(Some(ModuleSignature {
            key_name: trusted.name.clone(),
            key_id: id.to_string(),
            trusted_comment: signature.trusted_comment().to_owned(),
            text: text.to_owned(),
        }))
    }
}

impl Engine {
    /// Whose signature `upload` has.
    ///
    /// # Errors
    /// When it has one that is not accepted, or none where one is required.
    pub(super) async fn verify_upload(
        &self,
        project: &ProjectId,
        upload: &Upload,
    ) -> Result<Option<ModuleSignature>, Error> {
        let (settings, project) = (self.settings.modules.clone(), project.clone());
        let upload = upload.clone();
        let verified = spawn_blocking(move || {
            let component = || File::open(&upload.file);
            settings.verify(&project, upload.signature.as_deref(), component)
        });
        Ok(verified
            .await
            .map_err(|error| Error::Host(error.into()))??)
    }

    /// Whether `version`, taken in before, would be accepted now: keys are removed, and signatures become required.
    ///
    /// # Errors
    /// When it would not.
    pub(super) async fn verify_again(
        &self,
        project: &ProjectId,
        version: &ModuleVersion,
    ) -> Result<(), Error> {
        let content = self.executor.content(version.digest).await;
        let content = content.map_err(|error| Error::Host(error.into()))?;
        let content = match content {
            Some(file) => Some(file.into_std().await),
            None => None,
        };
        let (settings, project) = (self.settings.modules.clone(), project.clone());
        let signature = version.signature.clone();
        let verified = spawn_blocking(move || {
            let text = signature.as_ref().map(|signature| &*signature.text);
            settings.verify(&project, text, || {
                content.ok_or_else(|| std::io::Error::other("the component is not there"))
            })
        });
        let verified = verified.await.map_err(|error| Error::Host(error.into()))?;
        verified.map(drop).map_err(|fault| match fault.into() {
            Error::Refused(why) => Error::Refused(format!(
                "Version {} would not be taken in any more: {why}",
                version.version
            )),
            other => other,
        })
    }
}
