//! Versions, health, readiness, metrics and the OpenAPI document: the open routes.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{App, doc::Doc, error::ApiError, routes::Routes};

/// `GET /`: the versions of the API.
#[derive(Serialize, JsonSchema)]
pub(super) struct VersionsView {
    versions: [VersionView; 1],
}

/// One version of the API.
#[derive(Serialize, JsonSchema)]
pub(super) struct VersionView {
    id: &'static str,
    status: &'static str,
    links: [LinkView; 1],
}

/// Where a version is.
#[derive(Serialize, JsonSchema)]
pub(super) struct LinkView {
    href: String,
    target: &'static str,
    rel: &'static str,
}

/// `GET /v2/`: where this version is.
#[derive(Serialize, JsonSchema)]
pub(super) struct UriView {
    uri: String,
}

/// `GET /healthz` and `GET /readyz`.
#[derive(Serialize, JsonSchema)]
pub(super) struct HealthView {
    status: &'static str,
}

/// Adds the open routes.
pub(super) fn routes(routes: Routes) -> Routes {
    const OK: StatusCode = StatusCode::OK;
    routes
        .open(
            "/",
            Doc::new("The versions of the API.").answers::<VersionsView>(OK),
            versions,
        )
        .open("/v2", Doc::new("Redirects to `/v2/`."), redirect)
        .open(
            "/v2/",
            Doc::new("Where this version of the API is.").answers::<UriView>(OK),
            uri,
        )
        .open(
            "/healthz",
            Doc::new("200 while the host is alive.").answers::<HealthView>(OK),
            health,
        )
        .open(
            "/readyz",
            Doc::new("200 when the store answers and the shipped actions are loaded, else 503.")
                .answers::<HealthView>(OK),
            ready,
        )
        .open(
            "/metrics",
            Doc::new("Metrics in Prometheus' text format.").answers_text(),
            metrics,
        )
        .open(
            "/v2/openapi.json",
            Doc::new("This document.").answers::<serde_json::Value>(OK),
            open_api,
        )
}

async fn versions(State(app): State<App>, headers: HeaderMap) -> Json<VersionsView> {
    let href = format!("{}/v2", app.base_url(&headers));
    Json(VersionsView {
        versions: [VersionView {
            id: "v2.0",
            status: "CURRENT",
            links: [LinkView {
                href,
                target: "v2",
                rel: "self",
            }],
        }],
    })
}

async fn redirect() -> impl IntoResponse {
    (StatusCode::FOUND, [(header::LOCATION, "/v2/")])
}

async fn uri(State(app): State<App>, headers: HeaderMap) -> Json<UriView> {
    Json(UriView {
        uri: format!("{}/v2", app.base_url(&headers)),
    })
}

async fn health() -> Json<HealthView> {
    Json(HealthView { status: "alive" })
}

async fn ready(State(app): State<App>) -> Result<Json<HealthView>, ApiError> {
    app.check_readiness()
        .await
        .map(|()| Json(HealthView { status: "ready" }))
}

async fn metrics(State(app): State<App>) -> Response {
    (
        [(
            header::CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        app.metrics.encode(),
    )
        .into_response()
}

async fn open_api(State(app): State<App>) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        app.open_api.clone(),
    )
        .into_response()
}
