//! Policy text: characters, wildcards and variables, and how a value is compared with it.
//!
//! A variable's value is always literal: a `*` in a tag never becomes a wildcard, because wildcards are told apart
//! from characters when the policy is parsed, before any value is known.
//!
//! Sources: IAM User Guide, "IAM policy elements: Variables and tags" and "IAM JSON policy elements: Resource"
//! (a `*` that ends an ARN segment may match across colons, another may not).

use std::fmt;

/// A string of a policy, as written and as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    source: String,
    tokens: Vec<Token>,
}

/// One piece of a policy's string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// Itself.
    Char(char),
    /// `*`.
    Many,
    /// `?`.
    One,
    /// `${key}` or `${key, 'default'}`.
    Variable { key: String, default: Option<String> },
}

/// A variable that cannot be read; the text says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadVariable(pub(crate) String);

/// One piece of a string whose variables have their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Atom {
    Char(char),
    Many,
    One,
}

/// What a variable stands for in one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// This text, literally.
    Value(String),
    /// No value, so that nothing equals or is like the whole string.
    Null,
}

impl Text {
    /// Reads a string. Without `variables` (version 2008-10-17) `${` is two characters like any others.
    pub(crate) fn parse(source: &str, variables: bool) -> Result<Self, BadVariable> {
        let mut tokens = Vec::new();
        let mut rest = source.chars();
        while let Some(next) = rest.next() {
            let opens = variables && next == '$' && rest.as_str().starts_with('{');
            if opens {
                rest.next();
                tokens.push(variable(&mut rest, source)?);
                continue;
            }
            tokens.push(match next {
                '*' => Token::Many,
                '?' => Token::One,
                other => Token::Char(other),
            });
        }
        Ok(Self { source: source.to_owned(), tokens })
    }

    /// Reads a string that is compared without case and has no variables: an action.
    pub(crate) fn folded(source: &str) -> Self {
        let token = |one: char| match one {
            '*' => Token::Many,
            '?' => Token::One,
            other => Token::Char(other),
        };
        let tokens = source.to_ascii_lowercase().chars().map(token).collect();
        Self { source: source.to_owned(), tokens }
    }

