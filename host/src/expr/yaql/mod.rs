//! YAQL, as yaql 3.2.0 evaluates it with Mistral's settings.
//!
//! [`Expression::parse`] makes a tree ([`ast`]) that an [`evaluator::Evaluator`] goes through. Functions and operators are
//! entries of one [`registry`], each with the types that it takes, in a file of `functions` for each of yaql's modules;
//! [`overload`] decides as yaql does which of those of one name a call is for. Values ([`value`]) borrow from the data and
//! from the expression; what can be endless is lazy ([`iter`]).

mod ast;
mod call;
mod context;
mod evaluator;
mod fault;
mod functions;
#[cfg(test)]
mod fuzz;
mod input;
mod iter;
mod key;
mod lexer;
mod output;
mod overload;
mod parser;
mod registry;
#[cfg(test)]
mod tests;
mod value;

use std::sync::Arc;

use serde_json::Value;

use super::{Error, Scope};

/// A parsed expression: what is between `<%` and `%>`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    text: Arc<str>,
    root: ast::Expr,
}

impl Expression {
    /// Parses `text`, without its delimiters.
    ///
    /// # Errors
    /// When it is not written in YAQL.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        Ok(Self {
            text: text.into(),
            root: parser::parse(text)?,
        })
    }

    /// What it was parsed from.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its value over `scope`.
    ///
    /// # Errors
    /// When it has none, or takes more than the scope's budget.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, Error> {
        let evaluator = evaluator::Evaluator::new(scope);
        let value = context::Context::data(&evaluator).and_then(|context| {
            let value = evaluator.evaluate(&self.root, &context)?;
            output::json(&evaluator, &value)
        });
        value.map_err(|fault| {
            if let fault::Fault::Bound(bound) = fault {
                return bound;
            }
            Error::Evaluation {
                language: "YAQL",
                expression: Arc::clone(&self.text),
                message: fault.to_string(),
            }
        })
    }
}
