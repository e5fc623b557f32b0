//! Cron triggers: what starts executions at times.

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::triggers;
use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, Json, JsonBody, Path, QueryArgs},
        json_text::{JsonObject, time},
        list::{ListView, Listable},
        routes::Routes,
    },
    auth::Caller,
    domain::{Column, CronTrigger, JsonText, Timestamp, TriggerName},
    engine::{NewCronTrigger, NewErrand},
    policy::Rule,
};

static LISTABLE: Listable<CronTrigger> = Listable {
    path: "/v2/cron_triggers",
    collection: "cron_triggers",
    default_sort: "created_at",
    columns: &[
        Column::text("id", |it: &CronTrigger| it.id.to_string().into()).by_id(),
        Column::text("name", |it: &CronTrigger| it.name.as_str().into()).indexed(),
        Column::text("workflow_name", |it| {
            it.errand.workflow_name.as_str().into()
        }),
        Column::text("workflow_id", |it: &CronTrigger| {
            it.errand.workflow_id.to_string().into()
        })
        .indexed(),
        Column::json("workflow_input", |it| it.errand.input.as_str().into()),
        Column::json("workflow_params", |it| it.errand.params.as_str().into()),
        Column::text("pattern", |it| {
            it.pattern.as_ref().map(|pattern| pattern.as_str()).into()
        }),
        Column::number("remaining_executions", |it| it.remaining_executions.into()),
        Column::time("first_execution_time", |it| it.first_execution_time.into()),
        Column::time("next_execution_time", |it| it.next_execution_time.into()),
        Column::text("scope", |it: &CronTrigger| it.scope.as_str().into()).indexed(),
        Column::text("project_id", |it| it.project_id.as_str().into()),
        Column::time("created_at", |it: &CronTrigger| it.created_at.into()).by_id(),
        Column::time("updated_at", |it| it.updated_at.into()),
    ],
    shown: &[],
    flags: &[],
    ignored: &[],
    all_projects: Rule::CronTriggersListAllProjects,
    marker: |it| it.id.to_string(),
};

/// Adds the routes of cron triggers.
pub(super) fn routes(routes: Routes) -> Routes {
    routes
        .list(
            Rule::CronTriggersList,
            &LISTABLE,
            Doc::new("Lists cron triggers, oldest first.").lists::<CronTriggerView>(),
            list,
        )
        .post(
            "/v2/cron_triggers",
            Rule::CronTriggersCreate,
            Doc::new("Makes a cron trigger.")
                .publicizes(Rule::CronTriggersPublicize)
                .takes::<CronTriggerBody>()
                .answers::<CronTriggerView>(StatusCode::CREATED),
            create,
        )
        .get(
            "/v2/cron_triggers/{cron_trigger}",
            Rule::CronTriggersGet,
            Doc::new(
                "Shows a cron trigger by name, the caller's own before a public one, or by id.",
            )
            .all_projects(Rule::CronTriggersListAllProjects)
            .answers::<CronTriggerView>(StatusCode::OK),
            get,
        )
        .delete(
            "/v2/cron_triggers/{cron_trigger}",
            Rule::CronTriggersDelete,
            Doc::new(
                "Deletes a cron trigger of the caller's by name or id; what it started goes on.",
            ),
            delete,
        )
}

/// A cron trigger to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CronTriggerBody {
    /// 1 to 255 characters, unique within the project.
    name: Option<String>,
    /// The workflow's name.
    workflow_name: Option<String>,
    /// The workflow's id, which is recommended.
    workflow_id: Option<String>,
    /// The input of its executions: an object, or a string that holds one.
    workflow_input: Option<JsonObject>,
    /// The `params` of its executions: an object, or a string that holds one.
    workflow_params: Option<JsonObject>,
    /// The five fields of cron in UTC, or @hourly, @daily, @weekly, @monthly, @yearly.
    pattern: Option<String>,
    /// When for the first time, `YYYY-MM-DD HH:MM` in UTC, at least a minute ahead.
    first_execution_time: Option<String>,
    /// How often; for ever when it is absent, once when there is only a first time.
    #[schemars(range(min = 1))]
    remaining_executions: Option<u32>,
    /// `private`, which it is when nothing is said, or `public`.
    scope: Option<String>,
    /// The private dict of its executions: an object, or a string that holds one. `os.auth` in it is their target cloud, by
    /// an application credential or a password. Never shown.
    custom_context: Option<JsonObject>,
    /// Whether its executions work on the caller's own cloud, by a trust that the caller gives the host's user; when
    /// nothing is said they do where the host can.
    trust: Option<bool>,
}

impl JsonBody for CronTriggerBody {
    const ARGUMENT: &'static str = "cron_trigger";
}

/// A cron trigger.
#[derive(Serialize, JsonSchema)]
pub struct CronTriggerView {
    id: String,
    name: String,
    workflow_name: String,
    workflow_id: String,
    /// A JSON object as text.
    #[schemars(with = "String")]
    workflow_input: JsonText,
    /// A JSON object as text.
    #[schemars(with = "String")]
    workflow_params: JsonText,
    pattern: Option<String>,
    remaining_executions: Option<u32>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    first_execution_time: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    next_execution_time: Option<Timestamp>,
    scope: &'static str,
    project_id: String,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
}

