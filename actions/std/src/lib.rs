//! The `std` module: Mistral's own actions, under their names and with their inputs.

use zonda_sdk::{Action, export_actions};

mod async_noop;
mod echo;
mod fail;
mod http;
mod noop;
mod sleep;
mod test_dict;
mod url;

export_actions![
    Action::new("std.noop", noop::run)
        .describe("Does nothing.")
        .idempotent(),
    Action::new("std.echo", echo::run)
        .describe("Answers with what it was given, after a delay if one is wanted.")
        .idempotent(),
    Action::new("std.http", http::run)
        .describe("Sends an HTTP request to a host that the operator allows."),
    Action::new("std.fail", fail::run)
        .describe("Fails, with the given data if there are any.")
        .idempotent(),
    Action::new("std.sleep", sleep::run)
        .describe("Ends after the given time.")
        .idempotent(),
    Action::new("std.async_noop", async_noop::run)
        .describe("Stays running until it is completed through the API.")
        .idempotent(),
    Action::new("std.test_dict", test_dict::run)
        .describe("Answers with a dict of the given size, for tests.")
        .idempotent(),
];
