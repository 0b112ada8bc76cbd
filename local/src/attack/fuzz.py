# What schemathesis is told of Strongroom: with whose tokens to ask, which ids there are, and what nobody may be shown.
#
# The file named by STRONGROOM_FUZZ has all of it, because tokens do not belong on a command line.
import json
import os
import random

import schemathesis

with open(os.environ["STRONGROOM_FUZZ"], encoding="utf-8") as file:
    SCENE = json.load(file)


def one_of(ids, made_up):
    # Ids that are made up lead nowhere: half of the time it is one that exists, here or in the other tenant.
    return random.choice(ids) if ids and random.random() < 0.5 else made_up


@schemathesis.hook
def before_call(context, case, kwargs):
    # Without one it stays without one: whether a token is asked for is looked at as well.
    if random.random() < 0.95:
        case.headers["Authorization"] = random.choice(SCENE["tokens"])
    for name, ids in SCENE["ids"].items():
        if case.path_parameters and name in case.path_parameters:
            case.path_parameters[name] = one_of(ids, case.path_parameters[name])
        if isinstance(case.body, dict) and name in case.body:
            case.body[name] = one_of(ids, case.body[name])


@schemathesis.check
def nothing_of_the_other_tenant(ctx, response, case):
    for planted in SCENE["foreign"]:
        assert planted not in response.text, "the answer holds what was planted by the other tenant"
    named = list((case.path_parameters or {}).values())
    if isinstance(case.body, dict):
        named += case.body.values()
    if any(one in SCENE["foreign_ids"] for one in named if isinstance(one, str)):
        assert response.status_code >= 400, "what is the other tenant's was not refused"
