//! Set expressions over universes: `top_500 & sector_technology - theme_esg`.
//!
//! `+` (or `:`) is union, `&` intersection, `-` difference; `&` binds tighter, the others go from left to
//! right. `type:key` is an address rather than a union when the first word is a type.

use crate::UniverseType;

/// How deeply parentheses may be nested.
const DEPTH_MAX: usize = 40;

/// A universe as somebody asks for it, or a combination of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetExpression {
    /// One universe.
    Universe(Address),
    /// Members of either.
    Union(Box<SetExpression>, Box<SetExpression>),
    /// Members of both.
    Intersection(Box<SetExpression>, Box<SetExpression>),
    /// Members of the first that are not in the second.
    Difference(Box<SetExpression>, Box<SetExpression>),
}

/// How somebody names a universe: with its type, or by the key alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The type, where it was given.
    pub universe_type: Option<UniverseType>,
    /// The key, or an older spelling of it.
    pub key: String,
}

/// Why a text is no set expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}; write for example \"top_500 & sector_technology\"")]
pub struct SetExpressionError {
    /// The character, counted from 1, at which the trouble starts.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl SetExpression {
    /// Parses an address or an expression.
    ///
    /// # Errors
    /// When the text is empty, has an operator without an operand, or parentheses that do not match.
    pub fn parse(text: &str) -> Result<Self, SetExpressionError> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0, end: text.chars().count() + 1 };
        let expression = parser.sum(0)?;
        match parser.peek() {
            None => Ok(expression),
            Some(token) => Err(error(parser.column(), format!("unexpected {}", token.shown()))),
        }
    }

    /// Returns the addresses in it, from left to right.
    #[must_use]
    pub fn addresses(&self) -> Vec<&Address> {
        match self {
            Self::Universe(address) => vec![address],
            Self::Union(left, right) | Self::Intersection(left, right) | Self::Difference(left, right) => {
                let mut addresses = left.addresses();
                addresses.extend(right.addresses());
                addresses
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(char),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Word(word) => format!("{word:?}"),
            Self::Sign(sign) => format!("{sign:?}"),
        }
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    end: usize,
}

impl Parser {
    fn sum(&mut self, depth: usize) -> Result<SetExpression, SetExpressionError> {
        let mut left = self.product(depth)?;
        while let Some(Token::Sign(sign @ ('+' | ':' | '-'))) = self.peek() {
            let sign = *sign;
            self.at += 1;
            let right = Box::new(self.product(depth)?);
            left = if sign == '-' {
                SetExpression::Difference(Box::new(left), right)
            } else {
                SetExpression::Union(Box::new(left), right)
            };
        }
        Ok(left)
    }

    fn product(&mut self, depth: usize) -> Result<SetExpression, SetExpressionError> {
        let mut left = self.operand(depth)?;
        while self.peek() == Some(&Token::Sign('&')) {
            self.at += 1;
            left = SetExpression::Intersection(Box::new(left), Box::new(self.operand(depth)?));
        }
        Ok(left)
    }

    fn operand(&mut self, depth: usize) -> Result<SetExpression, SetExpressionError> {
        if depth > DEPTH_MAX {
            return Err(error(self.column(), "parentheses are nested too deeply".to_owned()));
        }
        match self.peek().cloned() {
            Some(Token::Word(word)) => {
                self.at += 1;
                Ok(SetExpression::Universe(self.address(word)))
            }
            Some(Token::Sign('(')) => {
                self.at += 1;
                let inner = self.sum(depth + 1)?;
                if self.peek() != Some(&Token::Sign(')')) {
                    return Err(error(self.column(), "a closing parenthesis is missing".to_owned()));
                }
                self.at += 1;
                Ok(inner)
            }
            Some(token) => Err(error(self.column(), format!("expected a universe, found {}", token.shown()))),
            None => Err(error(self.column(), "expected a universe, found the end".to_owned())),
        }
    }

    fn address(&mut self, word: String) -> Address {
        let typed = UniverseType::from_spelling(&word);
        if let (Some(_), Some(Token::Sign(':')), Some((_, Token::Word(key)))) =
            (typed, self.peek(), self.tokens.get(self.at + 1))
        {
            let key = key.clone();
            self.at += 2;
            return Address { universe_type: typed, key };
        }
        Address { universe_type: None, key: word }
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn column(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(column, _)| *column)
    }
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, SetExpressionError> {
    let mut tokens: Vec<(usize, Token)> = Vec::new();
    let mut in_word = false;
    for (column, c) in (1..).zip(text.chars()) {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => {
                if let (true, Some((_, Token::Word(word)))) = (in_word, tokens.last_mut()) {
                    word.push(c);
                } else {
                    tokens.push((column, Token::Word(c.to_string())));
                }
            }
            '+' | ':' | '&' | '-' | '(' | ')' => tokens.push((column, Token::Sign(c))),
            c if c.is_whitespace() => {}
            c => return Err(error(column, format!("unexpected {c:?}"))),
        }
        in_word = c.is_ascii_alphanumeric() || c == '_';
    }
    Ok(tokens)
}

fn error(column: usize, message: String) -> SetExpressionError {
    SetExpressionError { column, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        fn show(expression: &SetExpression) -> String {
            match expression {
                SetExpression::Universe(Address { universe_type: Some(of), key }) => format!("{of}:{key}"),
                SetExpression::Universe(Address { universe_type: None, key }) => key.clone(),
                SetExpression::Union(a, b) => format!("({} + {})", show(a), show(b)),
                SetExpression::Intersection(a, b) => format!("({} & {})", show(a), show(b)),
                SetExpression::Difference(a, b) => format!("({} - {})", show(a), show(b)),
            }
        }
        match SetExpression::parse(text) {
            Ok(expression) => show(&expression),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn reads_addresses_and_combinations() {
        for (text, expected) in [
            ("top_500", "top_500"),
            ("stock_universe:top_500", "stock_universe:top_500"),
            ("SPY:QQQ", "(SPY + QQQ)"),
            ("a:b:c", "((a + b) + c)"),
            ("a+b&c", "(a + (b & c))"),
            ("a - b + c", "((a - b) + c)"),
            ("a & (b - etf_universe:c)", "(a & (b - etf_universe:c))"),
            ("stock_universe:a:b", "(stock_universe:a + b)"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn complaints_say_where() {
        for (text, expected) in [
            ("", "column 1: expected a universe, found the end"),
            ("a &", "column 4: expected a universe, found the end"),
            ("a b", "column 3: unexpected \"b\""),
            ("(a + b", "column 7: a closing parenthesis is missing"),
            ("a + ?", "column 5: unexpected '?'"),
        ] {
            assert!(shown(text).starts_with(expected), "{text}: {}", shown(text));
        }
        assert!(shown(&"(".repeat(10_000)).contains("nested too deeply"));
    }
}
