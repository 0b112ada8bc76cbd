//! The service from the outside: JSON in, JSON out, and the product's own policies in it.

#[cfg(test)]
mod aliases;
#[cfg(test)]
mod authorize;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod product_in_a_store;
#[cfg(test)]
mod product_policies;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod service;
#[cfg(test)]
mod stores;
#[cfg(test)]
mod targets;
#[cfg(test)]
mod templates;
