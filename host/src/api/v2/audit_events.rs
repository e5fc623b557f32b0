//! The audit trail: who did what to which object, from where and when, or was refused it.

use axum::{Json as Answer, extract::State, http::HeaderMap};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, QueryArgs},
        json_text::time,
        list::{ListView, Listable},
        routes::Routes,
    },
    domain::{AuditEvent, AuditOutcome, Cell, Column, ObjectType, Timestamp},
    policy::Rule,
};

static LISTABLE: Listable<AuditEvent> = Listable {
    path: "/v2/audit_events",
    collection: "audit_events",
    default_sort: "created_at",
    columns: &[
        Column::text("id", |it: &AuditEvent| it.id.to_string().into()).by_id(),
        Column::text("project_id", |it| it.project_id.as_str().into()),
        Column::text("user_id", |it| it.user_id.as_deref().into()),
        Column::text("user_name", |it| it.user_name.as_deref().into()),
        Column::text("rule", |it| (&*it.rule).into()),
        Column::text("method", |it| (&*it.method).into()),
        Column::text("path", |it| (&*it.path).into()),
        Column::text("source_address", |it| {
            it.source.map(|address| address.to_string()).into()
        }),
        Column::text("object_type", |it| object_type(it).into()),
        Column::text("object_id", |it| it.object.id.as_deref().into()),
        Column::text("object_name", |it| it.object.name.as_deref().into()),
        Column::text("outcome", |it| it.outcome.as_str().into()),
        Column::number("status", |it| status(it).map(u32::from).into()),
        Column::text("reason", |it| reason(it).into()),
        Column::text("request_id", |it| (&*it.request_id).into()),
        Column::time("created_at", |it: &AuditEvent| Cell::Time(it.created_at)).by_id(),
    ],
    shown: &[],
    flags: &[],
    ignored: &[],
    all_projects: Rule::AuditEventsListAllProjects,
    marker: |it| it.id.to_string(),
};

/// Adds the routes of the audit trail.
pub(super) fn routes(routes: Routes) -> Routes {
    routes.list(
        Rule::AuditEventsList,
        &LISTABLE,
        Doc::new("Lists who did what, oldest first.").lists::<AuditEventView>(),
        list,
    )
}

/// One line of the audit trail.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AuditEventView {
    id: String,
    /// The caller's project.
    project_id: String,
    user_id: Option<String>,
    user_name: Option<String>,
    /// The policy rule that allowed or refused it.
    rule: String,
    method: String,
    /// Without its query.
    path: String,
    /// The address that connected to the host.
    source_address: Option<String>,
    object_type: Option<&'static str>,
    object_id: Option<String>,
    object_name: Option<String>,
    /// `ok` or `refused`.
    outcome: &'static str,
    /// The HTTP status of a refusal.
    status: Option<u16>,
    /// The words of a refusal.
    reason: Option<String>,
    request_id: String,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    created_at: Option<Timestamp>,
}

impl From<&AuditEvent> for AuditEventView {
    fn from(event: &AuditEvent) -> Self {
        Self {
            id: event.id.to_string(),
            project_id: event.project_id.to_string(),
            user_id: event.user_id.as_deref().map(str::to_owned),
            user_name: event.user_name.as_deref().map(str::to_owned),
            rule: event.rule.to_string(),
            method: event.method.to_string(),
            path: event.path.to_string(),
            source_address: event.source.map(|address| address.to_string()),
            object_type: object_type(event),
            object_id: event.object.id.clone(),
            object_name: event.object.name.clone(),
            outcome: event.outcome.as_str(),
            status: status(event),
            reason: reason(event).map(str::to_owned),
            request_id: event.request_id.to_string(),
            created_at: Some(event.created_at),
        }
    }
}

fn object_type(event: &AuditEvent) -> Option<&'static str> {
    event.object.object_type.map(ObjectType::as_str)
}

const fn status(event: &AuditEvent) -> Option<u16> {
    match &event.outcome {
        AuditOutcome::Done => None,
        AuditOutcome::Refused { status, .. } => Some(*status),
    }
}

fn reason(event: &AuditEvent) -> Option<&str> {
    match &event.outcome {
        AuditOutcome::Done => None,
        AuditOutcome::Refused { reason, .. } => Some(reason),
    }
}

/// `GET /v2/audit_events`: a page of them.
async fn list(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    args: QueryArgs,
) -> Result<Answer<ListView<AuditEventView>>, ApiError> {
    let asked = LISTABLE.ask(&app, &acting, args)?;
    let page = app.engine.audit_events(&asked.request).await?;
    asked.answer(&app, &headers, &page, |event| {
        Ok(AuditEventView::from(event))
    })
}
