//! What an expression is once it is parsed.

/// An expression. Chains are flat, so that its depth is that of its brackets.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    /// A literal.
    Constant(Constant),
    /// A bare word: a member's name after a dot, a text anywhere else.
    Keyword(Box<str>),
    /// `$name`, without the `$`; `$` is `1`.
    Variable(Box<str>),
    /// `name(…)`.
    Function(Function),
    /// An operand with the operators and operands that follow it, applied from left to right.
    Chain(Box<Self>, Vec<Link>),
    /// `left -> right`.
    Send(Box<(Self, Self)>),
    /// An operator before its operand.
    Unary(Unary, Box<Self>),
    /// `[…]`.
    List(Arguments),
    /// `{…}`.
    Dict(Arguments),
    /// `(…)`, when it matters that it is in parentheses.
    Wrapped(Box<Self>),
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constant {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Digits.
    Int(i128),
    /// Digits with a point.
    Float(f64),
    /// Quoted.
    Text(Box<str>),
}

/// A call by name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Function {
    /// As it is written.
    pub(crate) name: Box<str>,
    /// In its parentheses.
    pub(crate) arguments: Arguments,
}

/// What is between brackets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Arguments {
    /// By position; none where one is left out.
    pub(crate) positional: Vec<Option<Expr>>,
    /// `key => value`, which come last.
    pub(crate) pairs: Vec<(Expr, Expr)>,
}

/// What follows an operand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Link {
    /// `.member` or `.method(…)`; with `is_optional`, `?.`.
    Dot {
        /// Whether null stays null.
        is_optional: bool,
        /// What is on the right.
        member: Expr,
    },
    /// `[…]`.
    Index(Arguments),
    /// `and`, of which the right side is evaluated when the left is true.
    And(Expr),
    /// `or`, of which the right side is evaluated when the left is not true.
    Or(Expr),
    /// Any other operator.
    Binary(Binary, Expr),
}

/// An operator between two operands that are both evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    /// `=~`
    Matches,
    /// `!~`
    MatchesNot,
    /// `*`
    Times,
    /// `/`
    Divide,
    /// `mod`
    Modulo,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `>`
    Greater,
    /// `<`
    Less,
    /// `>=`
    GreaterOrEqual,
    /// `<=`
    LessOrEqual,
    /// `!=`
    NotEqual,
    /// `=`
    Equal,
    /// `in`
    In,
}

impl Binary {
    /// The name of the function that it calls.
    pub(crate) const fn function(self) -> &'static str {
        match self {
            Self::Matches => "#operator_=~",
            Self::MatchesNot => "#operator_!~",
            Self::Times => "#operator_*",
            Self::Divide => "#operator_/",
            Self::Modulo => "#operator_mod",
            Self::Plus => "#operator_+",
            Self::Minus => "#operator_-",
            Self::Greater => "#operator_>",
            Self::Less => "#operator_<",
            Self::GreaterOrEqual => "#operator_>=",
            Self::LessOrEqual => "#operator_<=",
            Self::NotEqual => "*not_equal",
            Self::Equal => "*equal",
            Self::In => "#operator_in",
        }
    }
}

/// An operator before its operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `not`
    Not,
}

impl Unary {
    /// The name of the function that it calls.
    pub(crate) const fn function(self) -> &'static str {
        match self {
            Self::Plus => "#unary_operator_+",
            Self::Minus => "#unary_operator_-",
            Self::Not => "#unary_operator_not",
        }
    }
}
