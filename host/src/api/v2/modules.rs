//! Modules: upload, look at, replace, roll back, publish, delete.

use axum::{
    Json as Answer,
    body::{Body, HttpBody as _},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_util::io::ReaderStream;

mod consent;
mod receive;

use self::consent::ConsentView;
use super::members::{self, Shared};
use crate::{
    api::{
        App,
        doc::Doc,
        error::ApiError,
        extract::{Acting, Json, JsonBody, Path, QueryArgs},
        json_text::time,
        list::{ListView, Listable},
        routes::Routes,
    },
    auth::Caller,
    domain::{
        Column, Module, ModuleId, ModuleName, ModuleSignature, ModuleVersion, Operation, ProjectId,
        Scope, Timestamp,
    },
    engine::{ModuleRef, NewModule, ShareableRef},
    policy::Rule,
};

static LISTABLE: Listable<Module> = Listable {
    path: "/v2/modules",
    collection: "modules",
    default_sort: "created_at",
    columns: &[
        Column::text("id", |it: &Module| it.id.to_string().into()).by_id(),
        Column::text("name", |it: &Module| it.name.as_str().into()).indexed(),
        Column::number("version", |it| it.version.into()),
        Column::text("digest", |it| it.digest.to_string().into()),
        Column::text("scope", |it: &Module| it.scope.as_str().into()).indexed(),
        Column::text("project_id", |it| {
            it.project_id.as_ref().map(ProjectId::as_str).into()
        }),
        Column::flag("is_system", |it| it.is_system().into()),
        Column::time("created_at", |it: &Module| it.created_at.into()).by_id(),
        Column::time("updated_at", |it| it.updated_at.into()),
    ],
    shown: &["signature"],
    flags: &[],
    ignored: &[],
    all_projects: Rule::ModulesListAllProjects,
    marker: |it| it.id.to_string(),
};

/// Modules as what is shared.
const SHARED: Shared = Shared {
    members: "/v2/modules/{module}/members",
    member: "/v2/modules/{module}/members/{member_id}",
    parse: |text| parse_ref(text).map(ShareableRef::Module),
    all_projects: Rule::ModulesListAllProjects,
};

/// Adds the routes of modules.
pub(super) fn routes(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    let routes = routes
        .post(
            "/v2/modules",
            Rule::ModulesCreate,
            Doc::new("Takes in a component as a module's first version.")
                .publicizes(Rule::ModulesPublicize)
                .query(&[
                    ("name", "the module's name, the prefix of its actions"),
                    ("scope", "private or public"),
                ])
                .takes_wasm()
                .answers::<ModuleView>(StatusCode::CREATED),
            create,
        )
        .list(
            Rule::ModulesList,
            &LISTABLE,
            Doc::new("Lists modules, oldest first.").lists::<ModuleView>(),
            list,
        )
        .get(
            "/v2/modules/{module}",
            Rule::ModulesGet,
            Doc::new("Shows a module by name or id.")
                .all_projects(Rule::ModulesListAllProjects)
                .answers::<ModuleView>(OK),
            get,
        )
        .put(
            "/v2/modules/{module}",
            Rule::ModulesUpdate,
            Doc::new("Takes in a component as a module's next version, which becomes current.")
                .publicizes(Rule::ModulesPublicize)
                .query(&[(
                    "scope",
                    "private or public: changes the scope alone, without a body",
                )])
                .takes_wasm()
                .or_no_body()
                .answers::<ModuleView>(OK),
            update,
        )
        .delete(
            "/v2/modules/{module}",
            Rule::ModulesDelete,
            Doc::new("Deletes a module."),
            delete,
        )
        .get(
            "/v2/modules/{module}/content",
            Rule::ModulesGet,
            Doc::new("The component of a module's current version.").answers_wasm(),
            content,
        )
        .post(
            "/v2/modules/{module}/rollback",
            Rule::ModulesUpdate,
            Doc::new("Makes another version of a module current.")
                .takes::<RollbackBody>()
                .answers::<ModuleView>(OK),
            rollback,
        );
    members::routes(routes, SHARED)
}

/// The version to make current.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    /// Its number.
    version: u32,
}

impl JsonBody for RollbackBody {
    const ARGUMENT: &'static str = "rollback";
}

