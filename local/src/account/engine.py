# Runs ministack for as long as somebody holds the other end of standard input, with what it lacks put in.
#
# The account that started it holds a pipe and writes nothing to it. When that process ends, however it
# ends, the pipe closes, and this whole process group - ministack and the functions that it runs - goes.
#
# What is put in is EventBridge between two accounts, which ministack 1.5.33 does not have: events that
# AWS Marketplace itself sends, their way to another account's bus, and that bus's policy in a template. And where
# tokens open tenants' sessions: the user pool as an identity provider in a template, and a trigger's refusal.
import ast
import contextvars
import fnmatch
import json
import logging
import os
import runpy
import signal
import sys
import threading
import time

from ministack.core.arn import parse_arn
from ministack.core.responses import error_response_json, get_account_id, json_response, request_scope
from ministack.services import cognito, eventbridge, iam
from ministack.services.cloudformation import provisioners

# The source that AWS Marketplace signs its events with.
MARKETPLACE = "aws.agreement-marketplace"
log = logging.getLogger("strongroom")


def end_with_parent():
    # Not sys.stdin, whose buffer would be locked when the interpreter goes.
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


# --- PutEvents: the Marketplace's own events, and an event's own time -------------------------------
# ministack refuses every source that begins with `aws.`, as AWS does; here the gateway has refused it to
# everybody but itself, and it plays the Marketplace. And ministack stamps its own time on every event,
# while the product has to cope with events that are late and out of order. And it makes up every event's id,
# while an event that AWS delivers twice has one; so an entry of the gateway's may say its own.

stated_time = contextvars.ContextVar("stated_time", default=None)
stated_id = contextvars.ContextVar("stated_id", default=None)
put_events_of_ministack = eventbridge._put_events
new_uuid_of_ministack = eventbridge.new_uuid


def new_uuid():
    # The first one of an entry is its event's.
    stated = stated_id.get()
    stated_id.set(None)
    return stated or new_uuid_of_ministack()


def now():
    stated = stated_time.get()
    return time.time() if stated is None else stated


def put_events(data, allow_aws_source=False):
    entries = data.get("Entries", [])
    if not 1 <= len(entries) <= 10:
        return put_events_of_ministack(data, allow_aws_source)
    results, failed = [], 0
    for entry in entries:
        stated = eventbridge._coerce_timestamp(entry.get("Time"))
        token = stated_time.set(stated if isinstance(stated, (int, float)) else None)
        stated_id.set(entry.get("Id"))
        try:
            allowed = allow_aws_source or entry.get("Source") == MARKETPLACE
            status, headers, body = put_events_of_ministack({"Entries": [entry]}, allowed)
        finally:
            stated_time.reset(token)
            stated_id.set(None)
        if status != 200:
            return status, headers, body
        answer = json.loads(body)
        results += answer["Entries"]
        failed += answer["FailedEntryCount"]
    return json_response({"FailedEntryCount": failed, "Entries": results})


eventbridge._now_ts = now
eventbridge.new_uuid = new_uuid
eventbridge._put_events = put_events


# --- Targets: the bus of another account ------------------------------------------------------------
# ministack drops an event whose target is another account's bus. AWS delivers it, with its id, account
# and time as they were, where the policy of that bus lets the target's role put it there, and otherwise
# gives it to the target's dead-letter queue. A condition that is not known here lets nobody in.

OPERATORS = {
    "StringEquals": str.__eq__,
    # One event comes here at a time, so of its lists every member is the only one.
    "ForAllValues:StringEquals": str.__eq__,
    "ArnEquals": fnmatch.fnmatchcase,
    "ArnLike": fnmatch.fnmatchcase,
    "Null": lambda fact, value: (not fact) == (value == "true"),
}
target_under_way = contextvars.ContextVar("target_under_way")
invoke_target_of_ministack = eventbridge._invoke_target
dispatch_to_event_bus_of_ministack = eventbridge._dispatch_to_event_bus


def listed(values):
    return values if isinstance(values, list) else [values]


