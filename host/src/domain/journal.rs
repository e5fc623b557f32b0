//! What a run said and asked: its log lines and its proxied requests. They belong to the caller, never to the host's logs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::{AccessRule, JsonText, Params, PlannedRequest, Timestamp, report::Report};

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogLevel {
    /// For whoever debugs the action.
    Debug,
    /// The usual.
    Info,
    /// It went on, worse.
    Warn,
    /// It failed.
    Error,
}

/// One line that an action logged, or that the host said to its user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// How much it matters.
    pub level: LogLevel,
    /// The message.
    pub message: String,
    /// Structured fields, a JSON object as text; empty for none.
    pub fields: String,
}

/// One request that the host made for an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestTrace {
    /// When it was sent.
    pub at: Timestamp,
    /// The HTTP method.
    pub method: String,
    /// The service type, or `http` for a request outside the cloud.
    pub service_type: String,
    /// The region whose endpoint answered.
    pub region: Option<String>,
    /// The path below the service's endpoint, without query.
    pub path: String,
    /// The answer's status; none when there was no answer.
    pub status: Option<u16>,
    /// Why there was no answer, or why the host refused.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The answering service's own request id.
    pub service_request_id: Option<String>,
}

/// What a journal holds at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalPage {
    /// Log lines, oldest first.
    pub log: Vec<LogLine>,
    /// Log lines dropped because a cap was reached.
    pub log_dropped: u64,
    /// Requests, oldest first.
    pub requests: Vec<RequestTrace>,
    /// Requests not kept because a cap was reached.
    pub requests_dropped: u64,
}

/// The most that one run's journal keeps.
#[derive(Debug, Clone, Copy)]
pub struct JournalCaps {
    /// Log lines.
    pub lines: usize,
    /// Bytes of log messages and fields together.
    pub bytes: usize,
    /// Request traces.
    pub requests: usize,
}

/// The log lines and requests of one run, shared by those who write and those who read.
#[derive(Debug)]
pub struct Journal {
    caps: JournalCaps,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    page: JournalPage,
    bytes: usize,
    report: Report,
}

impl Journal {
    /// An empty journal.
    #[must_use]
    pub fn new(caps: JournalCaps) -> Self {
        Self {
            caps,
            inner: Mutex::default(),
        }
    }

    /// Keeps a log line, or counts it as dropped when a cap is reached.
    pub fn log(&self, line: LogLine) {
        let mut inner = self.lock();
        let bytes = inner
            .bytes
            .saturating_add(line.message.len())
            .saturating_add(line.fields.len());
        if inner.page.log.len() >= self.caps.lines || bytes > self.caps.bytes {
            inner.page.log_dropped += 1;
            return;
        }
        inner.bytes = bytes;
        inner.page.log.push(line);
    }

    /// Keeps a request trace, or counts it as dropped when the cap is reached.
    pub fn request(&self, trace: RequestTrace) {
        let mut inner = self.lock();
        if inner.page.requests.len() >= self.caps.requests {
            inner.page.requests_dropped += 1;
            return;
        }
        inner.page.requests.push(trace);
    }

    /// Keeps a request that a dry run did not send.
    pub fn plan(&self, request: PlannedRequest) {
        self.lock().report.plan(request);
    }

    /// Keeps the smallest rule that allows a request which was allowed, or was denied.
    pub fn learn(&self, rule: AccessRule, is_allowed: bool) {
        self.lock().report.learn(rule, is_allowed);
    }

    /// The members of the output beside the result that `params` ask for, a JSON object: plan and rules.
    #[must_use]
    pub fn report(&self, params: &Params) -> Option<JsonText> {
        self.lock().report.text(params)
    }

    /// What it holds at this moment.
    #[must_use]
    pub fn page(&self) -> JournalPage {
        self.lock().page.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_journal_counts_what_it_drops() {
        let journal = Journal::new(JournalCaps {
            lines: 2,
            bytes: 100,
            requests: 1,
        });
        for message in ["a", "b", "c"] {
            journal.log(LogLine {
                at: Timestamp::from_unix_ms(0),
                level: LogLevel::Info,
                message: message.into(),
                fields: String::new(),
            });
        }
        let page = journal.page();
        assert_eq!((page.log.len(), page.log_dropped), (2, 1));
    }
}
