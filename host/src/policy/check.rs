//! Checks of oslo.policy's language, and whether they let a caller pass.

use std::{borrow::Cow, fmt};

use super::{Rules, template::Template};
use crate::auth::Caller;

/// What a call is about: what `%(…)s` in a check names.
#[derive(Debug, Clone, Copy, Default)]
pub struct Target<'a> {
    /// The project of the object.
    pub project_id: Option<&'a str>,
    /// The user whose the object is.
    pub user_id: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// What `caller` owns. An object of another project is not found in the first place.
    #[must_use]
    pub fn of(caller: &'a Caller) -> Self {
        Self {
            project_id: Some(caller.project_id.as_str()),
            user_id: caller.user_id.as_deref(),
        }
    }
}

/// A check, as a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Check {
    /// `@`: everybody passes.
    Always,
    /// `!`: nobody does.
    Never,
    /// `not`.
    Not(Box<Self>),
    /// All of several.
    All(Vec<Self>),
    /// One of several.
    Any(Vec<Self>),
    /// `rule:NAME`: what that rule says.
    Rule(String),
    /// `role:NAME`, in whichever case.
    Role(Template),
    /// `SUBJECT:TEXT`: an attribute of the caller, or a literal, is that text.
    Equals(Subject, Template),
}

/// What stands before the colon of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) written: String,
    pub(super) meaning: Meaning,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The text of a literal, as Python prints it.
    Literal(String),
    /// Of the caller.
    Attribute(Attribute),
    /// Something that callers have with other services, and not here.
    Unknown,
}

/// What is known of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribute {
    UserId,
    UserName,
    UserDomainId,
    ProjectId,
    ProjectDomainId,
    IsAdmin,
    Roles,
}

impl Attribute {
    /// Every name of an attribute; `tenant`, `tenant_id` and `user` are what older policies write.
    pub(super) const NAMES: [(&'static str, Self); 10] = [
        ("user_id", Self::UserId),
        ("user", Self::UserId),
        ("user_name", Self::UserName),
        ("user_domain_id", Self::UserDomainId),
        ("project_id", Self::ProjectId),
        ("tenant_id", Self::ProjectId),
        ("tenant", Self::ProjectId),
        ("project_domain_id", Self::ProjectDomainId),
        ("is_admin", Self::IsAdmin),
        ("roles", Self::Roles),
    ];

    /// Its text, as Python prints it; none for the roles, which are several.
    fn text(self, caller: &Caller) -> Option<&str> {
        match self {
            Self::UserId => Some(or_none(caller.user_id.as_deref())),
            Self::UserName => Some(or_none(caller.user_name.as_deref())),
            Self::UserDomainId => Some(or_none(caller.user_domain_id.as_deref())),
            Self::ProjectId => Some(caller.project_id.as_str()),
            Self::ProjectDomainId => Some(or_none(caller.project_domain_id.as_deref())),
            Self::IsAdmin => Some(if caller.is_admin { "True" } else { "False" }),
            Self::Roles => None,
        }
    }
}

/// A value that may be missing, as Python prints it.
pub(super) fn or_none(value: Option<&str>) -> &str {
    value.unwrap_or("None")
}

impl Check {
    /// Whether `caller` passes. It ends because [`Rules`] have no circle and a bounded depth.
    pub(super) fn passes(&self, caller: &Caller, target: &Target<'_>, rules: &Rules) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Not(check) => !check.passes(caller, target, rules),
            Self::All(checks) => checks
                .iter()
                .all(|check| check.passes(caller, target, rules)),
            Self::Any(checks) => checks
                .iter()
                .any(|check| check.passes(caller, target, rules)),
            Self::Rule(name) => rules
                .check(name)
                .is_some_and(|check| check.passes(caller, target, rules)),
            Self::Role(name) => name
                .text(target)
                .is_some_and(|name| caller.roles.iter().any(|role| is_same_role(role, &name))),
            Self::Equals(subject, text) => text
                .text(target)
                .is_some_and(|text| subject.equals(&text, caller)),
        }
    }

    /// The checks that it is made of.
    pub(super) fn parts(&self) -> &[Self] {
        match self {
            Self::Not(check) => std::slice::from_ref(check),
            Self::All(checks) | Self::Any(checks) => checks,
            Self::Always | Self::Never | Self::Rule(_) | Self::Role(_) | Self::Equals(..) => &[],
        }
    }
}

impl Subject {
    fn equals(&self, text: &str, caller: &Caller) -> bool {
        match &self.meaning {
            Meaning::Literal(literal) => literal == text,
            Meaning::Attribute(attribute) => match attribute.text(caller) {
                Some(value) => value == text,
                None => caller.roles.iter().any(|role| role == text),
            },
            Meaning::Unknown => false,
        }
    }

    /// Whether callers never have it.
    pub(super) fn is_unknown(&self) -> bool {
        self.meaning == Meaning::Unknown
    }

    /// What the caller has, for people.
    pub(super) fn value<'a>(&self, caller: &'a Caller) -> Option<Cow<'a, str>> {
        match &self.meaning {
            Meaning::Attribute(attribute) => Some(attribute.text(caller).map_or_else(
                || format!("[{}]", caller.roles.join(", ")).into(),
                Cow::from,
            )),
            Meaning::Literal(_) | Meaning::Unknown => None,
        }
    }
}

fn is_same_role(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || (!(one.is_ascii() && other.is_ascii()) && one.to_lowercase() == other.to_lowercase())
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("@"),
            Self::Never => f.write_str("!"),
            Self::Not(check) => write!(f, "not {}", Part(check)),
            Self::All(checks) => join(f, checks, " and "),
            Self::Any(checks) => join(f, checks, " or "),
            Self::Rule(name) => write!(f, "rule:{name}"),
            Self::Role(name) => write!(f, "role:{name}"),
            Self::Equals(subject, text) => write!(f, "{}:{text}", subject.written),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, checks: &[Check], word: &str) -> fmt::Result {
    for (at, check) in checks.iter().enumerate() {
        if at > 0 {
            f.write_str(word)?;
        }
        write!(f, "{}", Part(check))?;
    }
    Ok(())
}

/// A check within another one.
struct Part<'a>(&'a Check);

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self.0, Check::All(_) | Check::Any(_)) {
            write!(f, "({})", self.0)
        } else {
            self.0.fmt(f)
        }
    }
}
