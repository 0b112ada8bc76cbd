//! What is not even asked about: policies that no store would take, or should, and promises that say nothing.

use cedarprover::{Files, Policies, Promises};

use crate::{files, folder};

fn refused(files: &Files) -> String {
    Policies::parse(files).map(|_| "was taken".to_owned()).unwrap_or_else(|error| error.to_string())
}

fn with_policy(text: &str) -> Files {
    let mut files = files();
    files.policies.insert("planted".to_owned(), text.to_owned());
    files
}

#[test]
fn a_warning_is_an_error() {
    let impossible = "permit (principal is DocumentsAPI::User, action, resource is DocumentsAPI::Group);";
    let said = refused(&with_policy(impossible));
    assert!(said.starts_with("the policies are not valid: ") && said.contains("planted"), "{said}");
}

#[test]
fn what_is_not_strictly_typed_is_refused() {
    let said =
        refused(&with_policy("permit (principal, action, resource) when { resource.author == principal };"));
    assert!(said.contains("author"), "{said}");
}

#[test]
fn a_policy_that_looks_further_than_what_is_sent_is_refused() {
    let mut files = with_policy(
        "permit (principal, action, resource is DocumentsAPI::Document) when { resource.owner.on_leave };",
    );
    let user = "\"memberOfTypes\": [\"DocumentsAPI::Group\"]";
    assert!(files.schema.contains(user));
    let with = format!(
        "{user}, \"shape\": {{ \"type\": \"Record\", \"attributes\": {{ \"on_leave\": {{ \"type\": \"Boolean\" }} }} }}"
    );
    files.schema = files.schema.replacen(user, &with, 1);
    let said = refused(&files);
    assert!(said.contains("level"), "{said}");
    files.policies.get_mut("planted").unwrap().replace_range(
        ..,
        "permit (principal, action, resource is DocumentsAPI::Document) when { principal.on_leave };",
    );
    assert!(Policies::parse(&files).is_ok(), "the same of whoever asks is looked at");
}

#[test]
fn a_name_that_stands_for_everybody_may_not_be_anybodys() {
    for name in ["RECEIVER", "SHARED", "USER_ID"] {
        let text = format!("permit (principal == DocumentsAPI::User::\"{name}\", action, resource);");
        assert!(refused(&with_policy(&text)).contains(name));
    }
}

#[test]
fn promises_must_say_each_thing_once() {
    let policies = Policies::parse(&files()).unwrap();
    let ours = std::fs::read_to_string(folder().join("promises.cedar")).unwrap();
    let refused = |text: &str| {
        Promises::parse(text, &policies)
            .map(|_| "was taken".to_owned())
            .unwrap_or_else(|error| error.to_string())
    };
    assert_eq!(refused(&ours), "was taken");
    let twice = "@promise(\"again\") permit (principal, action == DocumentsAPI::Action::\"shareDocument\", resource);";
    let unsaid = "permit (principal, action == DocumentsAPI::Action::\"addDocument\", resource);";
    let rest = "@promise(\"again\") permit (principal, action, resource);";
    let unknown =
        "@promise(\"new\") permit (principal, action == DocumentsAPI::Action::\"burnDocument\", resource);";
    for (more, said) in [
        (twice, "shareDocument"),
        (unsaid, "no sentence"),
        (rest, "one promise about the actions that no other one lists"),
        (unknown, "do not fit the schema"),
    ] {
        let answer = refused(&format!("{ours}\n{more}"));
        assert!(answer.contains(said), "{answer}");
    }
}
