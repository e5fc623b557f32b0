//! Where a request comes from, and that it was refused: what the audit trail is told by the API.

use std::{borrow::Cow, net::IpAddr};

use axum::{
    extract::Request,
    http::{Extensions, StatusCode},
    response::Response,
};
use uuid::Uuid;

use super::App;
use crate::{
    auth::Caller,
    domain::{AuditObject, ObjectType, Operation, Origin, RequestContext},
};

/// The address of whoever connected, put into every request by the front door. Headers such as `X-Forwarded-For` are not
/// asked: anybody can write them.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The route on which a request came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entrance {
    pub(super) rule: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
}

/// What an `ApiError` said, beside its response: for the audit trail, and for APIs whose refusals have another form.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    /// The policy rule, where it was one and not the route's.
    pub(super) rule: Option<&'static str>,
    /// In words for the caller.
    pub(super) reason: Cow<'static, str>,
}

/// The caller's side of a request that came by `entrance`.
pub(super) fn operation(
    request: &Request,
    caller: &Caller,
    context: &RequestContext,
    entrance: Entrance,
) -> Operation {
    let path = request.uri().path();
    Operation {
        project_id: caller.project_id.clone(),
        user_id: caller.user_id.clone(),
        request: context.clone(),
        origin: Origin {
            user_name: caller.user_name.clone(),
            source: peer(request.extensions()),
            rule: entrance.rule,
            method: entrance.method,
            // A copy, where there is no way around one: a slice would keep the connection's read buffer.
            path: if path == entrance.path {
                Cow::Borrowed(entrance.path)
            } else {
                Cow::Owned(path.to_owned())
            },
        },
    }
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions
        .get::<Peer>()
        .map(|Peer(address)| address.to_canonical())
}

/// Records it when `response` refuses the caller of `op` with a 403.
pub(super) fn record_refusal(app: &App, op: Operation, entrance: Entrance, response: &Response) {
    if response.status() != StatusCode::FORBIDDEN {
        return;
    }
    let refusal = response.extensions().get::<Refusal>();
    let rule = refusal.and_then(|refusal| refusal.rule);
    let rule = rule.unwrap_or(entrance.rule);
    let reason = refusal.map_or("", |refusal| &refusal.reason);
    let (id, name) = variable(entrance.path, &op.origin.path);
    let object = AuditObject {
        object_type: ObjectType::of_rule(rule),
        id,
        name,
    };
    let op = Operation {
        origin: Origin { rule, ..op.origin },
        ..op
    };
    let status = response.status().as_u16();
    if !app.engine.record_refusal(&op, object, status, reason) {
        app.metrics.audit_event_dropped();
    }
}

/// The first variable part of `path`, as an id or as a name.
fn variable(route: &str, path: &str) -> (Option<String>, Option<String>) {
    let mut parts = route.split('/').zip(path.split('/'));
    let part = parts.find(|(expected, _)| expected.starts_with('{'));
    match part {
        Some((_, part)) if Uuid::try_parse(part).is_ok() => (Some(part.to_owned()), None),
        Some((_, part)) => (None, Some(part.chars().take(255).collect())),
        None => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_path_names_is_an_id_or_a_name() {
        let id = "0196a1b2-0000-7000-8000-000000000001";
        let named = variable("/v2/modules/{module}/rollback", "/v2/modules/heat/rollback");
        assert_eq!(named, (None, Some("heat".to_owned())));
        let known = variable("/v2/modules/{module}", &format!("/v2/modules/{id}"));
        assert_eq!(known, (Some(id.to_owned()), None));
        assert_eq!(variable("/v2/modules", "/v2/modules"), (None, None));
    }
}
