//! Where an expression finds its variables and the functions that `def` made.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::{
    call::Body,
    evaluator::Evaluator,
    fault::Outcome,
    value::{Dict, Text, Value},
};

/// So many variables are looked through in a step.
const MANY: usize = 32;

/// Variables and functions, over those of a parent. Clones are one.
#[derive(Clone)]
pub(crate) struct Context<'a>(Rc<Layer<'a>>);

struct Layer<'a> {
    parent: Option<Context<'a>>,
    /// By name without the `$`; `$` is `1`.
    variables: RefCell<Vec<(Text<'a>, Value<'a>)>>,
    functions: RefCell<Vec<Rc<Defined<'a>>>>,
    nesting: Cell<u32>,
}

/// A function that `def` made. It is evaluated over the context that knows it, and does not hold it: that would be a
/// circle.
pub(crate) struct Defined<'a> {
    pub(crate) name: String,
    pub(crate) body: Body<'a>,
}

impl<'a> Context<'a> {
    /// The one at the bottom, with the data as `$`.
    pub(super) fn data(evaluator: &Evaluator<'a>) -> Outcome<Self> {
        let context = Self(Rc::new(Layer {
            parent: None,
            variables: RefCell::default(),
            functions: RefCell::default(),
            nesting: Cell::new(0),
        }));
        let scope = evaluator.scope();
        let data = scope.data().map_or_else(
            || Value::Dict(Dict::Variables(scope.variables())),
            Value::from,
        );
        context.set(evaluator, Text::Borrowed("1"), data)?;
        Ok(context)
    }

    /// One over this.
    ///
    /// # Errors
    /// When it is nested too deep.
    pub(crate) fn child(&self, evaluator: &Evaluator<'a>) -> Outcome<Self> {
        evaluator.bytes(size_of::<Layer<'_>>())?;
        let nesting = evaluator.nested(self.nesting())?;
        Ok(Self(Rc::new(Layer {
            parent: Some(self.clone()),
            variables: RefCell::default(),
            functions: RefCell::default(),
            nesting: Cell::new(nesting),
        })))
    }

    /// Sets the variable `name`, with or without its `$`.
    ///
    /// # Errors
    /// When `value` is nested too deep.
    pub(crate) fn set(
        &self,
        evaluator: &Evaluator<'a>,
        name: Text<'a>,
        value: Value<'a>,
    ) -> Outcome<()> {
        let name = match &name {
            Text::Borrowed(text) => Text::Borrowed(text.strip_prefix('$').unwrap_or(text)),
            Text::Shared(text) => text
                .strip_prefix('$')
                .map_or_else(|| name.clone(), |text| Text::Shared(text.into())),
        };
        let name = if name.is_empty() {
            Text::Borrowed("1")
        } else {
            name
        };
        let nesting = evaluator.nested(value.nesting())?;
        self.0.nesting.set(self.0.nesting.get().max(nesting));
        evaluator.bytes(size_of::<(Text<'_>, Value<'_>)>())?;
        let mut variables = self.0.variables.borrow_mut();
        evaluator.steps(variables.len() / MANY)?;
        if let Some((_, old)) = variables.iter_mut().find(|(known, _)| **known == *name) {
            *old = value;
        } else {
            variables.push((name, value));
        }
        Ok(())
    }

    /// The variable `name`, without its `$`.
    pub(super) fn get(&self, evaluator: &Evaluator<'a>, name: &str) -> Outcome<Option<Value<'a>>> {
        let mut layer = Some(self);
        while let Some(Self(context)) = layer {
            let variables = context.variables.borrow();
            evaluator.steps(variables.len() / MANY)?;
            if let Some((_, value)) = variables.iter().find(|(known, _)| **known == *name) {
                return Ok(Some(value.clone()));
            }
            layer = context.parent.as_ref();
        }
        Ok(None)
    }

    /// Makes `function` known here.
    pub(crate) fn define(&self, evaluator: &Evaluator<'a>, function: Defined<'a>) -> Outcome<()> {
        evaluator.bytes(size_of::<Defined<'_>>() + function.name.len())?;
        self.0.functions.borrow_mut().push(Rc::new(function));
        Ok(())
    }

    /// The functions of this name that `def` made, those of each layer together, the innermost first.
    pub(super) fn defined(&self, name: &str) -> Vec<(Self, Vec<Rc<Defined<'a>>>)> {
        let mut found = Vec::new();
        let mut layer = Some(self);
        while let Some(context) = layer {
            let functions = context.0.functions.borrow();
            let here: Vec<_> = functions
                .iter()
                .filter(|it| it.name == name)
                .cloned()
                .collect();
            if !here.is_empty() {
                found.push((context.clone(), here));
            }
            layer = context.0.parent.as_ref();
        }
        found
    }

    pub(super) fn nesting(&self) -> u32 {
        self.0.nesting.get()
    }

    pub(super) fn address(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }
}
