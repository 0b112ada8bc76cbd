//! What belongs to tenants: rows by their partition key, objects by their prefix, indexes by their name, policy stores
//! by their tag.
//!
//! Sources: Service Authorization Reference (resource types); DynamoDB Developer Guide, "Using IAM policy conditions
//! for fine-grained access control": a request names the partition keys of the table or index that it is on, and one
//! that names none is on all rows.

use super::{Owner, Place, Target};
use crate::world::{Kind, Thing};

const LEADING: &str = "dynamodb:LeadingKeys";

impl<'a> Place<'a, '_> {
    pub(super) fn tables(&self, kind: &str, targets: &mut Vec<Target<'a>>) {
        for thing in self.things() {
            let Kind::Table { key, indexes } = &thing.kind else { continue };
            let is_tenants = *key == self.tenants.naming.key;
            match kind {
                "table" => self.rows(thing, &thing.arn, &thing.name, is_tenants, is_tenants, targets),
                "index" => {
                    for (index, index_key) in indexes {
                        let arn = format!("{}/index/{index}", thing.arn);
                        let called = format!("{}/{index}", thing.name);
                        let by_tenant = *index_key == self.tenants.naming.key;
                        self.rows(thing, &arn, &called, is_tenants, by_tenant, targets);
                    }
                }
                // A stream, a backup, an export: all of the table.
                "stream" | "backup" | "export" | "import" => {
                    let arn = format!("{}/{kind}/01780000000000-abcdef00", thing.arn);
                    let owner = if is_tenants { Owner::Everyone } else { Owner::Nobody };
                    let target = self.of(thing, arn, &format!("{}/{kind}", thing.name), owner);
                    targets.push(Target { noun: format!("rows in a {kind} of {}", thing.name), ..target });
                }
                _ => {}
            }
        }
    }

    /// Rows of a table or index. `by_tenant`: a partition key is a tenant's.
    fn rows(
        &self,
        thing: &'a Thing,
        arn: &str,
        called: &str,
        is_tenants: bool,
        by_tenant: bool,
        targets: &mut Vec<Target<'a>>,
    ) {
        let row = |owner: Owner, key: Option<&str>| Target {
            noun: format!("rows of {called}"),
            key: key.map(str::to_owned),
            ..self.of(thing, arn.to_owned(), called, owner)
        };
        let whole = || if is_tenants { Owner::Everyone } else { Owner::Nobody };
        if !self.action.carries(LEADING) {
            targets.push(row(whole(), None));
            return;
        }
        if is_tenants && by_tenant {
            for tenant in &self.tenants.tenants {
                targets.push(row(Owner::Tenant(tenant.id.clone()), Some(&tenant.id)));
            }
        } else {
            // Whatever the key says, it does not say whose the rows are.
            targets.push(row(whole(), Some(self.tenants.own())));
            targets.push(row(whole(), Some("something")));
        }
        // A statement of PartiQL may name no key at all.
        if self.name.starts_with("PartiQL") {
            targets.push(row(whole(), None));
        }
    }

    pub(super) fn buckets(&self, kind: &str, targets: &mut Vec<Target<'a>>) {
        for thing in self.things().filter(|thing| thing.kind == Kind::Bucket) {
            match kind {
                "bucket" if self.action.carries("s3:prefix") => self.lists(thing, targets),
                "bucket" => {
                    let target = self.of(thing, thing.arn.clone(), &thing.name, Owner::Everyone);
                    targets.push(Target { noun: format!("bucket {}", thing.name), ..target });
                }
                "object" => {
                    for tenant in &self.tenants.tenants {
                        for key in [format!("{}/document", tenant.id), format!("{}/x/document", tenant.id)] {
                            let arn = format!("{}/{key}", thing.arn);
                            let target = self.of(thing, arn, &thing.name, Owner::Tenant(tenant.id.clone()));
                            targets.push(Target { noun: format!("objects in {}", thing.name), ..target });
                        }
                    }
                    let arn = format!("{}/document", thing.arn);
                    targets.push(self.of(
                        thing,
                        arn,
                        &format!("{} outside every tenant", thing.name),
                        Owner::Nobody,
                    ));
                }
                _ => {}
            }
        }
    }

    /// Lists of a bucket: a tenant's if they begin with the tenant's whole prefix, otherwise of more than one.
    fn lists(&self, thing: &'a Thing, targets: &mut Vec<Target<'a>>) {
        let list = |prefix: Option<&str>, owner: Owner| {
            let mut target = self.of(thing, thing.arn.clone(), &thing.name, owner);
            if let Some(prefix) = prefix {
                target.context = target.context.with("s3:prefix", prefix);
            }
            target.context =
                target.context.with_unknown("s3:max-keys", "to what AWS sets it is not documented");
            Target { noun: format!("list of {}", thing.name), ..target }
        };
        for tenant in &self.tenants.tenants {
            for prefix in [format!("{}/", tenant.id), format!("{}/x", tenant.id)] {
                targets.push(list(Some(&prefix), Owner::Tenant(tenant.id.clone())));
            }
            targets.push(list(Some(&tenant.id), Owner::Everyone));
        }
        targets.push(list(Some(""), Owner::Everyone));
        targets.push(list(None, Owner::Everyone));
    }

    pub(super) fn domains(&self, targets: &mut Vec<Target<'a>>) {
        for thing in self.things().filter(|thing| thing.kind == Kind::Domain) {
            if !self.name.starts_with("ESHttp") {
                let target = self.of(thing, thing.arn.clone(), &thing.name, Owner::Everyone);
                targets.push(Target { noun: format!("domain {}", thing.name), ..target });
                continue;
            }
            let index = |name: &str, owner: Owner| Target {
                noun: format!("index in {}", thing.name),
                ..self.of(thing, format!("{}/{name}/_search", thing.arn), &thing.name, owner)
            };
            for tenant in &self.tenants.tenants {
                targets.push(index(&format!("{}docs", tenant.id), Owner::Tenant(tenant.id.clone())));
            }
            targets.push(index("_all", Owner::Everyone));
        }
    }

    pub(super) fn stores(&self, targets: &mut Vec<Target<'a>>) {
        let account = self.world.account();
        for store in &self.tenants.stores {
            let arn = format!("arn:aws:verifiedpermissions::{account}:policy-store/{}", store.id);
            let (owner, thing) = match &store.tenant {
                Some(tenant) => (Owner::Tenant(tenant.clone()), "stores of tenants"),
                None => (Owner::Outside, "stores without a tag"),
            };
            let mut target = self.target(arn, thing, owner);
            target.account = Some(account.to_owned());
            if let Some(tenant) = &store.tenant {
                let key = format!("aws:ResourceTag/{}", self.tenants.naming.tag);
                target.context = target.context.with(&key, tenant.clone());
                target.noun = "policy store".to_owned();
            }
            targets.push(target);
        }
    }

    pub(super) fn aliases(&self, targets: &mut Vec<Target<'a>>) {
        let account = self.world.account();
        for tenant in &self.tenants.tenants {
            let name = format!("policy-store-alias/tenant/{}", tenant.id);
            let arn = format!("arn:aws:verifiedpermissions:{}:{account}:{name}", self.world.region);
            let target = self.target(arn, "aliases of tenants", Owner::Tenant(tenant.id.clone()));
            let noun = "policy store's alias".to_owned();
            targets.push(Target { noun, account: Some(account.to_owned()), ..target });
        }
    }
}
