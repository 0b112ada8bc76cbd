//! The condition keys that are known, and when their absence means something.
//!
//! A key in a policy that neither the request carries nor this table knows cannot be judged. For a key in the table,
//! absence is a fact about the request only where the request's maker would have set it; hence [`Presence`].
//!
//! Sources: IAM User Guide, "AWS global condition context keys" (availability); Service Authorization Reference,
//! condition keys of each service named here. Keys that AWS sets but nothing here can derive (such as
//! `s3:TlsVersion`, `aws:PrincipalOrgID`) are left out on purpose: a policy that uses one is not judged.

/// What it means that a request does not carry a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It is set whenever the call has such a thing: absence is absence.
    WhenThere,
    /// AWS sets it on every request: absence means that the request was put together without it.
    Always,
    /// AWS sets it on every request of a session, and on no other.
    OfSessions,
    /// It exists outside the call (tags of a resource): absence counts only if the request declares that all were set.
    Declared,
}

/// `(name in lower case, presence)`; a name that ends in `/` or `:` stands for all that begin so.
type Known = (&'static str, Presence);

use Presence::{Always, Declared, OfSessions, WhenThere};

const GLOBAL: &[Known] = &[
    ("aws:calledvia", WhenThere),
    ("aws:calledviafirst", WhenThere),
    ("aws:calledvialast", WhenThere),
    ("aws:currenttime", Always),
    ("aws:ec2instancesourceprivateipv4", WhenThere),
    ("aws:ec2instancesourcevpc", WhenThere),
    ("aws:epochtime", Always),
    ("aws:federatedprovider", WhenThere),
    ("aws:multifactorauthage", WhenThere),
    ("aws:multifactorauthpresent", OfSessions),
    ("aws:principalaccount", Always),
    ("aws:principalarn", Always),
    ("aws:principalisawsservice", Always),
    ("aws:principalservicename", WhenThere),
    ("aws:principaltag/", WhenThere),
    ("aws:principaltype", Always),
    ("aws:referer", WhenThere),
    ("aws:requestedregion", Always),
    ("aws:requesttag/", WhenThere),
    ("aws:resourceaccount", Always),
    ("aws:resourcetag/", Declared),
    ("aws:securetransport", Always),
    ("aws:sourceaccount", WhenThere),
    ("aws:sourcearn", WhenThere),
    ("aws:sourceidentity", WhenThere),
    ("aws:sourceip", Always),
    ("aws:sourcevpc", WhenThere),
    ("aws:sourcevpce", WhenThere),
    ("aws:tagkeys", WhenThere),
    ("aws:tokenissuetime", OfSessions),
    ("aws:useragent", Always),
    ("aws:userid", Always),
    ("aws:username", WhenThere),
    ("aws:viaawsservice", Always),
    ("aws:vpcsourceip", WhenThere),
];

const SERVICES: &[Known] = &[
    ("dynamodb:attributes", WhenThere),
    ("dynamodb:enclosingoperation", WhenThere),
    ("dynamodb:firstpartitionkeyvalues", WhenThere),
    ("dynamodb:fisactionid", WhenThere),
    ("dynamodb:fistargetarns", WhenThere),
    ("dynamodb:fulltablescan", WhenThere),
    ("dynamodb:leadingkeys", WhenThere),
    ("dynamodb:returnconsumedcapacity", WhenThere),
    ("dynamodb:returnvalues", WhenThere),
    ("dynamodb:select", WhenThere),
    ("events:detail-type", WhenThere),
    ("events:source", WhenThere),
    ("execute-api:viadomainarn", WhenThere),
    ("iam:resourcetag/", Declared),
    ("kms:calleraccount", Always),
    ("kms:encryptioncontext:", WhenThere),
    ("kms:encryptioncontextkeys", WhenThere),
    ("kms:grantisforawsresource", WhenThere),
    ("kms:macalgorithm", WhenThere),
    ("kms:requestalias", WhenThere),
    ("kms:viaservice", WhenThere),
    ("lambda:eventsourcetoken", WhenThere),
    ("lambda:functionarn", WhenThere),
    ("lambda:functionurlauthtype", WhenThere),
    ("lambda:invokedviafunctionurl", WhenThere),
    ("lambda:principal", WhenThere),
    ("lambda:sourcefunctionarn", WhenThere),
    ("logs:loggeneratingresourcearns", WhenThere),
    ("s3:authtype", Always),
    ("s3:delimiter", WhenThere),
    ("s3:existingobjecttag/", Declared),
    ("s3:if-match", WhenThere),
    ("s3:if-none-match", WhenThere),
    ("s3:locationconstraint", WhenThere),
    ("s3:max-keys", WhenThere),
    ("s3:object-lock-legal-hold", WhenThere),
    ("s3:object-lock-mode", WhenThere),
    ("s3:object-lock-retain-until-date", WhenThere),
    ("s3:prefix", WhenThere),
    ("s3:requestobjecttag/", WhenThere),
    ("s3:requestobjecttagkeys", WhenThere),
    ("s3:resourceaccount", Always),
    ("s3:signatureage", Always),
    ("s3:signatureversion", Always),
    ("s3:versionid", WhenThere),
    ("s3:x-amz-acl", WhenThere),
    ("s3:x-amz-content-sha256", WhenThere),
    ("s3:x-amz-copy-source", WhenThere),
    ("s3:x-amz-grant-full-control", WhenThere),
    ("s3:x-amz-grant-read", WhenThere),
    ("s3:x-amz-grant-read-acp", WhenThere),
    ("s3:x-amz-grant-write", WhenThere),
    ("s3:x-amz-grant-write-acp", WhenThere),
    ("s3:x-amz-metadata-directive", WhenThere),
    ("s3:x-amz-object-ownership", WhenThere),
    ("s3:x-amz-server-side-encryption", WhenThere),
    ("s3:x-amz-server-side-encryption-aws-kms-key-id", WhenThere),
    ("s3:x-amz-server-side-encryption-customer-algorithm", WhenThere),
    ("s3:x-amz-storage-class", WhenThere),
    ("s3:x-amz-website-redirect-location", WhenThere),
    ("sts:awsservicename", WhenThere),
    ("sts:durationseconds", WhenThere),
    ("sts:externalid", WhenThere),
    ("sts:requestcontextproviders", WhenThere),
    ("sts:rolesessionname", WhenThere),
    ("sts:sourceidentity", WhenThere),
    ("sts:transitivetagkeys", WhenThere),
];

/// What is known of a key, given in lower case.
pub(crate) fn presence(key: &str) -> Option<Presence> {
    let of =
        |table: &[Known]| table.iter().find(|(name, _)| stands_for(name, key)).map(|(_, presence)| *presence);
    of(GLOBAL).or_else(|| of(SERVICES))
}

fn stands_for(name: &str, key: &str) -> bool {
    if name.ends_with(['/', ':']) { key.len() > name.len() && key.starts_with(name) } else { key == name }
}
