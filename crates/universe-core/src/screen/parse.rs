//! From SQL text to typed nodes, by way of `sqlparser`.

use compact_str::CompactString;
use jiff::civil::Date;
use sqlparser::ast::{BinaryOperator, Expr, Spanned, UnaryOperator, Value};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::{
    Arithmetic, BOOLEAN_FIELD, Comparison, Condition, DATE_FIELDS, EXPRESSION_DEPTH_MAX, ExpressionError,
    NUMBER_FIELDS, Number, NumberField, TEXT_FIELDS, TextField, Truth, WELL_KNOWN_FACTS,
};
use crate::suggest::nearest;

pub(super) fn condition(source: &str, facts: &[String]) -> Result<Condition, ExpressionError> {
    Checker { facts }.condition(&parse(source)?)
}

pub(super) fn number(source: &str, facts: &[String]) -> Result<Number, ExpressionError> {
    let expr = parse(source)?;
    match (Checker { facts }).operand(&expr)? {
        Operand::Number(number) => Ok(number),
        other => Err(error_at(&expr, format!("a metric must be a number, this is {}", other.described()))),
    }
}

fn parse(source: &str) -> Result<Expr, ExpressionError> {
    let error = |message: String| {
        // sqlparser ends its messages with "at Line: L, Column: C".
        let column = message.rsplit_once("Column: ").and_then(|(_, digits)| digits.trim().parse().ok());
        let text = message.rsplit_once(" at Line:").map_or(message.as_str(), |(text, _)| text);
        let text = text.trim_start_matches("sql parser error: ");
        ExpressionError { column: column.unwrap_or(1), message: text.to_owned() }
    };
    let mut parser = Parser::new(&GenericDialect {})
        .with_recursion_limit(EXPRESSION_DEPTH_MAX)
        .try_with_sql(source)
        .map_err(|e| error(e.to_string()))?;
    let expr = parser.parse_expr().map_err(|e| error(e.to_string()))?;
    let rest = parser.peek_token();
    if rest.token == Token::EOF {
        Ok(expr)
    } else {
        let column = usize::try_from(rest.span.start.column).unwrap_or(1);
        Err(ExpressionError {
            column,
            message: format!("unexpected {:?} after the expression", rest.token.to_string()),
        })
    }
}

struct Checker<'a> {
    facts: &'a [String],
}

enum Operand {
    Number(Number),
    Date(Number),
    Text(TextField),
    TextLiteral(String),
    Condition(Condition),
    Null,
}

impl Operand {
    fn described(&self) -> &'static str {
        match self {
            Self::Number(_) => "a number",
            Self::Date(_) => "a date",
            Self::Text(_) | Self::TextLiteral(_) => "a text",
            Self::Condition(_) => "a condition",
            Self::Null => "NULL",
        }
    }
}

