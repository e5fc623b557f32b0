//! What can go wrong in a client command, and the exit code that says so.

use std::{error::Error as _, fmt::Write as _, io, path::PathBuf};

use super::{keystone_login, sanitize::sanitize};

/// Why a client command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line, the environment or `clouds.yaml` asks for something that cannot be done.
    #[error("{0}")]
    Usage(String),
    /// A file named on the command line cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Standard output cannot be written.
    #[error("cannot write the output")]
    Output(#[from] io::Error),
    /// The HTTP client cannot be built: a bad CA certificate, or none installed on this machine.
    #[error("cannot set up TLS")]
    Tls(#[source] reqwest::Error),
    /// Keystone did not give a token.
    #[error(transparent)]
    Keystone(#[from] keystone_login::Error),
    /// The host could not be reached, or the connection broke.
    #[error("cannot reach Zonda at {url}")]
    Unreachable {
        /// Without query.
        url: String,
        /// The cause.
        #[source]
        source: reqwest::Error,
    },
    /// The host refused.
    #[error("{fault} (HTTP {status}{retry}{request})")]
    Api {
        /// The HTTP status.
        status: u16,
        /// Mistral's `faultstring`.
        fault: String,
        /// `, retry after N s` where the host says when to come again.
        retry: String,
        /// `, request req-…` for a fault of the host's, to look for in its logs.
        request: String,
    },
    /// The answer is not what this client understands.
    #[error("unexpected answer from {url}: {reason}")]
    Answer {
        /// Without query.
        url: String,
        /// What was expected.
        reason: String,
    },
}

impl Error {
    /// A fault of the command line.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// The HTTP status of the host's refusal.
    pub(super) const fn status(&self) -> Option<u16> {
        match self {
            Self::Api { status, .. } => Some(*status),
            Self::Usage(_)
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Output(_)
            | Self::Tls(_)
            | Self::Keystone(_)
            | Self::Unreachable { .. }
            | Self::Answer { .. } => None,
        }
    }

    /// 2 for a fault of the command line, 0 when the reader of our output has gone, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Read { .. } => 2,
            Self::Output(err) if err.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Output(_)
            | Self::Write { .. }
            | Self::Tls(_)
            | Self::Keystone(_)
            | Self::Unreachable { .. }
            | Self::Api { .. }
            | Self::Answer { .. } => 1,
        }
    }

    /// The error and its causes in one line that is safe to show on a terminal.
    #[must_use]
    pub fn one_line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(source) = cause {
            let text = source.to_string();
            if !line.ends_with(&text) {
                write!(line, ": {text}").expect("a String takes every write");
            }
            cause = source.source();
        }
        sanitize(&line.replace(['\n', '\r', '\t'], " ")).into_owned()
    }
}
