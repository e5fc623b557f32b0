//! What the routes of workflows, workbooks and ad-hoc actions share: documents of text, and what is wrong with one.

use std::sync::Arc;

use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    api::{App, doc::Doc, error::ApiError, extract::QueryArgs},
    auth::Caller,
    domain::{Namespace, Scope},
    engine::{Document, DocumentFault},
    policy::Rule,
};

/// The arguments of a query that come with a document.
pub(super) const ARGUMENTS: &[(&str, &str)] = &[
    (
        "namespace",
        "the namespace of what it defines; else the default one",
    ),
    ("scope", "private or public"),
    (
        "skip_validation",
        "taken, and without effect: a document that has faults is not kept",
    ),
];

/// The argument of a query that says where a name is looked for.
pub(super) const NAMESPACE: &[(&str, &str)] = &[(
    "namespace",
    "where a name is looked for, before the default namespace",
)];

/// The argument of a query that says of which namespace the name is.
pub(super) const OWN_NAMESPACE: &[(&str, &str)] = &[(
    "namespace",
    "the namespace of the name; else the default one",
)];

/// Whether a document has faults, as Mistral says it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ValidityView {
    valid: bool,
    /// Every fault on a line of its own; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// The same one by one; absent when there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<FaultView>,
}

/// One fault of a document.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DocumentFaultView")]
pub struct FaultView {
    /// From 1; 0 when it is the whole document's.
    line: u32,
    /// From 1.
    column: u32,
    /// Where it is in the document: `flow.tasks.task1.on-success[0]`.
    path: String,
    /// What is wrong, and what would be right.
    message: String,
}

impl From<Vec<DocumentFault>> for ValidityView {
    fn from(faults: Vec<DocumentFault>) -> Self {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Self {
            valid: faults.is_empty(),
            error: (!lines.is_empty()).then(|| format!("Invalid DSL: {}", lines.join("\n"))),
            faults: faults.into_iter().map(FaultView::from).collect(),
        }
    }
}

impl From<DocumentFault> for FaultView {
    fn from(fault: DocumentFault) -> Self {
        Self {
            line: fault.line,
            column: fault.column,
            path: fault.path,
            message: fault.message,
        }
    }
}

/// What a route says that checks a document.
pub(super) fn validates(summary: &'static str) -> Doc {
    Doc::new(summary)
        .takes_text()
        .answers::<ValidityView>(StatusCode::OK)
}

/// The document that a request brings, if the caller may publish it where it says so.
pub(super) fn document(
    app: &App,
    caller: &Caller,
    publicize: Rule,
    mut args: QueryArgs,
    text: Arc<str>,
) -> Result<Document, ApiError> {
    let namespace = parse_namespace(args.take("namespace"))?;
    let scope = match args.take("scope").as_deref() {
        None | Some("") => None,
        Some("private") => Some(Scope::Private),
        Some("public") => {
            app.policy.enforce(caller, publicize)?;
            Some(Scope::Public)
        }
        Some(_) => {
            return Err(ApiError::bad_request(
                "Invalid input for field/attribute scope. Value should be one of: private, public",
            ));
        }
    };
    args.take("skip_validation");
    args.finish()?;
    Ok(Document {
        text,
        namespace,
        scope,
    })
}

/// The namespace that a query names, and nothing else.
pub(super) fn namespace(mut args: QueryArgs) -> Result<Namespace, ApiError> {
    let namespace = parse_namespace(args.take("namespace"))?;
    args.finish()?;
    Ok(namespace)
}

/// The default one when there is none.
pub(super) fn parse_namespace(text: Option<String>) -> Result<Namespace, ApiError> {
    Namespace::parse(&text.unwrap_or_default())
        .map_err(|fault| ApiError::bad_request(format!("namespace: {fault}.")))
}
