//! What a run said and asked: its log lines and its proxied requests. They belong to the caller, never to the host's logs.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

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
    /// The answer's status; none when there was no answer, or not yet.
    pub status: Option<u16>,
    /// Why there was no answer, or why the host refused.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The answering service's own request id.
    pub service_request_id: Option<String>,
}

impl RequestTrace {
    /// What is said of a request whose run ended before it.
    pub const GIVEN_UP: &str = "the run ended before the answer";
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

/// One thing that a run said or asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum JournalRow {
    /// It, or the host, said something.
    Log(LogLine),
    /// It asks, or asked, something.
    Request {
        /// Which of its requests.
        place: RequestPlace,
        /// What is known of it.
        trace: RequestTrace,
        /// Whether it is still on its way.
        is_open: bool,
    },
    /// A dry run did not send it.
    Planned(PlannedRequest),
    /// The smallest rule for a request that was allowed, or was denied.
    Learned {
        /// The rule.
        rule: AccessRule,
        /// Whether it was allowed.
        is_allowed: bool,
    },
}

/// The most that one run's journal keeps.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct JournalCaps {
    /// Log lines.
    pub lines: usize,
    /// Bytes of log messages and fields together.
    pub bytes: usize,
    /// Request traces.
    pub requests: usize,
}

/// How much of a journal a reader has seen.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    lines: usize,
    /// Requests that had ended, by their place.
    requests: BTreeSet<usize>,
}

impl Seen {
    /// What `page`, in which every request has ended, has besides; it is seen from now on.
    #[must_use]
    pub fn rest_of(&mut self, page: JournalPage) -> (Vec<LogLine>, Vec<RequestTrace>) {
        let lines: Vec<LogLine> = page.log.into_iter().skip(self.lines).collect();
        self.lines = self.lines.saturating_add(lines.len());
        let requests = page.requests.into_iter().enumerate();
        let requests = requests.filter(|(place, _)| self.requests.insert(*place));
        (lines, requests.map(|(_, trace)| trace).collect())
    }
}

/// The place of a request in its journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestPlace(usize);

/// The log lines and requests of one run, shared by those who write and those who read.
pub struct Journal {
    caps: JournalCaps,
    inner: Mutex<Inner>,
    forward: Option<Box<Forward>>,
}

type Forward = dyn Fn(JournalRow) + Send + Sync;

/// Why a journal does not keep the trace of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotKept {
    /// It has as many as it may have; this one is counted as dropped.
    Full,
    /// The run has ended: the request is not to be sent.
    RunEnded,
}

#[derive(Debug, Default)]
struct Inner {
    page: JournalPage,
    bytes: usize,
    /// Requests that are on their way, as indices.
    open: BTreeSet<usize>,
    report: Report,
    /// The run has ended.
    is_over: bool,
}

impl Journal {
    /// An empty journal.
    #[must_use]
    pub fn new(caps: JournalCaps) -> Self {
        Self {
            caps,
            inner: Mutex::default(),
            forward: None,
        }
    }

    /// An empty journal that hands on each row that it keeps.
    #[must_use]
    pub fn forwarding(
        caps: JournalCaps,
        forward: impl Fn(JournalRow) + Send + Sync + 'static,
    ) -> Self {
        Self {
            forward: Some(Box::new(forward)),
            ..Self::new(caps)
        }
    }

    /// The most that it keeps.
    #[must_use]
    pub const fn caps(&self) -> JournalCaps {
        self.caps
    }

    /// Keeps a row that another journal handed on.
    pub fn add(&self, row: JournalRow) {
        match row {
            JournalRow::Log(line) => self.log(line),
            JournalRow::Request {
                place,
                trace,
                is_open,
            } => self.set_request(&mut self.lock(), place, trace, is_open),
            JournalRow::Planned(request) => self.plan(request),
            JournalRow::Learned { rule, is_allowed } => self.learn(rule, is_allowed),
        }
    }

    /// Counts what another journal dropped of what it would have handed on.
    pub fn count_dropped(&self, log: u64, requests: u64) {
        let mut inner = self.lock();
        inner.page.log_dropped += log;
        inner.page.requests_dropped += requests;
    }

