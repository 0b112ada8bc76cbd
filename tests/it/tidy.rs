//! Rules of the house that a compiler does not know.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

#[test]
fn rules_know_no_aws() {
    for file in [
        "documents/mod.rs",
        "documents/fields.rs",
        "shares/mod.rs",
        "body.rs",
        "cursor.rs",
        "ids.rs",
        "page.rs",
        "clock.rs",
        "wire.rs",
        "marketplace/ids.rs",
        "onboarding/details.rs",
        "onboarding/order.rs",
        "onboarding/progress.rs",
        "ordered.rs",
        "routes/answers.rs",
        "routes/mod.rs",
        "routes/openapi.rs",
        "routes/schemas.rs",
        "signup/form.rs",
        "subscriptions/event.rs",
        "subscriptions/facts.rs",
        "subscriptions/line.rs",
        "usage/events.rs",
        "users/email.rs",
    ] {
        let text = read(&format!("shared/src/{file}"));
        assert!(!text.contains("aws_"), "shared/src/{file} is a rule, and names an AWS crate");
    }
}

/// Functions that work across tenants, and have clients of their own for it. No tenant's user can call them.
const CONTROL_PLANE: [&str; 3] = ["functions/metering/", "functions/onboarding/", "functions/subscriptions/"];

#[test]
fn functions_that_face_tenants_speak_to_aws_through_shared() {
    for (file, text) in sources("functions") {
        let works_across_tenants = CONTROL_PLANE.iter().any(|function| file.starts_with(function));
        for service in ["aws_sdk_s3", "aws_sdk_sts", "aws_sdk_cognitoidentityprovider", "aws_sdk_marketplace"]
        {
            assert!(!text.contains(service), "{file} names {service}: ask `shared` for it");
        }
        for service in ["aws_sdk_dynamodb", "aws_sdk_verifiedpermissions"] {
            assert!(
                works_across_tenants || !text.contains(service),
                "{file} names {service}: ask `shared` for it"
            );
        }
        if file.ends_with("main.rs") {
            assert!(text.lines().count() <= 25, "{file} is wiring only");
        }
    }
}

#[test]
fn every_client_is_made_behind_its_one_door() {
    let doors = [
        (
            "aws_sdk_dynamodb",
            // The script reaches no AWS: tests of this crate have their tables from it. What the user pool writes into tokens
            // is read before there is a token, and so before there is a session.
            &[
                "shared/src/marketplace/script.rs",
                "shared/src/signup/mod.rs",
                "shared/src/tenancy/session.rs",
                "shared/src/tenancy/tags.rs",
            ][..],
        ),
        ("aws_sdk_s3", &["shared/src/tenancy/session.rs"]),
        ("aws_sdk_verifiedpermissions", &["shared/src/tenancy/probe.rs", "shared/src/tenancy/session.rs"]),
        ("aws_sdk_sts", &["shared/src/marketplace/seller.rs", "shared/src/tenancy/open.rs"]),
        ("aws_sdk_cognitoidentityprovider", &["shared/src/users/pool.rs"]),
        ("aws_sdk_kms", &["shared/src/signup/key.rs"]),
        ("aws_sdk_marketplaceagreement", &["shared/src/marketplace/agreements.rs"]),
        (
            "aws_sdk_marketplacemetering",
            &["shared/src/marketplace/meter.rs", "shared/src/marketplace/resolve.rs"],
        ),
    ];
    let makes = |text: &str, service: &str| {
        let is_imported = text.contains(&format!("use {service}::"));
        ["Client::new(", "Client::from_conf("].iter().any(|made| {
            text.match_indices(made).any(|(at, _)| {
                let before = text.get(..at).unwrap_or_default();
                let is_bare = !before.ends_with(|c: char| c.is_alphanumeric() || c == ':');
                before.ends_with(&format!("{service}::")) || (is_imported && is_bare)
            })
        })
    };
    for (service, allowed) in doors {
        let mut makers: Vec<_> = sources("shared")
            .into_iter()
            .filter(|(_, text)| makes(text, service))
            .map(|(file, _)| file)
            .collect();
        makers.sort();
        assert_eq!(makers, allowed, "{service}");
    }
}

#[test]
fn nothing_deployed_depends_on_the_local_account() {
    let local = [
        "bench",
        "local",
        "cedarprover",
        "gateway",
        "iam",
        "marketplace",
        "prover",
        "verifiedpermissions",
        "tests",
    ];
    let manifests = std::fs::read_dir(root().join("functions")).unwrap().map(|function| {
        let path = function.unwrap().path().join("Cargo.toml");
        path.strip_prefix(root()).unwrap().display().to_string()
    });
    for manifest in manifests.chain(["shared/Cargo.toml".to_owned()]) {
        let text = read(&manifest);
        // What its own tests use is not deployed.
        let deployed = text.split("[dev-dependencies]").next().unwrap();
        for name in local {
            let dependency =
                |line: &str| line.starts_with(&format!("{name}.")) || line.starts_with(&format!("{name} "));
            assert!(!deployed.lines().any(dependency), "{manifest} depends on {name}");
        }
    }
}

#[test]
fn the_readme_gives_the_test_command_that_ci_runs() {
    let command = "cargo test --workspace";
    assert!(read("README.md").contains(command) && read(".ci/run").contains(command));
}

/// An SPDX expression is fine when one side of every choice is allowed.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    expression
        .replace(['(', ')'], "")
        .replace('/', " OR ")
        .split(" AND ")
        .all(|all| all.split(" OR ").any(|licence| allowed.iter().any(|allowed| allowed == licence.trim())))
}

