//! Cases: policies, and a request that they may or may not allow.

use iam::{Context, Decision, Policies, Policy, Principal, Request, Tags, Value as Held, evaluate};
use serde_json::{Map, Value, json};

/// The same numbers for the same seed, whatever the machine (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.roll(of.len())]
    }

    /// Once in so many times.
    fn hits(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    /// One or a few of these, the first ones being likelier.
    fn some(&mut self, of: &[&str], most: usize) -> Vec<String> {
        (0..=self.roll(most)).map(|_| self.one(of).to_owned()).collect()
    }
}

const ACCOUNT: &str = "123456789012";
const ROLE: &str = "arn:aws:iam::123456789012:role/data";
const OTHER_ROLE: &str = "arn:aws:iam::999999999999:role/stranger";
const TENANTS: &[&str] = &["ab", "abc", "AB", "a/b", "zz"];

/// `(action, resources that it can be on)`.
const ACTIONS: &[(&str, &[&str])] = &[
    ("dynamodb:GetItem", &[TABLE, OTHER_TABLE]),
    ("dynamodb:BatchWriteItem", &[TABLE, OTHER_TABLE]),
    ("dynamodb:Query", &[TABLE, INDEX]),
    ("dynamodb:Scan", &[TABLE, INDEX]),
    ("dynamodb:DeleteTable", &[TABLE]),
    (
        "s3:GetObject",
        &["arn:aws:s3:::content/ab/1", "arn:aws:s3:::content/abc/1", "arn:aws:s3:::content/a/b/1"],
    ),
    ("s3:PutObject", &["arn:aws:s3:::content/ab/1", "arn:aws:s3:::content/zz/ab/1"]),
    ("s3:ListBucket", &["arn:aws:s3:::content"]),
    ("verifiedpermissions:IsAuthorized", &[STORE, OTHER_STORE]),
    ("verifiedpermissions:CreatePolicy", &[STORE, OTHER_STORE]),
    (
        "sqs:SendMessage",
        &["arn:aws:sqs:us-east-1:123456789012:deletions", "arn:aws:sqs:us-east-1:123456789012:departures"],
    ),
];

const TABLE: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/Documents";
const OTHER_TABLE: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/Documents2";
const INDEX: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/Documents/index/by-owner";
const STORE: &str = "arn:aws:verifiedpermissions::123456789012:policy-store/PSab";
const OTHER_STORE: &str = "arn:aws:verifiedpermissions::123456789012:policy-store/PSabc";

const VARIABLE: &str = "${aws:PrincipalTag/tenant_id}";

const ACTION_PATTERNS: &[&str] = &[
    "*",
    "dynamodb:*",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "dynamodb:Batch*",
    "dynamodb:S?an",
    "DynamoDB:getitem",
    "s3:*",
    "s3:GetObject",
    "s3:*Object",
    "s3:List*",
    "verifiedpermissions:*",
    "verifiedpermissions:IsAuthorized*",
    "sqs:SendMessage",
];

const RESOURCE_PATTERNS: &[&str] = &[
    "*",
    TABLE,
    INDEX,
    OTHER_TABLE,
    "arn:aws:dynamodb:us-east-1:123456789012:table/Documents*",
    "arn:aws:dynamodb:us-east-1:123456789012:table/Documents/index/*",
    "arn:aws:dynamodb:*:*:table/Documents?",
    "arn:aws:s3:::content",
    "arn:aws:s3:::content/*",
    "arn:aws:s3:::content/${aws:PrincipalTag/tenant_id}/*",
    "arn:aws:s3:::content/${aws:PrincipalTag/tenant_id}*",
    "arn:aws:s3:::*/ab/?",
    "arn:aws:verifiedpermissions::123456789012:policy-store/${aws:PrincipalTag/policy_store_id}",
    "arn:aws:verifiedpermissions::123456789012:policy-store/*",
    "arn:aws:sqs:us-east-1:123456789012:deletions",
    "arn:aws:sqs:us-east-1:123456789012:d*s",
];

/// Texts that conditions compare with.
const VALUES: &[&str] = &[
    "ab",
    "abc",
    "AB",
    "zz",
    "ab*",
    "a?",
    "*",
    "?*",
    "ab/",
    "ab/*",
    "${aws:PrincipalTag/tenant_id}",
    "${aws:PrincipalTag/tenant_id}/*",
    "${aws:PrincipalTag/tenant_id}*",
    "PSab",
];

