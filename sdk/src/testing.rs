//! Runs an action natively, in a plain `cargo test`, against canned answers.
//!
//! ```
//! use serde_json::json;
//! use zonda_sdk::testing::Test;
//! use zonda_sdk::{Action, Context, Result};
//!
//! fn count(ctx: &Context, _: ()) -> Result<usize> {
//!     let list: serde_json::Value = ctx.cloud()?.get("compute", "/servers")?.json()?;
//!     Ok(list["servers"].as_array().map_or(0, Vec::len))
//! }
//!
//! let test = Test::new().answer("compute", "GET", "/servers", 200, json!({"servers": [{}, {}]}));
//! let action = Action::new("inventory.count", count).access("compute", "GET", "/servers");
//! assert_eq!(test.run(&action, json!({})).unwrap(), json!(2));
//! assert_eq!(test.requests().len(), 1);
//! ```

use std::cell::RefCell;
use std::rc::Rc;

use serde::Serialize;
use serde_json::{Value, json};

pub use crate::bindings::zonda::action::cloud::{Body, Request, Response};
use crate::bindings::zonda::action::cloud::{Error, TokenFacts};
pub use crate::bindings::zonda::action::log::Level;
use crate::bindings::zonda::action::{execution, http};
use crate::host::Host;
use crate::{Action, Context, Outcome, Result};

/// A stand-in for the host: the answers it will give, and a record of what it was asked.
///
/// Like the host it denies what the action's access rules do not allow.
#[derive(Clone, Default)]
pub struct Test {
    canned: Rc<Canned>,
}

impl Test {
    /// A host without custom context whose cloud has no answers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the caller's custom context.
    #[must_use]
    pub fn custom_context(self, context: Value) -> Self {
        self.canned.state.borrow_mut().custom_context = Some(context);
        self
    }

    /// Adds an answer of the cloud. Equal requests get their answers in the order given, the last one again and again.
    #[must_use]
    pub fn answer(
        self,
        service_type: &str,
        method: &str,
        path: &str,
        status: u16,
        body: impl Serialize,
    ) -> Self {
        let body = serde_json::to_string(&body).unwrap_or_default();
        let headers = vec![("content-type".into(), "application/json".into())];
        let response = Response {
            status,
            headers,
            body: Body::Text(body),
        };
        self.answer_with(service_type, method, path, response)
    }

    /// Adds an answer of the cloud, headers and all.
    #[must_use]
    pub fn answer_with(
        self,
        service_type: &str,
        method: &str,
        path: &str,
        response: Response,
    ) -> Self {
        self.add(format!("{method} {service_type} {path}"), response)
    }

    /// Adds an answer of a host outside the cloud to requests for this URL.
    #[must_use]
    pub fn answer_url(self, method: &str, url: &str, response: Response) -> Self {
        self.add(format!("{method} {url}"), response)
    }

    fn add(self, request: String, response: Response) -> Self {
        self.canned
            .state
            .borrow_mut()
            .answers
            .push((request, response));
        self
    }

    /// Runs an action; a pending one gives `null`.
    ///
    /// # Errors
    /// What the action failed with.
    ///
    /// # Panics
    /// If the action's result is not JSON, which no [`Action`] can bring about.
    pub fn run(&self, action: &Action, input: Value) -> Result<Value> {
        match self.run_to_outcome(action, input)? {
            Outcome::Done(result) => Ok(result),
            Outcome::Pending => Ok(Value::Null),
        }
    }

    /// Runs an action and tells whether it ended.
    ///
    /// # Errors
    /// What the action failed with.
    ///
    /// # Panics
    /// If the action's result is not JSON, which no [`Action`] can bring about.
    pub fn run_to_outcome(&self, action: &Action, input: Value) -> Result<Outcome<Value>> {
        let spec = action.spec();
        let rules = spec
            .access
            .into_iter()
            .map(|rule| [rule.service_type, rule.method, rule.path]);
        {
            let mut state = self.canned.state.borrow_mut();
            state.rules = rules.collect();
            state.name = spec.name;
        }
        let context = Context::of_test(Host::Canned(Rc::clone(&self.canned)));
        Ok(match action.run(&context, &input.to_string())? {
            Outcome::Done(result) => Outcome::Done(
                serde_json::from_str(&result).expect("an action's result is written by serde_json"),
            ),
            Outcome::Pending => Outcome::Pending,
        })
    }

    /// The requests to the cloud that were allowed, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.canned.state.borrow().requests.clone()
    }

    /// The requests outside the cloud, in order.
    pub fn http_requests(&self) -> Vec<http::Request> {
        self.canned.state.borrow().http_requests.clone()
    }

    /// The log lines in order: level, message, fields.
    pub fn log(&self) -> Vec<(Level, String, Value)> {
        self.canned.state.borrow().lines.clone()
    }
}

