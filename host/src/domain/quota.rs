//! What of a project is counted, and how much of it the project may have.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use super::{Digest, ProjectId, Timestamp};

/// What of a project is counted. Another one needs the kept records to be written again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tally {
    /// Action executions that are kept.
    StoredActionExecutions,
    /// Those of them that have not ended.
    RunningActionExecutions,
    /// Executions of workflows that are kept; sub-workflows are part of theirs.
    StoredExecutions,
    /// Those of them that have not ended.
    RunningExecutions,
    /// Modules.
    Modules,
    /// Bytes of what is kept: records of executions, tasks and action executions and their journals, definitions, components of modules' versions.
    Bytes,
    /// Quotas of its own: one that lists the project among those that have anything. Not limited itself.
    OwnQuotas,
}

impl Tally {
    /// Those that quotas limit.
    pub const LIMITED: [Self; 6] = [
        Self::StoredActionExecutions,
        Self::RunningActionExecutions,
        Self::StoredExecutions,
        Self::RunningExecutions,
        Self::Modules,
        Self::Bytes,
    ];
    const COUNT: usize = 7;

    /// Its name on the wire and in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StoredActionExecutions => "stored_action_executions",
            Self::RunningActionExecutions => "running_action_executions",
            Self::StoredExecutions => "stored_executions",
            Self::RunningExecutions => "running_executions",
            Self::Modules => "modules",
            Self::Bytes => "bytes",
            Self::OwnQuotas => "own_quotas",
        }
    }

    /// What a project does that has too much of it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::StoredActionExecutions
            | Self::StoredExecutions
            | Self::Modules
            | Self::OwnQuotas => "delete some or ask an admin for more",
            Self::RunningActionExecutions | Self::RunningExecutions => {
                "wait for some to end, or ask an admin for more"
            }
            Self::Bytes => {
                "delete executions, action executions or modules, or ask an admin for more"
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much there is of each: of a project, or of one record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tallies([u64; Tally::COUNT]);

impl Tallies {
    /// How much there is of `tally`.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "there is a place for each")]
    pub const fn of(&self, tally: Tally) -> u64 {
        self.0[tally as usize]
    }

    /// The same with `count` of `tally`.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "there is a place for each")]
    pub const fn with(mut self, tally: Tally, count: u64) -> Self {
        self.0[tally as usize] = count;
        self
    }

    /// With what `more` has.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        self.joined(more, u64::saturating_add)
    }

    /// Without what `less` has.
    #[must_use]
    pub fn minus(self, less: Self) -> Self {
        self.joined(less, u64::saturating_sub)
    }

    /// Whether there is nothing of any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn joined(mut self, other: Self, join: impl Fn(u64, u64) -> u64) -> Self {
        for (count, other) in self.0.iter_mut().zip(other.0) {
            *count = join(*count, other);
        }
        self
    }
}

/// How much of a tally a project may have; -1 is without end, as OpenStack writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(Option<u64>);

impl Limit {
    /// As much as there is.
    pub const UNLIMITED: Self = Self(None);

    /// At most `most`.
    #[must_use]
    pub const fn at_most(most: u64) -> Self {
        Self(Some(most))
    }

    /// The most; none without end.
    #[must_use]
    pub const fn most(self) -> Option<u64> {
        self.0
    }

    /// The limit that `number` writes; none below -1.
    #[must_use]
    pub fn from_wire(number: i64) -> Option<Self> {
        match number {
            -1 => Some(Self::UNLIMITED),
            _ => u64::try_from(number).ok().map(Self::at_most),
        }
    }

    /// As it is written.
    #[must_use]
    pub fn to_wire(self) -> i64 {
        self.0
            .map_or(-1, |most| i64::try_from(most).unwrap_or(i64::MAX))
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_wire().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        Self::from_wire(number)
            .ok_or_else(|| de::Error::custom("must be a number, or -1 for no limit"))
    }
}

impl JsonSchema for Limit {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Limit".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": -1 })
    }
}

/// The limits of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of [`Tally::StoredActionExecutions`].
    pub stored_action_executions: Limit,
    /// Of [`Tally::RunningActionExecutions`].
    pub running_action_executions: Limit,
    /// Of [`Tally::StoredExecutions`].
    pub stored_executions: Limit,
    /// Of [`Tally::RunningExecutions`].
    pub running_executions: Limit,
    /// Of [`Tally::Modules`].
    pub modules: Limit,
    /// Of [`Tally::Bytes`].
    pub bytes: Limit,
}