/// Single-valued keys that a request may carry, and multi-valued ones.
const SINGLE: &[&str] =
    &["aws:PrincipalTag/tenant_id", "aws:ResourceTag/tenant_id", "s3:prefix", "aws:RequestTag/tenant_id"];
const MULTIPLE: &[&str] = &["dynamodb:LeadingKeys", "aws:TagKeys", "dynamodb:Attributes"];

const STRINGS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
];

/// One request with the policies that bear on it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    request: Request,
    identity: Vec<Value>,
    boundary: Option<Value>,
    resource: Option<Value>,
}

impl Case {
    pub(crate) fn rolled(dice: &mut Dice) -> Self {
        let (action, resources) = ACTIONS[dice.roll(ACTIONS.len())];
        let resource = resources[dice.roll(resources.len())];
        let service = action.split_once(':').unwrap().0;
        let mut tags = Vec::new();
        if !dice.hits(6) {
            tags.push(("tenant_id", dice.one(TENANTS)));
        }
        if dice.hits(2) {
            tags.push(("policy_store_id", dice.one(&["PSab", "PSabc"])));
        }
        let role = if dice.hits(12) { OTHER_ROLE } else { ROLE };
        let principal =
            Principal::assumed_role(role, "one").unwrap().with_tags(Tags::new(tags.iter().copied()).unwrap());
        let mut context = Context::new().with_all_of("aws:ResourceTag/").with("aws:SecureTransport", "true");
        if matches!(service, "dynamodb" | "verifiedpermissions") && dice.hits(2) {
            context = context.with("aws:ResourceTag/tenant_id", dice.one(TENANTS));
        }
        if dice.hits(3) {
            context = context.with("aws:RequestTag/tenant_id", dice.one(TENANTS));
            context = context.with_many("aws:TagKeys", dice.some(&["tenant_id", "ab", "other"], 2));
        }
        // The keys that the action has: the other leaves the rest out, as AWS does.
        let has_keys = matches!(action, "dynamodb:GetItem" | "dynamodb:BatchWriteItem" | "dynamodb:Query");
        if has_keys && !dice.hits(3) {
            for key in ["dynamodb:LeadingKeys", "dynamodb:Attributes"] {
                context = context.with_many(key, dice.some(TENANTS, 2));
            }
        }
        if action == "s3:ListBucket" && !dice.hits(3) {
            context = context.with("s3:prefix", dice.one(&["ab/", "abc/", "a", "ab", "ab/x", "zz/"]));
        }
        let request = Request::new(principal, action, resource, ACCOUNT, context).unwrap();
        let likely = (action, resource);
        let identity = (0..=dice.roll(2)).map(|_| policy(dice, likely, None)).collect();
        let boundary = dice.hits(5).then(|| policy(dice, likely, None));
        let resource = dice.hits(4).then(|| {
            let everyone = json!("*");
            let of_role = json!({"AWS": [role]});
            let of_account = json!({"AWS": "arn:aws:iam::123456789012:root"});
            let principal = [everyone, of_role, of_account][dice.roll(3)].clone();
            policy(dice, likely, Some(&principal))
        });
        Self { request, identity, boundary, resource }
    }

