//! PartiQL: what kind of statement, on which table, and for which partition key, if that can be said for sure.
//!
//! The key is known only of the simplest statements: a `WHERE` of comparisons joined by `AND`, one of which equates the
//! partition key with a text or a parameter, or an inserted item that spells it. Of every other statement the keys that
//! depend on it are unknown, so that a policy which needs them refuses. A statement whose kind or table cannot be read
//! is refused outright.
//!
//! Source: DynamoDB Developer Guide, "PartiQL select/insert/update/delete statements".

use serde_json::{Value, json};

use super::{Body, Leading, Needed, Table, Tables, Underivable};

/// The most bytes of a statement (DynamoDB: 8,192 characters).
const STATEMENT_BYTES_MAX: usize = 32_768;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `"name"`.
    Quoted(String),
    /// `'text'`.
    Text(String),
    Number(String),
    /// `?`, counted from 0.
    Parameter(usize),
    Mark(char),
}

impl Token {
    fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// As a table, index or attribute.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Quoted(name) => Some(name),
            _ => None,
        }
    }
}

/// Every statement of a list.
pub(super) fn statements(
    tables: &Tables<'_>,
    body: &Body<'_>,
    member: &str,
    enclosing: &str,
) -> Result<Vec<Needed>, Underivable> {
    let parts = body.objects(member)?;
    if parts.is_empty() {
        return Err(body.not(member, "a list of at least one"));
    }
    parts.iter().map(|part| statement(tables, part, Some(enclosing))).collect()
}

/// One statement.
pub(super) fn statement(
    tables: &Tables<'_>,
    body: &Body<'_>,
    enclosing: Option<&str>,
) -> Result<Needed, Underivable> {
    let text = body.string("Statement")?;
    let unreadable = |why: &str| tables.call.unreadable(format!("the PartiQL statement {why}"));
    let tokens = tokens(text).ok_or_else(|| unreadable("has a character that is not known"))?;
    let parameters = match body.get("Parameters") {
        None => &[],
        Some(Value::Array(parameters)) => parameters.as_slice(),
        Some(_) => return Err(body.not("Parameters", "a list")),
    };
    let (first, rest) = tokens.split_first().ok_or_else(|| unreadable("is empty"))?;
    let (action, rest) = if first.is("SELECT") {
        let from = rest.iter().position(|token| token.is("FROM")).ok_or_else(|| unreadable("has no FROM"))?;
        ("PartiQLSelect", rest.get(from + 1..).unwrap_or_default())
    } else if first.is("INSERT") {
        ("PartiQLInsert", after(rest, "INTO").ok_or_else(|| unreadable("has no INTO"))?)
    } else if first.is("UPDATE") {
        ("PartiQLUpdate", rest)
    } else if first.is("DELETE") {
        ("PartiQLDelete", after(rest, "FROM").ok_or_else(|| unreadable("has no FROM"))?)
    } else {
        return Err(unreadable("is none of SELECT, INSERT, UPDATE and DELETE"));
    };
    let nested = rest
        .iter()
        .any(|token| ["SELECT", "INSERT", "UPDATE", "FROM", "EXISTS"].iter().any(|word| token.is(word)));
    if nested {
        return Err(unreadable("has another within it, or more than one FROM"));
    }
    let (table, index, rest) =
        target(tables, rest)?.ok_or_else(|| unreadable("names no table that can be read"))?;
    // A second table, a join or an alias would stand here.
    let follows: &[&str] = match action {
        "PartiQLInsert" => &["VALUE"],
        "PartiQLUpdate" => &["SET", "REMOVE"],
        _ => &["WHERE"],
    };
    let goes_on =
        rest.first().map_or(action == "PartiQLSelect", |next| follows.iter().any(|word| next.is(word)));
    if !goes_on {
        return Err(unreadable("goes on after its table with what is not known"));
    }
    let resource = match &index {
        None => table.arn.clone(),
        Some(index) => tables.index_arn(&table, index)?,
    };
    let keys = Keys { attribute: tables.directory.partition_key(&table.name, index.as_deref()), parameters };
    let found = if action == "PartiQLInsert" { keys.inserted(rest) } else { keys.demanded(rest) };
    let needed = tables.call.needs(action, resource);
    Ok(with_keys(needed, action, found, enclosing))
}