impl Limits {
    /// The limit of `tally`.
    #[must_use]
    pub const fn of(&self, tally: Tally) -> Limit {
        match tally {
            Tally::StoredActionExecutions => self.stored_action_executions,
            Tally::RunningActionExecutions => self.running_action_executions,
            Tally::StoredExecutions => self.stored_executions,
            Tally::RunningExecutions => self.running_executions,
            Tally::Modules => self.modules,
            Tally::Bytes => self.bytes,
            Tally::OwnQuotas => Limit::UNLIMITED,
        }
    }
}

/// Limits that an admin sets; what is none stays the usual one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnLimits {
    /// Of [`Tally::StoredActionExecutions`].
    pub stored_action_executions: Option<Limit>,
    /// Of [`Tally::RunningActionExecutions`].
    pub running_action_executions: Option<Limit>,
    /// Of [`Tally::StoredExecutions`].
    pub stored_executions: Option<Limit>,
    /// Of [`Tally::RunningExecutions`].
    pub running_executions: Option<Limit>,
    /// Of [`Tally::Modules`].
    pub modules: Option<Limit>,
    /// Of [`Tally::Bytes`].
    pub bytes: Option<Limit>,
}

impl OwnLimits {
    /// With what `other` sets.
    #[must_use]
    pub fn overridden_by(self, other: Self) -> Self {
        Self {
            stored_action_executions: other
                .stored_action_executions
                .or(self.stored_action_executions),
            running_action_executions: other
                .running_action_executions
                .or(self.running_action_executions),
            stored_executions: other.stored_executions.or(self.stored_executions),
            running_executions: other.running_executions.or(self.running_executions),
            modules: other.modules.or(self.modules),
            bytes: other.bytes.or(self.bytes),
        }
    }

    /// What holds where `usual` are the usual ones.
    #[must_use]
    pub fn over(self, usual: Limits) -> Limits {
        Limits {
            stored_action_executions: self
                .stored_action_executions
                .unwrap_or(usual.stored_action_executions),
            running_action_executions: self
                .running_action_executions
                .unwrap_or(usual.running_action_executions),
            stored_executions: self.stored_executions.unwrap_or(usual.stored_executions),
            running_executions: self.running_executions.unwrap_or(usual.running_executions),
            modules: self.modules.unwrap_or(usual.modules),
            bytes: self.bytes.unwrap_or(usual.bytes),
        }
    }
}

/// The quotas that an admin gave a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectQuotas {
    /// The project, which has one of these at most.
    pub project_id: ProjectId,
    /// What differs from the usual.
    pub limits: OwnLimits,
    /// When it was first set.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}

impl ProjectQuotas {
    /// The id under which the quotas of `project` are kept: made of its name, so that there can be one alone.
    #[must_use]
    pub fn id_of(project: &ProjectId) -> Uuid {
        let digest = Digest::of(project.as_str().as_bytes());
        let mut bytes = [0; 16];
        for (byte, from) in bytes.iter_mut().zip(digest.as_bytes()) {
            *byte = *from;
        }
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_and_written_as_openstack_does() {
        for (number, limit) in [(-1, Limit::UNLIMITED), (0, Limit::at_most(0))] {
            assert_eq!(Limit::from_wire(number), Some(limit));
            assert_eq!(limit.to_wire(), number);
        }
        let refusal = serde_json::from_str::<Limit>("-2").unwrap_err().to_string();
        assert!(refusal.contains("-1 for no limit"), "{refusal}");
    }

    #[test]
    fn what_an_admin_does_not_set_stays_the_usual() {
        let usual = Limits {
            stored_action_executions: Limit::at_most(1),
            running_action_executions: Limit::at_most(2),
            stored_executions: Limit::at_most(5),
            running_executions: Limit::at_most(6),
            modules: Limit::at_most(3),
            bytes: Limit::at_most(4),
        };
        let own = OwnLimits {
            modules: Some(Limit::at_most(30)),
            ..OwnLimits::default()
        };
        let more = OwnLimits {
            bytes: Some(Limit::UNLIMITED),
            ..OwnLimits::default()
        };
        let limits = own.overridden_by(more).over(usual);
        let shown = Tally::LIMITED.map(|tally| limits.of(tally).to_wire());
        assert_eq!(shown, [1, 2, 5, 6, 30, -1]);
    }

    #[test]
    fn tallies_never_go_below_nothing() {
        let one = Tallies::default().with(Tally::Modules, 1);
        assert!(one.minus(one.plus(one)).is_empty());
        assert_eq!(one.plus(one).of(Tally::Modules), 2);
    }
}
