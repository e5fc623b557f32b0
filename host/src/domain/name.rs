//! Names, checked when they are made.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Of another length than allowed.
    #[error("a name has 1 to 255 characters")]
    Length,
    /// Of characters that a name may not have.
    #[error("a {0} has letters, digits, `_` and `-` only{1}")]
    Characters(&'static str, &'static str),
    /// With a character that no terminal shows.
    #[error("a name has no control characters")]
    Control,
    /// With white space in it.
    #[error("a name has no white space")]
    Space,
    /// A UUID.
    #[error("a name is no UUID, so that it is told from an id")]
    Id,
    /// Without the dot that parts prefix and verb.
    #[error("an action's name is `prefix.verb`")]
    NoPrefix,
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn check_length(text: &str) -> Result<(), BadName> {
    if text.is_empty() || text.len() > 255 {
        Err(BadName::Length)
    } else {
        Ok(())
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::parse(text)
            }
        }
    };
}

name! {
    /// The name of an action in full: `prefix.verb` of a module's, that or any word of an ad-hoc one.
    ActionName
}
name! {
    /// The name of a module: the prefix of its actions.
    ModuleName
}
name! {
    /// The name of an environment: any text of 1 to 255 characters, as in Mistral.
    EnvironmentName
}

name! {
    /// The name of a workflow: 1 to 255 characters without spaces, and no UUID, so that it is told from an id.
    WorkflowName
}
name! {
    /// A namespace of definitions: empty for the default one.
    Namespace
}
name! {
    /// The name of a workbook: the prefix of its workflows and ad-hoc actions.
    WorkbookName
}
name! {
    /// The name of a cron or event trigger.
    TriggerName
}

impl ActionName {
    /// The name of a module's action that `text` holds.
    ///
    /// # Errors
    /// When it is too long, has no prefix or has other characters than words and dots.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        check_length(text)?;
        if !text.contains('.') {
            return Err(BadName::NoPrefix);
        }
        if !text.split('.').all(is_word) {
            return Err(BadName::Characters("name", ", in parts joined by dots"));
        }
        Ok(Self(text.into()))
    }

    /// The name of any action, of an ad-hoc one too, that `text` holds.
    ///
    /// # Errors
    /// When it is too long, has white space or control characters, or is a UUID.
    pub fn parse_any(text: &str) -> Result<Self, BadName> {
        check_reference(text).map(|()| Self(text.into()))
    }

    /// What stands before the first dot: the module's name, unless a system module offers it.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.split('.').next().unwrap_or(&self.0)
    }
}

impl ModuleName {
    /// The name that `text` holds.
    ///
    /// # Errors
    /// When it is too long or has other characters than a word's.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        check_length(text)?;
        if !is_word(text) {
            return Err(BadName::Characters("module's name", ""));
        }
        Ok(Self(text.into()))
    }
}

impl EnvironmentName {
    /// The name that `text` holds.
    ///
    /// # Errors
    /// When it is empty, too long or has control characters.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        if text.is_empty() || text.chars().nth(255).is_some() {
            return Err(BadName::Length);
        }
        if text.contains(char::is_control) {
            return Err(BadName::Control);
        }
        Ok(Self(text.into()))
    }
}

impl WorkflowName {
    /// The name that `text` holds.
    ///
    /// # Errors
    /// When it is too long, has white space or control characters, or is a UUID.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        check_reference(text).map(|()| Self(text.into()))
    }
}

impl WorkbookName {
    /// The name that `text` holds.
    ///
    /// # Errors
    /// When it is too long or has control characters.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        check_plain(text).map(|()| Self(text.into()))
    }
}

impl TriggerName {
    /// The name that `text` holds.
    ///
    /// # Errors
    /// When it is too long or has control characters.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        check_plain(text).map(|()| Self(text.into()))
    }
}

impl Namespace {
    /// The namespace that `text` names; empty for the default one.
    ///
    /// # Errors
    /// When it is too long or has control characters.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        if text.is_empty() {
            return Ok(Self(text.into()));
        }
        check_plain(text).map(|()| Self(text.into()))
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self("".into())
    }
}

/// A name that stands where an id may stand, too.
fn check_reference(text: &str) -> Result<(), BadName> {
    check_plain(text)?;
    if text.contains(char::is_whitespace) {
        return Err(BadName::Space);
    }
    if uuid::Uuid::parse_str(text).is_ok() {
        return Err(BadName::Id);
    }
    Ok(())
}

fn check_plain(text: &str) -> Result<(), BadName> {
    check_length(text)?;
    if text.chars().any(char::is_control) {
        return Err(BadName::Control);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_name_needs_a_prefix() {
        assert_eq!(ActionName::parse("echo"), Err(BadName::NoPrefix));
        assert_eq!(ActionName::parse("std.echo").unwrap().prefix(), "std");
        assert!(ActionName::parse("std.").is_err());
        assert!(ActionName::parse("std.ec ho").is_err());
    }

    #[test]
    fn an_ad_hoc_action_may_be_called_like_a_workflow() {
        for name in ["echo", "my.echo", "\u{fc}ber", "a/b"] {
            assert_eq!(ActionName::parse_any(name).unwrap().as_str(), name);
            assert_eq!(WorkflowName::parse(name).unwrap().as_str(), name);
        }
        for (name, fault) in [
            ("", BadName::Length),
            ("an echo", BadName::Space),
            ("an\techo", BadName::Control),
            ("01890a5d-ac96-774b-bcce-b302099a8057", BadName::Id),
        ] {
            assert_eq!(ActionName::parse_any(name), Err(fault.clone()));
            assert_eq!(WorkflowName::parse(name), Err(fault));
        }
    }

    #[test]
    fn an_environment_may_be_called_nearly_anything() {
        for name in ["prod", "a/b c?", "..", "\u{fc}", &"\u{fc}".repeat(255)] {
            assert_eq!(EnvironmentName::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(EnvironmentName::parse(""), Err(BadName::Length));
        assert_eq!(
            EnvironmentName::parse(&"\u{fc}".repeat(256)),
            Err(BadName::Length)
        );
        for name in ["a\nb", "\0", "\u{1b}[2J", "\u{85}"] {
            assert_eq!(EnvironmentName::parse(name), Err(BadName::Control));
        }
    }
}
