//! The actions that callers can name: of the modules that their project has or accepted first, then of public and
//! system ones.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use super::{Engine, Error};
use crate::{
    domain::{
        ActionName, ActionSpec, BadSchema, Digest, Module, ModuleId, ModuleName, ModuleSignature,
        ModuleVersion, Operation, Order, ProjectId, Schema, Scope, Timestamp,
    },
    store::{self, Kept, List},
};

/// What an action's view tells of its module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleFacts {
    /// The module's id.
    pub id: ModuleId,
    /// Its name.
    pub name: ModuleName,
    /// The current version's number.
    pub version: u32,
    /// The current version's component.
    pub digest: Digest,
    /// Who signed that version.
    pub signature: Option<ModuleSignature>,
    /// Who sees it.
    pub scope: Scope,
    /// Whose it is; none for a system module.
    pub project_id: Option<ProjectId>,
    /// When it was first uploaded.
    pub created_at: Timestamp,
    /// When another version became current.
    pub updated_at: Option<Timestamp>,
}

impl ModuleFacts {
    fn is_of(&self, project: &ProjectId) -> bool {
        self.project_id.as_ref() == Some(project)
    }

    /// Whether `project` uses it because another one shares it.
    pub(super) fn is_shared_with(&self, project: &ProjectId) -> bool {
        self.scope == Scope::Private && !self.is_of(project)
    }
}

/// An action that callers can name.
#[derive(Debug)]
pub struct Action {
    /// The module that offers it.
    pub module: Arc<ModuleFacts>,
    /// What the module says about it.
    pub spec: Arc<ActionSpec>,
    schema: OnceLock<Result<Schema, BadSchema>>,
}

/// Between an action's name and its module's id; no name of a module's action has it.
pub(super) const PLACE: char = '@';

impl Action {
    /// `name@module-id`: which one it is where several projects have an action of its name.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}{PLACE}{}", self.spec.name, self.module.id)
    }

    /// The compiled schema of its input.
    ///
    /// # Errors
    /// When the stored schema is none for this build.
    pub fn schema(&self) -> Result<&Schema, Error> {
        self.schema
            .get_or_init(|| Schema::compile(&self.spec.input_schema))
            .as_ref()
            .map_err(|error| {
                Error::Host(
                    format!("the schema of {} cannot be used: {error}", self.spec.name).into(),
                )
            })
    }
}

/// The actions of one owner by name.
type Actions = BTreeMap<ActionName, Arc<Action>>;

/// All actions of all current module versions.
#[derive(Debug, Default)]
pub(super) struct Registry(RwLock<Owners>);

#[derive(Debug, Default)]
struct Owners {
    /// Of the modules that a project has or accepted; it has claimed their names, so none stands for two.
    own: HashMap<ProjectId, Actions>,
    public: Actions,
    /// In which projects' `own` a module's actions are.
    users: HashMap<ModuleId, Vec<ProjectId>>,
}

impl Registry {
    /// The action that `project` means by `name`.
    pub(super) fn find(&self, project: &ProjectId, name: &ActionName) -> Option<Arc<Action>> {
        let owners = self.0.read().unwrap_or_else(PoisonError::into_inner);
        owners
            .own
            .get(project)
            .and_then(|own| own.get(name))
            .or_else(|| owners.public.get(name))
            .cloned()
    }

    /// Whether a public or system module offers an action of this name.
    pub(super) fn is_public(&self, name: &ActionName) -> bool {
        let owners = self.0.read().unwrap_or_else(PoisonError::into_inner);
        owners.public.contains_key(name)
    }

    /// Everything that `project` can name, by name.
    pub(super) fn seen_by(&self, project: &ProjectId) -> Vec<Arc<Action>> {
        let owners = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut visible = owners.public.clone();
        if let Some(own) = owners.own.get(project) {
            visible.extend(
                own.iter()
                    .map(|(name, action)| (name.clone(), Arc::clone(action))),
            );
        }
        visible.into_values().collect()
    }

