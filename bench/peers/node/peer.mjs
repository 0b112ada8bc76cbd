// The document flow as a good Node.js team would write it: one HTTP agent, clients and sessions kept for each tenant.
// Opens a document (GET) or adds one (POST), with the same calls of AWS as our function makes.
import { randomUUID } from "node:crypto";
import http from "node:http";
import https from "node:https";
import { DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { IsAuthorizedCommand, VerifiedPermissionsClient } from "@aws-sdk/client-verifiedpermissions";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const { env } = process;
const requestHandler = new NodeHttpHandler({ httpsAgent: new https.Agent({ keepAlive: true }) });
const own = { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY };
const sts = new STSClient({ requestHandler, credentials: own });
const tenants = new Map();

async function session(role, tenant, tags) {
  const { Credentials: c } = await sts.send(new AssumeRoleCommand({
    RoleArn: role, RoleSessionName: tenant, DurationSeconds: 900,
    Tags: Object.entries({ tenant_id: tenant, ...tags }).map(([Key, Value]) => ({ Key, Value })),
  }));
  return { accessKeyId: c.AccessKeyId, secretAccessKey: c.SecretAccessKey, sessionToken: c.SessionToken, expiration: c.Expiration };
}

async function open(tenant) {
  const kept = tenants.get(tenant);
  if (kept && kept.until > Date.now()) return kept;
  const reader = new DynamoDBClient({ requestHandler, credentials: await session(env.MAPPING_ROLE_ARN, tenant, {}) });
  const { Item } = await reader.send(new GetItemCommand({
    TableName: env.TENANTS_TABLE, Key: { tenant_id: { S: tenant } }, ConsistentRead: true,
  }));
  const store = Item.policy_store_id.S;
  const credentials = await session(env.DATA_ROLE_ARN, tenant, { policy_store_id: store });
  const made = {
    store,
    until: Date.now() + 60_000,
    dynamodb: new DynamoDBClient({ requestHandler, credentials }),
    policies: new VerifiedPermissionsClient({ requestHandler, credentials }),
    s3: new S3Client({ requestHandler, credentials, forcePathStyle: true, requestChecksumCalculation: "WHEN_REQUIRED" }),
  };
  tenants.set(tenant, made);
  return made;
}

const entity = (type, id) => ({ entityType: `DocumentsAPI::${type}`, entityId: id });

async function permitted({ policies, store }, user, action, resource, entities) {
  const { decision } = await policies.send(new IsAuthorizedCommand({
    policyStoreId: store, principal: entity("User", user), resource,
    action: { actionType: "DocumentsAPI::Action", actionId: action },
    entities: { entityList: [{ identifier: entity("User", user), parents: [] }, ...entities] },
  }));
  return decision === "ALLOW";
}

const answer = (statusCode, body) => ({
  statusCode, headers: { "Content-Type": "application/json", "Cache-Control": "no-store" }, body: JSON.stringify(body), isBase64Encoded: false,
});

export async function handler(event) {
  const { claims } = event.requestContext.authorizer;
  if (claims.aud !== env.USER_POOL_CLIENT_ID || claims.token_use !== "id") return answer(401, {});
  const tenant = claims["custom:tenant_id"], user = claims.sub;
  const held = await open(tenant);
  const collection = entity("DocumentStore", tenant);
  if (event.httpMethod === "POST") {
    const body = JSON.parse(event.body);
    if (!await permitted(held, user, "addDocument", collection, [])) return answer(403, {});
    const id = randomUUID(), now = new Date().toISOString();
    await held.dynamodb.send(new PutItemCommand({
      TableName: env.DOCUMENTS_TABLE,
      Item: {
        tenant_id: { S: tenant }, document_id: { S: id }, document_name: { S: body.document_name }, document_owner: { S: user },
        content_type: { S: body.content_type }, size_bytes: { N: String(body.size_bytes) }, checksum_sha256: { S: body.checksum_sha256 },
        created_at: { S: now }, owner_created: { S: `${user}#${now}#${id}` }, document_state: { S: "pending" },
        document_version: { N: "1" }, share_count: { N: "0" }, expires_at: { N: "1795435200" },
      },
    }));
    const url = await getSignedUrl(held.s3, new PutObjectCommand({
      Bucket: env.CONTENT_BUCKET, Key: `${tenant}/${id}`, ContentLength: body.size_bytes, ContentType: body.content_type, ChecksumSHA256: body.checksum_sha256,
    }), { expiresIn: 300 });
    return answer(201, { document: { document_id: id, ...body }, upload: { url } });
  }
  const id = event.pathParameters.document_id;
  const { Item } = await held.dynamodb.send(new GetItemCommand({
    TableName: env.DOCUMENTS_TABLE, Key: { tenant_id: { S: tenant }, document_id: { S: id } }, ConsistentRead: true,
  }));
  if (!Item || Item.tenant_id.S !== tenant) return answer(404, {});
  const document = entity("Document", id);
  const about = [{ identifier: document, attributes: { owner: { entityIdentifier: entity("User", Item.document_owner.S) } }, parents: [collection] }];
  if (!await permitted(held, user, "accessDocument", document, about)) return answer(404, {});
  const url = await getSignedUrl(held.s3, new GetObjectCommand({
    Bucket: env.CONTENT_BUCKET, Key: `${tenant}/${id}`, ResponseContentType: "application/octet-stream", ResponseCacheControl: "private, no-store",
    ResponseContentDisposition: `attachment; filename="${Item.document_name.S}"`,
  }), { expiresIn: 300 });
  return answer(200, { document: { document_id: id, document_name: Item.document_name.S, content_type: Item.content_type.S }, download: { url } });
}

// What the managed runtime does: ask for an event, hand it over, answer.
const agent = new http.Agent({ keepAlive: true });
const call = (method, path, body) => new Promise((done, failed) => {
  const request = http.request(`http://${env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/${path}`, { method, agent }, (response) => {
    const parts = [];
    response.on("data", (part) => parts.push(part));
    response.on("end", () => done({ headers: response.headers, body: Buffer.concat(parts).toString() }));
  });
  request.on("error", failed);
  request.end(body);
});
for (;;) {
  const next = await call("GET", "invocation/next");
  const id = next.headers["lambda-runtime-aws-request-id"];
  try {
    const event = JSON.parse(next.body);
    const said = await handler(event);
    console.log(JSON.stringify({ request_id: id, route: event.resource, outcome: said.statusCode }));
    await call("POST", `invocation/${id}/response`, JSON.stringify(said));
  } catch (error) {
    console.error(error);
    await call("POST", `invocation/${id}/error`, JSON.stringify({ errorMessage: String(error) }));
  }
}
