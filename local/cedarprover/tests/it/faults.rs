//! Faults, planted into our policies one at a time: each is found, and told with who can do what by which policy.

use crate::{files, proved};

const OWNERS: &str =
    "only a document's owner and administrators share it, unshare it, list its shares or delete it";
const TRANSFER: &str = "only administrators transfer ownership";
const USERS: &str = "only administrators manage the tenant's users";
const STORE: &str = "every user of the tenant adds documents, and lists their own";
const REST: &str = "any other action, a new one too, is granted to nobody but administrators";
const SHARE: &str = "a share lets whom it names open what it names, and nothing else";
const REMOVED: &str = "a removed user may do nothing, whatever permits it";
const ERRS: &str = "no policy errs, whatever is asked";

/// Something replaced in a file, and what is told of it.
struct Fault {
    what: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    /// The promise that it breaks.
    promise: &'static str,
    /// The case. `*` is what the solver may pick: one person who will do among several.
    case: &'static str,
}

const FAULTS: &[Fault] = &[
    Fault {
        what: "the owner's condition is dropped",
        file: "owner",
        from: "when { resource.owner == principal }",
        to: "",
        promise: OWNERS,
        case: "* may deleteDocument, listShares, shareDocument and unshareDocument some Document (owner: User *), \
               by `static/owner`",
    },
    Fault {
        what: "the owner's condition is turned round",
        file: "owner",
        from: "==",
        to: "!=",
        promise: OWNERS,
        case: "some User may not deleteDocument, listShares, shareDocument and unshareDocument some Document (owner: themselves)",
    },
    Fault {
        what: "the owner's policy is for every action",
        file: "owner",
        from: "action in DocumentsAPI::Action::\"ownerActions\"",
        to: "action",
        promise: TRANSFER,
        case: "some User may transferOwnership some Document (owner: themselves), by `static/owner`",
    },
    Fault {
        what: "the owner's policy is for every action that will ever be",
        file: "owner",
        from: "action in DocumentsAPI::Action::\"ownerActions\"",
        to: "action",
        promise: REST,
        case: "some User may anActionOfTomorrow some Document (owner: themselves), by `static/owner`",
    },
    Fault {
        what: "the administrators' policy is for everybody",
        file: "tenant-admin",
        from: "principal in DocumentsAPI::Group::\"TENANT_ADMINS\"",
        to: "principal is DocumentsAPI::User",
        promise: USERS,
        case: "some User may manageUsers some DocumentStore, by `static/tenant-admin`",
    },
    Fault {
        what: "the administrators' policy is for another group",
        file: "tenant-admin",
        from: "\"TENANT_ADMINS\"",
        to: "\"TENANT_ADMINS_READONLY\"",
        promise: TRANSFER,
        case: "some User (in Group \"TENANT_ADMINS_READONLY\") may transferOwnership some Document (owner: *), \
               by `static/tenant-admin`",
    },
    Fault {
        what: "the administrators' policy is for the collection alone",
        file: "tenant-admin",
        from: "  resource\n",
        to: "  resource is DocumentsAPI::DocumentStore\n",
        promise: TRANSFER,
        case: "some User (in Group \"TENANT_ADMINS\") may not transferOwnership some Document (owner: *)",
    },
    Fault {
        what: "everybody may manage users",
        file: "add-document",
        from: "DocumentsAPI::Action::\"listDocuments\"]",
        to: "DocumentsAPI::Action::\"listDocuments\", DocumentsAPI::Action::\"manageUsers\"]",
        promise: USERS,
        case: "some User may manageUsers some DocumentStore, by `static/add-document`",
    },
    Fault {
        what: "nobody but administrators lists documents",
        file: "add-document",
        from: ", DocumentsAPI::Action::\"listDocuments\"]",
        to: "]",
        promise: STORE,
        case: "some User may not listDocuments some DocumentStore",
    },
    Fault {
        what: "a share, whatever it is of, lets users share on",
        file: "share-template",
        from: "action == DocumentsAPI::Action::\"accessDocument\"",
        to: "action in [DocumentsAPI::Action::\"accessDocument\", DocumentsAPI::Action::\"shareDocument\"]",
        promise: OWNERS,
        case: "some User may shareDocument some Document (owner: User *), by `share`",
    },
    Fault {
        what: "a share gives all that an owner may do",
        file: "share-template",
        from: "action == DocumentsAPI::Action::\"accessDocument\"",
        to: "action in DocumentsAPI::Action::\"ownerActions\"",
        promise: SHARE,
        case: "after Document \"SHARED\" was shared with User \"RECEIVER\", User \"RECEIVER\" may deleteDocument, \
               listShares, shareDocument and unshareDocument Document \"SHARED\" (owner: *), by `share of SHARED with RECEIVER`",
    },
    Fault {
        what: "a share is of everything",
        file: "share-template",
        from: "resource == ?resource",
        to: "resource",
        promise: SHARE,
        case: "after Document \"SHARED\" was shared with User \"RECEIVER\", User \"RECEIVER\" may accessDocument \
               some Document (owner: *), by `share of SHARED with RECEIVER`",
    },
    Fault {
        what: "a share is for everybody",
        file: "share-template",
        from: "principal == ?principal",
        to: "principal",
        promise: SHARE,
        case: "after Document \"SHARED\" was shared with User \"RECEIVER\", some User may accessDocument \
               Document \"SHARED\" (owner: *), by `share of SHARED with RECEIVER`",
    },
    Fault {
        what: "a share could be of the collection, with every document in it",
        file: "share-template",
        from: "resource == ?resource",
        to: "resource in ?resource",
        promise: SHARE,
        case: "after DocumentStore \"SHARED\" was shared with User \"RECEIVER\", User \"RECEIVER\" may accessDocument \
               some Document (in DocumentStore \"SHARED\"; owner: *), by `share of SHARED with RECEIVER`",
    },
    Fault {
        what: "a share takes what it should give",
        file: "share-template",
        from: "permit",
        to: "forbid",
        promise: SHARE,
        case: "after Document \"SHARED\" was shared with User \"RECEIVER\", User \"RECEIVER\" may not accessDocument \
               Document \"SHARED\" (owner: *), by `share of SHARED with RECEIVER`",
    },
    Fault {
        what: "a removed user may still open documents",
        file: "removed-user",
        from: "  resource\n)",
        to: "  resource\n)\nunless { action == DocumentsAPI::Action::\"accessDocument\" }",
        promise: REMOVED,
        case: "User \"USER_ID\" may accessDocument some Document (owner: *), by *",
    },
    Fault {
        what: "removing a user permits them everything",
        file: "removed-user",
        from: "forbid",
        to: "permit",
        promise: REMOVED,
        case: "User \"USER_ID\" may *manageUsers* some DocumentStore, by `removed-user`",
    },
    Fault {
        what: "removing one user removes everybody",
        file: "removed-user",
        from: "principal == DocumentsAPI::User::\"USER_ID\"",
        to: "principal",
        promise: REMOVED,
        case: "some User may not *addDocument* some DocumentStore, by `removed-user`",
    },
    Fault {
        what: "a sum can overflow",
        file: "owner",
        from: "resource.owner == principal",
        to: "resource.owner == principal && resource.size + 1 > 0",
        promise: ERRS,
        case: "`static/owner` errs when some User asks to *accessDocument* some Document (owner: themselves; \
               size: 9223372036854775807)",
    },
];