/// What a statement says of the partition key.
enum Found {
    Value(Value),
    /// There is no `WHERE`.
    None,
    Unsure,
}

fn with_keys(mut needed: Needed, action: &str, found: Found, enclosing: Option<&str>) -> Needed {
    let why = "the PartiQL statement does not say it in a form that can be read for sure";
    let full_scan = match &found {
        Found::Value(_) => Some("false"),
        Found::None => Some("true"),
        Found::Unsure => None,
    };
    if action == "PartiQLSelect" {
        needed = match full_scan {
            Some(truth) => needed.with("dynamodb:FullTableScan", truth),
            None => needed.with_unknown("dynamodb:FullTableScan", why),
        };
    }
    needed = match found {
        Found::Value(value) => Leading::of_value(&value).into(needed),
        Found::None => needed,
        Found::Unsure => Leading::Unknown(why.to_owned()).into(needed),
    };
    for key in ["dynamodb:Attributes", "dynamodb:Select", "dynamodb:ReturnValues"] {
        needed = needed.with_unknown(key, "of PartiQL statements it is not derived");
    }
    match enclosing {
        Some("ExecuteTransaction") => needed.with("dynamodb:EnclosingOperation", "ExecuteTransaction"),
        Some(_) => needed
            .with_unknown("dynamodb:EnclosingOperation", "for a batch of statements it is not documented"),
        None => needed,
    }
}

/// The tokens after a keyword that must come first.
fn after<'a>(tokens: &'a [Token], keyword: &str) -> Option<&'a [Token]> {
    tokens.split_first().filter(|(first, _)| first.is(keyword)).map(|(_, rest)| rest)
}

/// `table`, `"table"` or `"table"."index"`, and what follows.
type Target<'a> = Option<(Table, Option<String>, &'a [Token])>;

fn target<'a>(tables: &Tables<'_>, tokens: &'a [Token]) -> Result<Target<'a>, Underivable> {
    let Some((first, rest)) = tokens.split_first() else { return Ok(None) };
    let Some(name) = first.name() else { return Ok(None) };
    let table = tables.table(name)?;
    match rest {
        [Token::Mark('.'), index, rest @ ..] => {
            Ok(index.name().map(|index| (table, Some(index.to_owned()), rest)))
        }
        rest => Ok(Some((table, None, rest))),
    }
}

struct Keys<'a> {
    attribute: Option<String>,
    parameters: &'a [Value],
}