/// What [`Test`] and the action's side of the contract share.
#[derive(Default)]
pub(crate) struct Canned {
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    name: String,
    rules: Vec<[String; 3]>,
    custom_context: Option<Value>,
    answers: Vec<(String, Response)>,
    requests: Vec<Request>,
    http_requests: Vec<http::Request>,
    lines: Vec<(Level, String, Value)>,
}

impl Canned {
    pub(crate) fn facts(&self) -> execution::RunFacts {
        execution::RunFacts {
            action_execution_id: "00000000-0000-7000-8000-000000000001".into(),
            name: self.state.borrow().name.clone(),
            attempt: 1,
            deadline_unix_ms: 4_102_444_800_000,
            task_name: None,
            task_execution_id: None,
            execution_id: None,
            root_execution_id: None,
            workflow_name: None,
            with_items_index: None,
            project_id: "test-project".into(),
            request_id: "req-00000000-0000-7000-8000-000000000002".into(),
            callback_url: None,
        }
    }

    pub(crate) fn token_facts(&self) -> TokenFacts {
        TokenFacts {
            auth_url: "https://cloud.example/identity/v3".into(),
            region: Some("RegionOne".into()),
            project_id: Some("cloud-project-id".into()),
            project_name: Some("cloud-project".into()),
            user_id: Some("cloud-user-id".into()),
            roles: vec!["member".into()],
            expires_at_unix_ms: None,
            is_target: true,
        }
    }

    pub(crate) fn services(&self) -> Vec<(String, String)> {
        let state = self.state.borrow();
        let mut types: Vec<String> = Vec::new();
        for (request, _) in &state.answers {
            if let [_, service_type, _] = request.split(' ').collect::<Vec<_>>()[..] {
                types.push(service_type.into());
            }
        }
        types.sort_unstable();
        types.dedup();
        types
            .into_iter()
            .map(|service_type| (service_type, "RegionOne".into()))
            .collect()
    }

    pub(crate) fn custom_context(&self) -> String {
        self.state
            .borrow()
            .custom_context
            .as_ref()
            .unwrap_or(&json!({}))
            .to_string()
    }

    pub(crate) fn send(&self, request: &Request) -> std::result::Result<Response, Error> {
        let what = format!(
            "{} {} {}",
            request.method, request.service_type, request.path
        );
        let mut state = self.state.borrow_mut();
        if !state.rules.iter().any(|rule| allows(rule, request)) {
            return Err(Error::Denied(format!(
                "the action needs .access({:?}, {:?}, {:?})",
                request.service_type, request.method, request.path
            )));
        }
        state.requests.push(request.clone());
        state.answer(&what)
    }

    pub(crate) fn http(&self, request: &http::Request) -> std::result::Result<Response, Error> {
        let mut state = self.state.borrow_mut();
        state.http_requests.push(request.clone());
        state.answer(&format!("{} {}", request.method, request.url))
    }

    pub(crate) fn log(&self, level: Level, message: &str, fields: &str) {
        let fields = serde_json::from_str(fields).unwrap_or_default();
        self.state
            .borrow_mut()
            .lines
            .push((level, message.into(), fields));
    }
}

impl State {
    fn answer(&mut self, what: &str) -> std::result::Result<Response, Error> {
        let mut known = self
            .answers
            .iter()
            .enumerate()
            .filter(|(_, (request, _))| request == what);
        match (known.next(), known.next()) {
            (Some((at, _)), Some(_)) => Ok(self.answers.remove(at).1),
            (Some((_, (_, last))), None) => Ok(last.clone()),
            (None, _) => Err(Error::Unreachable(format!(
                "the test has no answer to {what}"
            ))),
        }
    }
}

/// Whether a rule allows a request, by the grammar of `wit/types.wit`, read strictly: versions are not left out.
fn allows([service_type, method, path]: &[String; 3], request: &Request) -> bool {
    fn matches(pattern: &[&str], path: &[&str]) -> bool {
        match (pattern, path) {
            (["**"], _) => true,
            ([], []) => true,
            ([first, pattern @ ..], [segment, path @ ..]) => {
                let any = *first == "*" || (first.starts_with('{') && first.ends_with('}'));
                (any || first == segment) && matches(pattern, path)
            }
            _ => false,
        }
    }

    let pattern: Vec<&str> = path.split('/').collect();
    let asked: Vec<&str> = request.path.split('/').collect();
    *service_type == request.service_type
        && (method == "*" || *method == request.method)
        && matches(&pattern, &asked)
}