def lets_in(statement, sender, facts):
    principal = statement.get("Principal")
    names = listed(principal.get("AWS", []) if isinstance(principal, dict) else principal)
    role = facts["aws:PrincipalArn"]
    return (
        statement.get("Effect") == "Allow"
        and any(name in ("*", sender, f"arn:aws:iam::{sender}:root", role) for name in names)
        and any(action in ("events:PutEvents", "events:*", "*") for action in listed(statement.get("Action")))
        and all(
            operator in OPERATORS
            and any(OPERATORS[operator](facts.get(key, ""), value) for value in listed(values))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def invoke_target(target, event, rule, view=None):
    token = target_under_way.set(target)
    try:
        invoke_target_of_ministack(target, event, rule, view)
    finally:
        target_under_way.reset(token)


def dispatch_to_event_bus(spec, event, rule, event_path, target_input_payload=None):
    sender, target = get_account_id(), target_under_way.get()
    if spec.account_id == sender or not spec.resource.startswith("event-bus/"):
        return dispatch_to_event_bus_of_ministack(spec, event, rule, event_path, target_input_payload)
    bus = spec.resource.split("/", 1)[1]
    # Rules of two accounts may have one name.
    passed = f"{sender}/{eventbridge._rule_key(rule.get('Name'), rule.get('EventBusName', 'default'))}"
    facts = {"aws:PrincipalArn": target.get("RoleArn", ""), "events:source": event.get("Source", "")}
    with request_scope(spec.account_id, spec.region):
        statements = eventbridge._event_bus_policies.get(bus, {}).get("Statement", [])
        there = bus in eventbridge._event_buses and passed not in event_path
        if there and any(lets_in(statement, sender, facts) for statement in statements):
            forwarded = {**event, "EventBusName": bus, "_DispatchPath": [*event_path, passed]}
            if target_input_payload is not None:
                forwarded["Detail"] = target_input_payload
            eventbridge._dispatch_event(forwarded)
            return
    log.warning("event not delivered: %s is not there or does not let account %s in", spec, sender)
    dead_letters = target.get("DeadLetterConfig", {}).get("Arn")
    if dead_letters:
        undelivered = eventbridge._pattern_event_view(event).event_with_detail()
        eventbridge._dispatch_to_sqs(parse_arn(dead_letters), json.dumps(undelivered))


eventbridge._invoke_target = invoke_target
eventbridge._dispatch_to_event_bus = dispatch_to_event_bus


# --- CloudFormation: AWS::Events::EventBusPolicy ----------------------------------------------------
# ministack refuses the whole template for a type that it does not know.


def set_bus_policy(physical_id, statement):
    bus, sid = physical_id.split("|", 1)
    policy = eventbridge._event_bus_policies.get(bus) or {"Version": "2012-10-17", "Statement": []}
    kept = [one for one in policy["Statement"] if one.get("Sid") != sid]
    policy["Statement"] = kept + ([{**statement, "Sid": sid}] if statement else [])
    if policy["Statement"]:
        eventbridge._event_bus_policies[bus] = policy
    else:
        eventbridge._event_bus_policies.pop(bus, None)


def create_bus_policy(logical_id, props, stack_name):
    if "Statement" not in props:
        raise ValueError("AWS::Events::EventBusPolicy: give its Statement; Action and Principal are not known here")
    physical_id = f"{props.get('EventBusName', 'default')}|{props['StatementId']}"
    set_bus_policy(physical_id, props["Statement"])
    return physical_id, {}


def update_bus_policy(physical_id, old_props, new_props, stack_name):
    set_bus_policy(physical_id, None)
    return create_bus_policy(None, new_props, stack_name)


provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = {
    "create": create_bus_policy,
    "update": update_bus_policy,
    "delete": lambda physical_id, props: set_bus_policy(physical_id, None),
}

# --- CloudFormation: a number that a parameter gives --------------------------------------------------
# A parameter is a text. CloudFormation makes a number of it where one is wanted; ministack keeps the text, and its
# poller of queues, which compares it, serves no queue any more.

mapping_of_ministack = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]


def with_number(props):
    scaling = props.get("ScalingConfig") or {}
    if "MaximumConcurrency" not in scaling:
        return props
    return {**props, "ScalingConfig": {**scaling, "MaximumConcurrency": int(scaling["MaximumConcurrency"])}}


def create_mapping(logical_id, props, stack_name):
    return mapping_of_ministack["create"](logical_id, with_number(props), stack_name)


def update_mapping(physical_id, old_props, new_props, stack_name):
    return mapping_of_ministack["update"](physical_id, old_props, with_number(new_props), stack_name)


provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"] = {
    **mapping_of_ministack,
    "create": create_mapping,
    "update": update_mapping,
}

