//! What the host and an executor process say to each other: JSON behind its length, over a socket pair.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

use crate::{
    domain::{
        ActionExecutionId, ActionSpec, CustomContext, Digest, Failure, JournalCaps, JournalRow,
        JsonText, ModuleName, Outcome, ProjectId, RequestContext, Secret, TargetCloud,
        TaskOfAction, plain, private_json,
    },
    executor::{Call, TakeInError},
    openstack::{self, Consent},
    runtime, telemetry,
};

/// The longest message. What a run brings along and what it answers are bounded far below.
const LONGEST: usize = 256 << 20;

/// The first message to an executor process.
#[derive(Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) runtime: runtime::Settings,
    pub(super) openstack: openstack::Settings,
    pub(super) http: openstack::HttpSettings,
    pub(super) log: telemetry::Settings,
    /// The folder of components and compiled code.
    pub(super) modules: PathBuf,
    /// The key that authenticates compiled code, in base64.
    #[serde(with = "plain")]
    pub(super) key: Secret,
    /// Where the host itself listens.
    pub(super) listeners: Vec<SocketAddr>,
}

/// What an executor process is asked to do.
#[derive(Serialize, Deserialize)]
pub(super) enum Order {
    Run(Box<Run>),
    /// Ends a run.
    Cancel(u64),
    /// Checks, compiles and describes an upload.
    TakeIn {
        file: PathBuf,
        digest: Digest,
        module: Option<ModuleName>,
    },
}

/// One run, with all that crosses the process's border.
#[derive(Serialize, Deserialize)]
pub(super) struct Run {
    /// Tells runs of one process apart.
    pub(super) ticket: u64,
    pub(super) id: ActionExecutionId,
    pub(super) digest: Digest,
    pub(super) input: JsonText,
    pub(super) attempt: u32,
    pub(super) project_id: ProjectId,
    pub(super) spec: Arc<ActionSpec>,
    pub(super) consent: Arc<Consent>,
    pub(super) request_id: Arc<str>,
    pub(super) traceparent: Arc<str>,
    pub(super) caps: JournalCaps,
    custom_context: Option<Private>,
    pub(super) target: Option<TargetCloud>,
    pub(super) timeout_ms: u64,
    pub(super) task: Option<TaskOfAction>,
    pub(super) callback_url: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Private(#[serde(with = "plain")] Secret);

/// What an executor process tells.
#[derive(Serialize, Deserialize)]
pub(super) enum Report {
    /// A run said or asked something.
    Row(u64, JournalRow),
    /// A run has ended.
    Ended {
        ticket: u64,
        outcome: Outcome,
        log_dropped: u64,
        requests_dropped: u64,
    },
    /// An upload was taken in, or not.
    TookIn(Result<Vec<ActionSpec>, NotTakenIn>),
}

/// [`TakeInError`] on its way.
#[derive(Serialize, Deserialize)]
pub(super) enum NotTakenIn {
    Refused(String),
    TooExpensive(String),
    Busy(String),
    Host(String),
}

impl Run {
    pub(super) fn new(ticket: u64, call: &Call) -> Self {
        let context = call.custom_context.as_ref();
        Self {
            ticket,
            id: call.id,
            digest: call.digest,
            input: call.input.clone(),
            attempt: call.attempt,
            project_id: call.scope.project_id.clone(),
            spec: Arc::clone(&call.scope.spec),
            consent: Arc::clone(&call.scope.consent),
            request_id: Arc::clone(&call.scope.request.request_id),
            traceparent: Arc::clone(&call.scope.request.traceparent),
            caps: call.scope.journal.caps(),
            custom_context: context
                .map(|context| Private(Secret::new(context.expose().to_owned()))),
            target: call
                .session
                .as_ref()
                .map(|session| session.target().clone()),
            timeout_ms: u64::try_from(call.timeout.as_millis()).unwrap_or(u64::MAX),
            task: call.task.clone(),
            callback_url: call.callback_url.clone(),
        }
    }

    pub(super) fn custom_context(&self) -> Option<CustomContext> {
        let Private(text) = self.custom_context.as_ref()?;
        Some(CustomContext::from_json(text.expose().to_owned()))
    }

    pub(super) fn request(&self) -> RequestContext {
        RequestContext {
            request_id: Arc::clone(&self.request_id),
            traceparent: Arc::clone(&self.traceparent),
        }
    }
}

impl From<TakeInError> for NotTakenIn {
    fn from(err: TakeInError) -> Self {
        match err {
            TakeInError::Refused(text) => Self::Refused(text),
            TakeInError::TooExpensive(text) => Self::TooExpensive(text),
            TakeInError::Busy(text) => Self::Busy(text),
            TakeInError::Host(source) => Self::Host(telemetry::Chain(&*source).to_string()),
        }
    }
}

impl From<NotTakenIn> for TakeInError {
    fn from(err: NotTakenIn) -> Self {
        match err {
            NotTakenIn::Refused(text) => Self::Refused(text),
            NotTakenIn::TooExpensive(text) => Self::TooExpensive(text),
            NotTakenIn::Busy(text) => Self::Busy(text),
            NotTakenIn::Host(text) => Self::Host(text.into()),
        }
    }
}

/// What a run that its process did not finish ended in.
pub(super) fn process_lost() -> Outcome {
    Outcome::Failed(Failure {
        retryable: true,
        ..Failure::new(
            "the executor process of the project ended before the action did; it may have had effects",
        )
    })
}

/// Writes one message.
pub(super) async fn write<T: Serialize + Sync>(
    to: &mut (impl AsyncWrite + Unpin),
    message: &T,
) -> io::Result<()> {
    let bytes = private_json(message)?;
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_le_bytes()).await?;
    to.write_all(&bytes).await
}

/// Reads one message; none at the end.
pub(super) async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length).await {
        Ok(_) => {}
        Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(err) => return Err(err),
    }
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
    if length > LONGEST {
        return Err(io::Error::other("a message is longer than any can be"));
    }
    let mut bytes = Zeroizing::new(vec![0; length]);
    from.read_exact(&mut bytes).await?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}
