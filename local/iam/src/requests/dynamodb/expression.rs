//! DynamoDB's expressions, read as far as authorization needs: which attributes they name, and for a query which
//! partition key they ask for.
//!
//! A key condition is parsed whole, so that an `OR` or a second value cannot hide in it; of other expressions only the
//! top-level attribute names are taken.
//!
//! Sources: DynamoDB Developer Guide, "Key condition expressions", "Condition and filter expressions, operators, and
//! functions" and "Update expressions".

use serde_json::{Map, Value};

/// The most characters of an expression (DynamoDB: 4 KB).
const EXPRESSION_BYTES_MAX: usize = 4_096;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// `#name`.
    Placeholder(String),
    /// `:value`.
    Value(String),
    /// A name or a keyword.
    Word(String),
    /// A number, as an index of a list.
    Number,
    /// `=`, `<>`, `<`, `<=`, `>`, `>=`.
    Compare(&'static str),
    /// `( ) , . [ ] + -`.
    Mark(char),
}

/// The names and values that an expression's placeholders stand for.
#[derive(Clone, Copy)]
pub(super) struct Placeholders<'a> {
    pub(super) names: Option<&'a Map<String, Value>>,
    pub(super) values: Option<&'a Map<String, Value>>,
}

impl Placeholders<'_> {
    fn name(&self, placeholder: &str) -> Result<String, String> {
        self.names
            .and_then(|names| names.get(placeholder))
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| format!("`{placeholder}` is not among ExpressionAttributeNames"))
    }

    fn value(&self, placeholder: &str) -> Result<Value, String> {
        self.values
            .and_then(|values| values.get(placeholder))
            .cloned()
            .ok_or_else(|| format!("`{placeholder}` is not among ExpressionAttributeValues"))
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    if text.len() > EXPRESSION_BYTES_MAX {
        return Err(format!("an expression has more than {EXPRESSION_BYTES_MAX} bytes"));
    }
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        let mut word = |first: Option<char>| {
            let mut word: String = first.into_iter().collect();
            while let Some(more) = rest.next_if(|one| one.is_ascii_alphanumeric() || *one == '_') {
                word.push(more);
            }
            word
        };
        let token = match next {
            space if space.is_ascii_whitespace() => continue,
            '#' => Token::Placeholder(format!("#{}", word(None))),
            ':' => Token::Value(format!(":{}", word(None))),
            letter if letter.is_ascii_alphabetic() || letter == '_' => Token::Word(word(Some(letter))),
            digit if digit.is_ascii_digit() => {
                if word(Some(digit)).chars().all(|one| one.is_ascii_digit()) {
                    Token::Number
                } else {
                    return Err(format!("`{text}` is not an expression that can be read"));
                }
            }
            '=' => Token::Compare("="),
            '<' if rest.next_if_eq(&'>').is_some() => Token::Compare("<>"),
            '<' if rest.next_if_eq(&'=').is_some() => Token::Compare("<="),
            '>' if rest.next_if_eq(&'=').is_some() => Token::Compare(">="),
            '<' => Token::Compare("<"),
            '>' => Token::Compare(">"),
            mark @ ('(' | ')' | ',' | '.' | '[' | ']' | '+' | '-') => Token::Mark(mark),
            other => return Err(format!("`{other}` in `{text}` is not of an expression")),
        };
        tokens.push(token);
    }
    Ok(tokens)
}

/// The top-level attributes that an expression names, in order, without repeats.
pub(super) fn attributes(text: &str, placeholders: Placeholders<'_>) -> Result<Vec<String>, String> {
    const KEYWORDS: [&str; 9] = ["ADD", "AND", "BETWEEN", "DELETE", "IN", "NOT", "OR", "REMOVE", "SET"];
    let tokens = tokens(text)?;
    let mut named: Vec<String> = Vec::new();
    for (place, token) in tokens.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| tokens.get(place));
        let after = tokens.get(place + 1);
        let nested = before == Some(&Token::Mark('.'));
        let name = match token {
            Token::Placeholder(placeholder) => placeholders.name(placeholder)?,
            // DynamoDB reserves its keywords, so that no attribute is named so without a placeholder.
            Token::Word(word) if KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword)) => {
                continue;
            }
            Token::Word(_) if after == Some(&Token::Mark('(')) => continue,
            Token::Word(word) => word.clone(),
            _ => continue,
        };
        if !nested && !named.contains(&name) {
            named.push(name);
        }
    }
    Ok(named)
}

