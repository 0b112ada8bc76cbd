//! AWS KMS: codes made and checked with a key, and the description of one.
//!
//! A key is named by its id, its ARN, or an alias; what is authorized is the key, whichever name was used. A key of
//! another account can only be named by an ARN. That the key's own policy has to allow is the evaluator's business.
//! Grants are not known here: what only a grant allows is refused.
//!
//! Source: Service Authorization Reference, "AWS Key Management Service"; KMS Developer Guide, "Key identifiers" and
//! "AWS KMS condition keys".

use super::body::Body;
use super::{Call, Directory, Needed, Underivable};

pub(super) fn derive(call: &Call, directory: &dyn Directory) -> Result<Vec<Needed>, Underivable> {
    let body = Body::of(call)?;
    let operation = call.operation.as_str();
    let keys = match operation {
        "GenerateMac" | "VerifyMac" => Some(("kms:MacAlgorithm", body.string("MacAlgorithm")?)),
        "DescribeKey" => None,
        _ => return Err(call.unknown_operation()),
    };
    if body.has("GrantTokens") {
        return Err(call.unreadable("`GrantTokens`: grants are not known"));
    }
    let named = body.string("KeyId")?;
    let place = Place::of(named, call).ok_or_else(|| body.not("KeyId", "a key or alias of this region"))?;
    let (id, alias) = match place.resource.strip_prefix("alias/") {
        None => (place.resource.strip_prefix("key/").unwrap_or(place.resource).to_owned(), None),
        Some(alias) if place.account == call.account => {
            let id = directory.kms_key_of_alias(alias);
            let id = id.ok_or_else(|| call.unreadable(format!("the key behind `{named}` is not known")))?;
            (id, Some(format!("alias/{alias}")))
        }
        Some(_) => return Err(call.unreadable("an alias of another account is not known")),
    };
    let plain = |one: char| one.is_ascii_alphanumeric() || one == '-';
    if id.is_empty() || !id.chars().all(plain) {
        return Err(body.not("KeyId", "a key or alias of this region"));
    }
    let mut needed = call.needs(operation, format!("arn:aws:kms:{}:{}:key/{id}", call.region, place.account));
    place.account.clone_into(&mut needed.resource_account);
    needed = needed.with("kms:CallerAccount", call.account.clone());
    if let Some((key, value)) = keys {
        needed = needed.with(key, value);
    }
    Ok(vec![match alias {
        Some(alias) => needed.with("kms:RequestAlias", alias),
        None => needed,
    }])
}

/// Whose key, and which.
struct Place<'a> {
    account: &'a str,
    /// `key/ID`, `alias/NAME`, or a bare id.
    resource: &'a str,
}

impl<'a> Place<'a> {
    fn of(named: &'a str, call: &'a Call) -> Option<Self> {
        if !named.starts_with("arn:") {
            return (!named.starts_with("key/")).then_some(Self { account: &call.account, resource: named });
        }
        let rest = named.strip_prefix("arn:aws:kms:")?.strip_prefix(call.region.as_str())?;
        let (account, resource) = rest.strip_prefix(':')?.split_once(':')?;
        let is_account = account.len() == 12 && account.bytes().all(|one| one.is_ascii_digit());
        let is_kind = resource.starts_with("key/") || resource.starts_with("alias/");
        (is_account && is_kind).then_some(Self { account, resource })
    }
}