    /// Our decision; `None` if there is none.
    pub(crate) fn decided(&self) -> Option<&'static str> {
        let parsed = |policy: &Value| Policy::parse("p", &policy.to_string()).unwrap();
        let policies = Policies {
            identity: self.identity.iter().map(parsed).collect(),
            boundary: self.boundary.as_ref().map(parsed),
            resource: self.resource.as_ref().map(parsed),
            ..Policies::default()
        };
        match evaluate(&self.request, &policies) {
            Ok(Decision::Allowed { .. }) => Some("Allowed"),
            Ok(Decision::ExplicitlyDenied { .. }) => Some("ExplicitlyDenied"),
            Ok(Decision::ImplicitlyDenied { .. }) => Some("ImplicitlyDenied"),
            Err(_) => None,
        }
    }

    /// The same case where it hits the one thing in which the two are known to differ, written so that they do not;
    /// `None` where they have to agree as it is.
    ///
    /// IAM User Guide, "Policy variables with no value": a variable without a value is like no text, so that an operator
    /// which is a negation holds. The other evaluator lets every condition with such a variable fail.
    pub(crate) fn beside_known_difference(&self) -> Option<Self> {
        if self.request.context().get("aws:PrincipalTag/tenant_id").is_some() {
            return None;
        }
        let mut other = self.clone();
        let policies = other.identity.iter_mut().chain(&mut other.boundary).chain(&mut other.resource);
        let mut any = false;
        for statement in policies.flat_map(|policy| policy["Statement"].as_array_mut().unwrap()) {
            let Some(block) = statement.get_mut("Condition").and_then(Value::as_object_mut) else { continue };
            let negated = block.iter_mut().filter(|(operator, _)| operator.contains("Not"));
            for values in negated.flat_map(|(_, keys)| keys.as_object_mut().unwrap().values_mut()) {
                for value in values.as_array_mut().unwrap() {
                    if value.as_str().unwrap().contains(VARIABLE) {
                        *value = json!("like no text that a request has");
                        any = true;
                    }
                }
            }
        }
        any.then_some(other)
    }

    /// As the other evaluator reads it.
    pub(crate) fn json(&self) -> String {
        let mut context = Map::new();
        for (key, value) in self.request.context().iter() {
            match value {
                Held::One(text) => context.insert(key.to_owned(), json!(text)),
                Held::Many(texts) => context.insert(key.to_owned(), json!(texts)),
                Held::Unknown(_) => None,
            };
        }
        json!({
            "principal": self.request.principal().arn(), "action": self.request.action(),
            "resource": self.request.resource(), "account": self.request.resource_account(), "context": context,
            "identity": self.identity, "boundary": self.boundary, "policy": self.resource,
        })
        .to_string()
    }
}

/// A document of one to three statements, some of which are about this action and resource.
fn policy(dice: &mut Dice, likely: (&str, &str), principal: Option<&Value>) -> Value {
    let statements: Vec<Value> = (0..=dice.roll(3)).map(|_| statement(dice, likely, principal)).collect();
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn statement(dice: &mut Dice, (action, resource): (&str, &str), principal: Option<&Value>) -> Value {
    let mut statement = Map::new();
    let allows = !dice.hits(6);
    statement.insert("Effect".to_owned(), json!(if allows { "Allow" } else { "Deny" }));
    let mut actions = dice.some(ACTION_PATTERNS, 2);
    if dice.hits(2) {
        actions.push(action.to_owned());
    }
    let mut resources = dice.some(RESOURCE_PATTERNS, 2);
    if dice.hits(3) {
        resources.push(resource.to_owned());
    }
    let negated = |dice: &mut Dice, name: &str| format!("{}{name}", if dice.hits(12) { "Not" } else { "" });
    statement.insert(negated(dice, "Action"), json!(actions));
    statement.insert(negated(dice, "Resource"), json!(resources));
    if let Some(principal) = principal {
        statement.insert("Principal".to_owned(), principal.clone());
    }
    if !dice.hits(3) {
        let mut block: Map<String, Value> = Map::new();
        for _ in 0..=dice.roll(2) {
            let (operator, key, values) = condition(dice);
            let keys = block.entry(operator).or_insert_with(|| json!({}));
            keys[key] = json!(values);
        }
        statement.insert("Condition".to_owned(), Value::Object(block));
    }
    Value::Object(statement)
}

fn condition(dice: &mut Dice) -> (String, String, Vec<String>) {
    if dice.hits(4) {
        let key = dice.one(&[SINGLE, MULTIPLE].concat()).to_owned();
        return ("Null".to_owned(), key, vec![dice.one(&["true", "false"]).to_owned()]);
    }
    let operator = dice.one(STRINGS);
    let if_exists = if dice.hits(5) { "IfExists" } else { "" };
    if dice.hits(2) {
        let (set, if_exists) = match dice.roll(2) {
            0 => ("ForAllValues:", if_exists),
            // What `ForAnyValue:…IfExists` makes of an absent key is undecidable to ours.
            _ => ("ForAnyValue:", ""),
        };
        (format!("{set}{operator}{if_exists}"), dice.one(MULTIPLE).to_owned(), dice.some(VALUES, 2))
    } else {
        (format!("{operator}{if_exists}"), dice.one(SINGLE).to_owned(), dice.some(VALUES, 2))
    }
}
