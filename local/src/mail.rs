//! The mail that Cognito would have sent: locally nobody's letter leaves the machine.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::doors::{DoorError, Doors};

/// One letter.
#[derive(Clone, Serialize, Deserialize)]
pub struct Mail {
    /// Whom it is to.
    pub to: String,
    /// What stands above it.
    pub subject: String,
    /// What stands in it.
    pub text: String,
    /// The password of an invitation, which holds for the first sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary_password: Option<String>,
    /// When it was sent: RFC 3339.
    pub time: String,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("time", &self.time).finish_non_exhaustive()
    }
}

/// The letters to one address, or to everybody; the newest first.
///
/// # Errors
/// When the account does not show them.
pub async fn outbox(doors: &Doors, to: Option<&str>) -> Result<Vec<Mail>, DoorError> {
    let query: Vec<_> = to.iter().map(|to| ("to", *to)).collect();
    let shown = doors.get("/mail", &query).await?;
    let mails = shown.get("mails").cloned().unwrap_or(Value::Null);
    serde_json::from_value(mails)
        .map_err(|_| DoorError::Answer { path: "/_gateway/mail".to_owned(), missing: "mails" })
}

impl Mail {
    /// The letter as one line of JSON.
    #[must_use]
    pub fn as_json(&self) -> String {
        // Plain fields always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The letter as a person reads it.
    #[must_use]
    pub fn as_text(&self) -> String {
        let body = self.text.replace("<br>", "\n").replace("<br/>", "\n");
        let body: String = body.lines().map(|line| format!("    {}\n", line.trim())).collect();
        format!("{}  to {}\n  {}\n\n{body}", self.time, self.to, self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail {
        Mail {
            to: "grace@willow.example".to_owned(),
            subject: "Your invitation".to_owned(),
            text: "Hello,<br>your password is aA1-x".to_owned(),
            temporary_password: Some("aA1-x".to_owned()),
            time: "2026-11-22T18:00:00Z".to_owned(),
        }
    }

    #[test]
    fn a_letter_is_read_back_from_its_line_of_json() {
        let read: Mail = serde_json::from_str(&mail().as_json()).unwrap();
        assert_eq!(read.as_json(), mail().as_json());
    }

    #[test]
    fn a_person_reads_lines_and_the_debug_form_holds_no_secret() {
        let text = mail().as_text();
        assert!(text.contains("    Hello,\n    your password is aA1-x\n"), "{text}");
        assert!(!format!("{:?}", mail()).contains("aA1-x"));
    }
}
