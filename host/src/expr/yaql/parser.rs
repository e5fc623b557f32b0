//! Tokens to an expression.

use super::{
    super::Error,
    ast::{Arguments, Binary, Constant, Expr, Function, Link, Unary},
    lexer::{self, Token},
};

/// The deepest nesting of brackets.
const DEEPEST: u32 = 64;

/// How strongly an operator binds; more binds more.
type Power = u8;
const SEND: Power = 1;
const OR: Power = 2;
const AND: Power = 3;
const NOT: Power = 4;
const COMPARE: Power = 5;
const SUM: Power = 6;
const PRODUCT: Power = 7;
const MATCH: Power = 8;
const SIGN: Power = 9;
const INDEX: Power = 10;
const DOT: Power = 11;

/// The expression that `text` is.
pub(super) fn parse(text: &str) -> Result<Expr, Error> {
    let tokens = lexer::tokens(text)?;
    let mut parser = Parser {
        text,
        tokens,
        next: 0,
        depth: 0,
    };
    let expr = parser.expression(0)?;
    match parser.peek() {
        None => Ok(expr),
        Some(_) => Err(parser.unexpected()),
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<(Token, usize)>,
    next: usize,
    depth: u32,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(token, _)| token)
    }

    fn peek_is(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(next)) if *next == sign)
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.next += 1;
        token
    }

    fn take_if(&mut self, sign: &str) -> bool {
        let is_next = self.peek_is(sign);
        self.next += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, sign: &str) -> Result<(), Error> {
        if self.take_if(sign) {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// What is wrong with the next token.
    fn unexpected(&self) -> Error {
        let Some((token, at)) = self.tokens.get(self.next) else {
            return Error::Syntax {
                message: "Parse error: unexpected end of statement".to_owned(),
                at: self.text.chars().count(),
            };
        };
        let value = match token {
            Token::Word(text) | Token::Function(text) | Token::Text(text) => text.to_string(),
            Token::Variable(name) => format!("${name}"),
            Token::Int(number) => number.to_string(),
            Token::Float(number) => number.to_string(),
            Token::Sign(sign) => (*sign).to_owned(),
        };
        Error::Syntax {
            message: format!(
                "Parse error: unexpected '{value}' at position {at} of expression '{}'",
                self.text
            ),
            at: *at,
        }
    }

    /// An operand with all operators behind it that bind more than `least`.
    fn expression(&mut self, least: Power) -> Result<Expr, Error> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Error::Syntax {
                message: format!("Parse error: the expression is nested deeper than {DEEPEST}"),
                at: self.tokens.get(self.next).map_or(0, |(_, at)| *at),
            });
        }
        let first = self.operand()?;
        let expr = self.links(first, least)?;
        self.depth -= 1;
        Ok(expr)
    }

    fn operand(&mut self) -> Result<Expr, Error> {
        let at = self.next;
        let Some(token) = self.take() else {
            self.next = at;
            return Err(self.unexpected());
        };
        let expr = match token {
            Token::Int(number) => Expr::Constant(Constant::Int(number)),
            Token::Float(number) => Expr::Constant(Constant::Float(number)),
            Token::Text(text) => Expr::Constant(Constant::Text(text)),
            Token::Variable(name) if name.is_empty() => Expr::Variable("1".into()),
            Token::Variable(name) => Expr::Variable(name),
            Token::Function(name) => Expr::Function(Function {
                name,
                arguments: self.arguments(")")?,
            }),
            Token::Word(word) => match &*word {
                "true" => Expr::Constant(Constant::Bool(true)),
                "false" => Expr::Constant(Constant::Bool(false)),
                "null" => Expr::Constant(Constant::Null),
                "not" => self.unary(Unary::Not, NOT)?,
                "and" | "or" | "in" | "mod" => {
                    self.next = at;
                    return Err(self.unexpected());
                }
                _ => Expr::Keyword(word),
            },
            Token::Sign("+") => self.unary(Unary::Plus, SIGN)?,
            Token::Sign("-") => self.unary(Unary::Minus, SIGN)?,
            Token::Sign("[") => Expr::List(self.arguments("]")?),
            Token::Sign("{") => Expr::Dict(self.arguments("}")?),
            Token::Sign("(") => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                if matches!(inner, Expr::Wrapped(_)) {
                    inner
                } else {
                    Expr::Wrapped(Box::new(inner))
                }
            }
            Token::Sign(_) => {
                self.next = at;
                return Err(self.unexpected());
            }
        };
        Ok(expr)
    }

    fn unary(&mut self, operator: Unary, power: Power) -> Result<Expr, Error> {
        Ok(Expr::Unary(operator, Box::new(self.expression(power)?)))
    }

    fn links(&mut self, first: Expr, least: Power) -> Result<Expr, Error> {
        let mut links = Vec::new();
        while let Some((operator, power)) = self.peek().and_then(operator)
            && power > least
        {
            self.next += 1;
            let link = match operator {
                Operator::Send => {
                    // Binds to the right, and less than anything else.
                    let right = self.expression(power - 1)?;
                    return Ok(Expr::Send(Box::new((chained(first, links), right))));
                }
                Operator::Index => Link::Index(self.arguments("]")?),
                Operator::Dot { is_optional } => Link::Dot {
                    is_optional,
                    member: self.expression(power)?,
                },
                Operator::And => Link::And(self.expression(power)?),
                Operator::Or => Link::Or(self.expression(power)?),
                Operator::Binary(binary) => Link::Binary(binary, self.expression(power)?),
            };
            links.push(link);
        }
        Ok(chained(first, links))
    }

    /// What is before the bracket `end`, and that.
    fn arguments(&mut self, end: &'static str) -> Result<Arguments, Error> {
        let mut arguments = Arguments::default();
        if self.take_if(end) {
            return Ok(arguments);
        }
        let mut skipped = 0;
        loop {
            if arguments.pairs.is_empty() && self.take_if(",") {
                arguments.positional.push(None);
                skipped += 1;
                continue;
            }
            let before = self.next;
            let value = self.expression(0)?;
            // Only one may be left out before the first pair, and only behind one that is not.
            let may_be_pair = !arguments.pairs.is_empty()
                || skipped == 0
                || (skipped == 1 && arguments.positional.len() > 1);
            if self.peek_is("=>") && may_be_pair {
                self.next += 1;
                arguments.pairs.push((value, self.expression(0)?));
            } else if arguments.pairs.is_empty() {
                arguments.positional.push(Some(value));
            } else {
                self.next = before;
                return Err(self.unexpected());
            }
            skipped = 0;
            if self.take_if(end) {
                return Ok(arguments);
            }
            self.expect(",")?;
        }
    }
}

