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
    /// The name of an action in full, `prefix.verb`.
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

impl ActionName {
    /// The name that `text` holds.
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
