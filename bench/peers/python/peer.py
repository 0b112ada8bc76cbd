"""The document flow in Python with boto3: clients and sessions kept for each tenant.

Opens a document (GET) or adds one (POST), with the same calls of AWS as our function makes.
"""
import datetime
import http.client
import json
import os
import time
import uuid

import boto3
from botocore.config import Config

ENV = os.environ
CONFIG = Config(signature_version="s3v4", s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
STS = boto3.client("sts")
TENANTS = {}


def session(role, tenant, tags):
    reply = STS.assume_role(
        RoleArn=role,
        RoleSessionName=tenant,
        DurationSeconds=900,
        Tags=[{"Key": key, "Value": value} for key, value in {"tenant_id": tenant, **tags}.items()],
    )["Credentials"]
    return boto3.Session(reply["AccessKeyId"], reply["SecretAccessKey"], reply["SessionToken"])


def open_tenant(tenant):
    kept = TENANTS.get(tenant)
    if kept and kept["until"] > time.time():
        return kept
    reader = session(ENV["MAPPING_ROLE_ARN"], tenant, {}).client("dynamodb")
    row = reader.get_item(TableName=ENV["TENANTS_TABLE"], Key={"tenant_id": {"S": tenant}}, ConsistentRead=True)["Item"]
    store = row["policy_store_id"]["S"]
    data = session(ENV["DATA_ROLE_ARN"], tenant, {"policy_store_id": store})
    made = {
        "store": store,
        "until": time.time() + 60,
        "dynamodb": data.client("dynamodb"),
        "policies": data.client("verifiedpermissions"),
        "s3": data.client("s3", config=CONFIG),
    }
    TENANTS[tenant] = made
    return made


def entity(of_type, of_id):
    return {"entityType": f"DocumentsAPI::{of_type}", "entityId": of_id}


def permitted(held, user, action, resource, entities):
    reply = held["policies"].is_authorized(
        policyStoreId=held["store"],
        principal=entity("User", user),
        action={"actionType": "DocumentsAPI::Action", "actionId": action},
        resource=resource,
        entities={"entityList": [{"identifier": entity("User", user), "parents": []}, *entities]},
    )
    return reply["decision"] == "ALLOW"


def answer(status, body):
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body), "isBase64Encoded": False}


def handler(event):
    claims = event["requestContext"]["authorizer"]["claims"]
    if claims["aud"] != ENV["USER_POOL_CLIENT_ID"] or claims["token_use"] != "id":
        return answer(401, {})
    tenant, user = claims["custom:tenant_id"], claims["sub"]
    held = open_tenant(tenant)
    collection = entity("DocumentStore", tenant)
    if event["httpMethod"] == "POST":
        body = json.loads(event["body"])
        if not permitted(held, user, "addDocument", collection, []):
            return answer(403, {})
        made, now = str(uuid.uuid4()), datetime.datetime.now(datetime.timezone.utc).isoformat()
        held["dynamodb"].put_item(
            TableName=ENV["DOCUMENTS_TABLE"],
            Item={
                "tenant_id": {"S": tenant},
                "document_id": {"S": made},
                "document_name": {"S": body["document_name"]},
                "document_owner": {"S": user},
                "content_type": {"S": body["content_type"]},
                "size_bytes": {"N": str(body["size_bytes"])},
                "checksum_sha256": {"S": body["checksum_sha256"]},
                "created_at": {"S": now},
                "owner_created": {"S": f"{user}#{now}#{made}"},
                "document_state": {"S": "pending"},
                "document_version": {"N": "1"},
                "share_count": {"N": "0"},
                "expires_at": {"N": "1795435200"},
            },
        )
        url = held["s3"].generate_presigned_url(
            "put_object",
            Params={
                "Bucket": ENV["CONTENT_BUCKET"],
                "Key": f"{tenant}/{made}",
                "ContentLength": body["size_bytes"],
                "ContentType": body["content_type"],
                "ChecksumSHA256": body["checksum_sha256"],
            },
            ExpiresIn=300,
        )
        return answer(201, {"document": {"document_id": made, **body}, "upload": {"url": url}})
    wanted = event["pathParameters"]["document_id"]
    row = held["dynamodb"].get_item(
        TableName=ENV["DOCUMENTS_TABLE"],
        Key={"tenant_id": {"S": tenant}, "document_id": {"S": wanted}},
        ConsistentRead=True,
    ).get("Item")
    if not row or row["tenant_id"]["S"] != tenant:
        return answer(404, {})
    document = entity("Document", wanted)
    owner = {"owner": {"entityIdentifier": entity("User", row["document_owner"]["S"])}}
    about = [{"identifier": document, "attributes": owner, "parents": [collection]}]
    if not permitted(held, user, "accessDocument", document, about):
        return answer(404, {})
    url = held["s3"].generate_presigned_url(
        "get_object",
        Params={
            "Bucket": ENV["CONTENT_BUCKET"],
            "Key": f"{tenant}/{wanted}",
            "ResponseContentType": "application/octet-stream",
            "ResponseContentDisposition": f'attachment; filename="{row["document_name"]["S"]}"',
        },
        ExpiresIn=300,
    )
    shown = {"document_id": wanted, "document_name": row["document_name"]["S"]}
    return answer(200, {"document": shown, "download": {"url": url}})


def serve():
    """What the managed runtime does: ask for an event, hand it over, answer."""
    connection = http.client.HTTPConnection(ENV["AWS_LAMBDA_RUNTIME_API"])
    while True:
        connection.request("GET", "/2018-06-01/runtime/invocation/next")
        reply = connection.getresponse()
        event, request = json.loads(reply.read()), reply.headers["lambda-runtime-aws-request-id"]
        said = handler(event)
        print(json.dumps({"request_id": request, "route": event["resource"], "outcome": said["statusCode"]}), flush=True)
        connection.request("POST", f"/2018-06-01/runtime/invocation/{request}/response", json.dumps(said, separators=(",", ":")))
        connection.getresponse().read()


serve()
