//! Text to tokens.

use super::super::Error;

/// A piece of the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A word, which may be an operator or a literal.
    Word(Box<str>),
    /// A word and the parenthesis right behind it.
    Function(Box<str>),
    /// `$` and what is right behind it, without the `$`.
    Variable(Box<str>),
    /// Quoted, with its escapes replaced.
    Text(Box<str>),
    /// Digits.
    Int(i128),
    /// Digits with a point.
    Float(f64),
    /// An operator or a bracket.
    Sign(&'static str),
}

/// Longer ones first.
const SIGNS: [&str; 23] = [
    "?.", "=~", "!~", "->", "=>", ">=", "<=", "!=", ".", "*", "/", "+", "-", ">", "<", "=", "(",
    ")", "[", "]", "{", "}", ",",
];

/// The tokens of `text`, each with where it begins, in characters.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Error> {
    let mut lexer = Lexer {
        text,
        rest: text,
        at: 0,
    };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'t> {
    text: &'t str,
    rest: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn next(&mut self) -> Result<Option<(Token, usize)>, Error> {
        let blank = self
            .rest
            .len()
            .saturating_sub(self.rest.trim_start_matches([' ', '\t', '\r', '\n']).len());
        self.take(blank);
        let at = self.at;
        let Some(first) = self.rest.chars().next() else {
            return Ok(None);
        };
        let token = if first == '$' {
            self.take(1);
            Token::Variable(self.take_word().into())
        } else if matches!(first, '\'' | '"' | '`') {
            self.quoted(first)?
        } else if first.is_ascii_digit() {
            self.number()?
        } else if first.is_alphabetic() || first == '_' {
            self.word()?
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| self.rest.starts_with(sign)) {
            self.take(sign.len());
            Token::Sign(sign)
        } else {
            return Err(self.illegal(at));
        };
        Ok(Some((token, at)))
    }

    /// Takes `bytes`, which end at a character's end.
    fn take(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        self.at += taken.chars().count();
        taken
    }

    fn take_word(&mut self) -> &'t str {
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    fn word(&mut self) -> Result<Token, Error> {
        let at = self.at;
        let word = self.take_word();
        if self.rest.starts_with('(') {
            self.take(1);
            return Ok(Token::Function(word.into()));
        }
        if word.starts_with("__") {
            return Err(self.illegal(at));
        }
        Ok(Token::Word(word.into()))
    }

    fn number(&mut self) -> Result<Token, Error> {
        let at = self.at;
        let digits = |text: &str| {
            text.find(|c: char| !c.is_ascii_digit())
                .unwrap_or(text.len())
        };
        let ends = |text: &str| !text.starts_with(is_word);
        let whole = digits(self.rest);
        let after = self.rest.get(whole..).unwrap_or("");
        let fraction = after.strip_prefix('.').map_or(0, |after| {
            let fraction = digits(after);
            let is_number = fraction > 0 && ends(after.get(fraction..).unwrap_or(""));
            if is_number { fraction + 1 } else { 0 }
        });
        if fraction > 0 {
            let text = self.take(whole + fraction);
            return text.parse().map(Token::Float).map_err(|_| self.illegal(at));
        }
        if !ends(after) {
            return Err(self.illegal(at));
        }
        let text = self.take(whole);
        text.parse().map(Token::Int).map_err(|_| Error::Syntax {
            message: format!("Lexical error: the number at position {at} is too large"),
            at,
        })
    }

    fn quoted(&mut self, quote: char) -> Result<Token, Error> {
        let at = self.at;
        let mut is_escaped = false;
        let inner = self.rest.get(1..).unwrap_or("");
        for (end, c) in inner.char_indices() {
            if is_escaped {
                if c == '\n' {
                    break;
                }
                is_escaped = false;
            } else if c == '\\' {
                is_escaped = true;
            } else if c == quote {
                let inner = inner.get(..end).unwrap_or("");
                let text = if quote == '`' {
                    inner.replace("\\`", "`")
                } else {
                    unescape(inner).map_err(|escape| Error::Syntax {
                        message: format!(
                            "Lexical error: illegal escape '{escape}' in the text at position {at}"
                        ),
                        at,
                    })?
                };
                self.take(end + 2);
                return Ok(Token::Text(text.into()));
            }
        }
        Err(self.illegal(at))
    }

    fn illegal(&self, at: usize) -> Error {
        let character = self.text.chars().nth(at).unwrap_or(' ');
        Error::Syntax {
            message: format!("Lexical error: illegal character '{character}' at position {at}"),
            at,
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `text` with Python's escapes replaced; what is not an escape stays.
fn unescape(text: &str) -> Result<String, String> {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at_checked(at).unwrap_or((rest, ""));
        made.push_str(before);
        let mut behind = escape.chars().skip(1);
        let Some(kind) = behind.next() else {
            made.push('\\');
            return Ok(made);
        };
        let coded = |digits: usize, radix: u32| {
            let digits: String = behind.clone().take(digits).collect();
            let is_code = digits.chars().all(|c| c.is_digit(radix));
            let code = u32::from_str_radix(&digits, radix).ok().filter(|_| is_code);
            let character = code.and_then(char::from_u32);
            (character, digits.len() + 2)
        };
        let many = match kind {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '0'..='7' => 1,
            _ => 0,
        };
        let (character, length) = match kind {
            'a' => (Some('\u{7}'), 2),
            'b' => (Some('\u{8}'), 2),
            'f' => (Some('\u{c}'), 2),
            'n' => (Some('\n'), 2),
            'r' => (Some('\r'), 2),
            't' => (Some('\t'), 2),
            'v' => (Some('\u{b}'), 2),
            '\\' | '\'' | '"' => (Some(kind), 2),
            '0'..='7' => {
                let digits: String = escape
                    .chars()
                    .skip(1)
                    .take(3)
                    .take_while(|c| c.is_digit(8))
                    .collect();
                let code = u32::from_str_radix(&digits, 8).ok();
                (code.and_then(char::from_u32), digits.len() + 1)
            }
            // With fewer characters left than an escape has, it is none.
            'x' | 'u' | 'U' if behind.clone().take(many).count() == many => coded(many, 16),
            'N' if behind.clone().next() == Some('{') && escape.contains('}') => (None, 2),
            _ => {
                made.push('\\');
                rest = escape.get(1..).unwrap_or("");
                continue;
            }
        };
        let Some(character) = character else {
            return Err(escape.chars().take(length.max(2)).collect());
        };
        made.push(character);
        rest = escape.get(length..).unwrap_or("");
    }
    made.push_str(rest);
    Ok(made)
}
