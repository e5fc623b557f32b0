//! Runs against a cloud that does what no real one does.

mod connecting;
mod consenting;
mod outside;
mod requests;
mod secrets;
mod streams;
mod tls;
mod transport;

use std::sync::Arc;

use crate::domain::{
    AccessRule, ActionName, ActionSpec, Credential, Grant, Journal, JournalCaps, JsonText,
    ModuleName, Params, ProjectId, RequestContext, Secret, TargetCloud,
};

use super::{
    CloudRequest, Clouds, Consent, HttpSettings, MutatingBudget, RunScope, Session, Settings,
    fake::{Fake, SetClock, token_body},
};

const TOKEN: &str = "gAAAAA-the_token-itself==";
const NOW: &str = "2026-11-22T12:00:00Z";
const LATER: &str = "2026-11-22T13:00:00Z";

/// A host, a caller and what the caller sees.
struct World {
    clouds: Arc<Clouds>,
    clock: Arc<SetClock>,
    journal: Arc<Journal>,
}

fn world() -> World {
    world_with(Settings {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        ..Settings::default()
    })
}

fn world_with(settings: Settings) -> World {
    world_that_allows(settings, &[])
}

fn world_that_allows(settings: Settings, http: &[&str]) -> World {
    let clock = SetClock::at(NOW);
    let http = HttpSettings {
        allow: http.iter().map(|entry| (*entry).to_owned()).collect(),
    };
    World {
        clouds: Arc::new(Clouds::new(settings, &http, clock.clone()).unwrap()),
        clock,
        journal: Arc::new(Journal::new(JournalCaps {
            lines: 100,
            bytes: 100_000,
            requests: 100,
        })),
    }
}

impl World {
    fn scope(&self, project: &str, rules: &[&str]) -> RunScope {
        let access = rules.iter().map(|rule| {
            let mut words = rule.split(' ').map(str::to_owned);
            AccessRule {
                service_type: words.next().unwrap(),
                method: words.next().unwrap(),
                path: words.next().unwrap(),
            }
        });
        RunScope {
            project_id: ProjectId::new(project),
            spec: Arc::new(ActionSpec {
                name: ActionName::parse("test.action").unwrap(),
                description: String::new(),
                input_schema: JsonText::parse("{}").unwrap(),
                output_schema: None,
                access: access.collect(),
                idempotent: false,
                asynchronous: false,
            }),
            consent: Arc::new(consent(None, &Params::default())),
            request: RequestContext {
                request_id: "req-1".into(),
                traceparent: "00-11-22-01".into(),
            },
            journal: self.journal.clone(),
        }
    }

    /// A session of an action that may do everything.
    fn session(&self, target: TargetCloud) -> Session {
        let scope = self.scope("caller", &["* * /**"]);
        self.clouds.session(scope, target).unwrap()
    }
}

/// A token body as it comes with a request.
fn given_catalog(body: &serde_json::Value) -> Secret {
    Secret::new(body.to_string())
}

/// Consent of an operator who grants `grant`, and five mutating requests.
fn consent(grant: Option<Grant>, params: &Params) -> Consent {
    let budget = MutatingBudget {
        limit: 5,
        setting: "runtime.mutating_requests".into(),
    };
    Consent::new(ModuleName::parse("test").unwrap(), grant, budget, params)
}

fn by_token(fake: &Fake) -> TargetCloud {
    TargetCloud {
        auth_url: fake.url.parse().unwrap(),
        credential: Credential::Token(Secret::new(TOKEN.to_owned())),
        region: None,
        project_id: None,
        user_id: None,
        user_name: None,
        ca_cert: None,
        insecure: false,
        catalog: None,
        is_target: true,
    }
}

fn with_catalog(fake: &Fake) -> TargetCloud {
    TargetCloud {
        catalog: Some(given_catalog(&token_body(&fake.url, "p1", LATER))),
        ..by_token(fake)
    }
}

fn by_password(fake: &Fake) -> TargetCloud {
    TargetCloud {
        credential: Credential::Password {
            username: Some("somebody".into()),
            user_id: None,
            user_domain_name: None,
            user_domain_id: None,
            password: Secret::new("pw".into()),
            project_name: Some("a project".into()),
            project_domain_name: None,
            project_domain_id: None,
        },
        ..by_token(fake)
    }
}

fn request(method: &str, path: &str) -> CloudRequest {
    CloudRequest {
        service_type: "compute".into(),
        region: None,
        method: method.into(),
        path: path.into(),
        query: vec![],
        headers: vec![],
        body: None,
    }
}