/// A module.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ModuleView {
    id: String,
    name: String,
    /// The number of the current version.
    version: u32,
    /// `sha256:` and 64 hexadecimal digits of the current version.
    digest: String,
    scope: &'static str,
    /// Who signed the current version; null when nobody did.
    signature: Option<SignatureView>,
    /// Null for a module that the host ships.
    project_id: Option<String>,
    is_system: bool,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "Option<String>")]
    updated_at: Option<Timestamp>,
    /// Oldest first; only when one module is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<Vec<ModuleVersionView>>,
    /// What its actions may ask of clouds; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<ConsentView>,
}

/// One version of a module.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ModuleVersionView {
    version: u32,
    digest: String,
    size_bytes: u64,
    /// The names of what it offers.
    actions: Vec<String>,
    uploaded_by: Option<String>,
    /// Null when nobody signed it.
    signature: Option<SignatureView>,
    #[serde(serialize_with = "time")]
    #[schemars(with = "String")]
    created_at: Option<Timestamp>,
}

/// A signature that was verified when the module was uploaded.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SignatureView {
    /// What the operator calls the key.
    key_name: String,
    /// 16 hexadecimal digits, as minisign shows them.
    key_id: String,
    /// The comment that is signed with the component.
    trusted_comment: String,
}

impl From<ModuleSignature> for SignatureView {
    fn from(signature: ModuleSignature) -> Self {
        Self {
            key_name: signature.key_name,
            key_id: signature.key_id,
            trusted_comment: signature.trusted_comment,
        }
    }
}

impl From<Module> for ModuleView {
    fn from(module: Module) -> Self {
        Self {
            id: module.id.to_string(),
            name: module.name.to_string(),
            version: module.version,
            digest: module.digest.to_string(),
            scope: module.scope.as_str(),
            is_system: module.is_system(),
            signature: module.signature.map(SignatureView::from),
            project_id: module.project_id.map(|id| id.to_string()),
            created_at: Some(module.created_at),
            updated_at: module.updated_at,
            versions: None,
            consent: None,
        }
    }
}

impl From<ModuleVersion> for ModuleVersionView {
    fn from(version: ModuleVersion) -> Self {
        Self {
            version: version.version,
            digest: version.digest.to_string(),
            size_bytes: version.size_bytes,
            actions: version
                .actions
                .iter()
                .map(|spec| spec.name.to_string())
                .collect(),
            uploaded_by: version.uploaded_by,
            signature: version.signature.map(SignatureView::from),
            created_at: Some(version.created_at),
        }
    }
}

/// One module with what its actions may ask in the caller's project.
fn with_consent(
    app: &App,
    op: &Operation,
    module: Module,
    version: Option<&ModuleVersion>,
) -> ModuleView {
    let consent = version.map(|version| app.engine.module_consent(op, &module.name, version));
    ModuleView {
        consent: consent.map(ConsentView::from),
        ..ModuleView::from(module)
    }
}

/// `POST /v2/modules`: takes in a new module.
async fn create(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    args: QueryArgs,
    request: Request,
) -> Result<(StatusCode, Answer<ModuleView>), ApiError> {
    let (name, scope) = match name_and_scope(&app, &caller, args) {
        Ok(named) => named,
        Err(refusal) => return Err(receive::refuse(&app, request, refusal).await),
    };
    let received = receive::receive(&app, request).await?;
    let new = NewModule {
        name,
        scope,
        upload: received.upload(),
    };
    let (module, version) = app.engine.create_module(&op, new).await?;
    let view = with_consent(&app, &op, module, Some(&version));
    Ok((StatusCode::CREATED, Answer(view)))
}

fn name_and_scope(
    app: &App,
    caller: &Caller,
    mut args: QueryArgs,
) -> Result<(ModuleName, Scope), ApiError> {
    let name = args.take("name").ok_or_else(|| {
        ApiError::bad_request(
            "name: is missing; give it as ?name=N, the prefix of the module's actions.",
        )
    })?;
    let name = ModuleName::parse(&name)
        .map_err(|fault| ApiError::bad_request(format!("name: {fault}")))?;
    let scope = parse_scope(app, caller, args.take("scope"))?;
    args.finish()?;
    Ok((name, scope))
}

