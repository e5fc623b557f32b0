//! `zonda execution watch`: the task tree while it runs, and the exit code by how it ends.

use std::{pin::pin, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    api_client::ApiClient,
    error::Error,
    events::Events,
    run_action::{INTERRUPTED, is_completed, member},
    sanitize::sanitize,
    session::Session,
    watched_tree::Tree,
};
use crate::domain::State;

/// How long after a stream broke off the next one is tried.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a stream may break off before it has told anything.
const MOST_FAILURES: u32 = 10;
/// Lines of the tree that are shown at most, where the height of the terminal is unknown.
const MOST_LINES: u16 = 24;

/// Shows what becomes of an execution until it ends. Ctrl-C ends the watching, not the execution.
pub(super) async fn watch(
    id: &str,
    mut api: ApiClient,
    session: &mut Session<'_>,
) -> Result<u8, Error> {
    let mut interrupt = pin!((session.interrupt)());
    let mut view = View::new(id, session.is_interactive);
    let path = ["executions", id, "events"];
    let (mut last, mut failures) = (None, 0);
    loop {
        let mut events = match api.events(&path, last.as_deref()).await {
            Ok(events) => events,
            // The execution outlives our own token, and a host that starts anew.
            Err(err) if failures < MOST_FAILURES && last.is_some() && is_passing(&err) => {
                failures += 1;
                (session.pause)(PAUSE).await;
                if err.status() == Some(401) {
                    api = session.connect().await?;
                }
                continue;
            }
            Err(err) => return Err(err),
        };
        let state = tokio::select! {
            biased;
            () = interrupt.as_mut() => {
                view.end();
                session.note(&format!("interrupted: execution {id} goes on"));
                return Ok(INTERRUPTED);
            }
            state = view.follow(&mut events, session) => state,
        };
        if let Some(state) = state {
            view.end();
            return Ok(u8::from(state != State::Success));
        }
        if let Some(id) = events.last_id() {
            last = Some(id.to_owned());
            failures = 0;
        }
        failures += 1;
        if failures > MOST_FAILURES {
            return Err(Error::Answer {
                url: format!("executions/{id}/events"),
                reason: "it ends again and again without the end of the execution".to_owned(),
            });
        }
        (session.pause)(PAUSE).await;
    }
}

/// Whether another try may help.
fn is_passing(err: &Error) -> bool {
    err.status()
        .is_none_or(|status| status == 401 || status >= 500)
}

/// The tree as it is shown.
struct View<'a> {
    id: &'a str,
    tree: Tree,
    bar: Option<ProgressBar>,
}

impl<'a> View<'a> {
    fn new(id: &'a str, is_interactive: bool) -> Self {
        let bar = is_interactive.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self {
            id,
            tree: Tree::default(),
            bar,
        }
    }

    /// Shows events until the execution has ended, or the stream.
    async fn follow(&mut self, events: &mut Events, session: &mut Session<'_>) -> Option<State> {
        while let Some(event) = events.next().await {
            let line = self.tree.take(&event);
            match &self.bar {
                None => line.into_iter().for_each(|line| session.note(&line)),
                Some(bar) => {
                    // States are in the tree; what runs say is above it.
                    if matches!(event.name.as_str(), "log" | "request" | "lagged") {
                        bar.suspend(|| line.into_iter().for_each(|line| session.note(&line)));
                    }
                    let (rows, _) = console::Term::stderr()
                        .size_checked()
                        .unwrap_or((MOST_LINES, 0));
                    let most = usize::from(rows.saturating_sub(2).max(2));
                    let lines = self.tree.lines(self.id, most).join("\n");
                    bar.set_message(sanitize(&lines).into_owned());
                }
            }
            let is_top = event.name == "execution" && member(&event.data, "id") == self.id;
            if is_top && is_completed(&event.data) {
                return member(&event.data, "state").parse().ok();
            }
        }
        None
    }

    /// Leaves the tree as it was at the end.
    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
    }
}
