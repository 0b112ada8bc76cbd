//! Amazon Cognito user pools: operations on a pool, on nothing, or public.
//!
//! Sources: Service Authorization Reference, "Amazon Cognito User Pools"; Cognito Developer Guide, "Understanding API,
//! OIDC, and managed login pages authentication" (public operations are authorized by tokens, not by IAM).

use super::body::Body;
use super::{Call, Needed, Underivable};

/// Operations on `UserPoolId`; action and operation have one name.
const ON_POOL: &[&str] = &[
    "AddCustomAttributes",
    "AdminAddUserToGroup",
    "AdminConfirmSignUp",
    "AdminCreateUser",
    "AdminDeleteUser",
    "AdminDeleteUserAttributes",
    "AdminDisableUser",
    "AdminEnableUser",
    "AdminForgetDevice",
    "AdminGetDevice",
    "AdminGetUser",
    "AdminInitiateAuth",
    "AdminListDevices",
    "AdminListGroupsForUser",
    "AdminListUserAuthEvents",
    "AdminRemoveUserFromGroup",
    "AdminResetUserPassword",
    "AdminRespondToAuthChallenge",
    "AdminSetUserMFAPreference",
    "AdminSetUserPassword",
    "AdminSetUserSettings",
    "AdminUpdateUserAttributes",
    "AdminUserGlobalSignOut",
    "CreateGroup",
    "CreateIdentityProvider",
    "CreateResourceServer",
    "CreateUserImportJob",
    "CreateUserPoolClient",
    "CreateUserPoolDomain",
    "DeleteGroup",
    "DeleteIdentityProvider",
    "DeleteResourceServer",
    "DeleteUserPool",
    "DeleteUserPoolClient",
    "DeleteUserPoolDomain",
    "DescribeIdentityProvider",
    "DescribeResourceServer",
    "DescribeRiskConfiguration",
    "DescribeUserImportJob",
    "DescribeUserPool",
    "DescribeUserPoolClient",
    "GetCSVHeader",
    "GetGroup",
    "GetIdentityProviderByIdentifier",
    "GetLogDeliveryConfiguration",
    "GetSigningCertificate",
    "GetUICustomization",
    "GetUserPoolMfaConfig",
    "ListGroups",
    "ListIdentityProviders",
    "ListResourceServers",
    "ListUserImportJobs",
    "ListUserPoolClients",
    "ListUsers",
    "ListUsersInGroup",
    "SetLogDeliveryConfiguration",
    "SetRiskConfiguration",
    "SetUICustomization",
    "SetUserPoolMfaConfig",
    "StartUserImportJob",
    "StopUserImportJob",
    "UpdateGroup",
    "UpdateIdentityProvider",
    "UpdateResourceServer",
    "UpdateUserPool",
    "UpdateUserPoolClient",
    "UpdateUserPoolDomain",
];

/// Operations without a resource.
const ON_NOTHING: &[&str] = &["CreateUserPool", "DescribeUserPoolDomain", "ListUserPools"];

/// Operations on `ResourceArn`, a pool's.
const ON_ARN: &[&str] = &["ListTagsForResource", "TagResource", "UntagResource"];

/// Operations that need no signature (the service model's `authtype: none`).
const PUBLIC: &[&str] = &[
    "AssociateSoftwareToken",
    "ChangePassword",
    "ConfirmDevice",
    "ConfirmForgotPassword",
    "ConfirmSignUp",
    "DeleteUser",
    "DeleteUserAttributes",
    "ForgetDevice",
    "ForgotPassword",
    "GetDevice",
    "GetTokensFromRefreshToken",
    "GetUser",
    "GetUserAttributeVerificationCode",
    "GetUserAuthFactors",
    "GlobalSignOut",
    "InitiateAuth",
    "ListDevices",
    "ResendConfirmationCode",
    "RespondToAuthChallenge",
    "RevokeToken",
    "SetUserMFAPreference",
    "SetUserSettings",
    "SignUp",
    "UpdateDeviceStatus",
    "UpdateUserAttributes",
    "VerifySoftwareToken",
    "VerifyUserAttribute",
];

/// Whether a user pool serves this operation to somebody who has signed nothing: it proves itself by password
/// or token.
#[must_use]
pub fn is_public(operation: &str) -> bool {
    PUBLIC.contains(&operation)
}

pub(super) fn derive(call: &Call) -> Result<Vec<Needed>, Underivable> {
    let operation = call.operation.as_str();
    let body = Body::of(call)?;
    if is_public(operation) {
        return Ok(Vec::new());
    }
    let needed = if ON_POOL.contains(&operation) {
        let id = body.string("UserPoolId")?;
        if !is_pool_id(id) {
            return Err(body.not("UserPoolId", "the id of a user pool"));
        }
        call.needs(operation, call.arn(&format!("userpool/{id}")))
    } else if ON_NOTHING.contains(&operation) {
        call.needs(operation, "*").with_request_tags(&body.tags("UserPoolTags")?)
    } else if ON_ARN.contains(&operation) {
        let arn = body.string("ResourceArn")?;
        if !arn.strip_prefix(&call.arn("userpool/")).is_some_and(is_pool_id) {
            return Err(body.not("ResourceArn", "a user pool of this account and region"));
        }
        let needed = call.needs(operation, arn);
        if operation == "UntagResource" {
            needed.with_tag_keys(&body.strings("TagKeys")?)
        } else {
            needed.with_request_tags(&body.tags("Tags")?)
        }
    } else {
        return Err(call.unknown_operation());
    };
    Ok(vec![needed])
}

/// `REGION_ID`.
fn is_pool_id(id: &str) -> bool {
    (1..=55).contains(&id.len())
        && id.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '-'))
}
