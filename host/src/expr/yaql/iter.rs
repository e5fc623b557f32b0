//! What can be gone through, lazily.

use std::{cell::RefCell, rc::Rc};

use super::{
    evaluator::Evaluator,
    fault::{Fault, Outcome},
    value::{List, Set, Value},
};

type Produce<'a> = dyn FnMut(&Evaluator<'a>) -> Outcome<Option<Value<'a>>> + 'a;

/// What can be gone through once; clones share where they are.
#[derive(Clone)]
pub(crate) struct Iter<'a>(Rc<Producer<'a>>);

struct Producer<'a> {
    produce: RefCell<Box<Produce<'a>>>,
    nesting: u32,
}

impl<'a> Iter<'a> {
    /// One whose next value `produce` gives, from what is `nesting` deep. See [`Evaluator::iter`].
    pub(super) fn new(
        nesting: u32,
        produce: impl FnMut(&Evaluator<'a>) -> Outcome<Option<Value<'a>>> + 'a,
    ) -> Self {
        Self(Rc::new(Producer {
            produce: RefCell::new(Box::new(produce)),
            nesting,
        }))
    }

    /// The next value.
    pub(crate) fn next(&self, evaluator: &Evaluator<'a>) -> Outcome<Option<Value<'a>>> {
        let _level = evaluator.deeper()?;
        let mut produce = self
            .0
            .produce
            .try_borrow_mut()
            .map_err(|_| Fault::told("generator already executing"))?;
        produce(evaluator)
    }

    pub(super) fn nesting(&self) -> u32 {
        self.0.nesting
    }

    pub(super) fn address(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }
}

/// What remembers what was gone through, so that it can be gone through again.
pub(crate) struct Memo<'a> {
    source: Iter<'a>,
    seen: RefCell<Vec<Value<'a>>>,
}

impl<'a> Memo<'a> {
    /// One that goes through `source`.
    pub(crate) const fn new(source: Iter<'a>) -> Self {
        Self {
            source,
            seen: RefCell::new(Vec::new()),
        }
    }

    pub(super) fn nesting(&self) -> u32 {
        self.source.nesting()
    }

    fn get(&self, evaluator: &Evaluator<'a>, at: usize) -> Outcome<Option<Value<'a>>> {
        if let Some(value) = self.seen.borrow().get(at) {
            return Ok(Some(value.clone()));
        }
        let value = self.source.next(evaluator)?;
        if let Some(value) = &value {
            evaluator.bytes(size_of::<Value<'_>>())?;
            self.seen.borrow_mut().push(value.clone());
        }
        Ok(value)
    }
}

/// Where one is in what is gone through.
#[derive(Clone)]
pub(crate) enum Cursor<'a> {
    /// In a list.
    List(List<'a>, usize),
    /// In a set.
    Set(Set<'a>, usize),
    /// In what remembers.
    Memo(Rc<Memo<'a>>, usize),
    /// In what can be gone through once.
    Iter(Iter<'a>),
}

impl<'a> Cursor<'a> {
    /// The next value; charges a step.
    pub(crate) fn next(&mut self, evaluator: &Evaluator<'a>) -> Outcome<Option<Value<'a>>> {
        evaluator.step()?;
        match self {
            Self::List(list, at) => {
                *at += 1;
                Ok(list.get(*at - 1))
            }
            Self::Set(set, at) => {
                *at += 1;
                Ok(set.get(*at - 1))
            }
            Self::Memo(memo, at) => {
                *at += 1;
                memo.get(evaluator, *at - 1)
            }
            Self::Iter(iter) => iter.next(evaluator),
        }
    }

    /// Calls `each` with every value.
    pub(crate) fn for_each(
        mut self,
        evaluator: &Evaluator<'a>,
        mut each: impl FnMut(Value<'a>) -> Outcome<()>,
    ) -> Outcome<()> {
        while let Some(value) = self.next(evaluator)? {
            each(value)?;
        }
        Ok(())
    }

    /// All values.
    pub(crate) fn collect(self, evaluator: &Evaluator<'a>) -> Outcome<Vec<Value<'a>>> {
        let mut values = Vec::new();
        self.for_each(evaluator, |value| {
            evaluator.bytes(size_of::<Value<'_>>())?;
            values.push(value);
            Ok(())
        })?;
        Ok(values)
    }
}