#[test]
fn every_dependency_has_a_licence_that_may_be_linked() {
    let allowed: Vec<String> = read("deny.toml")
        .lines()
        .skip_while(|line| !line.starts_with("allow = ["))
        .skip(1)
        .take_while(|line| !line.starts_with(']'))
        .filter_map(|line| line.trim().strip_prefix('"')?.split('"').next().map(str::to_owned))
        .collect();
    assert!(allowed.len() >= 5 && !is_allowed("AGPL-3.0-only", &allowed));
    let metadata = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    for package in metadata["packages"].as_array().unwrap() {
        let licence = package["license"].as_str().unwrap_or("none");
        assert!(
            is_allowed(licence, &allowed),
            "{} has the licence {licence}: see deny.toml",
            package["name"]
        );
    }
}

#[test]
fn the_gateways_own_refusals_are_the_apis_problems() {
    use shared::problem::{Kind, Problem};
    let known: Vec<String> = Kind::ALL.into_iter().map(|kind| Problem::of(kind).to_json()).collect();
    let template = read("template.yaml");
    let refusals: Vec<_> = template
        .lines()
        .filter_map(|line| line.trim().strip_prefix("application/json: '")?.strip_suffix('\''))
        .collect();
    assert!(refusals.len() >= 10);
    for refusal in refusals {
        assert!(known.iter().any(|problem| problem == refusal), "{refusal} is no problem of shared::problem");
    }
}

/// The resources of the template, each with its lines.
fn resources(template: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in template.lines() {
        let is_name = line.starts_with("  ") && !line.starts_with("   ") && line.trim_end().ends_with(':');
        match found.last_mut() {
            _ if is_name => found.push((line.trim().trim_end_matches(':'), Vec::new())),
            Some((_, lines)) => lines.push(line.trim()),
            None => {}
        }
    }
    found
}

fn setting<'a>(lines: &[&'a str], name: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
}

#[test]
fn an_hour_is_closed_when_no_function_can_write_into_it_any_more() {
    use shared::metering::hour::WRITE_LASTS_S;
    let template = read("template.yaml");
    let readers = ["MeteringFunction", "UsageFunction"];
    let writers: Vec<_> = resources(&template)
        .into_iter()
        .filter(|(name, lines)| {
            lines.contains(&"Type: AWS::Serverless::Function")
                && setting(lines, "USAGE_TABLE").is_some()
                && !readers.contains(name)
        })
        .collect();
    assert!(writers.len() >= 3, "{}", writers.len());
    for (name, lines) in writers {
        let seconds: u64 = setting(&lines, "Timeout").map_or(10, |seconds| seconds.parse().unwrap());
        assert!(seconds <= WRITE_LASTS_S, "{name} may write for {seconds} s: see WRITE_LASTS_S");
    }
}

#[test]
fn all_workers_of_metering_together_leave_some_of_the_marketplaces_rate() {
    let template = read("template.yaml");
    let resources = resources(&template);
    let default = |parameter: &str| -> f64 {
        let (_, lines) = resources.iter().find(|(name, _)| *name == parameter).unwrap();
        setting(lines, "Default").unwrap().parse().unwrap()
    };
    assert!(default("MeteringWorkers") * default("MeteringCallsPerSecond") <= 8.0, "of ten a second");
}

#[test]
fn no_message_is_worked_on_twice_at_once() {
    let template = read("template.yaml");
    let resources = resources(&template);
    let of = |wanted: &str| &resources.iter().find(|(name, _)| *name == wanted).unwrap().1;
    let mut queues = 0;
    for (name, lines) in
        resources.iter().filter(|(_, lines)| lines.contains(&"Type: AWS::Serverless::Function"))
    {
        let lasts: u64 = setting(lines, "Timeout").map_or(10, |seconds| seconds.parse().unwrap());
        for queue in
            lines.iter().filter_map(|line| line.strip_prefix("Queue: !GetAtt ")?.strip_suffix(".Arn"))
        {
            queues += 1;
            let hidden: u64 = setting(of(queue), "VisibilityTimeout").unwrap().parse().unwrap();
            assert!(hidden > lasts, "{queue} hides a message for {hidden} s, {name} may run for {lasts} s");
        }
    }
    assert!(queues >= 5, "{queues}");
}

#[test]
fn every_dead_letter_has_an_alarm_and_every_alarm_somebody_to_tell() {
    let mut alarms = 0;
    for template in ["template.yaml", "template-seller.yaml"] {
        let template = read(template);
        let resources = resources(&template);
        let of_type = |wanted: &str| {
            let kind = format!("Type: {wanted}");
            resources.iter().filter(move |(_, lines)| lines.contains(&kind.as_str()))
        };
        for (name, lines) in of_type("AWS::CloudWatch::Alarm") {
            alarms += 1;
            let told = setting(lines, "AlarmActions").unwrap_or_default();
            assert!(told.contains("!Ref AlarmTopicArn"), "{name} tells nobody");
        }
        for (queue, _) in of_type("AWS::SQS::Queue").filter(|(name, _)| name.ends_with("DeadLetters")) {
            let value = format!("Value: !GetAtt {queue}.QueueName");
            let mut of_alarms = of_type("AWS::CloudWatch::Alarm");
            assert!(of_alarms.any(|(_, lines)| lines.contains(&value.as_str())), "{queue} has no alarm");
        }
    }
    assert!(alarms >= 30, "{alarms}");
}

/// What follows a registration is in its URL, and API Gateway's traces hold URLs.
#[test]
fn the_api_makes_no_traces() {
    let template = read("template.yaml");
    let resources = resources(&template);
    let (_, api) = resources.iter().find(|(_, lines)| lines.contains(&"Type: AWS::Serverless::Api")).unwrap();
    assert_eq!(setting(api, "TracingEnabled"), Some("false"));
}
