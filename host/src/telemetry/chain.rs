//! Errors with everything that caused them.

use std::{error::Error, fmt};

/// Shows an error with everything that caused it.
pub struct Chain<'a>(pub &'a (dyn Error + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the store cannot be opened")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_chain_tells_every_cause() {
        let error = Outer(std::io::Error::other("no space left"));
        assert_eq!(
            Chain(&error).to_string(),
            "the store cannot be opened: no space left"
        );
    }
}
