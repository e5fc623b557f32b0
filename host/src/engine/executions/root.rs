//! What holds for all executions of a tree: the custom context, the target cloud and the environment of its root, opened
//! while somebody works with them.

use std::sync::{Arc, Weak};

use serde_json::{Map, Value};

use crate::{
    domain::{
        CustomContext, JsonText, PrivateObject, Sealed, Secret, TargetCloud, WorkflowExecution,
        WorkflowExecutionId, private_json,
    },
    engine::{Engine, Error, seals::execution_place},
    store::{self, Entity as _, Kept},
};

/// What a root has for all below it. It does not print; what is private is zeroed on drop.
pub(in crate::engine) struct Root {
    pub(in crate::engine) custom_context: Option<CustomContext>,
    pub(in crate::engine) target: Option<TargetCloud>,
    /// Whether the tree works on a target cloud, also when its credentials are gone.
    pub(in crate::engine) has_target: bool,
    /// Whether callers named that cloud.
    pub(super) is_target: bool,
    /// The variables of the environment.
    pub(super) env: Arc<Map<String, Value>>,
    /// What it was opened from.
    source: Source,
}

/// A root that somebody works with, and the version of its record that it was opened from.
#[derive(Debug)]
pub(super) struct Known {
    open: Weak<Root>,
    version: u64,
}

impl Known {
    fn new(open: &Arc<Root>, version: u64) -> Self {
        let open = Arc::downgrade(open);
        Self { open, version }
    }

    fn upgrade(&self) -> Option<(Arc<Root>, u64)> {
        Some((self.open.upgrade()?, self.version))
    }
}

#[derive(PartialEq)]
struct Source {
    custom_context: Option<Sealed>,
    target: Option<Sealed>,
    environment: Option<Sealed>,
    params: JsonText,
}

impl Source {
    fn of(root: &WorkflowExecution) -> Self {
        Self {
            custom_context: root.custom_context.clone(),
            target: root.target.clone(),
            environment: root.environment.clone(),
            params: root.params.clone(),
        }
    }
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Root(***)")
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // Whoever still has them answers for them.
        if let Some(env) = Arc::get_mut(&mut self.env) {
            drop(PrivateObject::new(std::mem::take(env)));
        }
    }
}

impl Engine {
    /// What the root `id` has for all below it; none when there is no such execution.
    pub(in crate::engine) async fn root(
        &self,
        id: WorkflowExecutionId,
    ) -> Result<Option<Arc<Root>>, Error> {
        // Its record may be long: it has the definition.
        let known = self.executions.roots().get(&id).and_then(Known::upgrade);
        if let Some((open, version)) = known {
            let kind = WorkflowExecution::KIND;
            if self.store.version(kind, id.uuid()).await? == Some(version) {
                return Ok(Some(open));
            }
        }
        let found: Option<Kept<WorkflowExecution>> = store::find(&*self.store, id.uuid()).await?;
        found
            .map(|kept| self.open_root(&kept.entity, kept.version))
            .transpose()
    }

    /// The same, of a root of this version; 0 of one that is about to be made.
    pub(super) fn open_root(
        &self,
        root: &WorkflowExecution,
        version: u64,
    ) -> Result<Arc<Root>, Error> {
        let source = Source::of(root);
        let mut roots = self.executions.roots();
        let known = roots.get(&root.id).and_then(Known::upgrade);
        if let Some((open, _)) = known.filter(|(open, _)| open.source == source) {
            roots.insert(root.id, Known::new(&open, version));
            return Ok(open);
        }
        let open = Arc::new(Root {
            custom_context: self.open_execution_context(root)?,
            target: self.open_execution_target(root)?,
            has_target: root.has_target,
            is_target: root.is_target,
            env: Arc::new(self.open_environment(root)?),
            source,
        });
        // Before it grows: those that nobody has any more.
        if roots.len() == roots.capacity() {
            roots.retain(|_, known| known.open.strong_count() > 0);
        }
        roots.insert(root.id, Known::new(&open, version));
        Ok(open)
    }

    fn open_execution_context(
        &self,
        root: &WorkflowExecution,
    ) -> Result<Option<CustomContext>, Error> {
        let Some(sealed) = &root.custom_context else {
            return Ok(None);
        };
        let plain = self.open_field(root, "custom_context", sealed)?;
        Ok(Some(CustomContext::from_json(plain.expose().to_owned())))
    }

    fn open_execution_target(
        &self,
        root: &WorkflowExecution,
    ) -> Result<Option<TargetCloud>, Error> {
        let Some(sealed) = &root.target else {
            return Ok(None);
        };
        let plain = self.open_field(root, "target", sealed)?;
        serde_json::from_str(plain.expose())
            .map(Some)
            .map_err(|error| Error::Host(error.into()))
    }

    fn open_environment(&self, root: &WorkflowExecution) -> Result<Map<String, Value>, Error> {
        if let Some(sealed) = &root.environment {
            let plain = self.open_field(root, "environment", sealed)?;
            return serde_json::from_str(plain.expose()).map_err(|error| Error::Host(error.into()));
        }
        let mut params: Map<String, Value> = root.params.to().unwrap_or_default();
        match params.remove("env") {
            Some(Value::Object(env)) => Ok(env),
            Some(_) | None => Ok(Map::new()),
        }
    }

    fn open_field(
        &self,
        root: &WorkflowExecution,
        field: &'static str,
        sealed: &Sealed,
    ) -> Result<Secret, Error> {
        let opened = self.keys.open(&execution_place(root.id, field), sealed);
        let mut plain = opened.map_err(|error| Error::Host(error.into()))?;
        let text = String::from_utf8(std::mem::take(&mut *plain));
        let text = text.map_err(|error| Error::Host(error.utf8_error().into()))?;
        Ok(Secret::new(text))
    }

    pub(super) fn seal_root_context(
        &self,
        id: WorkflowExecutionId,
        context: &CustomContext,
    ) -> Sealed {
        let place = execution_place(id, "custom_context");
        self.keys.seal(&place, context.expose().as_bytes())
    }

    pub(super) fn seal_root_target(
        &self,
        id: WorkflowExecutionId,
        target: &TargetCloud,
    ) -> Result<Sealed, Error> {
        let plain = private_json(target).map_err(|error| Error::Host(error.into()))?;
        Ok(self.keys.seal(&execution_place(id, "target"), &plain))
    }

    pub(super) fn seal_root_environment(
        &self,
        id: WorkflowExecutionId,
        env: &Map<String, Value>,
    ) -> Result<Sealed, Error> {
        let plain = private_json(env).map_err(|error| Error::Host(error.into()))?;
        Ok(self.keys.seal(&execution_place(id, "environment"), &plain))
    }
}
