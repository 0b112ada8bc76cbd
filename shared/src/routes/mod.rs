//! The API's routes: the one table by which the functions answer, and from which the API's description
//! (`openapi.json`) is made. Pure.
//!
//! The template deploys the same routes; a test holds it to this table, and another one holds the attack to it.

mod answers;
pub mod openapi;
mod schemas;

/// A request that is none of the API's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// The path is known, the method is not.
    #[error("no such method")]
    Method,
    /// There is no such path.
    #[error("no such path")]
    Path,
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $method:literal $path:literal;)*) => {
        /// What a request asks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Operation { $($(#[$doc])* $name,)* }

        impl Operation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Method and path, as the template writes them: `("GET", "/documents/{document_id}")`.
            #[must_use]
            pub const fn route(self) -> (&'static str, &'static str) {
                match self { $(Self::$name => ($method, $path),)* }
            }

            /// What it is called in the API's description.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

operations! {
    /// A pending document, and where its content goes.
    AddDocument = "POST" "/documents";
    /// One's own documents.
    ListDocuments = "GET" "/documents";
    /// A document, and where its content is.
    OpenDocument = "GET" "/documents/{document_id}";
    /// A document goes, with all that is of it.
    DeleteDocument = "DELETE" "/documents/{document_id}";
    /// With whom a document is shared.
    ListShares = "GET" "/documents/{document_id}/shares";
    /// Another user may see a document.
    ShareDocument = "POST" "/shares";
    /// And may no more.
    EndShare = "DELETE" "/shares/{document_id}/{user_id}";
    /// Somebody is invited into the tenant.
    InviteUser = "POST" "/users";
    /// The tenant's users.
    ListUsers = "GET" "/users";
    /// A user is out.
    RemoveUser = "DELETE" "/users/{user_id}";
    /// What the tenant used.
    ShowUsage = "GET" "/usage";
    /// A page for whoever comes by another way than the Marketplace's.
    Welcome = "GET" "/signup";
    /// A buyer arrives from AWS Marketplace.
    Arrive = "POST" "/signup";
    /// A buyer registers.
    Register = "POST" "/signup/registrations";
    /// How far a registration has come.
    FollowRegistration = "GET" "/signup/registrations/{registration}";
    /// A registration's address is set right.
    CorrectRegistration = "POST" "/signup/registrations/{registration}";
    /// This description of the API.
    DescribeApi = "GET" "/openapi.json";
}

impl Operation {
    /// What `method` and `path`, the latter as the template writes it, ask for.
    ///
    /// # Errors
    /// When it is nothing of the API's.
    pub fn of(method: &str, path: &str) -> Result<Self, NoRoute> {
        let found = Self::ALL.iter().find(|operation| operation.route() == (method, path));
        found.copied().ok_or_else(|| {
            let is_known = Self::ALL.iter().any(|operation| operation.route().1 == path);
            if is_known { NoRoute::Method } else { NoRoute::Path }
        })
    }

    /// Whether everybody may ask, without a token.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            Self::Welcome
                | Self::Arrive
                | Self::Register
                | Self::FollowRegistration
                | Self::CorrectRegistration
                | Self::DescribeApi
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_by_its_route_and_nothing_else_is() {
        for operation in Operation::ALL {
            let (method, path) = operation.route();
            assert_eq!(Operation::of(method, path), Ok(*operation));
        }
        assert_eq!(Operation::of("PATCH", "/documents"), Err(NoRoute::Method));
        assert_eq!(Operation::of("get", "/documents"), Err(NoRoute::Method));
        assert_eq!(Operation::of("GET", "/documents/"), Err(NoRoute::Path));
        assert_eq!(
            Operation::of("GET", "/documents/1"),
            Err(NoRoute::Path),
            "routes come as the template writes them"
        );
    }
}
