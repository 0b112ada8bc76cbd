//! What came of it, for people: counterexamples in sentences, and the permissions as a table that a diff shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::listed;
use crate::promises::Promises;
use crate::reach::{Reach, Reached, Right};
use crate::sessions::Made;
use crate::world::World;

/// How many actions a sentence names before it says how many more there are.
const NAMED_MAX: usize = 6;

/// Everything that was found.
#[derive(Clone, Debug)]
pub struct Proof {
    /// What can be done and must not.
    pub counterexamples: Vec<Counterexample>,
    /// Lines of the declared list that are not so, in words.
    pub stale: Vec<String>,
    /// What every role may do, line by line; the snapshot.
    pub permissions: String,
    /// How many questions were answered.
    pub questions: u64,
    /// How many sessions could be made, of how many roles.
    pub sessions: usize,
}

/// Something that can be done and must not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counterexample {
    /// A role's logical id, or whoever else.
    pub who: String,
    /// With which tags, in words; empty if there are none to have.
    pub tagged: String,
    /// `service:Action`, in their order; empty where making a session is the fault.
    pub actions: Vec<String>,
    /// Whose it is; empty if it is no tenant's.
    pub whose: Vec<String>,
    /// On what, or the whole deed where there are no actions.
    pub what: String,
    /// Which statement lets them.
    pub by: String,
}

/// How a snapshot differs from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A line that only the new one has.
    More(String),
    /// A line that only the old one has.
    Less(String),
}

impl Proof {
    pub(crate) fn of(world: &World, promises: &Promises, made: Made, reach: Reach) -> Self {
        let mut counterexamples: Vec<Counterexample> = made
            .wrong
            .iter()
            .map(|(who, what, by)| Counterexample {
                who: who.clone(),
                tagged: String::new(),
                actions: Vec::new(),
                whose: Vec::new(),
                what: what.clone(),
                by: by.clone(),
            })
            .collect();
        counterexamples.extend(in_words(&reach.wrong));
        counterexamples.sort();
        counterexamples.dedup();
        let permissions = permissions(world, promises, &made, &reach);
        Self {
            counterexamples,
            stale: made.stale.iter().chain(&reach.stale).cloned().collect(),
            permissions,
            questions: made.questions + reach.questions,
            sessions: made.sessions.len(),
        }
    }

    /// Whether everything declared holds, and nothing else does.
    pub fn holds(&self) -> bool {
        self.counterexamples.is_empty() && self.stale.is_empty()
    }
}

/// Who, with which tags, on what, by which statement, and whose it is.
type Said<'a> = (&'a str, &'a str, &'a str, &'a str, &'a BTreeSet<String>);

/// Puts together what is said of several actions alike.
fn in_words(wrong: &BTreeMap<Reached, Vec<(String, BTreeSet<String>)>>) -> Vec<Counterexample> {
    let mut words: BTreeMap<Said<'_>, Vec<String>> = BTreeMap::new();
    for (reached, sessions) in wrong {
        for (tagged, whose) in telling(sessions) {
            let key = (reached.role.as_str(), tagged, reached.noun.as_str(), reached.by.as_str(), whose);
            words.entry(key).or_default().push(reached.action.clone());
        }
    }
    let counterexample =
        |((who, tagged, noun, by, whose), actions): (Said<'_>, Vec<String>)| Counterexample {
            who: who.to_owned(),
            tagged: tagged.to_owned(),
            actions,
            whose: owners(whose),
            what: noun.to_owned(),
            by: by.to_owned(),
        };
    words.into_iter().map(counterexample).collect()
}

/// Of the sessions that reach something, those that tell more than the ones before them.
fn telling(sessions: &[(String, BTreeSet<String>)]) -> Vec<(&str, &BTreeSet<String>)> {
    let mut told: BTreeSet<&String> = BTreeSet::new();
    let mut telling = Vec::new();
    for (tagged, whose) in sessions {
        let anybody = told.iter().any(|whose| matches!(whose.as_str(), "tenant B's" | "every tenant's"));
        if telling.is_empty() || !(anybody || whose.iter().all(|whose| told.contains(whose))) {
            telling.push((tagged.as_str(), whose));
            told.extend(whose);
        }
    }
    telling
}

