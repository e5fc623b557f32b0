//! Members: an object is offered to another project, which accepts it or not; for every kind of object that is shared.

use std::future::Future;

use axum::{Json as Answer, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, Json, JsonBody, Path, PathPair},
        json_text::time,
        routes::Routes,
    },
    domain::{Member, MemberStatus, ProjectId, Timestamp},
    engine::ShareableRef,
    policy::Rule,
};

/// A kind of object that is shared, as the API knows it.
#[derive(Clone, Copy)]
pub(super) struct Shared {
    /// The path of an object's members, which begins with the object.
    pub(super) members: &'static str,
    /// The path of one of them.
    pub(super) member: &'static str,
    /// What the object's part of these paths means.
    pub(super) parse: fn(&str) -> Result<ShareableRef, ApiError>,
    /// The rule under which the members of all projects' objects are shown.
    pub(super) all_projects: Rule,
}

/// Adds the routes of the members of `shared` objects.
pub(super) fn routes(routes: Routes, shared: Shared) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    routes
        .post(
            shared.members,
            Rule::MembersCreate,
            Doc::new("Offers a private object of the caller's to another project.")
                .takes::<OfferBody>()
                .answers::<MemberView>(StatusCode::CREATED),
            move |app: State<App>, acting: Acting, path: Path, body: Json<OfferBody>| {
                create(shared, app, acting, path, body)
            },
        )
        .get(
            shared.members,
            Rule::MembersList,
            Doc::new("Lists with whom an object is shared: all, or to a member the member itself.")
                .all_projects(shared.all_projects)
                .answers::<MembersView>(OK),
            move |app: State<App>, acting: Acting, path: Path| list(shared, app, acting, path),
        )
        .get(
            shared.member,
            Rule::MembersGet,
            Doc::new("Shows one project with which an object is shared.")
                .all_projects(shared.all_projects)
                .answers::<MemberView>(OK),
            move |app: State<App>, acting: Acting, path: PathPair| get(shared, app, acting, path),
        )
        .put(
            shared.member,
            Rule::MembersUpdate,
            Doc::new("Accepts or rejects what another project offers to the caller's.")
                .takes::<AnswerBody>()
                .answers::<MemberView>(OK),
            move |app: State<App>, acting: Acting, path: PathPair, body: Json<AnswerBody>| {
                update(shared, app, acting, path, body)
            },
        )
        .delete(
            shared.member,
            Rule::MembersDelete,
            Doc::new("Takes an object of the caller's back from another project."),
            move |app: State<App>, acting: Acting, path: PathPair| {
                delete(shared, app, acting, path)
            },
        )
}

/// To whom something is offered.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferBody {
    /// The id of a project.
    #[serde(default)]
    member_id: Option<String>,
}

impl JsonBody for OfferBody {
    const ARGUMENT: &'static str = "member_info";
}

/// What a project answers to an offer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerBody {
    /// pending, accepted or rejected.
    #[serde(default)]
    status: Option<String>,
}

impl JsonBody for AnswerBody {
    const ARGUMENT: &'static str = "member_info";
}

/// A project that an object is offered to, as Mistral shows it.
#[derive(Serialize, JsonSchema)]
pub struct MemberView {
    id: String,
    resource_id: String,
    /// What is shared: module or workflow.
    resource_type: &'static str,
    /// Whose it is.
    project_id: String,
    /// The project that it is offered to.
    member_id: String,
    /// pending, accepted or rejected.
    status: &'static str,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
}

/// All members of an object that the caller may know of.
#[derive(Serialize, JsonSchema)]
pub struct MembersView {
    members: Vec<MemberView>,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        Self {
            id: member.id.to_string(),
            resource_id: member.resource.uuid().to_string(),
            resource_type: member.resource.kind(),
            project_id: member.project_id.to_string(),
            member_id: member.member_id.to_string(),
            status: member.status.as_str(),
            created_at: Some(member.created_at),
            updated_at: member.updated_at,
        }
    }
}

