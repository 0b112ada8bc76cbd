//! The command with which a person plays the Marketplace.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Arrival, Marketplace};
use crate::{
    account::Details,
    doors::{DoorError, Doors},
    paths::Paths,
};

/// What happens to a subscription.
const CHANGES: [&str; 7] = ["update", "end", "deprovision", "cancel", "amend", "renew", "replace"];
/// What an event says.
const KINDS: [&str; 5] = ["created", "amended", "ended", "updated", "deprovisioned"];

/// What is to happen in the Marketplace.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// A buyer subscribes: prints the licence, and ways to arrive at the product as the buyer's browser does.
    Subscribe {
        /// The buyer's account, which may hold several agreements; a new one without this.
        #[arg(long)]
        account: Option<String>,
        /// It is a free trial.
        #[arg(long)]
        trial: bool,
        /// The licence is still to come, with the change `update`.
        #[arg(long)]
        pending: bool,
        /// Send no events; they can be sent later, by `event --again`.
        #[arg(long)]
        silent: bool,
    },
    /// Make another token of a licence, good for four hours.
    Token {
        /// The licence's ARN.
        license: String,
    },
    /// Let tokens expire: one, all of a licence, or all.
    Expire {
        /// This token.
        #[arg(long)]
        token: Option<String>,
        /// Those of this licence.
        #[arg(long, conflicts_with = "token")]
        license: Option<String>,
    },
    /// Something happens to a subscription, and its events are sent.
    Change {
        /// The licence's ARN.
        license: String,
        /// What.
        #[arg(value_parser = CHANGES)]
        change: String,
        /// What the agreement ends as; CANCELLED without this.
        #[arg(long)]
        status: Option<String>,
        /// Send no events; they can be sent later, by `event --again`.
        #[arg(long)]
        silent: bool,
    },
    /// Send an event without anything happening: a false one, a late one, or one that was there already.
    Event {
        /// The licence's ARN, and
        #[arg(requires = "kind", required_unless_present = "again")]
        license: Option<String>,
        /// what is said of it.
        #[arg(value_parser = KINDS)]
        kind: Option<String>,
        /// The same event again, by its id.
        #[arg(long, conflicts_with = "license")]
        again: Option<String>,
        /// With `ended`: the status that it says.
        #[arg(long)]
        status: Option<String>,
        /// What the seller is to the agreement.
        #[arg(long, value_parser = ["Proposer", "Manufacturer"])]
        party: Option<String>,
        /// Its time, such as 2026-11-22T10:01:12Z; now, or as it was, without this.
        #[arg(long)]
        time: Option<String>,
        /// How often it is sent.
        #[arg(long)]
        times: Option<u32>,
    },
    /// Have the next calls of an operation refused as being too many.
    Throttle {
        /// The operation.
        #[arg(default_value = "ResolveCustomer")]
        operation: String,
        /// How many calls.
        #[arg(long, default_value_t = 1)]
        times: u32,
    },
    /// Have the next calls of an operation answered oddly.
    Answer {
        /// The operation, such as `ResolveCustomer`.
        operation: String,
        /// An exception's name, or `without_account`, `without_license`, `without_product`, `other_product`,
        /// `without_metadata`.
        answer: String,
        /// How many calls.
        #[arg(long, default_value_t = 1)]
        times: u32,
    },
    /// Forget every odd answer that was ordered.
    Behave,
    /// Set the Marketplace's clock on, or back; without a number, show it.
    Clock {
        /// By so many seconds.
        #[arg(allow_negative_numbers = true)]
        seconds: Option<i64>,
    },
    /// Show the agreements, the events that were sent, and the orders that are open.
    State {
        /// Of this licence only.
        license: Option<String>,
    },
    /// Show what the buyers will be billed.
    Bill {
        /// Of this licence only.
        license: Option<String>,
    },
}

