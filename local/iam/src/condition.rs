//! Condition operators: what each compares, and what it makes of absent keys and of empty sets.
//!
//! Sources: IAM User Guide, "IAM JSON policy elements: Condition operators", "Creating a condition with multiple keys
//! or values" (set operators) and "Policy variables with no value".
//!
//! Whether an empty tag value counts as a value is documented nowhere, for variables and for `Null`. A statement is
//! therefore read both ways ([`Reading`]); if the two ways disagree it is undecidable.

use std::cell::Cell;
use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine as _;

use crate::context::Value;
use crate::keys::{self, Presence};
use crate::policy::Condition;
use crate::principal::PrincipalKind;
use crate::request::{Request, service_of};
use crate::text::{self, Atom, Binding, Text};

/// One way to read the open question above.
pub(crate) struct Reading<'a> {
    pub(crate) request: &'a Request,
    /// Whether an empty value counts as no value.
    pub(crate) empty_is_null: bool,
    /// Whether the question came up.
    pub(crate) came_up: Cell<bool>,
}

/// What the request says of a key.
enum Found<'a> {
    Absent,
    One(&'a str),
    Many(&'a [String]),
}

#[derive(Clone, Copy)]
enum Quantifier {
    Plain,
    All,
    Any,
}

/// A comparison, before negation.
#[derive(Clone, Copy)]
enum Test {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Compare),
    Date(Compare),
    Bool,
    Binary,
    Ip,
    Arn,
}

#[derive(Clone, Copy)]
enum Compare {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

struct Operator {
    quantifier: Quantifier,
    test: Test,
    negated: bool,
    if_exists: bool,
}

/// Whether a condition holds.
///
/// # Errors
/// The thing that is not known, in words.
pub(crate) fn holds(condition: &Condition, reading: &Reading<'_>) -> Result<bool, String> {
    let key = condition.key.to_lowercase();
    let found = reading.look_up(&key)?;
    if condition.operator == "Null" {
        return null(condition, &found, reading);
    }
    let operator = operator(&condition.operator)
        .ok_or_else(|| format!("the condition operator `{}` is not known", condition.operator))?;
    // A value that cannot be read is an error even where the key is absent, or the policy's fault would hide.
    let patterns: Vec<Option<Vec<Atom>>> =
        condition.values.iter().map(|value| reading.bind(value, operator.test)).collect::<Result<_, _>>()?;
    let holds_for = |value: &str| -> Result<bool, String> {
        let mut any = false;
        for pattern in patterns.iter().flatten() {
            any |= operator.test.compare(pattern, value, condition)?;
        }
        Ok(any != operator.negated)
    };
    match (operator.quantifier, found) {
        (Quantifier::All, Found::Absent) => Ok(true),
        (Quantifier::Any, Found::Absent) if operator.if_exists => Err(format!(
            "of the absent key `{}`, ForAnyValue and IfExists say different things",
            condition.key
        )),
        (Quantifier::Any, Found::Absent) => Ok(false),
        (Quantifier::Plain, Found::Absent) => Ok(operator.if_exists || operator.negated),
        (Quantifier::Plain, Found::One(value)) => holds_for(value),
        (Quantifier::Plain, Found::Many(_)) => Err(format!(
            "the key `{}` has a list of values, which `{}` without ForAllValues or ForAnyValue does not take",
            condition.key, condition.operator
        )),
        (Quantifier::All, found) => every(found.values().map(holds_for)),
        (Quantifier::Any, found) => some(found.values().map(holds_for)),
    }
}

/// All hold; errors are not passed over.
fn every(results: impl Iterator<Item = Result<bool, String>>) -> Result<bool, String> {
    results.into_iter().try_fold(true, |all, one| Ok(one? && all))
}

/// One holds; errors are not passed over.
fn some(results: impl Iterator<Item = Result<bool, String>>) -> Result<bool, String> {
    results.into_iter().try_fold(false, |any, one| Ok(one? || any))
}

fn null(condition: &Condition, found: &Found<'_>, reading: &Reading<'_>) -> Result<bool, String> {
    let is_null = match found {
        Found::Absent => true,
        Found::One("") => reading.empty(),
        Found::One(_) => false,
        Found::Many([]) => true,
        Found::Many(values) if values.iter().all(String::is_empty) => reading.empty(),
        Found::Many(_) => false,
    };
    some(condition.values.iter().map(|value| match value.source() {
        "true" => Ok(is_null),
        "false" => Ok(!is_null),
        other => Err(format!("`Null` takes `true` or `false`, not `{other}`")),
    }))
}

impl<'a> Found<'a> {
    /// The members of the request's set. A set of nothing but empty strings is the documented "null data set".
    fn values(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let values: Vec<&str> = match self {
            Self::Absent => Vec::new(),
            Self::One(value) => vec![value],
            Self::Many(values) => values.iter().map(String::as_str).collect(),
        };
        let is_null = values.iter().all(|value| value.is_empty());
        values.into_iter().filter(move |_| !is_null)
    }
}

impl<'a> Reading<'a> {
    pub(crate) fn new(request: &'a Request, empty_is_null: bool) -> Self {
        Self { request, empty_is_null, came_up: Cell::new(false) }
    }

