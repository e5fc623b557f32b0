//! Webhooks of event triggers, signed as the Standard Webhooks specification says: HMAC-SHA256 with the trigger's secret
//! over the message's id, its time and its body.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use rand::{TryRngCore as _, rngs::OsRng};
use serde_json::Value;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    errand::{Sender, WEBHOOK_SECRET},
    fire_event::Notification,
};
use crate::{
    domain::{EventTrigger, EventTriggerId, Secret, Timestamp},
    engine::{Engine, Error},
    store::{self, Kept},
};

/// How the text of a secret begins.
const PREFIX: &str = "whsec_";
/// How far the time of a message may be from the host's: what is older or younger is not taken.
const TOLERANCE: Duration = Duration::from_secs(300);
/// The longest id of a message in bytes.
const MAX_ID_BYTES: usize = 255;
/// The most signatures of a message that are looked at; a sender that changes its secret sends two.
const MAX_SIGNATURES: usize = 8;

/// A call of a webhook.
#[derive(Debug, Clone, Copy)]
pub struct WebhookCall<'a> {
    /// The message's id: `webhook-id`.
    pub id: &'a str,
    /// Seconds since 1970 as text: `webhook-timestamp`.
    pub timestamp: &'a str,
    /// `v1,` and base64, perhaps several of it: `webhook-signature`.
    pub signatures: &'a str,
    /// The message: JSON.
    pub body: &'a [u8],
}

impl Engine {
    /// Fires an event trigger for who knows the secret of its webhook; false, whatever is wrong, for who does not.
    ///
    /// # Errors
    /// When the message is not JSON, or the execution is not started.
    pub async fn call_webhook(
        self: &Arc<Self>,
        id: EventTriggerId,
        call: WebhookCall<'_>,
    ) -> Result<bool, Error> {
        let found: Option<Kept<EventTrigger>> = store::find(&*self.store, id.uuid()).await?;
        let Some(trigger) = found.map(|kept| kept.entity) else {
            return Ok(false);
        };
        let Some(sealed) = &trigger.webhook_secret else {
            return Ok(false);
        };
        let place = Sender::from(&trigger).place(WEBHOOK_SECRET);
        let secret = self.open_sealed(&place, sealed)?;
        let now = self.clock.now();
        let Some(sent_at) = call.sent_at(now).filter(|_| call.is_signed_with(&secret)) else {
            return Ok(false);
        };
        let payload: Value = serde_json::from_slice(call.body)
            .map_err(|fault| Error::BadInput(format!("The message is not JSON: {fault}")))?;
        let notification = Notification {
            id: format!("webhook {}", call.id),
            event_type: trigger.followed.map(|followed| followed.event),
            publisher: Some("webhook".to_owned()),
            project_id: Some(trigger.project_id.as_str().to_owned()),
            user_id: None,
            timestamp: Some(sent_at.to_string()),
            payload,
        };
        self.fire_event_trigger(id, &notification).await?;
        Ok(true)
    }
}

impl WebhookCall<'_> {
    /// When it was sent, if that is near enough to now.
    fn sent_at(&self, now: Timestamp) -> Option<Timestamp> {
        let secs: i64 = self.timestamp.parse().ok()?;
        let sent_at = Timestamp::from_unix_ms(secs.checked_mul(1000)?);
        let distance = now.since(sent_at).max(sent_at.since(now));
        (distance <= TOLERANCE).then_some(sent_at)
    }

    fn is_signed_with(&self, secret: &[u8]) -> bool {
        let is_id = !self.id.is_empty() && self.id.len() <= MAX_ID_BYTES;
        let Some(mac) = self.mac(secret).filter(|_| is_id) else {
            return false;
        };
        let signatures = self.signatures.split(' ').take(MAX_SIGNATURES);
        let mut signatures = signatures.filter_map(|it| it.strip_prefix("v1,"));
        signatures.any(|signature| {
            let bytes = STANDARD.decode(signature).unwrap_or_default();
            // In a time that does not depend on where they differ.
            mac.clone().verify_slice(&bytes).is_ok()
        })
    }

    fn mac(&self, secret: &[u8]) -> Option<Hmac<Sha256>> {
        let text = secret.strip_prefix(PREFIX.as_bytes())?;
        let key = Zeroizing::new(STANDARD.decode(text).ok()?);
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        for part in [
            self.id.as_bytes(),
            b".",
            self.timestamp.as_bytes(),
            b".",
            self.body,
        ] {
            mac.update(part);
        }
        Some(mac)
    }
}

/// A fresh secret.
pub(super) fn secret() -> Result<Secret, Error> {
    let mut key = Zeroizing::new([0; 32]);
    OsRng
        .try_fill_bytes(&mut *key)
        .map_err(|error| Error::Host(error.into()))?;
    let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 44));
    text.push_str(PREFIX);
    STANDARD.encode_string(key.as_slice(), &mut text);
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: WebhookCall<'_> = WebhookCall {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: "1614265330",
        signatures: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        body: br#"{"test": 2432232314}"#,
    };
    /// The specification's own example.
    const SECRET: &[u8] = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_example_of_the_specification_is_signed() {
        assert!(CALL.is_signed_with(SECRET));
        let two = format!("v1,AAAA v1a,xyz {}", CALL.signatures);
        let call = WebhookCall {
            signatures: &two,
            ..CALL
        };
        assert!(call.is_signed_with(SECRET));
    }

    #[test]
    fn what_is_not_signed_so_is_not_signed() {
        for call in [
            WebhookCall { id: "", ..CALL },
            WebhookCall {
                id: "msg_1",
                ..CALL
            },
            WebhookCall {
                timestamp: "1614265331",
                ..CALL
            },
            WebhookCall {
                body: b"{}",
                ..CALL
            },
            WebhookCall {
                signatures: "",
                ..CALL
            },
            WebhookCall {
                signatures: "v1,",
                ..CALL
            },
            WebhookCall {
                signatures: "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
                ..CALL
            },
        ] {
            assert!(!call.is_signed_with(SECRET), "{call:?}");
        }
        assert!(!CALL.is_signed_with(b"whsec_"));
        assert!(!CALL.is_signed_with(b"other"));
        assert!(!CALL.is_signed_with(secret().unwrap().expose().as_bytes()));
    }

    #[test]
    fn a_message_of_another_time_is_not_taken() {
        let sent = Timestamp::from_unix_ms(1_614_265_330_000);
        assert_eq!(CALL.sent_at(sent.after(TOLERANCE)), Some(sent));
        let late = sent.after(TOLERANCE).after(Duration::from_millis(1));
        assert_eq!(CALL.sent_at(late), None);
        let early = Timestamp::from_unix_ms(sent.unix_ms() - 300_001);
        assert_eq!(CALL.sent_at(early), None);
        for timestamp in ["", "soon", "9223372036854775807", "-9223372036854775808"] {
            let call = WebhookCall { timestamp, ..CALL };
            assert_eq!(call.sent_at(sent), None, "{timestamp}");
        }
    }
}
