use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::clock::parse_rfc3339;

fn ours() -> Ours {
    Ours { seller: "444455556666".parse().unwrap(), product: "4f9w2k7d1s8m5x3q6b0r8tzna".parse().unwrap() }
}

/// The body of the message in a file of `events/`.
fn body(file: &str) -> String {
    let path = format!("{}/../events/subscriptions-{file}.json", env!("CARGO_MANIFEST_DIR"));
    let message: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    message["Records"][0]["body"].as_str().unwrap().to_owned()
}

/// The same with one member replaced, or taken out.
fn changed(file: &str, pointer: &str, value: Option<Value>) -> String {
    let mut event: Value = serde_json::from_str(&body(file)).unwrap();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(name.to_owned(), value),
        None => parent.remove(name),
    };
    event.to_string()
}

fn stamp(at: &str, event: &str) -> Stamp {
    Stamp::new(parse_rfc3339(at).unwrap(), event.parse().unwrap())
}

#[test]
fn each_event_is_read_for_what_it_says() {
    let agreement: AgreementId = "agmt-2c8m4v7x1q5z9k3t6w0b8n2d4".parse().unwrap();
    let of_agreement = |kind| Ok(Reading::Agreement(AgreementEvent { agreement: agreement.clone(), kind }));
    let of_license = |kind, stamp| {
        Ok(Reading::License(LicenseEvent {
            license: "arn:aws:license-manager::294406891311:license:l-5d3c1f0e7a9b4c2d8e6f1a0b9c8d7e6f"
                .parse()
                .unwrap(),
            account: "111122223333".parse().unwrap(),
            kind,
            fact: LicenseFact { stamp, agreement: Some(agreement.clone()) },
        }))
    };
    for (file, reading) in [
        (
            "agreement-created",
            of_agreement(AgreementEventKind::Created(stamp(
                "2025-11-22T10:00:11.000Z",
                "0e6f1d52-8a3b-4f7c-9d10-2b5c8e7a4f61",
            ))),
        ),
        (
            "license-updated",
            of_license(
                LicenseEventKind::Updated,
                stamp("2025-11-22T10:01:12.000Z", "1f7a2e63-9b4c-4a8d-8e21-3c6d9f8b5a72"),
            ),
        ),
        (
            "agreement-amended",
            of_agreement(AgreementEventKind::Amended(stamp(
                "2025-11-25T09:30:00.000Z",
                "2a8b3f74-0c5d-4b9e-9f32-4d7e0a9c6b83",
            ))),
        ),
        (
            "agreement-ended",
            of_agreement(AgreementEventKind::Ended(AgreementEnd {
                stamp: stamp("2025-12-05T14:24:57.000Z", "3b9c4a85-1d6e-4caf-8a43-5e8f1bad7c94"),
                status: EndStatus::Cancelled,
            })),
        ),
        (
            "license-deprovisioned",
            of_license(
                LicenseEventKind::Deprovisioned,
                stamp("2025-12-05T14:25:28.000Z", "4cad5b96-2e7f-4db0-9b54-6f9a2cbe8da5"),
            ),
        ),
    ] {
        assert_eq!(read(&body(file), &ours()), reading, "{file}");
    }
}

#[test]
fn what_is_not_ours_is_ignored_by_its_name() {
    for (file, pointer, value, why) in [
        ("license-updated", "/source", "aws.s3", Ignored::Source),
        ("license-updated", "/account", "999988887777", Ignored::Account),
        ("agreement-ended", "/account", "999988887777", Ignored::Account),
        ("license-updated", "/detail/product/code", "another", Ignored::Product),
        ("license-updated", "/detail-type", "License Updated - Acceptor", Ignored::Kind),
        ("license-updated", "/detail-type", "License Renamed - Manufacturer", Ignored::Kind),
        ("license-updated", "/detail-type", "License Updated", Ignored::Kind),
        ("license-updated", "/detail-type", "", Ignored::Kind),
    ] {
        let reading = read(&changed(file, pointer, Some(json!(value))), &ours());
        assert_eq!(reading, Ok(Reading::Ignored(why)), "{pointer}: {value}");
    }
}

#[test]
fn either_party_of_a_sale_is_told_the_same() {
    for (file, detail_type) in [
        ("license-updated", "License Updated - Proposer"),
        ("agreement-ended", "Purchase Agreement Ended - Manufacturer"),
    ] {
        let other = read(&changed(file, "/detail-type", Some(json!(detail_type))), &ours());
        assert_eq!(other, read(&body(file), &ours()));
    }
}

#[test]
fn an_unknown_end_is_an_end_that_is_not_understood() {
    let body = changed("agreement-ended", "/detail/agreement/status", Some(json!("POSTPONED")));
    let Ok(Reading::Agreement(AgreementEvent { kind: AgreementEventKind::Ended(end), .. })) =
        read(&body, &ours())
    else {
        panic!("it is an end");
    };
    assert_eq!(end.status, EndStatus::Unknown);
}

#[test]
fn what_is_malformed_is_refused_and_says_where() {
    for (file, pointer, value, refused) in [
        ("license-updated", "/id", Some(json!("a/b")), InvalidEvent::Member("id")),
        ("license-updated", "/time", Some(json!("yesterday")), InvalidEvent::Member("time")),
        ("license-updated", "/time", None, InvalidEvent::NotAnEvent),
        ("license-updated", "/detail", Some(json!(7)), InvalidEvent::Member("detail")),
        ("license-updated", "/detail/license/arn", Some(json!("l-1")), InvalidEvent::Member("license ARN")),
        ("license-updated", "/detail/license/arn", Some(json!(1)), InvalidEvent::Member("detail")),
        ("license-updated", "/detail/license", None, InvalidEvent::Member("license ARN")),
        ("license-updated", "/detail/product", None, InvalidEvent::Member("product code")),
        ("license-updated", "/detail/acceptor", None, InvalidEvent::Member("acceptor account")),
        ("license-updated", "/detail/agreement", None, InvalidEvent::Member("agreement id")),
        ("agreement-ended", "/detail/agreement/status", None, InvalidEvent::Member("agreement status")),
        ("agreement-ended", "/detail/agreement/id", Some(json!("a#b")), InvalidEvent::Member("agreement id")),
    ] {
        assert_eq!(read(&changed(file, pointer, value), &ours()), Err(refused), "{pointer}");
    }
    assert_eq!(read("", &ours()), Err(InvalidEvent::NotAnEvent));
    assert_eq!(read("[]", &ours()), Err(InvalidEvent::NotAnEvent));
    assert_eq!(read(&" ".repeat(LARGEST + 1), &ours()), Err(InvalidEvent::TooLarge));
}

proptest! {
    #[test]
    fn no_text_makes_it_fail_otherwise(text in "\\PC*") {
        let _ = read(&text, &ours());
        let _ = read(&changed("license-updated", "/detail/license/arn", Some(json!(text))), &ours());
        let _ = read(&changed("agreement-created", "/time", Some(json!(text))), &ours());
    }
}
