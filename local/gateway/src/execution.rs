//! The session that the engine hands to a function. It follows from the ARNs of function and role alone: the
//! engine's rule, not AWS's, where nobody can know it.

use ring::digest::{SHA256, digest};

/// A function's own key, as the Lambda service puts it into the function's environment.
#[derive(Clone, PartialEq, Eq)]
pub struct ExecutionKey {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: String,
}

impl ExecutionKey {
    /// The key of the function with this ARN, in the role with that ARN.
    #[must_use]
    pub fn of(function_arn: &str, role_arn: &str) -> Self {
        let hash = |text: String| hex::encode(digest(&SHA256, text.as_bytes()));
        let seed = hash(format!("{function_arn}:{role_arn}"));
        let start: String = seed.chars().take(16).collect();
        Self {
            access_key_id: format!("ASIA{}", start.to_uppercase()),
            secret_access_key: hash(format!("secret:{seed}")),
            session_token: hash(format!("token:{seed}")),
        }
    }
}

impl std::fmt::Debug for ExecutionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExecutionKey").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}