/// `GET /v2/modules`: a page of those that the caller can use.
async fn list(
    State(app): State<App>,
    acting: Acting,
    headers: HeaderMap,
    args: QueryArgs,
) -> Result<Answer<ListView<ModuleView>>, ApiError> {
    let asked = LISTABLE.ask(&app, &acting, args)?;
    let page = app.engine.modules(&asked.request).await?;
    asked.answer(&app, &headers, &page, |module| {
        Ok(ModuleView::from(module.clone()))
    })
}

/// `GET /v2/modules/{module}`: one with its versions.
async fn get(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(module): Path,
) -> Result<Answer<ModuleView>, ApiError> {
    let sight = app.sight(&caller, Rule::ModulesListAllProjects);
    let module = parse_ref(&module)?;
    let (module, versions) = app.engine.module(&op, &module, sight).await?;
    let current = versions.iter().find(|it| it.version == module.version);
    let view = with_consent(&app, &op, module, current);
    Ok(Answer(ModuleView {
        versions: Some(versions.into_iter().map(ModuleVersionView::from).collect()),
        ..view
    }))
}

/// `PUT /v2/modules/{module}`: takes in its next version, or, with `scope`, changes its scope.
async fn update(
    State(app): State<App>,
    Acting { op, caller }: Acting,
    Path(module): Path,
    mut args: QueryArgs,
    request: Request,
) -> Result<Answer<ModuleView>, ApiError> {
    let scope = args.take("scope");
    args.finish()?;
    let module = parse_ref(&module)?;
    if scope.is_some() {
        let scope = match parse_scope(&app, &caller, scope) {
            Ok(scope) if request.body().is_end_stream() => scope,
            Ok(_) => {
                let refusal = ApiError::bad_request(
                    "scope: is changed by a PUT without a body; send the component in a request of its own.",
                );
                return Err(receive::refuse(&app, request, refusal).await);
            }
            Err(refusal) => return Err(receive::refuse(&app, request, refusal).await),
        };
        let (module, version) = app.engine.set_module_scope(&op, &module, scope).await?;
        return Ok(Answer(with_consent(&app, &op, module, Some(&version))));
    }
    let received = receive::receive(&app, request).await?;
    let (module, version) = app
        .engine
        .add_module_version(&op, &module, received.upload())
        .await?;
    Ok(Answer(with_consent(&app, &op, module, Some(&version))))
}

/// `DELETE /v2/modules/{module}`: it goes, with all its versions.
async fn delete(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(module): Path,
) -> Result<StatusCode, ApiError> {
    app.engine.delete_module(&op, &parse_ref(&module)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v2/modules/{module}/content`: its component.
async fn content(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(module): Path,
) -> Result<Response, ApiError> {
    let file = app.engine.module_content(&op, &parse_ref(&module)?).await?;
    let body = Body::from_stream(ReaderStream::with_capacity(file, 64 * 1024));
    Ok(([(header::CONTENT_TYPE, "application/wasm")], body).into_response())
}

/// `POST /v2/modules/{module}/rollback`: another version becomes current.
async fn rollback(
    State(app): State<App>,
    Acting { op, .. }: Acting,
    Path(module): Path,
    Json(body): Json<RollbackBody>,
) -> Result<Answer<ModuleView>, ApiError> {
    let (module, version) = app
        .engine
        .rollback_module(&op, &parse_ref(&module)?, body.version)
        .await?;
    Ok(Answer(with_consent(&app, &op, module, Some(&version))))
}

fn parse_ref(text: &str) -> Result<ModuleRef, ApiError> {
    if let Ok(id) = text.parse::<ModuleId>() {
        return Ok(ModuleRef::Id(id));
    }
    ModuleName::parse(text)
        .map(ModuleRef::Name)
        .map_err(|_| ApiError::not_found(format!("Module not found [name={text}]")))
}

fn parse_scope(app: &App, caller: &Caller, text: Option<String>) -> Result<Scope, ApiError> {
    match text.as_deref() {
        None | Some("private") => Ok(Scope::Private),
        Some("public") => {
            app.policy.enforce(caller, Rule::ModulesPublicize)?;
            Ok(Scope::Public)
        }
        Some(_) => Err(ApiError::bad_request("scope: must be private or public.")),
    }
}