/// Whose it is, without those who go without saying: whoever reaches B's and A's reaches anybody's.
fn owners(whose: &BTreeSet<String>) -> Vec<String> {
    let (own, other) = ("tenant A's", "tenant B's");
    match (whose.contains(own), whose.contains(other)) {
        (true, true) => vec!["any tenant's".to_owned()],
        (false, true) => vec![other.to_owned()],
        _ => whose.iter().filter(|whose| !whose.is_empty()).cloned().collect(),
    }
}

impl Counterexample {
    /// One sentence: who, with which tags, can do what to whose what, by which statement.
    pub fn sentence(&self) -> String {
        let mut text = self.who.clone();
        if !self.tagged.is_empty() {
            let _ = write!(text, ", {},", self.tagged);
        }
        if self.actions.is_empty() {
            let _ = write!(text, " {}", self.what);
        } else {
            let named: Vec<&str> = self.actions.iter().take(NAMED_MAX).map(String::as_str).collect();
            let _ = write!(text, " can {}", named.join(", "));
            if self.actions.len() > NAMED_MAX {
                let _ = write!(text, " and {} actions more", self.actions.len() - NAMED_MAX);
            }
            let what = [self.whose.join(", "), self.what.clone()];
            let what: Vec<&str> = what.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
            if !what.is_empty() {
                let _ = write!(text, " on {}", what.join(" "));
            }
        }
        if !self.by.is_empty() {
            let statement = if self.by.contains(" of `") { "statement " } else { "" };
            let _ = write!(text, ", by {statement}{}", self.by);
        }
        text.push('.');
        text
    }

    /// One line of JSON.
    pub fn json(&self) -> String {
        serde_json::json!({
            "counterexample": self.sentence(), "who": self.who, "tagged": self.tagged, "actions": self.actions,
            "whose": self.whose, "what": self.what, "by": self.by,
        })
        .to_string()
    }
}

/// The table of permissions.
fn permissions(world: &World, promises: &Promises, made: &Made, reach: &Reach) -> String {
    let mut text = String::new();
    let mut roles: Vec<_> = world.roles.iter().collect();
    roles.sort_by_key(|role| &role.name);
    for role in roles {
        let declared = promises.role.get(&role.name);
        let tags = declared.and_then(|declared| declared.tenant.as_ref());
        let of = |vouched: bool| -> BTreeSet<String> {
            let is = |name: &String| world.providers.iter().any(|provider| provider.name == *name) == vouched;
            let lent = made.lent.iter().filter(|(by, lent)| *lent == role.name && is(by));
            lent.map(|(by, _)| by.clone()).collect()
        };
        let (lent, vouched) = (of(false), of(true));
        let _ = writeln!(text, "{}", role.name);
        if let Some(tags) = tags {
            let _ = writeln!(text, "    one tenant at a time, by the tags {}", listed(tags));
        }
        for (title, names) in [
            ("lent to", &lent),
            ("opened by tokens of", &vouched),
            ("assumed by", &role.trusted.services),
            ("run by", &role.runs),
            ("everything in", &role.managed),
        ] {
            if !names.is_empty() {
                let _ = writeln!(text, "    {title} {}", listed(names));
            }
        }
        let nothing = BTreeMap::new();
        for ((action, thing, whose), right) in reach.rights.get(&role.name).unwrap_or(&nothing) {
            let _ = writeln!(text, "    {}", line(action, thing, whose, right));
        }
        text.push('\n');
    }
    let _ = text.pop();
    text
}

fn line(action: &str, thing: &str, whose: &str, right: &Right) -> String {
    let whose = if whose.is_empty() { whose.to_owned() } else { format!("{whose} ") };
    format!("{action:<44} {whose}{} <- {}", right.limited(thing), listed(&right.by))
}

/// How two snapshots differ, line by line, each line with the role that it is of.
pub fn difference(old: &str, new: &str) -> Vec<Difference> {
    let (old, new) = (with_roles(old), with_roles(new));
    let more = new.iter().filter(|line| !old.contains(*line)).cloned().map(Difference::More);
    let less = old.iter().filter(|line| !new.contains(*line)).cloned().map(Difference::Less);
    more.chain(less).collect()
}

/// Every indented line behind the line that it belongs to.
fn with_roles(snapshot: &str) -> Vec<String> {
    let mut role = "";
    let mut lines = Vec::new();
    for line in snapshot.lines().filter(|line| !line.is_empty()) {
        if line.starts_with(' ') {
            lines.push(format!("{role}: {}", line.trim_start()));
        } else {
            role = line;
            lines.push(line.to_owned());
        }
    }
    lines
}