#[tokio::test]
async fn each_planted_fault_is_found_and_told() {
    for fault in FAULTS {
        let mut files = files();
        let text = match fault.file {
            "share-template" => &mut files.share,
            "removed-user" => &mut files.removed,
            name => files.policies.get_mut(name).unwrap(),
        };
        assert!(text.contains(fault.from), "{}: `{}` is not in {}", fault.what, fault.from, fault.file);
        *text = text.replacen(fault.from, fault.to, 1);
        // Documents have sizes where a policy speaks of them.
        if fault.to.contains("resource.size") {
            let (from, to) = ("\"attributes\": { ", "\"attributes\": { \"size\": { \"type\": \"Long\" }, ");
            assert!(files.schema.contains(from));
            files.schema = files.schema.replacen(from, to, 1);
        }
        let said: Vec<String> = proved(&files).await.counterexamples().collect();
        let told = format!("{}, and yet {}", fault.promise, fault.case);
        let found = said.iter().any(|sentence| is_like(sentence, &told));
        assert!(found, "{}: nothing tells that\n  {told}\n, but\n  {}", fault.what, said.join("\n  "));
    }
}

/// Whether a text is as expected, where `*` is any text.
fn is_like(text: &str, expected: &str) -> bool {
    let (first, others) = expected.split_once('*').unwrap_or((expected, ""));
    let Some(mut text) = text.strip_prefix(first) else { return false };
    if !expected.contains('*') {
        return text.is_empty();
    }
    let mut parts: Vec<&str> = others.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, rest)) = text.split_once(part) else { return false };
        text = rest;
    }
    text.ends_with(last)
}
