//! Modules: who may change them, what names mean, what stays and what goes.

use super::*;
use crate::domain::{ListRequest, Reach};
use crate::engine::{Key, TrustedKey};

impl Host {
    /// The component that `name` means to a user of `project`.
    fn means(&self, project: &str, name: &str) -> Option<Digest> {
        let name = ActionName::parse(name).unwrap();
        let action = self.engine.action(&op(project), &name).ok()?;
        Some(action.module.digest)
    }

    async fn modules_of(&self, project: Option<&str>) -> Vec<String> {
        let reach = project.map_or(Reach::All, |project| Reach::SeenBy(ProjectId::new(project)));
        let list = ListRequest::first(reach, 100);
        let page = self.engine.modules(&list).await.unwrap();
        page.items
            .iter()
            .map(|module| module.name.to_string())
            .collect()
    }

    async fn add(&self, name: &str, text: &str) -> Result<Module, Error> {
        let added = self
            .engine
            .add_module_version(&op("p"), &named(name), self.upload(text))
            .await;
        added.map(|(module, _)| module)
    }

    async fn versions(&self, name: &str) -> Vec<u32> {
        let (_, versions) = self.engine.module(&op("p"), &named(name)).await.unwrap();
        versions.iter().map(|version| version.version).collect()
    }
}

#[tokio::test]
async fn a_private_module_is_its_own_projects() {
    let host = Host::start().await;
    let module = host
        .push(&op("p"), "own", "own.echo", Scope::Private)
        .await
        .unwrap();
    assert_eq!((module.version, module.is_system()), (1, false));
    assert_eq!(host.means("p", "own.echo"), Some(module.digest));
    assert_eq!(host.means("q", "own.echo"), None);
    assert_eq!(host.modules_of(Some("p")).await, ["t", "own"]);
    assert_eq!(host.modules_of(Some("q")).await, ["t"]);
    assert_eq!(host.modules_of(None).await, ["t", "own"]);
    for reference in [named("own"), ModuleRef::Id(module.id)] {
        assert!(matches!(
            host.engine.module(&op("q"), &reference).await,
            Err(Error::NotFound(_))
        ));
        assert!(matches!(
            host.engine.delete_module(&op("q"), &reference).await,
            Err(Error::NotFound(_))
        ));
    }
}

#[tokio::test]
async fn a_new_version_becomes_current_in_one_step() {
    let host = Host::start().await;
    let first = host
        .push(&op("p"), "own", "own.echo", Scope::Private)
        .await
        .unwrap();
    let second = host.add("own", "own.other").await.unwrap();
    assert_eq!((second.version, second.latest_version), (2, 2));
    assert_ne!(first.digest, second.digest);
    assert_eq!(host.means("p", "own.other"), Some(second.digest));
    assert_eq!(host.means("p", "own.echo"), None);
    assert_eq!(host.versions("own").await, [1, 2]);
}