impl Checker<'_> {
    fn condition(&self, expr: &Expr) -> Result<Condition, ExpressionError> {
        match self.operand(expr)? {
            Operand::Condition(condition) => Ok(condition),
            Operand::Null => Ok(Condition::Literal(Truth::Unknown)),
            other => Err(error_at(expr, format!("expected a condition, found {}", other.described()))),
        }
    }

    fn operand(&self, expr: &Expr) -> Result<Operand, ExpressionError> {
        match expr {
            Expr::Nested(inner) => self.operand(inner),
            Expr::Identifier(identifier) => self.field(expr, &identifier.value),
            Expr::Value(value) => literal(expr, &value.value),
            Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => Ok(not(self.condition(inner)?)),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => {
                Ok(Operand::Number(Number::Negated(Box::new(self.number(inner)?))))
            }
            Expr::BinaryOp { left, op, right } => self.binary(expr, left, op, right),
            Expr::Between { expr: inner, negated, low, high } => {
                let lower = self.compare(expr, inner, Comparison::GreaterOrEqual, low)?;
                let upper = self.compare(expr, inner, Comparison::LessOrEqual, high)?;
                Ok(negated_if(*negated, Condition::And(Box::new(lower), Box::new(upper))))
            }
            Expr::InList { expr: inner, list, negated } => Ok(negated_if(*negated, self.in_list(expr, inner, list)?)),
            Expr::Like { negated, any: false, expr: inner, pattern, escape_char: None } => {
                let (Operand::Text(field), Operand::TextLiteral(pattern)) =
                    (self.operand(inner)?, self.operand(pattern)?)
                else {
                    return Err(error_at(expr, "LIKE compares a text field with a text".to_owned()));
                };
                Ok(negated_if(*negated, Condition::TextLike { field, pattern }))
            }
            Expr::IsNull(inner) => Ok(Operand::Condition(self.is_null(inner)?)),
            Expr::IsNotNull(inner) => Ok(not(self.is_null(inner)?)),
            other => Err(error_at(other, format!("{other} is not supported in rules"))),
        }
    }

    fn field(&self, expr: &Expr, name: &str) -> Result<Operand, ExpressionError> {
        let name = name.to_ascii_lowercase();
        if let Some((_, field)) = TEXT_FIELDS.iter().find(|(known, _)| *known == name) {
            return Ok(Operand::Text(*field));
        }
        if let Some((_, field)) = NUMBER_FIELDS.iter().find(|(known, _)| *known == name) {
            return Ok(Operand::Number(Number::Field(field.clone())));
        }
        if let Some((_, field)) = DATE_FIELDS.iter().find(|(known, _)| *known == name) {
            return Ok(Operand::Date(Number::Field(field.clone())));
        }
        if name == BOOLEAN_FIELD {
            return Ok(Operand::Condition(Condition::IsActive));
        }
        if WELL_KNOWN_FACTS.contains(&name.as_str()) || self.facts.contains(&name) {
            return Ok(Operand::Number(Number::Field(NumberField::Fact(name))));
        }
        let known = TEXT_FIELDS.iter().map(|(known, _)| *known);
        let known = known.chain(NUMBER_FIELDS.iter().chain(&DATE_FIELDS).map(|(known, _)| *known));
        let known = known.chain([BOOLEAN_FIELD]).chain(WELL_KNOWN_FACTS).chain(self.facts.iter().map(String::as_str));
        let hint = nearest(&name, known).map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
        Err(error_at(expr, format!("unknown field {name:?}{hint}")))
    }

    fn number(&self, expr: &Expr) -> Result<Number, ExpressionError> {
        match self.operand(expr)? {
            Operand::Number(number) => Ok(number),
            other => Err(error_at(expr, format!("expected a number, found {}", other.described()))),
        }
    }

    fn binary(&self, whole: &Expr, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Operand, ExpressionError> {
        let comparison = match op {
            BinaryOperator::And => {
                let sides = (Box::new(self.condition(left)?), Box::new(self.condition(right)?));
                return Ok(Operand::Condition(Condition::And(sides.0, sides.1)));
            }
            BinaryOperator::Or => {
                let sides = (Box::new(self.condition(left)?), Box::new(self.condition(right)?));
                return Ok(Operand::Condition(Condition::Or(sides.0, sides.1)));
            }
            BinaryOperator::Plus => return self.arithmetic(left, Arithmetic::Plus, right),
            BinaryOperator::Minus => return self.arithmetic(left, Arithmetic::Minus, right),
            BinaryOperator::Multiply => return self.arithmetic(left, Arithmetic::Times, right),
            BinaryOperator::Divide => return self.arithmetic(left, Arithmetic::Over, right),
            BinaryOperator::Lt => Comparison::Less,
            BinaryOperator::LtEq => Comparison::LessOrEqual,
            BinaryOperator::Eq => Comparison::Equal,
            BinaryOperator::NotEq => Comparison::NotEqual,
            BinaryOperator::GtEq => Comparison::GreaterOrEqual,
            BinaryOperator::Gt => Comparison::Greater,
            other => return Err(error_at(whole, format!("operator {other} is not supported in rules"))),
        };
        Ok(Operand::Condition(self.compare(whole, left, comparison, right)?))
    }

    fn arithmetic(&self, left: &Expr, operator: Arithmetic, right: &Expr) -> Result<Operand, ExpressionError> {
        let (left, right) = (Box::new(self.number(left)?), Box::new(self.number(right)?));
        Ok(Operand::Number(Number::Arithmetic { left, operator, right }))
    }

    fn compare(
        &self,
        whole: &Expr,
        left: &Expr,
        operator: Comparison,
        right: &Expr,
    ) -> Result<Condition, ExpressionError> {
        let (left_operand, right_operand) = (self.operand(left)?, self.operand(right)?);
        match (left_operand, right_operand) {
            (Operand::Null, _) | (_, Operand::Null) => {
                Err(error_at(whole, "a comparison with NULL is never true; use IS NULL or IS NOT NULL".to_owned()))
            }
            (Operand::Number(left), Operand::Number(right)) | (Operand::Date(left), Operand::Date(right)) => {
                Ok(Condition::Compare { left, operator, right })
            }
            (Operand::Date(left), Operand::TextLiteral(text)) => {
                Ok(Condition::Compare { left, operator, right: date_literal(right, &text)? })
            }
            (Operand::TextLiteral(text), Operand::Date(right)) => {
                Ok(Condition::Compare { left: date_literal(left, &text)?, operator, right })
            }
            (Operand::Text(field), Operand::TextLiteral(text)) | (Operand::TextLiteral(text), Operand::Text(field)) => {
                let equal = Condition::TextIn { field, values: vec![CompactString::new(text)] };
                match operator {
                    Comparison::Equal => Ok(equal),
                    Comparison::NotEqual => Ok(Condition::Not(Box::new(equal))),
                    Comparison::Less | Comparison::LessOrEqual | Comparison::GreaterOrEqual | Comparison::Greater => {
                        Err(error_at(whole, "texts are compared with =, <>, IN and LIKE only".to_owned()))
                    }
                }
            }
            (left, right) => {
                let message = format!("cannot compare {} with {}", left.described(), right.described());
                Err(error_at(whole, message))
            }
        }
    }

    fn in_list(&self, whole: &Expr, left: &Expr, list: &[Expr]) -> Result<Condition, ExpressionError> {
        if let Operand::Text(field) = self.operand(left)? {
            let mut values = Vec::with_capacity(list.len());
            for item in list {
                match self.operand(item)? {
                    Operand::TextLiteral(text) => values.push(CompactString::new(text)),
                    other => return Err(error_at(item, format!("expected a text, found {}", other.described()))),
                }
            }
            return Ok(Condition::TextIn { field, values });
        }
        let mut any = None;
        for item in list {
            let equal = self.compare(whole, left, Comparison::Equal, item)?;
            any = Some(match any {
                None => equal,
                Some(before) => Condition::Or(Box::new(before), Box::new(equal)),
            });
        }
        any.ok_or_else(|| error_at(whole, "IN needs at least one value".to_owned()))
    }

    fn is_null(&self, expr: &Expr) -> Result<Condition, ExpressionError> {
        match self.operand(expr)? {
            Operand::Text(field) => Ok(Condition::TextIsNull(field)),
            Operand::Number(number) | Operand::Date(number) => Ok(Condition::NumberIsNull(number)),
            other => Err(error_at(expr, format!("IS NULL asks about a field, this is {}", other.described()))),
        }
    }
}