enum Operator {
    Dot { is_optional: bool },
    Index,
    And,
    Or,
    Send,
    Binary(Binary),
}

fn operator(token: &Token) -> Option<(Operator, Power)> {
    let text = match token {
        Token::Sign(sign) => *sign,
        Token::Word(word) => &**word,
        Token::Function(_)
        | Token::Variable(_)
        | Token::Text(_)
        | Token::Int(_)
        | Token::Float(_) => return None,
    };
    let (binary, power) = match text {
        "." => return Some((Operator::Dot { is_optional: false }, DOT)),
        "?." => return Some((Operator::Dot { is_optional: true }, DOT)),
        "[" => return Some((Operator::Index, INDEX)),
        "and" => return Some((Operator::And, AND)),
        "or" => return Some((Operator::Or, OR)),
        "->" => return Some((Operator::Send, SEND)),
        "=~" => (Binary::Matches, MATCH),
        "!~" => (Binary::MatchesNot, MATCH),
        "*" => (Binary::Times, PRODUCT),
        "/" => (Binary::Divide, PRODUCT),
        "mod" => (Binary::Modulo, PRODUCT),
        "+" => (Binary::Plus, SUM),
        "-" => (Binary::Minus, SUM),
        ">" => (Binary::Greater, COMPARE),
        "<" => (Binary::Less, COMPARE),
        ">=" => (Binary::GreaterOrEqual, COMPARE),
        "<=" => (Binary::LessOrEqual, COMPARE),
        "!=" => (Binary::NotEqual, COMPARE),
        "=" => (Binary::Equal, COMPARE),
        "in" => (Binary::In, COMPARE),
        _ => return None,
    };
    Some((Operator::Binary(binary), power))
}

fn chained(first: Expr, links: Vec<Link>) -> Expr {
    if links.is_empty() {
        first
    } else {
        Expr::Chain(Box::new(first), links)
    }
}
