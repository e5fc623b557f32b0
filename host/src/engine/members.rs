//! Objects are shared: offered to other projects, accepted or rejected by them, taken back.
//!
//! Who accepted an object is kept with the object too. Of a module they have claimed its name in their project: there it
//! stands for one module, whoever's.

use super::{
    Engine, Error, ModuleRef,
    apply::Act,
    components::changed,
    find_modules::{not_found, one_of},
    modules::name_claim,
};
use crate::{
    domain::{
        Member, MemberId, MemberStatus, Module, ModuleId, Namespace, ObjectType, Operation,
        ProjectId, Scope, Shareable, Sight, WorkflowId,
    },
    store::{self, Commit, Kept, Kind, List, Write},
};

/// The most projects that one object is offered to at a time.
const MAX_MEMBERS: usize = 100;
/// The longest id of a project in bytes; those of real ones have 32 to 36.
const MAX_PROJECT_ID_BYTES: usize = 255;

/// How a caller names an object that is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShareableRef {
    /// A module.
    Module(ModuleRef),
    /// A workflow, by its id alone, as in Mistral.
    Workflow(WorkflowId),
}

impl Engine {
    /// Offers one of the caller's private objects to the project `member_id`.
    ///
    /// # Errors
    /// When there is no such object of the caller's, it is public, it is offered to that project already, or to too many.
    pub async fn offer(
        &self,
        op: &Operation,
        reference: &ShareableRef,
        member_id: ProjectId,
    ) -> Result<Member, Error> {
        if member_id.as_str().len() > MAX_PROJECT_ID_BYTES {
            return Err(Error::BadInput(format!(
                "member_id: is the id of a project, at most {MAX_PROJECT_ID_BYTES} bytes."
            )));
        }
        let (resource, commit) = match reference {
            ShareableRef::Module(module) => self.offerable_module(op, module).await?,
            ShareableRef::Workflow(id) => self.offerable_workflow(op, *id).await?,
        };
        if member_id == op.project_id {
            return Err(Error::BadInput(
                "member_id: is the project that it belongs to already; name another one."
                    .to_owned(),
            ));
        }
        let members = self.members_of(resource).await?;
        if members.iter().any(|it| it.entity.member_id == member_id) {
            return Err(duplicate(resource, &member_id));
        }
        if members.len() >= MAX_MEMBERS {
            return Err(Error::Forbidden(format!(
                "It is shared with {MAX_MEMBERS} projects, which is the most; take it back from one of them first."
            )));
        }
        let member = Member {
            id: MemberId::generate(),
            resource,
            project_id: op.project_id.clone(),
            member_id,
            status: MemberStatus::Pending,
            created_at: self.clock.now(),
            updated_at: None,
        };
        let claim = Write::Claim {
            kind: Kind::Member,
            key: member_claim(&member),
            id: member.id.uuid(),
        };
        let commit = commit.create(&member).and(claim);
        match self.commit_for(op, changing(&member), commit).await {
            Ok(()) => Ok(member),
            Err(store::Error::Conflict {
                kind: Kind::Member, ..
            }) => Err(duplicate(resource, &member.member_id)),
            Err(other) => Err(changed_meanwhile(other)),
        }
    }

    /// What the caller's project answers to an offer: the last answer holds.
    ///
    /// # Errors
    /// When nothing is offered to it; when what it accepts would share a name with something that it sees.
    pub async fn answer_offer(
        &self,
        op: &Operation,
        reference: &ShareableRef,
        member_id: &ProjectId,
        status: MemberStatus,
    ) -> Result<Member, Error> {
        let changes = self.module_changes.lock().await;
        let resource = self.shareable(op, reference).await?;
        let answers = |member: &Member| member.member_id == op.project_id;
        let mut kept = self.find_member(resource, member_id, answers).await?;
        let old = std::mem::replace(&mut kept.entity.status, status);
        kept.entity.updated_at = Some(self.clock.now());
        let commit = Commit::new().update(&kept);
        self.change_use(op, &kept.entity, old, Some(status), commit)
            .await?;
        drop(changes);
        Ok(kept.entity)
    }

    /// Takes an object of the caller's back from a project. New runs there do not find it; those under way go on.
    ///
    /// # Errors
    /// When it is not offered to that project.
    pub async fn withdraw_offer(
        &self,
        op: &Operation,
        reference: &ShareableRef,
        member_id: &ProjectId,
    ) -> Result<(), Error> {
        let changes = self.module_changes.lock().await;
        let resource = self.shareable(op, reference).await?;
        let owns = |member: &Member| member.project_id == op.project_id;
        let kept = self.find_member(resource, member_id, owns).await?;
        let commit = without_members(Commit::new(), std::slice::from_ref(&kept));
        self.change_use(op, &kept.entity, kept.entity.status, None, commit)
            .await?;
        drop(changes);
        Ok(())
    }