/// The value that a key condition demands the partition key to equal.
pub(super) fn key_condition(
    text: &str,
    partition_key: &str,
    placeholders: Placeholders<'_>,
) -> Result<Value, String> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, place: 0, depth: 0, placeholders, equalities: Vec::new() };
    let unreadable = || format!("`{text}` is not a key condition that can be read");
    parser.conjunction().ok_or_else(unreadable)??;
    if parser.place != tokens.len() {
        return Err(unreadable());
    }
    let mut of_key = parser.equalities.into_iter().filter(|(name, _)| name == partition_key);
    match (of_key.next(), of_key.next()) {
        (Some((_, value)), None) => Ok(value),
        _ => Err(format!("`{text}` does not demand one value of the partition key `{partition_key}`")),
    }
}

/// `condition (AND condition)*`; a condition may stand in parentheses.
struct Parser<'a> {
    tokens: &'a [Token],
    place: usize,
    depth: usize,
    placeholders: Placeholders<'a>,
    equalities: Vec<(String, Value)>,
}

/// `None`: not a key condition. `Some(Err)`: one whose placeholders are not given.
type Parsed<T> = Option<Result<T, String>>;

/// One side of a comparison.
enum Operand {
    Name(String),
    Value(Value),
}

const DEPTH_MAX: usize = 32;

macro_rules! propagate {
    ($parsed:expr) => {
        match $parsed? {
            Ok(value) => value,
            Err(error) => return Some(Err(error)),
        }
    };
}

impl Parser<'_> {
    fn next(&mut self) -> Option<&Token> {
        let token = self.tokens.get(self.place)?;
        self.place += 1;
        Some(token)
    }

    fn accept(&mut self, wanted: impl Fn(&Token) -> bool) -> bool {
        let accepted = self.tokens.get(self.place).is_some_and(wanted);
        self.place += usize::from(accepted);
        accepted
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        self.accept(|token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(keyword)))
    }

    fn mark(&mut self, mark: char) -> bool {
        self.accept(|token| *token == Token::Mark(mark))
    }

    fn conjunction(&mut self) -> Parsed<()> {
        propagate!(self.condition());
        while self.keyword("AND") {
            propagate!(self.condition());
        }
        Some(Ok(()))
    }

    fn condition(&mut self) -> Parsed<()> {
        if self.mark('(') {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return None;
            }
            propagate!(self.conjunction());
            self.depth -= 1;
            return self.mark(')').then_some(Ok(()));
        }
        let is_function = matches!(self.tokens.get(self.place + 1), Some(Token::Mark('(')));
        if is_function {
            if !self.accept(|token| *token == Token::Word("begins_with".to_owned())) {
                return None;
            }
            self.mark('(').then_some(())?;
            propagate!(self.operand());
            self.mark(',').then_some(())?;
            propagate!(self.operand());
            return self.mark(')').then_some(Ok(()));
        }
        let left = propagate!(self.operand());
        if self.keyword("BETWEEN") {
            propagate!(self.operand());
            self.keyword("AND").then_some(())?;
            propagate!(self.operand());
            return Some(Ok(()));
        }
        let Some(Token::Compare(compare)) = self.next().cloned() else { return None };
        let right = propagate!(self.operand());
        if compare == "=" {
            match (left, right) {
                (Operand::Name(name), Operand::Value(value))
                | (Operand::Value(value), Operand::Name(name)) => {
                    self.equalities.push((name, value));
                }
                _ => return None,
            }
        }
        Some(Ok(()))
    }

    fn operand(&mut self) -> Parsed<Operand> {
        let placeholders = self.placeholders;
        match self.next()? {
            Token::Placeholder(placeholder) => Some(placeholders.name(placeholder).map(Operand::Name)),
            Token::Word(word) => Some(Ok(Operand::Name(word.clone()))),
            Token::Value(placeholder) => Some(placeholders.value(placeholder).map(Operand::Value)),
            _ => None,
        }
    }
}
