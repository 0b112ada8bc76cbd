//! Amazon Verified Permissions: every operation is on a policy store, an alias, or on nothing.
//!
//! The store's ARN has no region, an alias's has one. An alias in place of a store's id is resolved and the store is
//! what is authorized; the alias is a resource of its own only for the operations that manage aliases.
//! `aws:ResourceTag/…` comes from the directory; a store whose tags cannot be had leaves those keys undeclared, hence
//! undecidable.
//!
//! Sources: Service Authorization Reference, "Amazon Verified Permissions"; its API Reference (BatchGetPolicy and the
//! batch decisions have no permission of their own); its User Guide, "Controlling access to policy store aliases".

use super::body::Body;
use super::{Call, Directory, Needed, Underivable};

/// What an operation works on.
#[derive(Clone, Copy)]
enum On {
    /// `policyStoreId`: an id or an alias.
    Store,
    /// `policyStoreId`: an id only.
    StoreById,
    /// The `policyStoreId` of each of `requests`.
    EachStore,
    /// `resourceArn` of a store.
    Tagged,
    /// `aliasName`.
    Alias,
    /// `aliasName` and `policyStoreId`.
    AliasAndStore,
    /// No resource.
    Nothing,
}

/// `(operation, action, on)`: all 34 operations of the API of 2021-12-01.
const OPERATIONS: &[(&str, &str, On)] = &[
    ("BatchGetPolicy", "GetPolicy", On::EachStore),
    ("BatchIsAuthorized", "IsAuthorized", On::Store),
    ("BatchIsAuthorizedWithToken", "IsAuthorizedWithToken", On::Store),
    ("CreateIdentitySource", "CreateIdentitySource", On::Store),
    ("CreatePolicy", "CreatePolicy", On::Store),
    ("CreatePolicyStore", "CreatePolicyStore", On::Nothing),
    ("CreatePolicyStoreAlias", "CreatePolicyStoreAlias", On::AliasAndStore),
    ("CreatePolicyTemplate", "CreatePolicyTemplate", On::Store),
    ("DeleteIdentitySource", "DeleteIdentitySource", On::Store),
    ("DeletePolicy", "DeletePolicy", On::Store),
    ("DeletePolicyStore", "DeletePolicyStore", On::StoreById),
    ("DeletePolicyStoreAlias", "DeletePolicyStoreAlias", On::Alias),
    ("DeletePolicyTemplate", "DeletePolicyTemplate", On::Store),
    ("GetIdentitySource", "GetIdentitySource", On::Store),
    ("GetPolicy", "GetPolicy", On::Store),
    ("GetPolicyStore", "GetPolicyStore", On::Store),
    ("GetPolicyStoreAlias", "GetPolicyStoreAlias", On::Alias),
    ("GetPolicyTemplate", "GetPolicyTemplate", On::Store),
    ("GetSchema", "GetSchema", On::Store),
    ("IsAuthorized", "IsAuthorized", On::Store),
    ("IsAuthorizedWithToken", "IsAuthorizedWithToken", On::Store),
    ("ListIdentitySources", "ListIdentitySources", On::Store),
    ("ListPolicies", "ListPolicies", On::Store),
    ("ListPolicyStoreAliases", "ListPolicyStoreAliases", On::Nothing),
    ("ListPolicyStores", "ListPolicyStores", On::Nothing),
    ("ListPolicyTemplates", "ListPolicyTemplates", On::Store),
    ("ListTagsForResource", "ListTagsForResource", On::Tagged),
    ("PutSchema", "PutSchema", On::Store),
    ("TagResource", "TagResource", On::Tagged),
    ("UntagResource", "UntagResource", On::Tagged),
    ("UpdateIdentitySource", "UpdateIdentitySource", On::Store),
    ("UpdatePolicy", "UpdatePolicy", On::Store),
    ("UpdatePolicyStore", "UpdatePolicyStore", On::Store),
    ("UpdatePolicyTemplate", "UpdatePolicyTemplate", On::Store),
];

const ALIAS_PREFIX: &str = "policy-store-alias/";

