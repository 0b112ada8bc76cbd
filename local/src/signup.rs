//! One sign-up, driven as AWS Marketplace and a buyer's browser would: from the Marketplace's form to the new
//! administrator's first document.
//!
//! It knows the form that the Marketplace posts, and then only what is on the pages: their forms, and where they
//! lead. What it does at the end it does through the API, as any user.

mod browser;
mod page;
mod plot;

use crate::{
    account::Details,
    story::{Step, StoryError},
};

/// Who signs up.
#[derive(Debug, Clone)]
pub struct Buyer {
    /// The company's name.
    pub company: String,
    /// The administrator's address.
    pub email: String,
}

impl Buyer {
    /// Somebody who has never been here; the company's name is one that a careless page would trip over.
    #[must_use]
    pub fn new() -> Self {
        Self {
            company: "Willow & Daughters <Paper>".to_owned(),
            email: format!("grace-{}@willow.example", uuid::Uuid::new_v4().simple()),
        }
    }
}

impl Default for Buyer {
    fn default() -> Self {
        Self::new()
    }
}

/// Plays it, telling `told` each step as it is done; answers whether every step was as expected.
///
/// A step without which the next make no sense ends it early, as a failure.
///
/// # Errors
/// [`StoryError`] when there is nobody to play it.
pub async fn play(details: &Details, buyer: &Buyer, mut told: impl FnMut(&Step)) -> Result<bool, StoryError> {
    let mut all_ok = true;
    let mut teller = |step: &Step| {
        all_ok &= step.ok;
        told(step);
    };
    let whole = plot::play(details, buyer, &mut teller).await?;
    Ok(whole && all_ok)
}
