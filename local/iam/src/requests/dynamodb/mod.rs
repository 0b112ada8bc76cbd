//! Amazon DynamoDB: which items an operation touches, as far as its request says.
//!
//! Operations on items carry `dynamodb:LeadingKeys`, the values of the partition key of the table or of the index
//! that is queried; operations on tables do not, and neither does `Scan` (its absence is what the `Null` guard is
//! for). A batch is authorized once per table, a transaction once per part, a PartiQL statement by its kind.
//!
//! Sources: Service Authorization Reference, "Amazon DynamoDB"; DynamoDB Developer Guide, "Using IAM policy conditions
//! for fine-grained access control", "Using IAM with transactions" and "IAM security policies with PartiQL".

mod expression;
mod items;
mod partiql;

use super::body::Body;
use super::{Call, Directory, Needed, Underivable};

/// How an operation on a table names what it works on.
#[derive(Clone, Copy)]
enum On {
    /// `TableName`: a name or an ARN.
    Table,
    /// This member: the ARN of a table or of something beneath one.
    Arn(&'static str),
    /// No resource.
    Nothing,
}

/// Operations that touch no item, or none in particular; action and operation have one name.
const TABLE_OPERATIONS: &[(&str, On)] = &[
    ("CreateBackup", On::Table),
    ("CreateTable", On::Table),
    ("DeleteBackup", On::Arn("BackupArn")),
    ("DeleteResourcePolicy", On::Arn("ResourceArn")),
    ("DeleteTable", On::Table),
    ("DescribeBackup", On::Arn("BackupArn")),
    ("DescribeContinuousBackups", On::Table),
    ("DescribeContributorInsights", On::Table),
    ("DescribeEndpoints", On::Nothing),
    ("DescribeExport", On::Arn("ExportArn")),
    ("DescribeKinesisStreamingDestination", On::Table),
    ("DescribeLimits", On::Nothing),
    ("DescribeTable", On::Table),
    ("DescribeTimeToLive", On::Table),
    ("ExportTableToPointInTime", On::Arn("TableArn")),
    ("GetResourcePolicy", On::Arn("ResourceArn")),
    ("ListBackups", On::Nothing),
    ("ListContributorInsights", On::Nothing),
    ("ListGlobalTables", On::Nothing),
    ("ListTables", On::Nothing),
    ("ListTagsOfResource", On::Arn("ResourceArn")),
    ("PutResourcePolicy", On::Arn("ResourceArn")),
    ("TagResource", On::Arn("ResourceArn")),
    ("UntagResource", On::Arn("ResourceArn")),
    ("UpdateContinuousBackups", On::Table),
    ("UpdateTable", On::Table),
    ("UpdateTimeToLive", On::Table),
];

pub(super) fn derive(call: &Call, directory: &dyn Directory) -> Result<Vec<Needed>, Underivable> {
    let body = Body::of(call)?;
    let tables = Tables { call, directory };
    if let Some((action, on)) = TABLE_OPERATIONS.iter().find(|(operation, _)| *operation == call.operation) {
        let needed = match on {
            On::Nothing => call.needs(action, "*"),
            On::Table => call.needs(action, tables.table(body.string("TableName")?)?.arn),
            On::Arn(member) => {
                let arn = body.string(member)?;
                tables.check_arn(arn)?;
                call.needs(action, arn)
            }
        };
        let needed = needed.with_request_tags(&body.tags("Tags")?);
        return Ok(vec![if body.has("TagKeys") {
            needed.with_tag_keys(&body.strings("TagKeys")?)
        } else {
            needed
        }]);
    }
    match call.operation.as_str() {
        "ExecuteStatement" => Ok(vec![partiql::statement(&tables, &body, None)?]),
        "BatchExecuteStatement" => partiql::statements(&tables, &body, "Statements", "BatchExecuteStatement"),
        "ExecuteTransaction" => {
            partiql::statements(&tables, &body, "TransactStatements", "ExecuteTransaction")
        }
        _ => items::derive(&tables, &body),
    }
}

/// The tables that a call may name: those of its own account and region.
struct Tables<'a> {
    call: &'a Call,
    directory: &'a dyn Directory,
}

/// A table, by name.
struct Table {
    name: String,
    arn: String,
}

impl Tables<'_> {
    /// By name or ARN.
    fn table(&self, named: &str) -> Result<Table, Underivable> {
        let name = match named.strip_prefix("arn:") {
            None => named,
            Some(_) => {
                self.check_arn(named)?;
                named.rsplit_once(":table/").map(|(_, name)| name).unwrap_or_default()
            }
        };
        if !is_name(name) {
            return Err(self.call.unreadable(format!("`{named}` does not name a table")));
        }
        Ok(Table { name: name.to_owned(), arn: self.call.arn(&format!("table/{name}")) })
    }

    fn check_arn(&self, arn: &str) -> Result<(), Underivable> {
        let here = format!("arn:aws:dynamodb:{}:{}:table/", self.call.region, self.call.account);
        let well_formed = arn.strip_prefix(&here).is_some_and(|rest| {
            rest.split('/')
                .all(|part| !part.is_empty() && part.chars().all(|one| is_plain(one) || one == ':'))
        });
        if well_formed {
            Ok(())
        } else {
            Err(self.call.unreadable(format!("`{arn}` is not of a table of this account and region")))
        }
    }

    fn index_arn(&self, table: &Table, index: &str) -> Result<String, Underivable> {
        if is_name(index) {
            Ok(format!("{}/index/{index}", table.arn))
        } else {
            Err(self.call.unreadable(format!("`{index}` does not name an index")))
        }
    }
}

fn is_plain(one: char) -> bool {
    one.is_ascii_alphanumeric() || matches!(one, '_' | '-' | '.')
}

fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.chars().all(is_plain)
}

/// The partition key values of a request.
enum Leading {
    /// All of them.
    Values(Vec<String>),
    /// They exist, but not for this crate to say; why.
    Unknown(String),
}

impl Leading {
    /// Puts `dynamodb:LeadingKeys` and its other name into the request.
    fn into(self, needed: Needed) -> Needed {
        const KEYS: [&str; 2] = ["dynamodb:LeadingKeys", "dynamodb:FirstPartitionKeyValues"];
        KEYS.iter().fold(needed, |needed, key| match &self {
            Self::Values(values) => needed.with_many(key, values.iter().cloned()),
            Self::Unknown(why) => needed.with_unknown(key, why),
        })
    }

    fn push(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Unknown(_), _) => {}
            (_, unknown @ Self::Unknown(_)) => *self = unknown,
            (Self::Values(values), Self::Values(more)) => {
                for value in more {
                    if !values.contains(&value) {
                        values.push(value);
                    }
                }
            }
        }
    }

    /// The value of one partition key attribute, in DynamoDB's JSON. Only text, and integers in their plain form, are
    /// documented to be compared as they are written.
    fn of_value(value: &serde_json::Value) -> Self {
        let entries = value.as_object().filter(|entries| entries.len() == 1);
        match entries.and_then(|entries| entries.iter().next()) {
            Some((kind, serde_json::Value::String(text))) if kind == "S" => Self::Values(vec![text.clone()]),
            Some((kind, serde_json::Value::String(text))) if kind == "N" && is_plain_integer(text) => {
                Self::Values(vec![text.clone()])
            }
            _ => Self::Unknown("how IAM writes a partition key that is no text is not documented".to_owned()),
        }
    }
}

fn is_plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=18).contains(&digits.len())
        && digits.chars().all(|one| one.is_ascii_digit())
        && (text == "0" || !digits.starts_with('0'))
}
