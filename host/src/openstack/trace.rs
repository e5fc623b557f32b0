//! The one row that each request of an action leaves in its run's journal.

use std::sync::Arc;

use super::Error;
use crate::{
    clock::Clock,
    domain::{Journal, LogLevel, LogLine, NotKept, RequestPlace, RequestTrace},
};

/// The most characters of a text that a guest chose.
const LONGEST: usize = 1024;

/// A request under way. When it is dropped before its end, the row says so.
///
/// The journal has the row from the beginning: a run that is ended does not wait until the task that sent its request
/// is gone.
pub(super) struct Trace {
    journal: Arc<Journal>,
    clock: Arc<dyn Clock>,
    place: Option<RequestPlace>,
    row: Option<RequestTrace>,
    is_planned: bool,
}

impl Trace {
    /// Begins a row.
    ///
    /// # Errors
    /// When the run has ended: who sends its requests may notice that a little later.
    pub(super) fn begin(
        journal: Arc<Journal>,
        clock: Arc<dyn Clock>,
        method: &str,
        service_type: &str,
        path: &str,
    ) -> Result<Self, Error> {
        let row = RequestTrace {
            at: clock.now(),
            method: cut(method),
            service_type: cut(service_type),
            region: None,
            path: cut(path),
            status: None,
            error: None,
            duration_ms: 0,
            service_request_id: None,
        };
        let place = match journal.begin_request(row.clone()) {
            Ok(place) => Some(place),
            Err(NotKept::Full) => None,
            Err(NotKept::RunEnded) => {
                return Err(Error::Unreachable("the run has ended".to_owned()));
            }
        };
        Ok(Self {
            place,
            journal,
            clock,
            row: Some(row),
            is_planned: false,
        })
    }

    fn update(&self) {
        if let (Some(place), Some(row)) = (self.place, &self.row) {
            self.journal.update_request(place, row.clone());
        }
    }

    /// Where it went, once that is known.
    pub(super) fn went_to(&mut self, region: Option<&str>, path: &str) {
        if let Some(row) = &mut self.row {
            row.region = region.map(cut);
            row.path = cut(path);
        }
        self.update();
    }

    /// What the service answered.
    pub(super) fn answered(&mut self, status: u16, service_request_id: Option<String>) {
        if let Some(row) = &mut self.row {
            row.status = Some(status);
            row.service_request_id = service_request_id.as_deref().map(cut);
        }
        self.update();
    }

    /// That it is not sent.
    pub(super) fn planned(&mut self) {
        self.is_planned = true;
    }

    /// Keeps the row; `error` is why there was no answer.
    pub(super) fn end(mut self, error: Option<String>) {
        self.keep(error);
    }

    /// Tells the user why a request was refused.
    pub(super) fn warn(&self, message: &str) {
        self.journal.log(LogLine {
            at: self.clock.now(),
            level: LogLevel::Warn,
            message: cut(message),
            fields: String::new(),
        });
    }

    fn keep(&mut self, error: Option<String>) {
        let Some(mut row) = self.row.take() else {
            return;
        };
        let planned = || {
            self.is_planned
                .then(|| "not sent: this is a dry run".to_owned())
        };
        row.error = error.as_deref().map(cut).or_else(planned);
        let took = self.clock.now().since(row.at);
        row.duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(
            method = %row.method,
            service = %row.service_type,
            status = row.status,
            duration_ms = row.duration_ms,
            "sent a request for an action"
        );
        if let Some(place) = self.place {
            self.journal.end_request(place, row);
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.keep(Some(RequestTrace::GIVEN_UP.to_owned()));
    }
}

/// `text`, as long as what is kept of a guest's texts.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