/// Why it did not happen.
#[derive(Debug, thiserror::Error)]
pub enum MarketplaceError {
    /// The Marketplace did not do it.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The page that a buyer arrives with could not be written.
    #[error("cannot write {path}")]
    Page {
        /// Where.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Does it, telling `tell` what a person, or with `json` a program, wants to read.
///
/// # Errors
/// When it does not happen.
pub async fn run(
    details: &Details,
    command: &Command,
    json: bool,
    tell: &mut dyn FnMut(&str),
) -> Result<(), MarketplaceError> {
    let market = Marketplace::behind(Doors::of(details)?);
    let answer = answered(&market, command).await?;
    let arrival = arrival(details, command, &answer);
    if json {
        tell(&answer.to_string());
        return Ok(());
    }
    tell(&as_text(&answer));
    if let Some(arrival) = arrival {
        let paths = Paths::of_this_checkout();
        let path = paths.local("arrival.html");
        let cannot = |source| MarketplaceError::Page { path: paths.shown(&path), source };
        Paths::write_private(&path, arrival.as_page().as_bytes()).map_err(cannot)?;
        tell("\nArrive as the buyer's browser does, with either of these:\n");
        tell(&arrival.as_curl());
        tell(&format!("file://{}", path.display()));
    }
    Ok(())
}

async fn answered(market: &Marketplace, command: &Command) -> Result<Value, DoorError> {
    match command {
        Command::Subscribe { account, trial, pending, silent } => {
            let order = json!({ "account": account, "trial": trial, "pending": pending, "events": !silent });
            market.order("subscriptions", &said(order)).await
        }
        Command::Token { license } => market.order("tokens", &json!({ "license_arn": license })).await,
        Command::Expire { token, license } => {
            market.order("tokens/expire", &said(json!({ "token": token, "license_arn": license }))).await
        }
        Command::Change { license, change, status, silent } => {
            let order =
                json!({ "license_arn": license, "change": change, "status": status, "events": !silent });
            market.order("changes", &said(order)).await
        }
        Command::Event { license, kind, again, status, party, time, times } => {
            let order = json!({
                "license_arn": license, "kind": kind, "again": again,
                "status": status, "party": party, "time": time, "times": times,
            });
            market.order("events", &said(order)).await
        }
        Command::Throttle { operation, times } => {
            let order = json!({ "operation": operation, "answer": "ThrottlingException", "times": times });
            market.order("orders", &order).await
        }
        Command::Answer { operation, answer, times } => {
            let order = json!({ "operation": operation, "answer": answer, "times": times });
            market.order("orders", &order).await
        }
        Command::Behave => market.forget_orders().await,
        Command::Clock { seconds: None } => market.show("clock", None).await,
        Command::Clock { seconds: Some(seconds) } => {
            market.order("clock", &json!({ "advance_seconds": seconds })).await
        }
        Command::State { license } => {
            let mut state = market.show("state", license.as_deref()).await?;
            let open = market.show("orders", None).await?;
            if let (Some(state), Some(open)) = (state.as_object_mut(), open.get("orders")) {
                state.insert("orders".to_owned(), open.clone());
            }
            Ok(state)
        }
        Command::Bill { license } => market.show("bill", license.as_deref()).await,
    }
}

/// An order without what was not said.
fn said(order: Value) -> Value {
    match order {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        other => other,
    }
}

/// How the buyer arrives whom a command has made a token for.
fn arrival(details: &Details, command: &Command, answer: &Value) -> Option<Arrival> {
    let trial = match command {
        Command::Subscribe { trial, .. } => *trial,
        Command::Token { .. } => false,
        _ => return None,
    };
    let token = answer.get("token")?.as_str()?.to_owned();
    Some(Arrival { url: format!("{}/signup", details.api_url), token, trial })
}

/// What a door answered, for a person: one line a member, and one a thing in a list.
fn as_text(answer: &Value) -> String {
    let mut lines = Vec::new();
    for (name, value) in answer.as_object().into_iter().flatten() {
        match value {
            Value::Array(list) if list.is_empty() => lines.push(format!("  {name:<16} none")),
            Value::Array(list) => {
                lines.push(format!("  {name}"));
                lines.extend(list.iter().map(|thing| format!("    {}", in_a_line(thing))));
            }
            value => lines.push(format!("  {name:<16} {}", word(value))),
        }
    }
    lines.join("\n")
}

/// The plain members of a thing; what is nested in it is for programs, and what every event says alike tells
/// nothing.
fn in_a_line(thing: &Value) -> String {
    const ALIKE: [&str; 4] = ["version", "source", "account", "region"];
    let Some(members) = thing.as_object() else { return word(thing) };
    let is_event = members.contains_key("detail-type");
    let plain = members
        .iter()
        .filter(|(_, value)| !value.is_object() && !value.is_array())
        .filter(|(name, _)| !is_event || !ALIKE.contains(&name.as_str()));
    plain.map(|(name, value)| format!("{name} {}", word(value))).collect::<Vec<_>>().join("  ")
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    fn parses(words: &str) -> bool {
        Line::try_parse_from(std::iter::once("marketplace").chain(words.split_whitespace())).is_ok()
    }

    #[test]
    fn an_event_is_one_of_a_licence_or_one_that_was_there() {
        assert!(parses("event arn ended --status RENEWED --party Proposer"));
        assert!(parses("event --again 33333333-3333-4333-8333-333333333333 --times 3"));
        for words in [
            "event",
            "event arn",
            "event arn gone",
            "event arn ended --again x",
            "event arn ended --party Buyer",
        ] {
            assert!(!parses(words), "{words}");
        }
    }

    #[test]
    fn what_happens_is_one_of_a_few_words() {
        assert!(CHANGES.iter().all(|change| parses(&format!("change arn {change}"))));
        assert!(!parses("change arn explode"));
        assert!(parses("clock -3600") && parses("throttle") && parses("expire --token t"));
        assert!(!parses("expire --token t --license l"));
    }

    #[test]
    fn what_was_not_said_is_not_ordered() {
        assert_eq!(said(json!({ "a": null, "b": false })), json!({ "b": false }));
    }

    #[test]
    fn a_person_reads_a_line_for_each_thing() {
        let state = json!({ "now": "n", "orders": [], "events": [{ "id": "1", "detail": {}, "detail-type": "t", "version": "0" }] });
        let text = as_text(&state);
        for line in ["  now              n", "  orders           none", "  events\n    id 1  detail-type t"] {
            assert!(text.contains(line), "{line} is not in:\n{text}");
        }
    }
}
