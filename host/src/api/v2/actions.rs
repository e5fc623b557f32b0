//! Actions: what can be run. Those of modules, and ad-hoc ones, which are made and changed here.

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::definitions::{
    ARGUMENTS, NAMESPACE, OWN_NAMESPACE, ValidityView, document, namespace, parse_namespace,
    validates,
};
use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, Path, PathPair, QueryArgs, Text},
        json_text::time,
        list::{ListView, Listable},
        routes::Routes,
    },
    domain::{
        AccessRule, AdHocAction, Cell, Column, JsonText, Namespace, Operation, ProjectId, Reach,
        Schema, Sight, Timestamp,
    },
    engine::{Action, FoundAction},
    policy::Rule,
};

static LISTABLE: Listable<FoundAction> = Listable {
    path: "/v2/actions",
    collection: "actions",
    default_sort: "name",
    columns: &[
        Column::text("id", |it| match it {
            FoundAction::Module(it) => it.spec.name.as_str().into(),
            FoundAction::AdHoc(it) => it.id.to_string().into(),
        }),
        Column::text("name", |it| match it {
            FoundAction::Module(it) => it.spec.name.as_str().into(),
            FoundAction::AdHoc(it) => it.name.as_str().into(),
        }),
        Column::flag("is_system", |it| match it {
            FoundAction::Module(it) => it.module.project_id.is_none().into(),
            FoundAction::AdHoc(_) => false.into(),
        }),
        Column::text("input", |it| match it {
            FoundAction::Module(it) => it.schema().ok().map(Schema::mistral_input).into(),
            FoundAction::AdHoc(it) => it.input.as_str().into(),
        }),
        Column::text("description", |it| match it {
            FoundAction::Module(it) => it.spec.description.as_str().into(),
            FoundAction::AdHoc(it) => it.description.as_deref().into(),
        }),
        Column::text("tags", |it| match it {
            FoundAction::Module(_) => Cell::Null,
            FoundAction::AdHoc(it) => it.tags.join(",").into(),
        }),
        Column::text("definition", |it| match it {
            FoundAction::Module(_) => Cell::Null,
            FoundAction::AdHoc(it) => (*it.definition).into(),
        }),
        Column::text("scope", |it| match it {
            FoundAction::Module(it) => it.module.scope.as_str().into(),
            FoundAction::AdHoc(it) => it.scope.as_str().into(),
        }),
        Column::text("project_id", |it| match it {
            FoundAction::Module(it) => it.module.project_id.as_ref().map(ProjectId::as_str).into(),
            FoundAction::AdHoc(it) => it.project_id.as_str().into(),
        }),
        Column::text("namespace", |it| match it {
            FoundAction::Module(_) => "".into(),
            FoundAction::AdHoc(it) => it.namespace.as_str().into(),
        }),
        Column::time("created_at", |it| match it {
            FoundAction::Module(it) => it.module.created_at.into(),
            FoundAction::AdHoc(it) => it.created_at.into(),
        }),
        Column::time("updated_at", |it| match it {
            FoundAction::Module(it) => it.module.updated_at.into(),
            FoundAction::AdHoc(it) => it.updated_at.into(),
        }),
        Column::text("module", |it| match it {
            FoundAction::Module(it) => it.module.name.as_str().into(),
            FoundAction::AdHoc(_) => Cell::Null,
        }),
        Column::flag("idempotent", |it| match it {
            FoundAction::Module(it) => it.spec.idempotent.into(),
            FoundAction::AdHoc(_) => Cell::Null,
        }),
        Column::flag("asynchronous", |it| match it {
            FoundAction::Module(it) => it.spec.asynchronous.into(),
            FoundAction::AdHoc(_) => Cell::Null,
        }),
    ],
    shown: &["input_schema", "output_schema", "access"],
    flags: &[],
    ignored: &[],
    all_projects: Rule::ActionsListAllProjects,
    marker: FoundAction::marker,
};