fn literal(expr: &Expr, value: &Value) -> Result<Operand, ExpressionError> {
    match value {
        Value::Number(text, _) => match text.parse() {
            Ok(number) => Ok(Operand::Number(Number::Literal(number))),
            Err(_) => Err(error_at(expr, format!("{text:?} is no number"))),
        },
        Value::SingleQuotedString(text) => Ok(Operand::TextLiteral(text.clone())),
        Value::Boolean(true) => Ok(Operand::Condition(Condition::Literal(Truth::True))),
        Value::Boolean(false) => Ok(Operand::Condition(Condition::Literal(Truth::False))),
        Value::Null => Ok(Operand::Null),
        other => Err(error_at(expr, format!("{other} is not supported in rules; texts stand in single quotes"))),
    }
}

fn date_literal(expr: &Expr, text: &str) -> Result<Number, ExpressionError> {
    let date: Date = text.parse().map_err(|_| error_at(expr, format!("{text:?} is no date; write '2024-01-31'")))?;
    Ok(Number::Literal(super::evaluate::day_number(date)))
}

fn not(condition: Condition) -> Operand {
    Operand::Condition(Condition::Not(Box::new(condition)))
}

fn negated_if(negated: bool, condition: Condition) -> Operand {
    if negated { not(condition) } else { Operand::Condition(condition) }
}

fn error_at(expr: &Expr, message: String) -> ExpressionError {
    let column = usize::try_from(expr.span().start.column).unwrap_or(0).max(1);
    ExpressionError { column, message }
}
