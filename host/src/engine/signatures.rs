//! Signatures of modules: whose are accepted for which project, and where one is required.
//!
//! The format is that of the `minisign` tool, prehashed, so a component is verified while it is read.

use std::{fmt, fs::File, io::Read as _, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use minisign_verify::{PublicKey, Signature};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::{Engine, Error, ModuleFacts, Upload};
use crate::domain::{ModuleName, ModuleSignature, ModuleVersion, ProjectId};

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

impl Fault {
    /// The refusal, which begins with `what` is refused.
    fn refusal(self, what: &str) -> Error {
        match self {
            Self::Unreadable(source) => Error::Host(source.into()),
            Self::NotOne | Self::Legacy | Self::Untrusted(_) | Self::Wrong(_) | Self::Missing => {
                Error::Refused(format!("{what}{self}"))
            }
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

    /// Whether `project` takes what was verified as `signature` when another project uploaded it.
    fn takes_shared(&self, project: &ProjectId, signature: Option<&ModuleSignature>) -> bool {
        let is_by = |signature: &ModuleSignature| {
            self.trusted_keys.iter().any(|trusted| {
                trusted.name == signature.key_name
                    && trusted.key.id.to_string() == signature.key_id
                    && holds_for(&trusted.projects, project)
            })
        };
        !self.is_required(project) || signature.is_some_and(is_by)
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
        let verified = verified.await.map_err(|error| Error::Host(error.into()))?;
        verified.map_err(|fault| fault.refusal(""))
    }

    /// Refuses a version of a shared module whose signature does not hold for `project`, where one is required: it was
    /// verified for the project that uploaded it.
    pub(super) fn check_shared_signature(
        &self,
        project: &ProjectId,
        name: &ModuleName,
        version: u32,
        signature: Option<&ModuleSignature>,
    ) -> Result<(), Error> {
        if self.settings.modules.takes_shared(project, signature) {
            return Ok(());
        }
        Err(Error::Forbidden(format!(
            "This project takes only signed modules ([modules] require_signature), and version {version} of the shared \
             module {name} is not signed with a key that the host trusts for it."
        )))
    }

    /// The same for a run of an action of `module`: its owner may have uploaded another version since it was accepted.
    pub(super) fn check_shared_action(
        &self,
        project: &ProjectId,
        module: &ModuleFacts,
    ) -> Result<(), Error> {
        if module.is_shared_with(project) {
            let signature = module.signature.as_ref();
            self.check_shared_signature(project, &module.name, module.version, signature)?;
        }
        Ok(())
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
        verified.map(drop).map_err(|fault| {
            fault.refusal(&format!(
                "Version {} would not be taken in any more: ",
                version.version
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use minisign::KeyPair;

    use super::*;

    const COMPONENT: &[u8] = b"\0asm and so on";

    fn file(bytes: &[u8]) -> std::io::Result<File> {
        let mut file = tempfile::tempfile()?;
        file.write_all(bytes)?;
        file.rewind()?;
        Ok(file)
    }

    fn pair() -> KeyPair {
        KeyPair::generate_unencrypted_keypair().unwrap()
    }

    fn sign(pair: &KeyPair, bytes: &[u8]) -> String {
        minisign::sign(None, &pair.sk, bytes, Some("build 7"), None)
            .unwrap()
            .into_string()
    }

    fn trusted(name: &str, pair: &KeyPair, projects: &[&str]) -> TrustedKey {
        TrustedKey {
            name: name.to_owned(),
            key: Key::try_from(pair.pk.to_base64()).unwrap(),
            projects: projects.iter().map(ToString::to_string).collect(),
        }
    }

    fn trusting(keys: Vec<TrustedKey>, required: &[&str]) -> ModuleSettings {
        ModuleSettings {
            system_path: None,
            trusted_keys: keys,
            require_signature: required.iter().map(ToString::to_string).collect(),
        }
    }

    fn verify(
        settings: &ModuleSettings,
        project: &str,
        signature: Option<&str>,
        component: &[u8],
    ) -> Result<Option<ModuleSignature>, String> {
        settings
            .verify(&ProjectId::new(project), signature, || file(component))
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_signature_by_a_trusted_key_is_accepted_and_tells_whose_it_is() {
        let pair = pair();
        let settings = trusting(vec![trusted("release", &pair, &["*"])], &["*"]);
        // Longer than what is read at once.
        let component = vec![7; 200_000];
        let text = sign(&pair, &component);
        let found = verify(&settings, "p", Some(&text), &component)
            .unwrap()
            .unwrap();
        assert_eq!(
            (&*found.key_name, &*found.trusted_comment),
            ("release", "build 7")
        );
        let id: String = pair
            .pk
            .keynum()
            .iter()
            .rev()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        assert_eq!(found.key_id, id);
        assert_eq!(found.text, text);
    }

    #[test]
    fn a_signature_of_something_else_is_refused() {
        let pair = pair();
        let settings = trusting(vec![trusted("release", &pair, &["*"])], &[]);
        let text = sign(&pair, COMPONENT);
        for (text, component) in [
            (text.clone(), &b"\0asm and so forth"[..]),
            (text.clone(), b""),
            (text.replace("build 7", "build 8"), COMPONENT),
        ] {
            let fault = verify(&settings, "p", Some(&text), component).unwrap_err();
            assert!(fault.contains("is wrong"), "{fault}");
        }
    }

    #[test]
    fn a_key_of_the_same_id_is_not_the_same_key() {
        let (ours, theirs) = (pair(), pair());
        let mut forged = BASE64.decode(ours.pk.to_base64()).unwrap();
        forged[2..10].copy_from_slice(theirs.pk.keynum());
        let key = Key::try_from(BASE64.encode(forged)).unwrap();
        let settings = trusting(
            vec![TrustedKey {
                key,
                ..trusted("release", &ours, &["*"])
            }],
            &[],
        );
        let fault = verify(&settings, "p", Some(&sign(&theirs, COMPONENT)), COMPONENT).unwrap_err();
        assert!(fault.contains("is wrong"), "{fault}");
    }

    #[test]
    fn a_key_that_is_not_trusted_is_named_by_its_id() {
        let (ours, theirs) = (pair(), pair());
        let settings = trusting(vec![trusted("release", &ours, &["q"])], &[]);
        assert!(verify(&settings, "q", Some(&sign(&ours, COMPONENT)), COMPONENT).is_ok());
        // An unknown key, and a known one that holds for another project.
        for (pair, project) in [(&theirs, "q"), (&ours, "p")] {
            let fault = verify(&settings, project, Some(&sign(pair, COMPONENT)), COMPONENT);
            let fault = fault.unwrap_err();
            let id: String = pair
                .pk
                .keynum()
                .iter()
                .rev()
                .map(|byte| format!("{byte:02X}"))
                .collect();
            assert!(
                fault.contains(&id) && fault.contains("does not trust"),
                "{fault}"
            );
        }
    }

    #[test]
    fn the_legacy_form_and_what_is_no_signature_are_refused() {
        let pair = pair();
        let settings = trusting(vec![trusted("release", &pair, &["*"])], &[]);
        let text = sign(&pair, COMPONENT);
        let line = text.lines().nth(1).unwrap();
        let mut bytes = BASE64.decode(line).unwrap();
        bytes[1] = b'd';
        let legacy = text.replace(line, &BASE64.encode(&bytes));
        let fault = verify(&settings, "p", Some(&legacy), COMPONENT).unwrap_err();
        assert!(fault.contains("legacy"), "{fault}");
        bytes[1] = b'x';
        let unknown = text.replace(line, &BASE64.encode(&bytes));
        for text in ["", "\n\n\n", "hello", &text[..40], &unknown] {
            let fault = verify(&settings, "p", Some(text), COMPONENT).unwrap_err();
            assert!(fault.contains("no minisign signature"), "{fault}");
        }
    }

    #[test]
    fn a_project_that_requires_a_signature_takes_nothing_without_one() {
        let settings = trusting(Vec::new(), &["q"]);
        assert_eq!(verify(&settings, "p", None, COMPONENT), Ok(None));
        let fault = verify(&settings, "q", None, COMPONENT).unwrap_err();
        assert!(
            fault.contains("require_signature") && fault.contains("minisign -Sm"),
            "{fault}"
        );
    }

    #[test]
    fn a_shared_module_is_signed_by_a_key_that_holds_for_the_member_too() {
        let (release, own) = (pair(), pair());
        let keys = vec![
            trusted("release", &release, &["*"]),
            trusted("own", &own, &["p"]),
        ];
        let settings = trusting(keys, &["q"]);
        let by = |pair: &KeyPair| {
            let text = sign(pair, COMPONENT);
            verify(&settings, "p", Some(&text), COMPONENT).unwrap()
        };
        let takes = |project: &str, signature: Option<&ModuleSignature>| {
            settings.takes_shared(&ProjectId::new(project), signature)
        };
        assert!(takes("q", by(&release).as_ref()));
        assert!(!takes("q", by(&own).as_ref()));
        assert!(!takes("q", None));
        assert!(takes("r", None));
        // A key of the same name is another key.
        let renamed = trusting(vec![trusted("release", &own, &["*"])], &["q"]);
        assert!(!renamed.takes_shared(&ProjectId::new("q"), by(&release).as_ref()));
    }

    #[test]
    fn keys_are_checked_when_they_are_configured() {
        for text in [
            "",
            "RW",
            "hello",
            "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7",
        ] {
            assert!(Key::try_from(text.to_owned()).is_err(), "{text}");
        }
        let pair = pair();
        let twice = vec![trusted("a", &pair, &["*"]), trusted("a", &pair, &["p"])];
        assert!(trusting(twice, &[]).fault().is_some());
        assert!(
            trusting(vec![trusted(" ", &pair, &["*"])], &[])
                .fault()
                .is_some()
        );
        assert_eq!(
            trusting(vec![trusted("a", &pair, &["*"])], &[]).fault(),
            None
        );
    }
}