/// Adds the routes of actions.
pub(super) fn routes(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    let one = |query| {
        Doc::new("Shows an action by name, or an ad-hoc one by id.")
            .all_projects(Rule::ActionsListAllProjects)
            .query(query)
            .answers::<ActionView>(OK)
    };
    let deletes =
        |query| Doc::new("Deletes an ad-hoc action of the caller's by name or id.").query(query);
    let changes = |summary| {
        Doc::new(summary)
            .publicizes(Rule::ActionsPublicize)
            .query(ARGUMENTS)
            .takes_text()
            .answers::<ActionsView>(OK)
    };
    routes
        .list(
            Rule::ActionsList,
            &LISTABLE,
            Doc::new("Lists the actions that the caller can run, by name.").lists::<ActionView>(),
            list,
        )
        .post(
            "/v2/actions",
            Rule::ActionsCreate,
            Doc::new("Makes the ad-hoc actions of a document, all or none of them.")
                .publicizes(Rule::ActionsPublicize)
                .query(ARGUMENTS)
                .takes_text()
                .answers::<ActionsView>(StatusCode::CREATED),
            create,
        )
        .put(
            "/v2/actions",
            Rule::ActionsUpdate,
            changes(
                "Changes the caller's ad-hoc actions that a document names, all or none of them.",
            ),
            update,
        )
        .post(
            "/v2/actions/validate",
            Rule::ActionsCreate,
            validates("Says whether a document of ad-hoc actions has faults, and which."),
            validate,
        )
        .get("/v2/actions/{name}", Rule::ActionsGet, one(NAMESPACE), get)
        .put(
            "/v2/actions/{name}",
            Rule::ActionsUpdate,
            changes(
                "Changes an ad-hoc action of the caller's by name or id to the one of a document.",
            ),
            update_one,
        )
        .delete(
            "/v2/actions/{name}",
            Rule::ActionsDelete,
            deletes(OWN_NAMESPACE),
            delete,
        )
        // The stock client puts the namespace into the path.
        .get(
            "/v2/actions/{name}/{namespace}",
            Rule::ActionsGet,
            one(&[]),
            get_within,
        )
        .delete(
            "/v2/actions/{name}/{namespace}",
            Rule::ActionsDelete,
            deletes(&[]),
            delete_within,
        )
}

/// An action as Mistral shows it, and what Mistral does not know of.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ActionView {
    /// Its name where a module offers it, the id of an ad-hoc one.
    id: String,
    name: String,
    /// Whether the host ships it.
    is_system: bool,
    /// Mistral's text of its inputs: `a, b="x"`.
    input: String,
    description: Option<String>,
    /// Null where a module offers it.
    tags: Option<Vec<String>>,
    /// The document of an ad-hoc one.
    definition: Option<String>,
    scope: &'static str,
    project_id: Option<String>,
    namespace: String,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
    /// Null for an ad-hoc one, as is all that follows.
    module: Option<ActionModuleView>,
    /// A JSON Schema as text.
    #[schemars(with = "Option<String>")]
    input_schema: Option<JsonText>,
    /// A JSON Schema as text.
    #[schemars(with = "Option<String>")]
    output_schema: Option<JsonText>,
    /// The most that it will ever ask of a cloud.
    #[schemars(with = "Option<Vec<AccessRuleView>>")]
    access: Option<Vec<AccessRule>>,
    /// Whether it may be run again after a crash.
    idempotent: Option<bool>,
    /// Whether it may be completed through the API.
    asynchronous: Option<bool>,
}

/// Ad-hoc actions that were made or changed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ActionsView {
    actions: Vec<ActionView>,
}

/// The module that offers an action.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ActionModuleView {
    id: String,
    name: String,
    version: u32,
    digest: String,
}

/// One kind of cloud request.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "stands for the domain's type in the schema")]
struct AccessRuleView {
    service_type: String,
    method: String,
    path: String,
}

impl ActionView {
    fn new(action: &FoundAction) -> Result<Self, ApiError> {
        match action {
            FoundAction::Module(action) => Self::of_module(action),
            FoundAction::AdHoc(action) => Ok(Self::ad_hoc(action)),
        }
    }

    fn of_module(action: &Action) -> Result<Self, ApiError> {
        let (module, spec) = (&action.module, &action.spec);
        Ok(Self {
            id: spec.name.to_string(),
            name: spec.name.to_string(),
            is_system: module.project_id.is_none(),
            input: action.schema()?.mistral_input(),
            description: Some(spec.description.clone()),
            tags: None,
            definition: None,
            scope: module.scope.as_str(),
            project_id: module.project_id.as_ref().map(ToString::to_string),
            namespace: String::new(),
            created_at: Some(module.created_at),
            updated_at: module.updated_at,
            module: Some(ActionModuleView {
                id: module.id.to_string(),
                name: module.name.to_string(),
                version: module.version,
                digest: module.digest.to_string(),
            }),
            input_schema: Some(spec.input_schema.clone()),
            output_schema: spec.output_schema.clone(),
            access: Some(spec.access.clone()),
            idempotent: Some(spec.idempotent),
            asynchronous: Some(spec.asynchronous),
        })
    }