    /// Whether it takes no more log lines; then the one that there would have been is counted as dropped.
    ///
    /// For whoever makes lines at a price: a flood should not cost more than counting it.
    #[must_use]
    pub fn drops_line(&self) -> bool {
        let mut inner = self.lock();
        let is_full = inner.page.log.len() >= self.caps.lines || inner.bytes >= self.caps.bytes;
        inner.page.log_dropped += u64::from(is_full);
        is_full
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
        if let Some(forward) = &self.forward {
            forward(JournalRow::Log(line.clone()));
        }
        inner.page.log.push(line);
    }

    /// Keeps the trace of a request that begins.
    ///
    /// # Errors
    /// Why it is not kept.
    pub fn begin_request(&self, trace: RequestTrace) -> Result<RequestPlace, NotKept> {
        let mut inner = self.lock();
        if inner.is_over {
            return Err(NotKept::RunEnded);
        }
        let place = inner.page.requests.len();
        if place >= self.caps.requests {
            inner.page.requests_dropped += 1;
            return Err(NotKept::Full);
        }
        let place = RequestPlace(place);
        self.set_request(&mut inner, place, trace, true);
        Ok(place)
    }

    /// Keeps a request that a dry run did not send.
    pub fn plan(&self, request: PlannedRequest) {
        if let Some(forward) = &self.forward {
            forward(JournalRow::Planned(request.clone()));
        }
        self.lock().report.plan(request);
    }

    /// Keeps the smallest rule that allows a request which was allowed, or was denied.
    pub fn learn(&self, rule: AccessRule, is_allowed: bool) {
        if let Some(forward) = &self.forward {
            let rule = rule.clone();
            forward(JournalRow::Learned { rule, is_allowed });
        }
        self.lock().report.learn(rule, is_allowed);
    }

    /// The members of the output beside the result that `params` ask for, a JSON object: plan and rules.
    #[must_use]
    pub fn report(&self, params: &Params) -> Option<JsonText> {
        self.lock().report.text(params)
    }

    /// Writes what is known of a request under way.
    pub fn update_request(&self, place: RequestPlace, trace: RequestTrace) {
        self.change_request(place, trace, true);
    }

    /// Writes what has become of a request, unless it was given up before.
    pub fn end_request(&self, place: RequestPlace, trace: RequestTrace) {
        self.change_request(place, trace, false);
    }

    /// Ends, at the end of the run, `now`, the requests that are still on their way; none begins any more.
    pub fn give_up(&self, now: Timestamp) {
        let mut inner = self.lock();
        inner.is_over = true;
        for index in inner.open.clone() {
            if let Some(mut trace) = inner.page.requests.get(index).cloned() {
                trace.error = Some(RequestTrace::GIVEN_UP.to_owned());
                let took = now.since(trace.at).as_millis();
                trace.duration_ms = u64::try_from(took).unwrap_or(u64::MAX);
                self.set_request(&mut inner, RequestPlace(index), trace, false);
            }
        }
    }

    fn change_request(&self, place: RequestPlace, trace: RequestTrace, is_open: bool) {
        let mut inner = self.lock();
        if inner.open.contains(&place.0) {
            self.set_request(&mut inner, place, trace, is_open);
        }
    }

    fn set_request(
        &self,
        inner: &mut Inner,
        place: RequestPlace,
        trace: RequestTrace,
        is_open: bool,
    ) {
        if let Some(forward) = &self.forward {
            forward(JournalRow::Request {
                place,
                trace: trace.clone(),
                is_open,
            });
        }
        let RequestPlace(index) = place;
        if let Some(kept) = inner.page.requests.get_mut(index) {
            *kept = trace;
        } else if index == inner.page.requests.len() {
            inner.page.requests.push(trace);
        }
        if is_open {
            inner.open.insert(index);
        } else {
            inner.open.remove(&index);
        }
    }

    /// What it holds at this moment; a last line says how many are missing, and why.
    #[must_use]
    pub fn page(&self) -> JournalPage {
        let mut page = self.lock().page.clone();
        if page.log_dropped > 0 {
            let JournalCaps { lines, bytes, .. } = self.caps;
            page.log.push(LogLine {
                at: page.log.last().map_or(Timestamp::from_unix_ms(0), |line| line.at),
                level: LogLevel::Warn,
                message: format!(
                    "{} more lines were dropped: of one run at most {lines} lines (engine.log_lines) and {} KiB (engine.log_kib = {1}) are kept",
                    page.log_dropped,
                    bytes / 1024,
                ),
                fields: String::new(),
            });
        }
        page
    }