    /// With whom an object is shared: all of them for its own project, for a member the member itself.
    ///
    /// # Errors
    /// When the caller neither sees the object nor is it offered to them.
    pub async fn members(
        &self,
        op: &Operation,
        reference: &ShareableRef,
        sight: Sight,
    ) -> Result<Vec<Member>, Error> {
        let resource = self.shareable(op, reference).await?;
        let mut members: Vec<Member> = self
            .members_of(resource)
            .await?
            .into_iter()
            .map(|kept| kept.entity)
            .collect();
        members.retain(|member| is_known(member, op, sight));
        if members.is_empty() {
            match resource {
                Shareable::Module(id) => {
                    self.reachable_module(op, &ModuleRef::Id(id), sight).await?;
                }
                Shareable::Workflow(id) => {
                    self.workflow(op, &id.to_string(), &Namespace::default(), sight)
                        .await?;
                }
            }
        }
        Ok(members)
    }

    /// One project with which an object is shared, for whose the object is and for that project.
    ///
    /// # Errors
    /// When there is none that the caller may know of.
    pub async fn member(
        &self,
        op: &Operation,
        reference: &ShareableRef,
        member_id: &ProjectId,
        sight: Sight,
    ) -> Result<Member, Error> {
        let resource = self.shareable(op, reference).await?;
        let knows = |member: &Member| is_known(member, op, sight);
        let found = self.find_member(resource, member_id, knows).await?;
        Ok(found.entity)
    }

    /// Everybody that an object is offered to.
    pub(super) async fn members_of(&self, resource: Shareable) -> Result<Vec<Kept<Member>>, Error> {
        let list = List {
            limit: MAX_MEMBERS,
            ..one_of(("resource_id", resource.uuid().to_string()))
        };
        Ok(store::list(&*self.store, list, |_| true).await?)
    }

    /// The object that `reference` means. An id is taken at its word: whoever it is offered to may know of the offer
    /// and does not see the object yet.
    async fn shareable(
        &self,
        op: &Operation,
        reference: &ShareableRef,
    ) -> Result<Shareable, Error> {
        match reference {
            ShareableRef::Module(ModuleRef::Id(id)) => Ok(Shareable::Module(*id)),
            ShareableRef::Workflow(id) => Ok(Shareable::Workflow(*id)),
            ShareableRef::Module(name @ ModuleRef::Name(_)) => {
                let kept = self.visible_module(op, name).await?;
                Ok(Shareable::Module(kept.entity.id))
            }
        }
    }

    async fn find_member(
        &self,
        resource: Shareable,
        member_id: &ProjectId,
        is_meant: impl Fn(&Member) -> bool + Send,
    ) -> Result<Kept<Member>, Error> {
        let members = self.members_of(resource).await?;
        members
            .into_iter()
            .find(|kept| kept.entity.member_id == *member_id && is_meant(&kept.entity))
            .ok_or_else(|| {
                Error::NotFound(format!(
                    "Resource member not found [resource_id={}, member_id={member_id}]",
                    resource.uuid()
                ))
            })
    }

    /// Commits what makes of `member` the status `new`, or takes it away, with what follows for its object.
    async fn change_use(
        &self,
        op: &Operation,
        member: &Member,
        old: MemberStatus,
        new: Option<MemberStatus>,
        commit: Commit,
    ) -> Result<(), Error> {
        const ACCEPTED: MemberStatus = MemberStatus::Accepted;
        let commit = match (member.resource, old == ACCEPTED, new == Some(ACCEPTED)) {
            (Shareable::Module(id), false, true) => {
                return self.take_up_module(op, id, member, commit).await;
            }
            (Shareable::Module(id), true, false) => {
                return self.give_up_module(op, id, member, commit).await;
            }
            (Shareable::Workflow(id), false, true) => {
                self.take_up_workflow(id, member, commit).await?
            }
            (Shareable::Workflow(id), true, false) => {
                self.give_up_workflow(id, member, commit).await?
            }
            (_, true, true) | (_, false, false) => commit,
        };
        let committed = self.commit_for(op, changing(member), commit).await;
        committed.map_err(changed_meanwhile)
    }

    /// A module of the caller's that can be offered, and a commit that fails when it changes meanwhile.
    async fn offerable_module(
        &self,
        op: &Operation,
        module: &ModuleRef,
    ) -> Result<(Shareable, Commit), Error> {
        let kept = self.changeable_module(op, module).await?;
        check_private(kept.entity.scope)?;
        Ok((
            Shareable::Module(kept.entity.id),
            Commit::new().update(&kept),
        ))
    }