impl From<&CronTrigger> for CronTriggerView {
    fn from(trigger: &CronTrigger) -> Self {
        let errand = &trigger.errand;
        Self {
            id: trigger.id.to_string(),
            name: trigger.name.to_string(),
            workflow_name: errand.workflow_name.to_string(),
            workflow_id: errand.workflow_id.to_string(),
            workflow_input: errand.input.clone(),
            workflow_params: errand.params.clone(),
            pattern: trigger.pattern.as_ref().map(ToString::to_string),
            remaining_executions: trigger.remaining_executions,
            first_execution_time: trigger.first_execution_time,
            next_execution_time: Some(trigger.next_execution_time),
            scope: trigger.scope.as_str(),
            project_id: trigger.project_id.to_string(),
            created_at: Some(trigger.created_at),
            updated_at: trigger.updated_at,
        }
    }
}

/// `POST /v2/cron_triggers`: one more.
async fn create(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    headers: HeaderMap,
    Json(body): Json<CronTriggerBody>,
) -> Result<(StatusCode, Answer<CronTriggerView>), ApiError> {
    let new = body.into_domain(&app, &headers, &caller)?;
    let trigger = app.engine.create_cron_trigger(&op, new).await?;
    Ok((StatusCode::CREATED, Answer((&trigger).into())))
}

/// `GET /v2/cron_triggers`: a page of those that the caller sees.
async fn list(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    args: QueryArgs,
) -> Result<Answer<ListView<CronTriggerView>>, ApiError> {
    let asked = LISTABLE.ask(&app, &acting, args)?;
    let page = app.engine.cron_triggers(&asked.request).await?;
    asked.answer(&app, &headers, &page, |trigger| Ok(trigger.into()))
}

/// `GET /v2/cron_triggers/{cron_trigger}`: one that the caller sees, or any by id for those who may list them all.
async fn get(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(reference): Path,
    args: QueryArgs,
) -> Result<Answer<CronTriggerView>, ApiError> {
    args.finish()?;
    let sight = app.sight(&caller, Rule::CronTriggersListAllProjects);
    let trigger = app.engine.cron_trigger(&op, &reference, sight).await?;
    Ok(Answer((&trigger).into()))
}

/// `DELETE /v2/cron_triggers/{cron_trigger}`: one less.
async fn delete(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(reference): Path,
) -> Result<StatusCode, ApiError> {
    app.engine.delete_cron_trigger(&op, &reference).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl CronTriggerBody {
    fn into_domain(
        self,
        app: &App,
        headers: &HeaderMap,
        caller: &Caller,
    ) -> Result<NewCronTrigger, ApiError> {
        // Out of sight before anything can fail.
        let cloud = triggers::cloud(headers, self.custom_context, self.trust, caller);
        let (cloud, custom_context) = cloud?;
        let name = self.name.filter(|name| !name.is_empty());
        let name =
            name.ok_or_else(|| ApiError::bad_request("Name of the cron trigger is not provided."))?;
        let name = TriggerName::parse(&name)
            .map_err(|error| ApiError::bad_request(format!("name: {error}.")))?;
        if self.remaining_executions == Some(0) {
            return Err(ApiError::bad_request(
                "Invalid input for field/attribute remaining_executions. Value: '0'. Value should be greater or equal to 1",
            ));
        }
        let (id, by_name) = (self.workflow_id.as_deref(), self.workflow_name.as_deref());
        let workflow = triggers::workflow(id, by_name)?.ok_or_else(|| {
            ApiError::bad_request("Give workflow_id, or workflow_name: what the trigger starts.")
        })?;
        let publicize = Rule::CronTriggersPublicize;
        let scope = triggers::scope(app, caller, self.scope.as_deref(), publicize)?;
        let first = self.first_execution_time.filter(|text| !text.is_empty());
        Ok(NewCronTrigger {
            name,
            errand: NewErrand {
                workflow,
                input: self.workflow_input.unwrap_or_default().0,
                params: self.workflow_params.unwrap_or_default().0,
                custom_context,
                cloud,
            },
            pattern: self.pattern.filter(|text| !text.is_empty()),
            first_execution_time: first.as_deref().map(parse_minute).transpose()?,
            remaining_executions: self.remaining_executions,
            scope: scope.unwrap_or_default(),
        })
    }
}

/// A time to the minute, as Mistral takes it.
fn parse_minute(text: &str) -> Result<Timestamp, ApiError> {
    Timestamp::parse_shown(&format!("{text}:00")).ok_or_else(|| {
        ApiError::bad_request(format!(
            "first_execution_time: time data '{text}' does not match format '%Y-%m-%d %H:%M'"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_time_is_one_to_the_minute() {
        let time = parse_minute("2026-11-22 04:05").unwrap();
        assert_eq!(time.to_string(), "2026-11-22 04:05:00");
        for text in ["", "2026-11-22", "2026-11-22 04:05:06", "soon"] {
            let refusal = parse_minute(text).unwrap_err();
            assert!(refusal.message().starts_with("first_execution_time: "));
        }
    }
}