impl Keys<'_> {
    /// Of a `WHERE`.
    fn demanded(&self, tokens: &[Token]) -> Found {
        let Some(place) = tokens.iter().position(|token| token.is("WHERE")) else {
            // Without one an update or delete is no statement that DynamoDB takes; a select reads everything.
            return if tokens.is_empty() { Found::None } else { Found::Unsure };
        };
        let condition = tokens.get(place + 1..).unwrap_or_default();
        let complex = condition.iter().any(|token| match token {
            Token::Word(word) => ["OR", "NOT", "IN", "BETWEEN", "RETURNING", "ORDER", "IS", "WHERE", "UNION"]
                .iter()
                .any(|keyword| word.eq_ignore_ascii_case(keyword)),
            Token::Mark(mark) => !matches!(mark, '=' | '<' | '>'),
            _ => false,
        });
        let Some(attribute) = self.attribute.as_deref().filter(|_| !complex) else { return Found::Unsure };
        let mut values = condition
            .split(|token| token.is("AND"))
            .filter(|part| part.first().and_then(Token::name) == Some(attribute))
            .map(|part| match part {
                [_, Token::Mark('='), value] => self.value(value),
                _ => None,
            });
        match (values.next(), values.next()) {
            (Some(Some(value)), None) => Found::Value(value),
            _ => Found::Unsure,
        }
    }

    /// Of `VALUE {'attribute': value, …}`, at its first level.
    fn inserted(&self, tokens: &[Token]) -> Found {
        let (Some(attribute), Some([Token::Mark('{'), item @ ..])) =
            (&self.attribute, after(tokens, "VALUE"))
        else {
            return Found::Unsure;
        };
        let mut depth = 0_usize;
        let mut found = Vec::new();
        for (place, token) in item.iter().enumerate() {
            match token {
                Token::Mark('{' | '[' | '<' | '(') => depth += 1,
                Token::Mark('}') if depth == 0 => {
                    let nothing_follows = item.get(place + 1..).is_none_or(<[Token]>::is_empty);
                    return match (found.as_slice(), nothing_follows) {
                        ([Some(value)], true) => Found::Value(Value::clone(value)),
                        _ => Found::Unsure,
                    };
                }
                Token::Mark('}' | ']' | '>' | ')') => depth = depth.saturating_sub(1),
                Token::Text(name) | Token::Quoted(name) if depth == 0 && name == attribute => {
                    let follows = (item.get(place + 1), item.get(place + 2), item.get(place + 3));
                    if let (Some(Token::Mark(':')), Some(value), Some(Token::Mark(',' | '}'))) = follows {
                        found.push(self.value(value));
                    }
                }
                _ => {}
            }
        }
        Found::Unsure
    }

    /// A text, an integer or a parameter, in DynamoDB's JSON.
    fn value(&self, token: &Token) -> Option<Value> {
        match token {
            Token::Text(text) => Some(json!({ "S": text })),
            Token::Number(number) => Some(json!({ "N": number })),
            Token::Parameter(place) => self.parameters.get(*place).cloned(),
            _ => None,
        }
    }
}

/// `None` for a character that is in no statement, an open quote, or a statement that is too long.
fn tokens(text: &str) -> Option<Vec<Token>> {
    if text.len() > STATEMENT_BYTES_MAX {
        return None;
    }
    let mut tokens = Vec::new();
    let mut parameters = 0;
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        let token = match next {
            space if space.is_ascii_whitespace() => continue,
            quote @ ('\'' | '"') => {
                let mut inside = String::new();
                loop {
                    match rest.next()? {
                        one if one == quote && rest.next_if_eq(&quote).is_none() => break,
                        one => inside.push(one),
                    }
                }
                if quote == '"' { Token::Quoted(inside) } else { Token::Text(inside) }
            }
            '?' => {
                parameters += 1;
                Token::Parameter(parameters - 1)
            }
            '-' if rest.peek() == Some(&'-') => return None,
            '/' if rest.peek() == Some(&'*') => return None,
            first if first.is_ascii_alphanumeric() || matches!(first, '_' | '-') => {
                let mut word = first.to_string();
                while let Some(more) =
                    rest.next_if(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '.'))
                {
                    // `table.index` is two names; a number keeps its point.
                    if more == '.' && !first.is_ascii_digit() && first != '-' {
                        tokens.push(Token::Word(std::mem::take(&mut word)));
                        tokens.push(Token::Mark('.'));
                    } else {
                        word.push(more);
                    }
                }
                if first.is_ascii_digit() || first == '-' { Token::Number(word) } else { Token::Word(word) }
            }
            mark @ ('=' | '<' | '>' | '(' | ')' | '{' | '}' | '[' | ']' | ',' | ':' | '.' | '*' | '+'
            | ';' | '!') => Token::Mark(mark),
            _ => return None,
        };
        tokens.push(token);
    }
    tokens.retain(|token| *token != Token::Word(String::new()));
    Some(tokens)
}