# --- CloudFormation: AWS::IAM::OIDCProvider -----------------------------------------------------------
# ministack has the provider in its IAM, and not the type. Who may assume what with its tokens is the gateway's to say.


def provider_arn(props):
    url = props["Url"]
    if not url.startswith("https://"):
        raise ValueError(f"AWS::IAM::OIDCProvider: the Url {url} does not begin with https://")
    return f"arn:aws:iam::{get_account_id()}:oidc-provider/{url[len('https://'):].rstrip('/')}"


def put_provider(props):
    arn = provider_arn(props)
    iam._oidc_providers[arn] = {
        "Url": props["Url"],
        "ClientIDList": props.get("ClientIdList", []),
        "ThumbprintList": props.get("ThumbprintList", []),
        "Arn": arn,
        "CreateDate": iam._now(),
        "Tags": props.get("Tags", []),
    }
    return arn


def create_provider(logical_id, props, stack_name):
    arn = provider_arn(props)
    if arn in iam._oidc_providers:
        raise ValueError(f"AWS::IAM::OIDCProvider: {arn} is there already")
    return put_provider(props), {"Arn": arn}


def update_provider(physical_id, old_props, new_props, stack_name):
    if provider_arn(new_props) != physical_id:
        iam._oidc_providers.pop(physical_id, None)
    arn = put_provider(new_props)
    return arn, {"Arn": arn}


provisioners._RESOURCE_HANDLERS["AWS::IAM::OIDCProvider"] = {
    "create": create_provider,
    "update": update_provider,
    "delete": lambda physical_id, props: iam._oidc_providers.pop(physical_id, None),
}

# --- Sign-in: a trigger that refuses ------------------------------------------------------------------
# With MINISTACK_COGNITO_PRETOKEN_STRICT ministack issues no token when the trigger fails, as Cognito does, but answers
# that it has failed itself. Cognito answers what the trigger said, and that the user is to blame; and it tries a
# trigger that does not answer in time three times.

FAILED = "PreTokenGeneration"
TRIES = 3
apply_trigger_of_ministack = cognito._apply_pretoken_trigger


def apply_trigger(**arguments):
    for left in reversed(range(TRIES)):
        try:
            return apply_trigger_of_ministack(**arguments)
        except RuntimeError as error:
            if not left or "Sandbox.Timedout" not in str(error):
                raise


cognito._apply_pretoken_trigger = apply_trigger
run_idp_handler_of_ministack = cognito._run_idp_handler


def run_idp_handler(handler, action, data):
    try:
        return run_idp_handler_of_ministack(handler, action, data)
    except RuntimeError as error:
        if not str(error).startswith(FAILED):
            raise
        said = str(error).partition(": ")[2]
        try:
            # ministack words what the function answered as Python does.
            said = ast.literal_eval(said)["errorMessage"]
        except (ValueError, SyntaxError, KeyError, TypeError):
            pass
        message = f"{FAILED} failed with error {said}."
        return error_response_json("UserLambdaValidationException", message, 400)


cognito._run_idp_handler = run_idp_handler

threading.Thread(target=end_with_parent, daemon=True).start()
sys.argv = ["ministack"]
runpy.run_module("ministack", run_name="__main__")