    fn empty(&self) -> bool {
        self.came_up.set(true);
        self.empty_is_null
    }

    fn look_up(&self, key: &str) -> Result<Found<'a>, String> {
        match self.request.context().get(key) {
            Some(Value::One(value)) => return Ok(Found::One(value)),
            Some(Value::Many(values)) => return Ok(Found::Many(values)),
            Some(Value::Unknown(why)) => {
                return Err(format!("the value of the condition key `{key}` is not known: {why}"));
            }
            None => {}
        }
        let presence =
            keys::presence(key).ok_or_else(|| format!("the condition key `{key}` is not known"))?;
        let context = self.request.context();
        let prefix = service_of(key);
        let of_this_service =
            matches!(prefix.as_str(), "aws" | "iam") || prefix == service_of(self.request.action());
        let expected = of_this_service
            && match presence {
                Presence::WhenThere => false,
                Presence::Always => true,
                Presence::OfSessions => {
                    matches!(self.request.principal().kind(), PrincipalKind::AssumedRole { .. })
                }
                Presence::Declared => !context.is_complete_for(key),
            };
        if expected {
            Err(format!("the request does not say whether it has the condition key `{key}`"))
        } else {
            Ok(Found::Absent)
        }
    }

    /// What a variable stands for.
    pub(crate) fn variable(&self, key: &str, default: Option<&str>) -> Result<Binding, String> {
        let value = match self.look_up(key)? {
            Found::One("") if self.empty() => None,
            Found::One(value) => Some(value),
            Found::Absent => None,
            Found::Many(_) => {
                return Err(format!("the variable `${{{key}}}` names a key with a list of values"));
            }
        };
        Ok(value.or(default).map_or(Binding::Null, |text| Binding::Value(text.to_owned())))
    }

    fn bind(&self, value: &Text, test: Test) -> Result<Option<Vec<Atom>>, String> {
        let takes_variables =
            matches!(test, Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike | Test::Arn);
        value.bind(|key, default| {
            if takes_variables {
                self.variable(key, default)
            } else {
                Err(format!("`{value}` has a variable where only strings and ARNs take one"))
            }
        })
    }
}

impl Test {
    /// Whether a value of the request meets one value of the policy.
    fn compare(self, pattern: &[Atom], value: &str, condition: &Condition) -> Result<bool, String> {
        let written = text::literal(pattern);
        let unreadable = |what: &str, text: &str| {
            format!("`{text}`, compared by `{}` with `{}`, is not {what}", condition.operator, condition.key)
        };
        match self {
            Self::StringEquals => Ok(written == value),
            Self::StringEqualsIgnoreCase => Ok(written.to_lowercase() == value.to_lowercase()),
            Self::StringLike => Ok(text::is_like(pattern, value)),
            Self::Numeric(compare) => {
                let read = |text: &str| number(text).ok_or_else(|| unreadable("a number", text));
                Ok(compare.meets(read(value)?.cmp(&read(&written)?)))
            }
            Self::Date(compare) => {
                let read = |text: &str| crate::date::parse(text).ok_or_else(|| unreadable("a date", text));
                Ok(compare.meets(read(value)?.cmp(&read(&written)?)))
            }
            Self::Bool => {
                let read = |text: &str| match text.to_ascii_lowercase().as_str() {
                    "true" => Ok(true),
                    "false" => Ok(false),
                    _ => Err(unreadable("`true` or `false`", text)),
                };
                Ok(read(value)? == read(&written)?)
            }
            Self::Binary => {
                let read = |text: &str| {
                    base64::engine::general_purpose::STANDARD
                        .decode(text)
                        .map_err(|_| unreadable("base64", text))
                };
                Ok(read(value)? == read(&written)?)
            }
            Self::Ip => {
                let address: IpAddr = value.parse().map_err(|_| unreadable("an IP address", value))?;
                let within =
                    network(&written).ok_or_else(|| unreadable("an IP address or range", &written))?;
                Ok(within.holds(address))
            }
            Self::Arn => {
                text::is_like_arn(pattern, value).ok_or_else(|| unreadable("an ARN of six parts", &written))
            }
        }
    }
}