#[tokio::test]
async fn rolling_back_brings_an_earlier_version_and_the_next_upload_counts_on() {
    let host = Host::start().await;
    let first = host
        .push(&op("p"), "own", "own.echo", Scope::Private)
        .await
        .unwrap();
    host.add("own", "own.other").await.unwrap();
    let (back, _) = host
        .engine
        .rollback_module(&op("p"), &named("own"), 1)
        .await
        .unwrap();
    assert_eq!((back.version, back.digest), (1, first.digest));
    assert_eq!(host.means("p", "own.echo"), Some(first.digest));
    assert_eq!(host.means("p", "own.other"), None);
    assert_eq!(
        host.add("own", "own.echo and more").await.unwrap().version,
        3
    );
    let missing = host
        .engine
        .rollback_module(&op("p"), &named("own"), 7)
        .await;
    assert!(matches!(missing, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn deleting_takes_all_versions_and_components() {
    let host = Host::start().await;
    host.push(&op("p"), "own", "own.echo", Scope::Private)
        .await
        .unwrap();
    host.add("own", "own.other").await.unwrap();
    assert_eq!(host.executor.kept().len(), 3);
    host.engine
        .delete_module(&op("p"), &named("own"))
        .await
        .unwrap();
    assert_eq!(host.executor.kept().len(), 1);
    assert_eq!(host.means("p", "own.other"), None);
    assert!(matches!(
        host.engine.module(&op("p"), &named("own")).await,
        Err(Error::NotFound(_))
    ));
    // The name is free again.
    assert_eq!(
        host.push(&op("p"), "own", "own.echo", Scope::Private)
            .await
            .unwrap()
            .version,
        1
    );
}

#[tokio::test]
async fn a_component_stays_while_another_module_or_a_run_uses_it() {
    let mut host = Host::start().await;
    let own = host
        .push(&op("p"), "own", "own.echo", Scope::Private)
        .await
        .unwrap();
    host.push(&op("q"), "own", "own.echo", Scope::Private)
        .await
        .unwrap();
    host.engine
        .delete_module(&op("q"), &named("own"))
        .await
        .unwrap();
    assert!(host.executor.kept().contains(&own.digest));

    let id = host.leave("t.hold").await;
    let digest = host.get(id).await.digest;
    let worker = Worker::start(&host.engine, &host.clock).await;
    let run = host.begun().await;
    host.engine
        .delete_module(&op("p"), &named("t"))
        .await
        .unwrap();
    assert!(host.executor.kept().contains(&digest));
    run.end(done("1"));
    worker.stop().await;
    assert_eq!(host.get(id).await.state(), State::Success);
}

#[tokio::test]
async fn an_own_action_comes_before_a_public_one_of_that_name() {
    let host = Host::start().await;
    let public = host
        .push(&op("q"), "own", "own.echo", Scope::Public)
        .await
        .unwrap();
    assert_eq!(host.means("p", "own.echo"), Some(public.digest));
    let own = host
        .push(&op("p"), "own", "own.echo of p", Scope::Private)
        .await
        .unwrap();
    assert_eq!(host.means("p", "own.echo"), Some(own.digest));
    assert_eq!(host.means("r", "own.echo"), Some(public.digest));
    let (seen, _) = host.engine.module(&op("p"), &named("own")).await.unwrap();
    assert_eq!(seen.id, own.id);
    host.engine
        .delete_module(&op("p"), &named("own"))
        .await
        .unwrap();
    assert_eq!(host.means("p", "own.echo"), Some(public.digest));
}

#[tokio::test]
async fn a_public_name_is_taken_once() {
    let host = Host::start().await;
    host.push(&op("q"), "own", "own.echo", Scope::Public)
        .await
        .unwrap();
    let taken = host
        .push(&op("p"), "own", "own.echo of p", Scope::Public)
        .await;
    assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
    assert_eq!(host.executor.kept().len(), 2);
    let again = host
        .push(&op("q"), "own", "own.other", Scope::Private)
        .await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    assert_eq!(host.modules_of(None).await, ["t", "own"]);
}

#[tokio::test]
async fn a_refused_upload_leaves_nothing() {
    let host = Host::start().await;
    let kept = host.executor.kept();
    let new = NewModule {
        name: ModuleName::parse("own").unwrap(),
        scope: Scope::Private,
        upload: host.upload_bytes(b"no Wasm at all"),
    };
    let refused = host.engine.create_module(&op("p"), new).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    let refused = host
        .engine
        .add_module_version(&op("p"), &named("t"), host.upload_bytes(b"nor this"))
        .await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    assert_eq!(host.executor.kept(), kept);
    assert_eq!(host.modules_of(None).await, ["t"]);
    assert_eq!(host.versions("t").await, [1]);
}

#[tokio::test]
async fn concurrent_uploads_of_one_name_make_one_module() {
    let host = Host::start().await;
    let owner = op("p");
    let (one, two) = tokio::join!(
        host.push(&owner, "own", "own.echo one", Scope::Private),
        host.push(&owner, "own", "own.echo two", Scope::Private),
    );
    let (made, refused) = if one.is_ok() { (one, two) } else { (two, one) };
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_eq!(host.means("p", "own.echo"), Some(made.unwrap().digest));
    assert_eq!(host.executor.kept().len(), 2);
}

#[tokio::test]
async fn a_public_module_is_changed_by_its_own_project_alone() {
    let host = Host::start().await;
    let upload = host.upload("t.echo of q");
    let stranger = op("q");
    assert!(host.engine.module(&stranger, &named("t")).await.is_ok());
    let added = host
        .engine
        .add_module_version(&stranger, &named("t"), upload)
        .await;
    assert!(matches!(added, Err(Error::NotFound(_))), "{added:?}");
    let back = host.engine.rollback_module(&stranger, &named("t"), 1).await;
    assert!(matches!(back, Err(Error::NotFound(_))), "{back:?}");
    let deleted = host.engine.delete_module(&stranger, &named("t")).await;
    assert!(matches!(deleted, Err(Error::NotFound(_))), "{deleted:?}");
}

#[tokio::test]
async fn system_modules_are_upgraded_with_the_host_and_changed_by_nobody() {
    let host = Host::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shipped.wasm");
    std::fs::write(&file, "\0asm own.echo").unwrap();
    host.engine
        .load_system_modules(folder.path())
        .await
        .unwrap();
    let old = host.means("q", "own.echo").unwrap();
    let (module, _) = host
        .engine
        .module(&op("q"), &named("shipped"))
        .await
        .unwrap();
    assert!(module.is_system());
    for changed in [
        host.engine
            .delete_module(&op("p"), &named("shipped"))
            .await
            .err(),
        host.add("shipped", "own.echo").await.err(),
    ] {
        assert!(matches!(changed, Some(Error::Forbidden(_))), "{changed:?}");
    }
    let taken = host.push(&op("p"), "own", "own.echo", Scope::Public).await;
    assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");

    // Started again as it was, then with another version.
    host.engine
        .load_system_modules(folder.path())
        .await
        .unwrap();
    assert_eq!(host.means("q", "own.echo"), Some(old));
    std::fs::write(&file, "\0asm own.echo upgraded").unwrap();
    let engine = host.another_engine().await;
    engine.load_system_modules(folder.path()).await.unwrap();
    let (module, versions) = engine.module(&op("q"), &named("shipped")).await.unwrap();
    assert_eq!((module.version, versions.len()), (2, 2));
    assert_ne!(module.digest, old);
    assert!(
        host.executor.kept().contains(&old),
        "runs that began with it go on"
    );
}

#[tokio::test]
async fn a_bad_system_module_does_not_keep_the_others_out() {
    let host = Host::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.wasm"), "nothing").unwrap();
    std::fs::write(folder.path().join("good.wasm"), "\0asm own.echo").unwrap();
    std::fs::write(folder.path().join("README.md"), "no module").unwrap();
    host.engine
        .load_system_modules(folder.path())
        .await
        .unwrap();
    assert!(host.means("q", "own.echo").is_some());
    assert_eq!(host.modules_of(None).await, ["t", "good"]);
}

fn signed_by(pair: &minisign::KeyPair, upload: Upload) -> Upload {
    let component = std::fs::read(&upload.file).unwrap();
    let signature = minisign::sign(None, &pair.sk, &*component, None, None).unwrap();
    Upload {
        signature: Some(signature.into_string()),
        ..upload
    }
}

#[tokio::test]
async fn a_signature_is_on_record_and_is_asked_for_again_when_rolling_back() {
    let host = Host::start().await;
    let (ann, own) = (op("p"), named("own"));
    let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let trusting = ModuleSettings {
        trusted_keys: vec![TrustedKey {
            name: "release".to_owned(),
            key: Key::try_from(pair.pk.to_base64()).unwrap(),
            projects: vec!["*".to_owned()],
        }],
        ..ModuleSettings::default()
    };
    let engine = host.another_engine_with(trusting.clone()).await;
    let new = |name: &str, upload| NewModule {
        name: ModuleName::parse(name).unwrap(),
        scope: Scope::Private,
        upload,
    };
    let signed = || signed_by(&pair, host.upload("own.echo"));
    let made = engine.create_module(&ann, new("own", signed())).await;
    assert_eq!(made.unwrap().0.signature.unwrap().key_name, "release");
    let (_, versions) = engine.module(&ann, &own).await.unwrap();
    assert!(versions[0].signature.is_some());
    assert_eq!(versions[0].uploaded_by.as_deref(), Some("ann"));
    let unsigned = host.upload("own.other");
    let next = engine.add_module_version(&ann, &own, unsigned);
    assert_eq!(next.await.unwrap().0.signature, None);

    // The key is gone.
    let roll_back = async |engine: &Engine, version| {
        let rolled = engine.rollback_module(&ann, &own, version);
        rolled.await.map_err(|error| error.to_string())
    };
    let distrusting = host.another_engine_with(ModuleSettings::default()).await;
    let fault = roll_back(&distrusting, 1).await.unwrap_err();
    assert!(
        fault.contains("Version 1") && fault.contains("does not trust"),
        "{fault}"
    );
    assert!(roll_back(&distrusting, 2).await.is_ok());

    // A signature is required: neither an upload nor a version from before passes without one.
    let strict = ModuleSettings {
        require_signature: vec!["p".to_owned()],
        ..trusting
    };
    let strict = host.another_engine_with(strict).await;
    let fault = roll_back(&strict, 2).await.unwrap_err();
    assert!(fault.contains("only signed modules"), "{fault}");
    let kept = host.executor.kept();
    for upload in [
        host.upload("own.third"),
        signed_by(&pair, host.upload("own.fourth")),
    ] {
        let forged = Upload {
            signature: upload
                .signature
                .map(|text| text.replace("timestamp", "timestomp")),
            ..upload
        };
        let refused = strict.add_module_version(&ann, &own, forged.clone());
        assert!(matches!(refused.await, Err(Error::Refused(_))));
        let refused = strict.create_module(&ann, new("other", forged));
        assert!(matches!(refused.await, Err(Error::Refused(_))));
    }
    assert_eq!(
        host.executor.kept(),
        kept,
        "a refused upload leaves nothing"
    );
    assert!(
        strict
            .create_module(&op("q"), new("other", host.upload("x")))
            .await
            .is_ok()
    );
}
