// Search, facts and users by the generated client, and the requests for whoever runs the server.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as motorhead from './motorhead/index.ts';
import { answerOf, until } from './setup.ts';

const path = { user_id: 'anna' };

test('messages are found in all sessions of a user, and in one session', async () => {
  const content = 'I moved from Oslo to Bergen.';
  const session = { session_id: 'moving' };
  await answerOf(
    motorhead.postMemory({ path: session, query: path, body: { messages: [{ role: 'Human', content, id: 'm1' }] } }),
  );
  const body: motorhead.SearchBody = { text: 'moved to Bergen', user_id: path.user_id, k: 3, roles: ['human'] };
  await until(async () => (await answerOf(motorhead.search({ body }))).length > 0);
  const [hit] = await answerOf(motorhead.search({ body }));
  assert.deepEqual([hit?.content, hit?.session_id, hit?.seq, hit?.id], [content, 'moving', 0, 'm1']);
  const found = await answerOf(motorhead.retrieve({ path: session, body: { text: content } }));
  assert.deepEqual(found.map((each) => [each.role, each.content]), [['Human', content]]);
});

test('facts are stated, corrected, read as a profile, and deleted', async () => {
  const allergy = await answerOf(
    motorhead.addFact({ path, body: { text: 'Is allergic to nuts', attribute: 'allergy' } }),
  );
  const corrected = await answerOf(
    motorhead.correctFact({ path: { ...path, fact_id: allergy.id }, body: { text: 'Is allergic to hazelnuts' } }),
  );
  const { facts } = await answerOf(motorhead.getFacts({ path, query: { superseded: true } }));
  assert.deepEqual(new Set(facts.map((each) => each.superseded_by)), new Set([undefined, corrected.id]));
  assert.match((await answerOf(motorhead.getProfile({ path }))).profile, /hazelnuts/);
  const everything = await answerOf(motorhead.exportUser({ path }));
  assert.equal(everything.facts.length, 2);
  const deleted = await answerOf(motorhead.deleteFact({ path: { ...path, fact_id: corrected.id } }));
  assert.equal(deleted.deleted, true);
});

test('a session without a user has facts of its own', async () => {
  const session = { session_id: 'nobody’s' };
  const fact = await answerOf(motorhead.addSessionFact({ path: session, body: { text: 'Likes tea' } }));
  const fact_id = fact.id;
  const corrected = await answerOf(
    motorhead.correctSessionFact({ path: { ...session, fact_id }, body: { text: 'Likes green tea' } }),
  );
  const { facts } = await answerOf(motorhead.getSessionFacts({ path: session }));
  assert.deepEqual(facts.map((each) => each.text), ['Likes green tea']);
  assert.match((await answerOf(motorhead.getSessionProfile({ path: session }))).profile, /green tea/);
  const deletion = motorhead.deleteSessionFact({ path: { ...session, fact_id: corrected.id } });
  assert.equal((await answerOf(deletion)).deleted, true);
});

test('a user is deleted', async () => {
  const someone = { user_id: 'someone' };
  const body = { messages: [{ role: 'Human', content: 'hi' }] };
  await answerOf(motorhead.postMemory({ path: { session_id: 'of someone' }, query: someone, body }));
  assert.equal((await answerOf(motorhead.deleteUser({ path: someone }))).deleted, 1);
  assert.deepEqual(await answerOf(motorhead.listSessions({ query: someone })), []);
});

test('the server tells the time, its health and its metrics', async () => {
  assert.equal(typeof (await answerOf(motorhead.now())).now, 'number');
  assert.equal((await answerOf(motorhead.health())).status, 'Ok');
  assert.equal((await answerOf(motorhead.ready())).status, 'Ok');
  assert.match(await answerOf(motorhead.metrics()), /^motorhead_/m);
});
