//! Typed identifiers: UUID v7, so they sort by age in every store.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that is not a UUID.
#[derive(Debug, thiserror::Error)]
#[error("an id is a UUID")]
pub struct BadId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id, later than every one before it.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The UUID.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                Uuid::parse_str(text).map(Self).map_err(|_| BadId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// Names one run of one action.
    ActionExecutionId
}
id! {
    /// Names an environment.
    EnvironmentId
}
id! {
    /// Names a module.
    ModuleId
}
id! {
    /// Names one version of a module.
    ModuleVersionId
}
id! {
    /// Names a project that something is shared with.
    MemberId
}
id! {
    /// Names a piece of due work.
    JobId
}
id! {
    /// Names one start of one host process.
    HostId
}
id! {
    /// Names one line of the audit trail.
    AuditEventId
}
id! {
    /// Names a workflow's definition.
    WorkflowId
}
id! {
    /// Names a workbook.
    WorkbookId
}
id! {
    /// Names an ad-hoc action.
    AdHocActionId
}
id! {
    /// Names one run of one workflow: `/v2/executions` on the wire.
    WorkflowExecutionId
}
id! {
    /// Names one run of one task.
    TaskExecutionId
}
id! {
    /// Names a cron trigger.
    CronTriggerId
}
id! {
    /// Names an event trigger.
    EventTriggerId
}
id! {
    /// Names a trust of Keystone's, which writes it without hyphens.
    TrustId
}
