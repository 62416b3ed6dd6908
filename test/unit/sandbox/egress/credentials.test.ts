import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCredential } from '../../../../gateway/sandbox/egress/credentials.ts';

const list = (text: string): string[] => text.toLowerCase().trim().split(/\s+/);

test('attack: a header that vendors document as a credential is one', () => {
  const documented = list(`
    Authorization Proxy-Authorization X-Authorization X-Tyk-Authorization X-MS-Authorization-Auxiliary X-Serverless-Authorization
    Cookie Cookie2 DPoP Signature Signature-Input X-Auth X-JWT CF-Access-JWT-Assertion
    Api-Key X-Api-Key ApiKey X-ApiKey X-MBX-APIKEY X-CMC_PRO_API_KEY xi-api-key X-Goog-Api-Key X-Algolia-API-Key DD-API-KEY
    DD-APPLICATION-KEY X-Auth-Key X-Auth-User-Service-Key X-Functions-Key Ocp-Apim-Subscription-Key X-RapidAPI-Key X-Mashape-Key
    Fastly-Key X-Parse-Master-Key X-Parse-REST-API-Key X-Insert-Key X-Query-Key X-License-Key CB-ACCESS-KEY X-Access-Key
    X-Secret-Key X-Client-Key X-Key Key X-Honeycomb-Team
    X-Auth-Token X-Access-Token X-Api-Token X-Vault-Token X-Shopify-Access-Token X-Amz-Security-Token X-Goog-IAM-Authorization-Token
    X-Postmark-Server-Token X-Parse-Session-Token X-S3-Token X-Plex-Token Private-Token Job-Token Deploy-Token Circle-Token Token
    X-Client-Secret CF-Access-Client-Secret X-Hasura-Admin-Secret X-Password X-Amz-Credential X-Session-Id`);
  for (const name of documented) assert.ok(isCredential(name), name);
});

test('a header that proves nothing goes out', () => {
  const others = list(`
    Idempotency-Key X-Idempotency-Key Surrogate-Key X-Cache-Key X-Partition-Key Keep X-Keyboard X-Tokens-Left Author X-Author
    X-Continuation-Token X-Page-Token Mcp-Session-Id Accept Content-Type If-Match ETag User-Agent X-Request-Id X-GitHub-Api-Version
    Anthropic-Version Stripe-Version Prefer Range Traceparent`);
  for (const name of others) assert.ok(!isCredential(name), name);
});