impl Compare {
    fn meets(self, value_to_policy: Ordering) -> bool {
        match self {
            Self::Equal => value_to_policy.is_eq(),
            Self::Less => value_to_policy.is_lt(),
            Self::LessOrEqual => value_to_policy.is_le(),
            Self::Greater => value_to_policy.is_gt(),
            Self::GreaterOrEqual => value_to_policy.is_ge(),
        }
    }
}

/// Reads an operator's name, which is compared with case; `Null` is not among them.
fn operator(name: &str) -> Option<Operator> {
    let (quantifier, name) = match name.split_once(':') {
        None => (Quantifier::Plain, name),
        Some(("ForAllValues", name)) => (Quantifier::All, name),
        Some(("ForAnyValue", name)) => (Quantifier::Any, name),
        Some(_) => return None,
    };
    let (name, if_exists) = match name.strip_suffix("IfExists") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let (test, negated) = match name {
        "StringEquals" => (Test::StringEquals, false),
        "StringNotEquals" => (Test::StringEquals, true),
        "StringEqualsIgnoreCase" => (Test::StringEqualsIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Test::StringEqualsIgnoreCase, true),
        "StringLike" => (Test::StringLike, false),
        "StringNotLike" => (Test::StringLike, true),
        "NumericEquals" => (Test::Numeric(Compare::Equal), false),
        "NumericNotEquals" => (Test::Numeric(Compare::Equal), true),
        "NumericLessThan" => (Test::Numeric(Compare::Less), false),
        "NumericLessThanEquals" => (Test::Numeric(Compare::LessOrEqual), false),
        "NumericGreaterThan" => (Test::Numeric(Compare::Greater), false),
        "NumericGreaterThanEquals" => (Test::Numeric(Compare::GreaterOrEqual), false),
        "DateEquals" => (Test::Date(Compare::Equal), false),
        "DateNotEquals" => (Test::Date(Compare::Equal), true),
        "DateLessThan" => (Test::Date(Compare::Less), false),
        "DateLessThanEquals" => (Test::Date(Compare::LessOrEqual), false),
        "DateGreaterThan" => (Test::Date(Compare::Greater), false),
        "DateGreaterThanEquals" => (Test::Date(Compare::GreaterOrEqual), false),
        "Bool" => (Test::Bool, false),
        "BinaryEquals" => (Test::Binary, false),
        "IpAddress" => (Test::Ip, false),
        "NotIpAddress" => (Test::Ip, true),
        "ArnEquals" | "ArnLike" => (Test::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Test::Arn, true),
        _ => return None,
    };
    Some(Operator { quantifier, test, negated, if_exists })
}

/// A decimal number in billionths; `None` for any other text.
fn number(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |digits: &str, most: usize| {
        (1..=most).contains(&digits.len()) && digits.chars().all(|one| one.is_ascii_digit())
    };
    if !plain(whole, 18) || !plain(fraction, 9) {
        return None;
    }
    let billionths: i128 = format!("{whole}{fraction:0<9}").parse().ok()?;
    Some(if negative { -billionths } else { billionths })
}

/// An address range.
struct Network {
    base: IpAddr,
    bits: u32,
}

/// `ADDRESS` or `ADDRESS/BITS`.
fn network(text: &str) -> Option<Network> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let base: IpAddr = address.parse().ok()?;
    let whole = if base.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(whole);
    (bits <= whole).then_some(Network { base, bits })
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        let shifted = |bits: u128, width: u32| bits.checked_shr(width - self.bits).unwrap_or(0);
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                shifted(u128::from(base.to_bits()), 32) == shifted(u128::from(address.to_bits()), 32)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                shifted(base.to_bits(), 128) == shifted(address.to_bits(), 128)
            }
            _ => false,
        }
    }
}