    /// Lets the member's project see and use a module.
    async fn take_up_module(
        &self,
        op: &Operation,
        id: ModuleId,
        member: &Member,
        commit: Commit,
    ) -> Result<(), Error> {
        let project = &member.member_id;
        let mut kept = self.module_by_id(id).await?;
        let module = &mut kept.entity;
        self.check_shared_signature(
            project,
            &module.name,
            module.version,
            module.signature.as_ref(),
        )?;
        self.check_name_is_free(project, module).await?;
        module.shared_with.push(project.clone());
        let claim = Write::Claim {
            kind: Kind::Module,
            key: name_claim(project, &module.name),
            id: id.uuid(),
        };
        let commit = commit.update(&kept).and(claim);
        self.settle_use(op, member, &kept.entity, commit).await
    }

    /// Takes a module out of what the member's project sees and uses.
    async fn give_up_module(
        &self,
        op: &Operation,
        id: ModuleId,
        member: &Member,
        commit: Commit,
    ) -> Result<(), Error> {
        let project = &member.member_id;
        let mut kept = self.module_by_id(id).await?;
        kept.entity.shared_with.retain(|it| it != project);
        let release = Write::Release {
            kind: Kind::Module,
            key: name_claim(project, &kept.entity.name),
        };
        let commit = commit.update(&kept).and(release);
        self.settle_use(op, member, &kept.entity, commit).await
    }

    /// Commits what `member` is to `module` from now on, and lets names mean the module as it is then.
    async fn settle_use(
        &self,
        op: &Operation,
        member: &Member,
        module: &Module,
        commit: Commit,
    ) -> Result<(), Error> {
        let committed = self.commit_for(op, changing(member), commit).await;
        committed.map_err(|error| changed(error, &module.name))?;
        if let Some(version) = self.version_of(module, module.version).await? {
            self.registry.put(module, &version.entity);
        }
        Ok(())
    }

    async fn module_by_id(&self, id: ModuleId) -> Result<Kept<Module>, Error> {
        store::find::<Module>(&*self.store, id.uuid())
            .await?
            .ok_or_else(|| not_found(&ModuleRef::Id(id)))
    }

    /// An accepted module must neither hide another one of its name nor be hidden by it.
    async fn check_name_is_free(&self, project: &ProjectId, module: &Module) -> Result<(), Error> {
        let name = &module.name;
        let whose = match self.used_module(project, name).await? {
            Some(other) if other.entity.is_of(project) => {
                "this project has a module of that name itself"
            }
            Some(_) => "this project has accepted another module of that name",
            None if self.registry.is_public_prefix(name, module.id) => {
                "a public module has actions of that name"
            }
            None => return Ok(()),
        };
        Err(Error::Conflict(format!(
            "The module cannot be accepted: {whose} [name={name}]"
        )))
    }
}

/// What everybody sees already is not shared with somebody.
pub(super) fn check_private(scope: Scope) -> Result<(), Error> {
    match scope {
        Scope::Private => Ok(()),
        Scope::Public => Err(Error::BadInput(
            "Only private resource could be shared.".to_owned(),
        )),
    }
}

/// `commit` with the deletion of `members`.
pub(super) fn without_members(commit: Commit, members: &[Kept<Member>]) -> Commit {
    members.iter().fold(commit, |commit, kept| {
        commit.delete(kept).and(Write::Release {
            kind: Kind::Member,
            key: member_claim(&kept.entity),
        })
    })
}

fn is_known(member: &Member, op: &Operation, sight: Sight) -> bool {
    sight == Sight::AllProjects || member.is_known_to(&op.project_id)
}

/// The unique value of a member: an object is offered to a project once.
fn member_claim(member: &Member) -> String {
    format!("{}/{}", member.resource.uuid(), member.member_id)
}

fn duplicate(resource: Shareable, member_id: &ProjectId) -> Error {
    Error::Conflict(format!(
        "Duplicate entry for ResourceMember ['resource_id', 'resource_type', 'member_id']: {}, {}, {member_id}",
        resource.uuid(),
        resource.kind()
    ))
}

fn changing(member: &Member) -> Act {
    Act::changing(
        ObjectType::Member,
        member.id,
        Some(member.member_id.as_str()),
    )
}

fn changed_meanwhile(error: store::Error) -> Error {
    if matches!(error, store::Error::Conflict { .. }) {
        Error::Conflict("It changed meanwhile; try again.".to_owned())
    } else {
        error.into()
    }
}
