//! Receives a component into a file, digested on the way. The file goes when the request does.

use std::path::PathBuf;

use axum::{
    body::BodyDataStream,
    extract::Request,
    http::{HeaderMap, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

use crate::{
    api::{App, error::ApiError, patience::broken_off},
    domain::Digest,
    engine::Upload,
};

/// Holds the component's detached signature in base64; a `.minisig` file has several lines.
const SIGNATURE_HEADER: &str = "x-module-signature";
/// The longest signature: its comments are short texts.
const SIGNATURE_BYTES: usize = 4 << 10;

/// A received component.
pub(super) struct Received {
    file: PathBuf,
    digest: Digest,
    size_bytes: u64,
    signature: Option<String>,
}

impl Received {
    /// What the engine is told of it.
    pub(super) fn upload(&self) -> Upload {
        Upload {
            file: self.file.clone(),
            digest: self.digest,
            size_bytes: self.size_bytes,
            signature: self.signature.clone(),
        }
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        // What cannot be removed here is removed at the next start.
        let _ = std::fs::remove_file(&self.file);
    }
}

/// Writes the body of `request` into a file of its own.
///
/// # Errors
/// 415 for another type, 413 when it is too large, 400 when it ends early or its signature cannot be read, 500 when the
/// disk fails.
pub(super) async fn receive(app: &App, request: Request) -> Result<Received, ApiError> {
    let max_bytes = app.max_module_bytes;
    let head = check_head(request.headers(), max_bytes).and_then(|()| signature(request.headers()));
    let signature = match head {
        Ok(signature) => signature,
        Err(refusal) => return Err(refuse(app, request, refusal).await),
    };
    let mut body = request.into_body().into_data_stream();
    let mut received = Received {
        file: app.uploads.join(format!("{}.wasm", Uuid::now_v7())),
        digest: Digest::from_bytes([0; 32]),
        size_bytes: 0,
        signature,
    };
    let mut file = tokio::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&received.file)
        .await
        .map_err(|source| ApiError::internal(&source))?;
    let mut hash = Sha256::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| broken_off(&error))?;
        received.size_bytes += chunk.len() as u64;
        if received.size_bytes > max_bytes {
            drain(&mut body, max_bytes).await;
            return Err(too_large(max_bytes));
        }
        hash.update(&chunk);
        file.write_all(&chunk)
            .await
            .map_err(|source| ApiError::internal(&source))?;
    }
    file.flush()
        .await
        .map_err(|source| ApiError::internal(&source))?;
    received.digest = Digest::from_bytes(hash.finalize().into());
    Ok(received)
}

/// Hands `refusal` back once the body of `request` has been read over.
pub(super) async fn refuse(app: &App, request: Request, refusal: ApiError) -> ApiError {
    drain(
        &mut request.into_body().into_data_stream(),
        app.max_module_bytes,
    )
    .await;
    refusal
}

/// Reads on for a while: a client that is still sending would see a broken connection instead of the refusal.
async fn drain(body: &mut BodyDataStream, max_bytes: u64) {
    let mut drained = 0;
    while let Some(Ok(chunk)) = body.next().await {
        drained += chunk.len() as u64;
        if drained > max_bytes.saturating_mul(2) {
            return;
        }
    }
}

fn check_head(headers: &HeaderMap, max_bytes: u64) -> Result<(), ApiError> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let media_type = text(header::CONTENT_TYPE);
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/wasm") {
        return Err(ApiError::wrong_type(
            "A module is a WebAssembly component; send it with Content-Type: application/wasm.",
        ));
    }
    let is_too_large = text(header::CONTENT_LENGTH)
        .parse::<u64>()
        .is_ok_and(|length| length > max_bytes);
    if is_too_large {
        return Err(too_large(max_bytes));
    }
    Ok(())
}

/// The text of the detached signature that comes with the component.
fn signature(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(SIGNATURE_HEADER) else {
        return Ok(None);
    };
    let text = BASE64.decode(value.as_bytes()).ok();
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    match text {
        Some(text) if text.len() <= SIGNATURE_BYTES => Ok(Some(text)),
        Some(_) | None => Err(ApiError::bad_request(format!(
            "X-Module-Signature: must be the text of a .minisig file in base64, at most {SIGNATURE_BYTES} bytes."
        ))),
    }
}

fn too_large(max_bytes: u64) -> ApiError {
    ApiError::too_large(max_bytes, "[runtime.compile] max_component_mib")
}