/// `POST …/members`: offers an object to a project.
async fn create(
    shared: Shared,
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(resource): Path,
    Json(body): Json<OfferBody>,
) -> Result<(StatusCode, Answer<MemberView>), ApiError> {
    check_authentication(&app)?;
    let member_id = body
        .member_id
        .filter(|id| !id.is_empty())
        .ok_or_else(|| ApiError::bad_request("Member id must be provided."))?;
    let resource = (shared.parse)(&resource)?;
    let offer = app.engine.offer(&op, &resource, ProjectId::new(member_id));
    Ok((StatusCode::CREATED, shown(offer).await?))
}

/// `GET …/members`: with whom an object is shared.
async fn list(
    shared: Shared,
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(resource): Path,
) -> Result<Answer<MembersView>, ApiError> {
    check_authentication(&app)?;
    let sight = app.sight(&caller, shared.all_projects);
    let resource = (shared.parse)(&resource)?;
    let members = app.engine.members(&op, &resource, sight).await?;
    Ok(Answer(MembersView {
        members: members.into_iter().map(MemberView::from).collect(),
    }))
}

/// `GET …/members/{member_id}`: one of them.
async fn get(
    shared: Shared,
    State(app): State<App>,
    Acting { op, caller }: Acting,
    PathPair(resource, member): PathPair,
) -> Result<Answer<MemberView>, ApiError> {
    check_authentication(&app)?;
    let sight = app.sight(&caller, shared.all_projects);
    let resource = (shared.parse)(&resource)?;
    let member = ProjectId::new(member);
    shown(app.engine.member(&op, &resource, &member, sight)).await
}

/// `PUT …/members/{member_id}`: the member's answer.
async fn update(
    shared: Shared,
    State(app): State<App>,
    Acting { op, .. }: Acting,
    PathPair(resource, member): PathPair,
    Json(body): Json<AnswerBody>,
) -> Result<Answer<MemberView>, ApiError> {
    check_authentication(&app)?;
    let status = parse_status(body.status)?;
    let resource = (shared.parse)(&resource)?;
    let member = ProjectId::new(member);
    shown(app.engine.answer_offer(&op, &resource, &member, status)).await
}

/// `DELETE …/members/{member_id}`: the object is taken back.
async fn delete(
    shared: Shared,
    State(app): State<App>,
    Acting { op, .. }: Acting,
    PathPair(resource, member): PathPair,
) -> Result<StatusCode, ApiError> {
    check_authentication(&app)?;
    let resource = (shared.parse)(&resource)?;
    let member = ProjectId::new(member);
    app.engine.withdraw_offer(&op, &resource, &member).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn shown(
    member: impl Future<Output = Result<Member, crate::engine::Error>>,
) -> Result<Answer<MemberView>, ApiError> {
    Ok(Answer(member.await?.into()))
}

/// Where everybody is the same caller there is nobody to share with.
fn check_authentication(app: &App) -> Result<(), ApiError> {
    if app.auth.tells_callers_apart() {
        return Ok(());
    }
    Err(ApiError::bad_request(
        "Resource sharing feature can only be supported with authentication enabled.",
    ))
}

fn parse_status(text: Option<String>) -> Result<MemberStatus, ApiError> {
    let text = text
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ApiError::bad_request("Status must be provided."))?;
    let named = MemberStatus::ALL.into_iter().find(|it| it.as_str() == text);
    named.ok_or_else(|| {
        ApiError::bad_request(format!(
            "Invalid input for field/attribute status. Value: '{text}'. Value should be one of: {}",
            MemberStatus::ALL.map(MemberStatus::as_str).join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_of_mistrals() {
        for status in MemberStatus::ALL {
            assert_eq!(
                parse_status(Some(status.as_str().to_owned())).unwrap(),
                status
            );
        }
        for (text, words) in [
            (None, "Status must be provided."),
            (Some(""), "Status must be provided."),
            (
                Some("Accepted"),
                "Invalid input for field/attribute status. Value: 'Accepted'. Value should be one of: pending, \
                 accepted, rejected",
            ),
        ] {
            let refusal = parse_status(text.map(str::to_owned)).unwrap_err();
            assert_eq!((refusal.status().as_u16(), refusal.message()), (400, words));
        }
    }
}
