//! The `probe` module: actions that try what no honest action would, one behavior each, for the tests.

use zonda_sdk::Action;

mod ask;
mod break_contract;
mod exhaust;
mod search;

pub use break_contract::Module;

/// What the tests' clouds offer; most probes may ask anything of it, so that only the host's own rules are in the way.
const SERVICES: [&str; 6] = [
    "compute",
    "identity",
    "image",
    "network",
    "object-store",
    "orchestration",
];

/// The probes that keep to the contract; the others are in [`break_contract`].
fn actions() -> impl Iterator<Item = Action> {
    let makers: [fn() -> Action; 21] = [
        || Action::new("probe.context", ask::context).describe("Answers with all it is told."),
        || anything("probe.request", ask::request).describe("Sends a request."),
        || anything("probe.requests", ask::requests).describe("Sends requests concurrently."),
        || anything("probe.wait", ask::request).describe("Sends a request to a slow service."),
        || anything("probe.download", ask::download).describe("Reads an answer in chunks."),
        || anything("probe.upload", ask::upload).describe("Writes a body in chunks."),
        || {
            Action::new("probe.narrow", ask::request)
                .describe("Sends a request, but may only look at projects.")
                .access("identity", "GET", "/v3/projects")
                .access("identity", "GET", "/v3/projects/{id}")
        },
        || Action::new("probe.http", ask::http).describe("Sends a request outside the cloud."),
        || anything("probe.search_token", search::run).describe("Looks everywhere for a text."),
        || Action::new("probe.now", ask::now).describe("Answers with the time."),
        || Action::new("probe.fail", ask::fail).describe("Fails as it is told."),
        || Action::new("probe.pending", ask::pending).describe("Never ends by itself."),
        || Action::new("probe.spin", exhaust::spin).describe("Computes for ever."),
        || Action::new("probe.allocate", exhaust::allocate).describe("Takes memory."),
        || Action::new("probe.fill", exhaust::fill).describe("Writes memory over and over."),
        || Action::new("probe.recurse", exhaust::recurse).describe("Calls itself for ever."),
        || Action::new("probe.flood_log", exhaust::flood_log).describe("Writes many lines."),
        || Action::new("probe.big_result", exhaust::big_result).describe("Answers at length."),
        || anything("probe.handles", exhaust::handles).describe("Takes handles and keeps them."),
        || Action::new("probe.panic", exhaust::panic).describe("Panics."),
        || Action::new("probe.exit", exhaust::exit).describe("Ends the process."),
    ];
    makers.into_iter().map(|make| make())
}

fn anything<I, T>(
    name: &'static str,
    function: impl Fn(&zonda_sdk::Context, I) -> zonda_sdk::Result<T> + 'static,
) -> Action
where
    I: serde::de::DeserializeOwned + zonda_sdk::JsonSchema + 'static,
    T: zonda_sdk::Answer,
{
    let action = Action::new(name, function).idempotent();
    SERVICES
        .into_iter()
        .fold(action, |action, service| action.access(service, "*", "/**"))
}