    fn ad_hoc(action: &AdHocAction) -> Self {
        Self {
            id: action.id.to_string(),
            name: action.name.to_string(),
            is_system: false,
            input: action.input.clone(),
            description: action.description.clone(),
            tags: Some(action.tags.clone()),
            definition: Some(action.definition.to_string()),
            scope: action.scope.as_str(),
            project_id: Some(action.project_id.to_string()),
            namespace: action.namespace.to_string(),
            created_at: Some(action.created_at),
            updated_at: action.updated_at,
            module: None,
            input_schema: None,
            output_schema: None,
            access: None,
            idempotent: None,
            asynchronous: None,
        }
    }
}

impl ActionsView {
    fn new(actions: &[AdHocAction]) -> Self {
        Self {
            actions: actions.iter().map(ActionView::ad_hoc).collect(),
        }
    }
}

/// `POST /v2/actions`: those of a document.
async fn create(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    args: QueryArgs,
    Text(text): Text,
) -> Result<(StatusCode, Answer<ActionsView>), ApiError> {
    let document = document(&app, &caller, Rule::ActionsPublicize, args, text)?;
    let actions = app.engine.create_ad_hoc_actions(&op, document).await?;
    Ok((StatusCode::CREATED, Answer(ActionsView::new(&actions))))
}

/// `PUT /v2/actions`: another content for those that a document names.
async fn update(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    mut args: QueryArgs,
    Text(text): Text,
) -> Result<Answer<ActionsView>, ApiError> {
    let identifier = args.take("identifier").filter(|it| !it.is_empty());
    let document = document(&app, &caller, Rule::ActionsPublicize, args, text)?;
    let engine = &app.engine;
    let actions = engine.update_ad_hoc_actions(&op, document, identifier.as_deref());
    Ok(Answer(ActionsView::new(&actions.await?)))
}

/// `PUT /v2/actions/{name}`: another content for one.
async fn update_one(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(reference): Path,
    args: QueryArgs,
    Text(text): Text,
) -> Result<Answer<ActionsView>, ApiError> {
    let document = document(&app, &caller, Rule::ActionsPublicize, args, text)?;
    let engine = &app.engine;
    let actions = engine.update_ad_hoc_actions(&op, document, Some(&reference));
    Ok(Answer(ActionsView::new(&actions.await?)))
}

/// `POST /v2/actions/validate`: what is wrong with a document.
async fn validate(
    State(app): State<App>,
    _: Acting,
    Text(text): Text,
) -> Result<Answer<ValidityView>, ApiError> {
    let faults = app.engine.check_ad_hoc_actions(text).await?;
    Ok(Answer(faults.into()))
}

/// `GET /v2/actions`: a page of what the caller can run.
async fn list(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    args: QueryArgs,
) -> Result<Answer<ListView<ActionView>>, ApiError> {
    let mut asked = LISTABLE.ask(&app, &acting, args)?;
    if asked.request.reach == Reach::All {
        // Several projects may have an action of one name.
        asked = asked.marked_by(FoundAction::place);
    }
    let page = app.engine.actions(&asked.request).await?;
    asked.answer(&app, &headers, &page, ActionView::new)
}

/// `GET /v2/actions/{name}`: one that the caller can run.
async fn get(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(reference): Path,
    args: QueryArgs,
) -> Result<Answer<ActionView>, ApiError> {
    let namespace = namespace(args)?;
    let sight = app.sight(&caller, Rule::ActionsListAllProjects);
    show(&app, &op, &reference, &namespace, sight).await
}

/// `GET /v2/actions/{name}/{namespace}`: the same.
async fn get_within(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    PathPair(reference, namespace): PathPair,
    args: QueryArgs,
) -> Result<Answer<ActionView>, ApiError> {
    args.finish()?;
    let namespace = parse_namespace(Some(namespace))?;
    let sight = app.sight(&caller, Rule::ActionsListAllProjects);
    show(&app, &op, &reference, &namespace, sight).await
}

async fn show(
    app: &App,
    op: &Operation,
    reference: &str,
    namespace: &Namespace,
    sight: Sight,
) -> Result<Answer<ActionView>, ApiError> {
    let engine = &app.engine;
    let action = engine.find_action(op, reference, namespace, sight).await?;
    ActionView::new(&action).map(Answer)
}

/// `DELETE /v2/actions/{name}`: an ad-hoc one less.
async fn delete(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(reference): Path,
    args: QueryArgs,
) -> Result<StatusCode, ApiError> {
    let namespace = namespace(args)?;
    let engine = &app.engine;
    engine
        .delete_ad_hoc_action(&op, &reference, &namespace)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /v2/actions/{name}/{namespace}`: the same.
async fn delete_within(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    PathPair(reference, namespace): PathPair,
    args: QueryArgs,
) -> Result<StatusCode, ApiError> {
    args.finish()?;
    let namespace = parse_namespace(Some(namespace))?;
    let engine = &app.engine;
    engine
        .delete_ad_hoc_action(&op, &reference, &namespace)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
