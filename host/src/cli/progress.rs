//! The progress line of a run: a spinner, what runs, and for how long.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::sanitize::sanitize;

/// A line on standard error that is gone when this is dropped.
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Shows `message` with the time that passes; nothing when nobody watches.
    pub(super) fn start(message: &str, is_interactive: bool) -> Self {
        Self(is_interactive.then(|| {
            let bar = ProgressBar::new_spinner().with_message(sanitize(message).into_owned());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        }))
    }

    /// Does `work`, which prints, with the line out of its way.
    pub(super) fn aside(&self, work: impl FnOnce()) {
        match &self.0 {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
