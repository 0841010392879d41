// Errors by the generated client: each is a value with the documented status and code, or is thrown if asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createClient } from './motorhead/client/index.ts';
import * as motorhead from './motorhead/index.ts';
import { answerOf, failureOf, url } from './setup.ts';

const path = { session_id: 'errors' };
const message = { role: 'Human', content: 'hi', id: 'm1' };

test('each error has its status and its code', async () => {
  await answerOf(motorhead.postMemory({ path, query: { user_id: 'bob' }, body: { messages: [message] } }));
  const failures = {
    anothersId: motorhead.postMemory({ path, body: { messages: [{ ...message, content: 'bye' }] } }),
    anothersSession: motorhead.getMemory({ path, query: { user_id: 'eve' } }),
    epoch: motorhead.getMessages({ path, query: { epoch: 'another' } }),
    fact: motorhead.correctFact({ path: { user_id: 'bob', fact_id: 'none' }, body: { text: 'Lives in Oslo' } }),
    id: motorhead.getMemory({ path: { session_id: 'x'.repeat(2000) } }),
    learn: motorhead.learn({ path }), // the server of these tests learns no facts
    limit: motorhead.getMemory({ path, query: { limit: 0 } }),
    many: motorhead.postMemory({ path, body: { messages: Array(11).fill({ role: 'AI', content: 'hi' }) } }),
    never: motorhead.forgetMessages({ path, body: { message_ids: ['m9'] } }),
    noExport: motorhead.getExport({ path: { session_id: 'nothing' } }),
    noMessage: motorhead.putMessage({ path: { ...path, seq: '9' }, body: message }),
    type: motorhead.search({ body: { text: 'hi' }, headers: { 'Content-Type': 'text/plain' } }),
  };
  const found = new Map<string, string>();
  for (const [name, request] of Object.entries(failures)) found.set(name, await failureOf(request));
  assert.deepEqual(Object.fromEntries(found), {
    anothersId: '409 id_conflict',
    anothersSession: '400 invalid_input',
    epoch: '409 session_replaced',
    fact: '404 unknown_fact',
    id: '400 invalid_id',
    learn: '400 invalid_input',
    limit: '400 invalid_request',
    many: '413 too_many_messages',
    never: '404 unknown_message',
    noExport: '404 not_found',
    noMessage: '404 unknown_message',
    type: '415 unsupported_media_type',
  });
});

test('a key of a request belongs to that request', async () => {
  const headers = { 'Idempotency-Key': crypto.randomUUID() };
  await answerOf(motorhead.postMemory({ path, headers, body: { messages: [{ role: 'AI', content: 'one' }] } }));
  const other = motorhead.postMemory({ path, headers, body: { messages: [{ role: 'AI', content: 'two' }] } });
  assert.equal(await failureOf(other), '409 idempotency_key_reused');
});

test('an API key is needed', async () => {
  const without = createClient({ baseUrl: url });
  assert.equal(await failureOf(motorhead.getMemory({ client: without, path })), '401 unauthorized');
  const wrong = createClient({ baseUrl: url, auth: () => 'wrong' });
  assert.equal(await failureOf(motorhead.getMemory({ client: wrong, path })), '401 unauthorized');
  assert.equal((await answerOf(motorhead.health({ client: without }))).status, 'Ok');
});

test('an error is thrown if that is asked for', async () => {
  const request = motorhead.getMemory({ path, query: { limit: 0 }, throwOnError: true });
  await assert.rejects(request, { code: 'invalid_request' });
});