    /// The atoms of a string without variables; a variable matches nothing.
    pub(crate) fn without_variables(&self) -> Option<Vec<Atom>> {
        let none = |_: &str, _: Option<&str>| Ok::<_, std::convert::Infallible>(Binding::Null);
        self.bind(none).unwrap_or_default()
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Puts the values in; `None` when a variable has none.
    pub(crate) fn bind<E>(
        &self,
        mut value: impl FnMut(&str, Option<&str>) -> Result<Binding, E>,
    ) -> Result<Option<Vec<Atom>>, E> {
        let mut atoms = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            match token {
                Token::Char(one) => atoms.push(Atom::Char(*one)),
                Token::Many => atoms.push(Atom::Many),
                Token::One => atoms.push(Atom::One),
                Token::Variable { key, default } => match value(key, default.as_deref())? {
                    Binding::Value(text) => atoms.extend(text.chars().map(Atom::Char)),
                    Binding::Null => return Ok(None),
                },
            }
        }
        Ok(Some(atoms))
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// Reads a variable after its `${`.
fn variable(rest: &mut std::str::Chars<'_>, source: &str) -> Result<Token, BadVariable> {
    let bad = |why: &str| BadVariable(format!("{why} in `{source}`"));
    let Some((inside, after)) = rest.as_str().split_once('}') else {
        return Err(bad("a variable without its closing brace"));
    };
    *rest = after.chars();
    if let "*" | "?" | "$" = inside {
        return Ok(Token::Char(inside.chars().next().unwrap_or('$')));
    }
    let (key, default) = match inside.split_once(',') {
        None => (inside, None),
        Some((key, default)) => {
            let quoted = default.trim_start_matches(' ');
            let text = quoted.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
            let text = text.ok_or_else(|| bad("a variable's default without quotes"))?;
            if text.contains(['*', '?', '$', '\'', '{']) {
                return Err(bad("a variable's default with a character whose meaning is not documented"));
            }
            (key, Some(text.to_owned()))
        }
    };
    let plain = |one: char| !one.is_whitespace() && !matches!(one, '*' | '?' | '$' | '{' | '\'');
    // A tag key may hold spaces; the name before its slash may not.
    let (name, tag) = key.split_once('/').unwrap_or((key, ""));
    let well_formed =
        name.contains(':') && name.chars().all(plain) && !tag.contains(['*', '?', '$', '{', '\'']);
    if !well_formed {
        return Err(bad("a variable that is not of the form ${prefix:key}"));
    }
    Ok(Token::Variable { key: key.to_lowercase(), default })
}

/// The atoms as plain text, for operators without wildcards.
pub(crate) fn literal(atoms: &[Atom]) -> String {
    atoms
        .iter()
        .map(|atom| match atom {
            Atom::Char(one) => *one,
            Atom::Many => '*',
            Atom::One => '?',
        })
        .collect()
}

/// Whether the whole of `value` is like the pattern, every `*` and `?` matching anything.
pub(crate) fn is_like(pattern: &[Atom], value: &str) -> bool {
    matches(pattern, value, |_| true)
}

/// Whether an ARN (or `*`) is named by a `Resource` pattern: before the fifth colon a `?`, and a `*` that does not end
/// its segment, match no colon.
pub(crate) fn names_resource(pattern: &[Atom], resource: &str) -> bool {
    let mut colons = 0;
    let crossing: Vec<bool> = pattern
        .iter()
        .enumerate()
        .map(|(place, atom)| {
            if *atom == Atom::Char(':') {
                colons += 1;
            }
            let ends_segment = matches!(pattern.get(place + 1), None | Some(Atom::Char(':')));
            colons >= 5 || (*atom == Atom::Many && ends_segment)
        })
        .collect();
    matches(pattern, resource, |place| crossing.get(place).copied().unwrap_or(false))
}

/// Whether an ARN is like a pattern, part by part of six; `None` when the pattern is not of six parts.
pub(crate) fn is_like_arn(pattern: &[Atom], value: &str) -> Option<bool> {
    let parts: Vec<&[Atom]> = pattern.splitn(6, |atom| *atom == Atom::Char(':')).collect();
    if parts.len() != 6 {
        return None;
    }
    let values: Vec<&str> = value.splitn(6, ':').collect();
    Some(values.len() == 6 && parts.iter().zip(values).all(|(part, value)| is_like(part, value)))
}

/// Wildcard matching by rows of reachable places: no backtracking, so no input is slow.
fn matches(pattern: &[Atom], value: &str, may_match_colon: impl Fn(usize) -> bool) -> bool {
    // reached[i]: the characters so far are matched by the first i atoms.
    let mut reached = vec![false; pattern.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    skip_stars(pattern, &mut reached);
    for one in value.chars() {
        let mut next = vec![false; reached.len()];
        for (place, atom) in pattern.iter().enumerate() {
            if reached.get(place) != Some(&true) {
                continue;
            }
            let wild = one != ':' || may_match_colon(place);
            let goes_to = match atom {
                Atom::Char(expected) if *expected == one => place + 1,
                Atom::One if wild => place + 1,
                Atom::Many if wild => place,
                _ => continue,
            };
            if let Some(slot) = next.get_mut(goes_to) {
                *slot = true;
            }
        }
        skip_stars(pattern, &mut next);
        reached = next;
    }
    reached.last() == Some(&true)
}

/// A `*` matches nothing too.
fn skip_stars(pattern: &[Atom], reached: &mut [bool]) {
    for (place, atom) in pattern.iter().enumerate() {
        if *atom == Atom::Many
            && reached.get(place) == Some(&true)
            && let Some(slot) = reached.get_mut(place + 1)
        {
            *slot = true;
        }
    }
}
