//! What cron and event triggers have in common on the wire: what they start, and on which cloud.

use axum::http::HeaderMap;

use crate::{
    api::{App, error::ApiError, json_text::JsonObject, target::Target},
    auth::Caller,
    domain::{
        Credential, CustomContext, Namespace, PrivateObject, Scope, TargetCloud, WorkflowId,
        WorkflowName,
    },
    engine::{TriggerCloud, WorkflowRef},
    policy::Rule,
};

/// The cloud that a trigger's executions work on, and the custom context that remains.
pub(super) fn cloud(
    headers: &HeaderMap,
    custom_context: Option<JsonObject>,
    trust: Option<bool>,
    caller: &Caller,
) -> Result<(TriggerCloud, Option<CustomContext>), ApiError> {
    let custom_context = custom_context.map(|context| PrivateObject::new(context.0));
    let target = Target::take(headers, custom_context)?;
    let cloud = match (target.cloud, trust, &caller.home) {
        (
            Some(TargetCloud {
                credential: Credential::Token(_),
                ..
            }),
            ..,
        ) => {
            let field = if headers.contains_key("x-target-auth-token") {
                "X-Target-Auth-Token"
            } else {
                "os.auth.auth_token"
            };
            return Err(ApiError::bad_request(format!(
                "{field}: a token has expired when the trigger fires; give custom_context[\"os.auth\"] with an \
                 application credential, or with a password."
            )));
        }
        (Some(_), Some(true), _) => {
            return Err(ApiError::bad_request(
                "trust: is for the caller's own cloud, and os.auth names another one; give one of them.",
            ));
        }
        (Some(cloud), ..) => TriggerCloud::Target(cloud),
        (None, Some(true), None) => {
            return Err(ApiError::bad_request(
                "trust: this host does not know its callers by a Keystone; name the cloud in \
                 custom_context[\"os.auth\"].",
            ));
        }
        (None, Some(false), _) | (None, None, None) => TriggerCloud::None,
        (None, _, Some(home)) => TriggerCloud::Home {
            token: home.clone(),
            roles: caller.roles.clone(),
            is_asked_for: trust == Some(true),
        },
    };
    Ok((cloud, target.custom_context))
}

/// The workflow, by its id where both are given.
pub(super) fn workflow(
    id: Option<&str>,
    name: Option<&str>,
) -> Result<Option<WorkflowRef>, ApiError> {
    let unknown = |what: &str| {
        ApiError::not_found(format!("Workflow not found [workflow_identifier={what}]"))
    };
    let given = |text: &&str| !text.is_empty();
    match (id.filter(given), name.filter(given)) {
        (Some(id), _) => {
            let id: WorkflowId = id.parse().map_err(|_| unknown(id))?;
            Ok(Some(WorkflowRef::Id(id)))
        }
        (None, Some(text)) => match text.parse::<WorkflowId>() {
            Ok(id) => Ok(Some(WorkflowRef::Id(id))),
            Err(_) => {
                let name = WorkflowName::parse(text).map_err(|_| unknown(text))?;
                Ok(Some(WorkflowRef::Name(name, Namespace::default())))
            }
        },
        (None, None) => Ok(None),
    }
}

/// Who sees a trigger; for everybody under `publicize`.
pub(super) fn scope(
    app: &App,
    caller: &Caller,
    text: Option<&str>,
    publicize: Rule,
) -> Result<Option<Scope>, ApiError> {
    match text {
        None => Ok(None),
        Some("private") => Ok(Some(Scope::Private)),
        Some("public") => {
            app.policy.enforce(caller, publicize)?;
            Ok(Some(Scope::Public))
        }
        Some(_) => Err(ApiError::bad_request(
            "Invalid input for field/attribute scope. Value should be one of: private, public",
        )),
    }
}
