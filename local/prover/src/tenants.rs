//! The tenants and policy stores that questions are asked about, and the tags that a session could be asked for.
//!
//! A few of each stand for all: the policies compare texts, so what matters is who is equal to, begins like or is
//! contained in whom.

use crate::promises::Naming;

/// What every id is cut from. Hexadecimal, with letters whose case can be changed.
const OWN: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90";
const OTHER: &str = "f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3b4a5968778695a4b3c2d1e0f";
const STORE: &str = "PSOwnStore";
/// What a tag value may hold beside letters and digits: IAM User Guide, "Pass session tags in AWS STS".
const OTHERS: &[char] = &['_', '.', ':', '/', '=', '+', '-', '@', ' '];

/// A tenant that might exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) id: String,
    /// As in "reaches … rows of".
    pub(crate) whose: String,
}

/// A policy store that might exist.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) id: String,
    /// The tenant that its tag names.
    pub(crate) tenant: Option<String>,
    /// As in "tagged tenant A with …".
    pub(crate) called: String,
}

/// The tags of a session, and what people call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tagged {
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) called: String,
    /// Whether the tenant's id is one that the product gives out.
    pub(crate) well_formed: bool,
}

/// Everybody that is asked about, under one way of naming tenants.
#[derive(Clone, Debug)]
pub(crate) struct Tenants {
    pub(crate) naming: Naming,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) stores: Vec<Store>,
}

impl Tenants {
    pub(crate) fn of(naming: &Naming) -> Self {
        let length = naming.length.unwrap_or(OWN.len() / 2).clamp(2, OWN.len() - 1);
        let cut = |text: &str, length: usize| text.chars().take(length).collect::<String>();
        let own = cut(OWN, length);
        let shorter = cut(OWN, length - 1);
        let tenant = |id: String, whose: &str| Tenant { id, whose: whose.to_owned() };
        let tenants = vec![
            tenant(own.clone(), "tenant A's"),
            tenant(cut(OTHER, length), "tenant B's"),
            tenant(format!("{own}0"), "the longer twin's (A's id and a character more)"),
            tenant(shorter.clone(), "the shorter twin's (A's id without its last character)"),
            tenant(format!("{shorter}z"), "the twin's (A's id with another last character)"),
            tenant(own.to_uppercase(), "the upper-case twin's"),
            tenant(format!("{own}-corp"), "the twin's (A's id, `-` and more)"),
        ];
        let store = |id: &str, tenant: Option<&str>, called: &str| Store {
            id: id.to_owned(),
            tenant: tenant.map(str::to_owned),
            called: called.to_owned(),
        };
        let other = cut(OTHER, length);
        let stores = vec![
            store(STORE, Some(&own), "A's store"),
            store("PSOtherStore", Some(&other), "a store tagged for B"),
            store(&format!("{STORE}2"), Some(&other), "a store tagged for B whose id begins like A's"),
            store("PSTwinStore", Some(&format!("{own}0")), "a store tagged for A's longer twin"),
            store("PSUpperStore", Some(&own.to_uppercase()), "a store tagged for A's upper-case twin"),
            store("PSUntagged", None, "a store without a tag"),
        ];
        Self { naming: naming.clone(), tenants, stores }
    }

    /// The tenant whose session is the own one.
    pub(crate) fn own(&self) -> &str {
        self.tenants.first().map_or("", |tenant| tenant.id.as_str())
    }

    /// Another tenant.
    pub(crate) fn other(&self) -> &str {
        self.tenants.get(1).map_or("", |tenant| tenant.id.as_str())
    }

    /// What people call the owner of something.
    pub(crate) fn whose(&self, id: &str) -> String {
        match self.tenants.iter().find(|tenant| tenant.id == id) {
            Some(tenant) => tenant.whose.clone(),
            None => format!("`{id}`'s"),
        }
    }

    /// Every set of tags that a caller might ask for, the plain ones first.
    pub(crate) fn tag_space(&self) -> Vec<Tagged> {
        let naming = &self.naming;
        let mut space =
            vec![Tagged { tags: Vec::new(), called: "without tags".to_owned(), well_formed: false }];
        let tagged = |tags: &[(&str, &str)], called: String, well_formed: bool| Tagged {
            tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            called,
            well_formed,
        };
        for (id, called) in self.tag_values() {
            let well_formed = self.is_well_formed(&id);
            space.push(tagged(&[(&naming.tag, &id)], format!("tagged {called}"), well_formed));
            let Some(store_tag) = &naming.store_tag else { continue };
            let mut stores: Vec<(&str, &str)> =
                self.stores.iter().map(|store| (store.id.as_str(), store.called.as_str())).collect();
            stores.push(("", "an empty store"));
            for (store, named) in stores {
                // Odd tenants are asked for with one store each: the two tags are judged apart.
                if id != self.own() && store != STORE {
                    continue;
                }
                let tags = [(naming.tag.as_str(), id.as_str()), (store_tag.as_str(), store)];
                space.push(tagged(
                    &tags,
                    format!("tagged {called} with {named}"),
                    well_formed && !store.is_empty(),
                ));
                if id == self.own() && store == STORE {
                    let more = [tags.as_slice(), &[("also", "this")]].concat();
                    space.push(tagged(&more, format!("tagged {called} with {named} and one tag more"), true));
                }
            }
        }
        if let Some(store_tag) = &naming.store_tag {
            space.push(tagged(
                &[(store_tag, STORE)],
                "tagged with A's store and no tenant".to_owned(),
                false,
            ));
        }
        let more = [(naming.tag.as_str(), self.own()), ("also", "this")];
        space.push(tagged(&more, "tagged tenant A and one tag more".to_owned(), true));
        space.push(tagged(&[("also", "this")], "tagged with something else only".to_owned(), false));
        space
    }

    /// Values of the tenant's tag, and what they are called.
    fn tag_values(&self) -> Vec<(String, String)> {
        let mut values: Vec<(String, String)> = self
            .tenants
            .iter()
            .map(|tenant| (tenant.id.clone(), tenant.whose.replacen("'s", "", 1)))
            .collect();
        values.push((String::new(), "with an empty tenant".to_owned()));
        values.push(("ab".to_owned(), "`ab`".to_owned()));
        let length = self.own().chars().count();
        for odd in OTHERS {
            for place in [0, length / 2, length - 1] {
                let id: String = self
                    .own()
                    .chars()
                    .enumerate()
                    .map(|(at, c)| if at == place { *odd } else { c })
                    .collect();
                values.push((id, format!("with a tenant that has `{odd}` as its character {}", place + 1)));
            }
        }
        values.push((format!("{}/x", self.own()), "with A's id, `/` and more".to_owned()));
        values
    }

    /// Whether the product gives out such ids.
    pub(crate) fn is_well_formed(&self, id: &str) -> bool {
        let plain = |c: char| !OTHERS.contains(&c);
        match self.naming.length {
            Some(length) => id.chars().count() == length && id.chars().all(plain),
            None => !id.is_empty() && !id.contains('/'),
        }
    }

    /// The tenant that a session is of.
    pub(crate) fn of_session<'a>(&self, tags: &'a [(String, String)]) -> Option<&'a str> {
        let found = tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(&self.naming.tag));
        found.map(|(_, value)| value.as_str())
    }
}
