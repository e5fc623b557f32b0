//! The actions that callers can name: of their own project's modules first, then of public and system ones.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use super::{Engine, Error, lists::bad_marker};
use crate::{
    domain::{
        ActionName, ActionSpec, BadSchema, Cell, Digest, ListRequest, Module, ModuleId, ModuleName,
        ModuleVersion, Operation, Order, Page, ProjectId, Reach, Schema, Scope, SortKey, Timestamp,
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
    /// Who sees it.
    pub scope: Scope,
    /// Whose it is; none for a system module.
    pub project_id: Option<ProjectId>,
    /// When it was first uploaded.
    pub created_at: Timestamp,
    /// When another version became current.
    pub updated_at: Option<Timestamp>,
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

/// Between an action's name and its module's id; no name has it.
const PLACE: char = '@';

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
    own: HashMap<ProjectId, Actions>,
    public: Actions,
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

    /// Everything that `project` can name, by name.
    fn seen_by(&self, project: &ProjectId) -> Vec<Arc<Action>> {
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
    fn owned_by(&self, project: &ProjectId) -> Vec<Arc<Action>> {
        let owners = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let own = owners.own.get(project).map(Actions::values);
        own.into_iter().flatten().cloned().collect()
    }

    /// Everything there is, by name and module.
    fn all(&self) -> Vec<Arc<Action>> {
        let owners = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_system = |action: &&Arc<Action>| action.module.project_id.is_none();
        let system = owners.public.values().filter(is_system);
        let own = owners.own.values().flat_map(Actions::values);
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
            scope: module.scope,
            project_id: module.project_id.clone(),
            created_at: module.created_at,
            updated_at: module.updated_at,
        });
        let mut owners = self.0.write().unwrap_or_else(PoisonError::into_inner);
        owners.remove(module);
        for spec in &version.actions {
            let action = Arc::new(Action {
                module: Arc::clone(&facts),
                spec: Arc::new(spec.clone()),
                schema: OnceLock::new(),
            });
            if module.scope == Scope::Public {
                owners.public.insert(spec.name.clone(), Arc::clone(&action));
            }
            if let Some(project) = &module.project_id {
                owners
                    .own
                    .entry(project.clone())
                    .or_default()
                    .insert(spec.name.clone(), action);
            }
        }
    }

    /// Forgets the actions of `module`.
    pub(super) fn remove(&self, module: &Module) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(module);
    }
}

impl Owners {
    fn remove(&mut self, module: &Module) {
        self.public
            .retain(|_, action| action.module.id != module.id);
        if let Some(project) = &module.project_id
            && let Some(own) = self.own.get_mut(project)
        {
            own.retain(|_, action| action.module.id != module.id);
            if own.is_empty() {
                self.own.remove(project);
            }
        }
    }
}

impl Engine {
    /// A page of actions. A marker is an action's name, or its [place](Action::place) where names are not unique.
    ///
    /// # Errors
    /// When the marker is wrong.
    pub fn actions(&self, request: &ListRequest<Action>) -> Result<Page<Arc<Action>>, Error> {
        let actions = match &request.reach {
            Reach::SeenBy(project) => self.registry.seen_by(project),
            Reach::OwnedBy(project) => self.registry.owned_by(project),
            Reach::All => self.registry.all(),
        };
        let marker = request.marker.as_deref().unwrap_or_default();
        let name = marker.split_once(PLACE).map_or(marker, |(name, _)| name);
        let is_marker = |action: &Action| match marker.contains(PLACE) {
            true => action.place() == marker,
            false => action.spec.name.as_str() == marker,
        };
        // One that was deleted meanwhile still has its place among names.
        let is_by_name = |key: &SortKey<Action>| matches!(key.column.name, "name" | "id");
        let stand_in = request.sort.iter().all(is_by_name);
        let stand_in = stand_in.then(|| vec![Cell::from(name); request.sort.len()]);
        request
            .page_of(actions, is_marker, stand_in.as_deref())
            .ok_or_else(|| bad_marker(request))
    }

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
