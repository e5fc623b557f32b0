//! What every command gets: options, environment, where to print, and what tests replace.

use std::{
    fmt,
    io::{IsTerminal as _, Write},
    time::Duration,
};

use futures::future::BoxFuture;

use super::{
    api_client::ApiClient, environment::Environment, error::Error, options::CommonArgs,
    output::Output, sanitize::sanitize,
};

/// One command's surroundings.
pub(super) struct Session<'a> {
    pub(super) args: &'a CommonArgs,
    pub(super) env: &'a Environment,
    pub(super) output: Output<'a>,
    /// Ends after a while.
    pub(super) pause: fn(Duration) -> BoxFuture<'static, ()>,
    /// Ends when the user presses Ctrl-C.
    pub(super) interrupt: fn() -> BoxFuture<'static, ()>,
    /// Whether somebody watches, for whom progress is shown.
    pub(super) is_interactive: bool,
    notes: &'a mut dyn Write,
}

impl<'a> Session<'a> {
    /// The surroundings of this program.
    pub(super) fn of_this_program(
        args: &'a CommonArgs,
        env: &'a Environment,
        out: &'a mut dyn Write,
        notes: &'a mut dyn Write,
    ) -> Self {
        Self {
            args,
            env,
            output: Output::new(out, &args.output),
            #[expect(
                clippy::disallowed_methods,
                reason = "the client waits for a server; tests replace the pause"
            )]
            pause: |duration| Box::pin(tokio::time::sleep(duration)),
            interrupt: || {
                Box::pin(async {
                    // Without a handler Ctrl-C ends the program, which is what is left then.
                    if tokio::signal::ctrl_c().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                })
            },
            is_interactive: std::io::stderr().is_terminal(),
            notes,
        }
    }

    /// The API, with a token if a login is given.
    ///
    /// # Errors
    /// As of [`ApiClient::connect`].
    pub(super) async fn connect(&self) -> Result<ApiClient, Error> {
        ApiClient::connect(self.args, self.env).await
    }

    /// Says something that is not a result. Standard error that cannot be written stops nothing.
    pub(super) fn note(&mut self, text: &str) {
        let _ = writeln!(self.notes, "{}", sanitize(text));
    }
}

#[cfg(test)]
impl<'a> Session<'a> {
    /// The surroundings of a test.
    pub(super) fn of_a_test(
        args: &'a CommonArgs,
        env: &'a Environment,
        out: &'a mut dyn Write,
        notes: &'a mut dyn Write,
    ) -> Self {
        Self {
            pause: |_| Box::pin(tokio::task::yield_now()),
            interrupt: || Box::pin(std::future::pending()),
            is_interactive: false,
            ..Self::of_this_program(args, env, out, notes)
        }
    }
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}
