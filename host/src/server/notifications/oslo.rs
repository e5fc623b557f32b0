//! What oslo.messaging publishes as a notification: JSON, in an envelope of JSON or without one.

use serde_json::{Map, Value};

use crate::{domain::Digest, engine::Notification};

/// The longest id, type or name that is read, in bytes; what is longer is no notification of a service's.
const MAX_WORD_BYTES: usize = 1024;

/// The notification in a message; none when it is something else.
pub(super) fn read(message: &[u8]) -> Option<Notification> {
    let mut message: Map<String, Value> = serde_json::from_slice(message).ok()?;
    // The driver `messagingv2`.
    if let Some(inner) = message.get("oslo.message") {
        message = serde_json::from_str(inner.as_str()?).ok()?;
    }
    let text = |name: &str| {
        let text = message.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty() && text.len() <= MAX_WORD_BYTES)
            .map(str::to_owned)
    };
    let event_type = text("event_type")?;
    let id = text("message_id").unwrap_or_else(|| {
        let all = Value::Object(message.clone()).to_string();
        Digest::of(all.as_bytes()).hex()
    });
    Some(Notification {
        id,
        event_type: Some(event_type),
        publisher: text("publisher_id"),
        project_id: text("_context_project_id")
            .or_else(|| text("_context_tenant"))
            .or_else(|| text("_context_tenant_id")),
        user_id: text("_context_user_id").or_else(|| text("_context_user")),
        timestamp: text("timestamp").or_else(|| text("_context_timestamp")),
        payload: message.get("payload").cloned().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message() -> Value {
        json!({
            "message_id": "8a3c6e0e-8f0b-4b8c-9c5a-2f6f3a1f5a11",
            "publisher_id": "compute.host1",
            "event_type": "compute.instance.create.end",
            "priority": "INFO",
            "payload": { "instance_id": "i" },
            "timestamp": "2026-11-22 04:00:00.123456",
            "_unique_id": "u",
            "_context_project_id": "p",
            "_context_user_id": "me",
        })
    }

    #[test]
    fn a_notification_is_read_with_and_without_its_envelope() {
        let plain = read(message().to_string().as_bytes()).unwrap();
        assert_eq!(plain.id, "8a3c6e0e-8f0b-4b8c-9c5a-2f6f3a1f5a11");
        assert_eq!(plain.project_id.as_deref(), Some("p"));
        assert_eq!(plain.user_id.as_deref(), Some("me"));
        assert_eq!(plain.payload, json!({ "instance_id": "i" }));
        let envelope = json!({ "oslo.version": "2.0", "oslo.message": message().to_string() });
        assert_eq!(read(envelope.to_string().as_bytes()), Some(plain));
    }

    #[test]
    fn one_without_an_id_has_that_of_its_content() {
        let mut message = message();
        message["message_id"] = json!(null);
        let id = |message: &Value| read(message.to_string().as_bytes()).unwrap().id;
        let first = id(&message);
        assert_eq!(first, id(&message));
        message["payload"] = json!(1);
        assert_ne!(first, id(&message));
    }

    #[test]
    fn what_is_no_notification_is_not_read() {
        for message in [
            "",
            "[]",
            "{}",
            "\u{0}",
            r#"{"event_type": 1}"#,
            r#"{"event_type": ""}"#,
            r#"{"oslo.message": {}}"#,
            r#"{"oslo.message": "[]"}"#,
            r#"{"oslo.message": "{"}"#,
        ] {
            assert_eq!(read(message.as_bytes()), None, "{message}");
        }
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(
            read(format!(r#"{{"event_type":"e","payload":{deep}}}"#).as_bytes()),
            None
        );
    }
}