    /// The log lines, and the requests that have ended, since `seen`, which counts them from now on.
    #[must_use]
    pub fn news(&self, seen: &mut Seen) -> (Vec<LogLine>, Vec<RequestTrace>) {
        let inner = self.lock();
        let lines: Vec<LogLine> = inner.page.log.iter().skip(seen.lines).cloned().collect();
        seen.lines = seen.lines.saturating_add(lines.len());
        let places = 0..inner.page.requests.len();
        let ended: Vec<usize> = places
            .filter(|place| !inner.open.contains(place) && !seen.requests.contains(place))
            .collect();
        let traces = ended
            .iter()
            .filter_map(|place| inner.page.requests.get(*place));
        let traces = traces.cloned().collect();
        seen.requests.extend(ended);
        (lines, traces)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("caps", &self.caps)
            .finish_non_exhaustive()
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
        assert_eq!((page.log.len(), page.log_dropped), (3, 1));
        let last = &page.log[2].message;
        assert!(last.starts_with("1 more lines were dropped"), "{last}");
        assert!(last.contains("2 lines (engine.log_lines)"), "{last}");
        assert!(journal.drops_line());
        assert_eq!(journal.page().log_dropped, 2);
    }

    #[test]
    fn a_reader_sees_each_line_and_each_ended_request_once() {
        let journal = Journal::new(JournalCaps {
            lines: 9,
            bytes: 100,
            requests: 9,
        });
        let line = |message: &str| LogLine {
            at: Timestamp::from_unix_ms(0),
            level: LogLevel::Info,
            message: message.into(),
            fields: String::new(),
        };
        let trace = |path: &str| RequestTrace {
            at: Timestamp::from_unix_ms(0),
            method: "GET".into(),
            service_type: "compute".into(),
            region: None,
            path: path.into(),
            status: None,
            error: None,
            duration_ms: 0,
            service_request_id: None,
        };
        let mut seen = Seen::default();
        journal.log(line("a"));
        let slow = journal.begin_request(trace("/slow")).unwrap();
        let quick = journal.begin_request(trace("/quick")).unwrap();
        journal.end_request(quick, trace("/quick"));
        assert_eq!(
            journal.news(&mut seen),
            (vec![line("a")], vec![trace("/quick")])
        );
        assert_eq!(journal.news(&mut seen), (vec![], vec![]));
        journal.log(line("b"));
        journal.end_request(slow, trace("/slow"));
        let rest = (vec![line("b")], vec![trace("/slow")]);
        assert_eq!(seen.clone().rest_of(journal.page()), rest);
        assert_eq!(journal.news(&mut seen), rest);
        assert_eq!(seen.rest_of(journal.page()), (vec![], vec![]));
    }

    #[test]
    fn a_request_under_way_at_the_end_was_given_up() {
        let journal = Journal::new(JournalCaps {
            lines: 1,
            bytes: 1,
            requests: 2,
        });
        let trace = |path: &str| RequestTrace {
            at: Timestamp::from_unix_ms(0),
            method: "GET".into(),
            service_type: "compute".into(),
            region: None,
            path: path.into(),
            status: None,
            error: None,
            duration_ms: 0,
            service_request_id: None,
        };
        let answered = journal.begin_request(trace("/a")).unwrap();
        let waiting = journal.begin_request(trace("/b")).unwrap();
        assert_eq!(journal.begin_request(trace("/c")), Err(NotKept::Full));
        let answer = RequestTrace {
            status: Some(200),
            ..trace("/a")
        };
        journal.end_request(answered, answer.clone());
        journal.update_request(waiting, trace("/v2/b"));
        assert_eq!(journal.page().requests[1], trace("/v2/b"));

        journal.give_up(Timestamp::from_unix_ms(7));
        journal.end_request(waiting, answer.clone());
        let late = journal.begin_request(trace("/d"));
        assert_eq!(late, Err(NotKept::RunEnded));
        let last = journal.page();
        assert_eq!(last.requests[0], answer);
        assert_eq!(
            last.requests[1].error.as_deref(),
            Some(RequestTrace::GIVEN_UP)
        );
        assert_eq!(last.requests[1].duration_ms, 7);
        assert_eq!(last.requests_dropped, 1);
    }
}
