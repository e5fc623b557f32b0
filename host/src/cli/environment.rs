//! The environment as the client sees it: a lookup that tests replace.

use std::fmt;

type Lookup = dyn Fn(&str) -> Option<String>;

/// Looks up environment variables; an empty one counts as absent.
pub(super) struct Environment(Box<Lookup>);

impl Environment {
    /// The environment of this program.
    pub(super) fn of_this_program() -> Self {
        Self(Box::new(|name| {
            #[expect(
                clippy::disallowed_methods,
                reason = "the client's settings are OS_* variables, read here only"
            )]
            std::env::var(name).ok()
        }))
    }

    /// The variables in `pairs`.
    #[cfg(test)]
    pub(super) fn from_pairs(pairs: &[(&str, &str)]) -> Self {
        let map: std::collections::BTreeMap<String, String> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self(Box::new(move |name| map.get(name).cloned()))
    }

    /// The value of `name`.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    /// The first of `names` that has a value.
    pub(super) fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.get(name))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}