    /// What belongs to `project`, by name.
    pub(super) fn owned_by(&self, project: &ProjectId) -> Vec<Arc<Action>> {
        let owners = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let used = owners.own.get(project).map(Actions::values);
        let used = used.into_iter().flatten();
        used.filter(|action| action.module.is_of(project))
            .cloned()
            .collect()
    }

    /// Everything there is, by name and module.
    pub(super) fn all(&self) -> Vec<Arc<Action>> {
        let owners = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_system = |action: &&Arc<Action>| action.module.project_id.is_none();
        let system = owners.public.values().filter(is_system);
        let own = owners.own.iter().flat_map(|(project, used)| {
            let is_own = move |action: &&Arc<Action>| action.module.is_of(project);
            used.values().filter(is_own)
        });
        let mut all: Vec<_> = system.chain(own).cloned().collect();
        drop(owners);
        all.sort_by(|a, b| (&a.spec.name, a.module.id).cmp(&(&b.spec.name, b.module.id)));
        all
    }

    /// Makes `version` of `module` the one that names mean.
    pub(super) fn put(&self, module: &Module, version: &ModuleVersion) {
        let facts = Arc::new(ModuleFacts {
            id: module.id,
            name: module.name.clone(),
            version: module.version,
            digest: module.digest,
            signature: module.signature.clone(),
            scope: module.scope,
            project_id: module.project_id.clone(),
            created_at: module.created_at,
            updated_at: module.updated_at,
        });
        let mut owners = self.0.write().unwrap_or_else(PoisonError::into_inner);
        owners.remove(module.id);
        let users: Vec<ProjectId> = module
            .project_id
            .iter()
            .chain(&module.shared_with)
            .cloned()
            .collect();
        for spec in &version.actions {
            let action = Arc::new(Action {
                module: Arc::clone(&facts),
                spec: Arc::new(spec.clone()),
                schema: OnceLock::new(),
            });
            if module.scope == Scope::Public {
                owners.public.insert(spec.name.clone(), Arc::clone(&action));
            }
            for project in &users {
                owners
                    .own
                    .entry(project.clone())
                    .or_default()
                    .insert(spec.name.clone(), Arc::clone(&action));
            }
        }
        owners.users.insert(module.id, users);
    }

    /// Whether a public or system module other than `except` offers actions with this prefix.
    pub(super) fn is_public_prefix(&self, prefix: &ModuleName, except: ModuleId) -> bool {
        let owners = self.0.read().unwrap_or_else(PoisonError::into_inner);
        owners.public.values().any(|action| {
            action.module.id != except && action.spec.name.prefix() == prefix.as_str()
        })
    }

    /// Forgets the actions of `module`.
    pub(super) fn remove(&self, module: &Module) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(module.id);
    }
}

impl Owners {
    fn remove(&mut self, module: ModuleId) {
        self.public.retain(|_, action| action.module.id != module);
        for project in self.users.remove(&module).unwrap_or_default() {
            if let Some(own) = self.own.get_mut(&project) {
                own.retain(|_, action| action.module.id != module);
                if own.is_empty() {
                    self.own.remove(&project);
                }
            }
        }
    }
}

impl Engine {
    /// The action that the caller means by `name`.
    ///
    /// # Errors
    /// When there is none.
    pub fn action(&self, op: &Operation, name: &ActionName) -> Result<Arc<Action>, Error> {
        self.registry
            .find(&op.project_id, name)
            .ok_or_else(|| Error::NotFound(format!("Action not found [name={name}]")))
    }

    pub(super) async fn load_registry(&self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let list = List {
                project: None,
                index: None,
                order: Order::Ascending,
                after,
                limit: 100,
                is_filtered: false,
            };
            let modules: Vec<Kept<Module>> = store::list(&*self.store, list, |_| true).await?;
            for module in &modules {
                let module = &module.entity;
                if let Some(version) = self.version_of(module, module.version).await? {
                    self.registry.put(module, &version.entity);
                }
            }
            match modules.last() {
                Some(last) if modules.len() == 100 => after = Some(last.entity.id.uuid()),
                Some(_) | None => return Ok(()),
            }
        }
    }
}