pub(super) fn derive(call: &Call, directory: &dyn Directory) -> Result<Vec<Needed>, Underivable> {
    let (_, action, on) = OPERATIONS
        .iter()
        .find(|(operation, ..)| *operation == call.operation)
        .ok_or_else(|| call.unknown_operation())?;
    let body = Body::of(call)?;
    let stores = Stores { call, directory };
    match on {
        On::Nothing => {
            let tags = body.tags("tags")?;
            let mut needed = call.needs(action, "*").with_request_tags(&tags);
            if *action == "CreatePolicyStore" {
                // "… in requests that create a resource with an attached tag" the resource's tags are these.
                needed.context = needed.context.with_all_of("aws:ResourceTag/");
                for (key, value) in &tags {
                    needed = needed.with(&format!("aws:ResourceTag/{key}"), value.clone());
                }
            }
            Ok(vec![needed])
        }
        On::Store => Ok(vec![stores.named(action, body.string("policyStoreId")?)?]),
        On::StoreById => Ok(vec![stores.by_id(action, body.string("policyStoreId")?)?]),
        On::EachStore => {
            let mut needed: Vec<Needed> = Vec::new();
            for request in body.objects("requests")? {
                let one = stores.named(action, request.string("policyStoreId")?)?;
                if !needed.contains(&one) {
                    needed.push(one);
                }
            }
            if needed.is_empty() { Err(body.not("requests", "a list of at least one")) } else { Ok(needed) }
        }
        On::Tagged => {
            let arn = body.string("resourceArn")?;
            let prefix = format!("arn:aws:verifiedpermissions::{}:policy-store/", call.account);
            let id = arn
                .strip_prefix(&prefix)
                .ok_or_else(|| body.not("resourceArn", "a store of this account"))?;
            let needed = stores.by_id(action, id)?.with_request_tags(&body.tags("tags")?);
            Ok(vec![if *action == "UntagResource" {
                needed.with_tag_keys(&body.strings("tagKeys")?)
            } else {
                needed
            }])
        }
        On::Alias => Ok(vec![alias(&body, action)?]),
        On::AliasAndStore => {
            Ok(vec![alias(&body, action)?, stores.by_id(action, body.string("policyStoreId")?)?])
        }
    }
}

struct Stores<'a> {
    call: &'a Call,
    directory: &'a dyn Directory,
}

impl Stores<'_> {
    /// By id or alias.
    fn named(&self, action: &str, name: &str) -> Result<Needed, Underivable> {
        match name.strip_prefix(ALIAS_PREFIX) {
            None => self.by_id(action, name),
            Some(alias) => {
                let id = self.directory.policy_store_of_alias(alias).ok_or_else(|| {
                    self.call.unreadable(format!("the store behind the alias `{name}` is not known"))
                })?;
                self.by_id(action, &id)
            }
        }
    }

    fn by_id(&self, action: &str, id: &str) -> Result<Needed, Underivable> {
        let plain = |one: char| one.is_ascii_alphanumeric() || matches!(one, '-' | '_');
        if id.is_empty() || !id.chars().all(plain) {
            return Err(self.call.unreadable(format!("`{id}` is not the id of a policy store")));
        }
        let arn = format!("arn:aws:verifiedpermissions::{}:policy-store/{id}", self.call.account);
        let mut needed = self.call.needs(action, arn);
        if let Some(tags) = self.directory.policy_store_tags(id) {
            needed.context = needed.context.with_all_of("aws:ResourceTag/");
            for (key, value) in tags.iter() {
                needed = needed.with(&format!("aws:ResourceTag/{key}"), value);
            }
        }
        Ok(needed)
    }
}

fn alias(body: &Body<'_>, action: &str) -> Result<Needed, Underivable> {
    let name = body.string("aliasName")?;
    let plain = |one: char| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '/');
    if name.strip_prefix(ALIAS_PREFIX).is_none_or(str::is_empty) || !name.chars().all(plain) {
        return Err(body.not("aliasName", "of the form policy-store-alias/NAME"));
    }
    Ok(body.call.needs(action, body.call.arn(name)))
}
