// A session by the generated client: stored, read, continued, summarized, corrected, exported and deleted.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as motorhead from './motorhead/index.ts';
import { answerOf, until } from './setup.ts';

const query = { user_id: 'jürgen' };
const texts = (messages: motorhead.StoredMessage[]) => messages.map((each) => each.content);
const said = (...contents: string[]): motorhead.NewMessage[] =>
  contents.map((content, at) => ({ role: at % 2 ? 'AI' : 'Human', content, id: content }));

test('messages are stored and read, whatever characters the ids have', async () => {
  const path = { session_id: 'a/b c?é' };
  const body = { messages: said('Hi, I am Jürgen.', 'Hello!') };
  assert.equal((await answerOf(motorhead.postMemory({ path, query, body }))).status, 'Ok');
  const memory = await answerOf(motorhead.getMemory({ path, query }));
  assert.deepEqual(texts(memory.messages), ['Hello!', 'Hi, I am Jürgen.']);
  assert.equal(memory.total, 2);
  assert.equal(memory.context, null);

  const info = await answerOf(motorhead.getSession({ path }));
  assert.equal(info.session_id, path.session_id);
  assert.equal(info.user_id, query.user_id);
  assert.deepEqual(await answerOf(motorhead.listSessions({ query })), [path.session_id]);
  assert.equal((await answerOf(motorhead.deleteMemory({ path, query: { full: true } }))).deleted, true);
  assert.equal((await answerOf(motorhead.getSession({ path }))).exists, false);
});

test('a request that is sent again stores nothing again', async () => {
  const path = { session_id: 'again' };
  const body = { messages: [{ role: 'Human', content: 'ping' }], context: 'They greet each other.' };
  const headers = { 'Idempotency-Key': crypto.randomUUID() };
  await answerOf(motorhead.postMemory({ path, body, headers }));
  await answerOf(motorhead.postMemory({ path, body, headers }));
  const memory = await answerOf(motorhead.getMemory({ path, query: { full: true } }));
  assert.deepEqual([memory.total, memory.context, memory.written_by], [1, 'They greet each other.', 'client']);
});

test('catching up stores what is new of a conversation, and reads it', async () => {
  const path = { session_id: 'catch-up' };
  await answerOf(motorhead.catchUp({ path, body: { messages: said('one', 'two'), read: false } }));
  const memory = await answerOf(motorhead.catchUp({ path, body: { messages: said('one', 'two', 'three') } }));
  assert.ok('messages' in memory);
  assert.deepEqual(texts(memory.messages), ['three', 'two', 'one']);
});

test('a session that has outgrown its window has a summary, and all its messages', async () => {
  const path = { session_id: 'long' };
  const contents = Array.from({ length: 10 }, (_, at) => `Anna has been to Oslo ${at} times.`);
  await answerOf(motorhead.postMemory({ path, body: { messages: said(...contents) } }));
  await until(async () => {
    await answerOf(motorhead.compact({ path }));
    return (await answerOf(motorhead.getSession({ path }))).backlog === 0;
  });
  const summary = await answerOf(motorhead.getSummary({ path }));
  assert.match(summary.summary ?? '', /Oslo/);
  assert.equal(summary.written_by, 'extract');

  const read: motorhead.NumberedMessage[] = [];
  let start: number | null = 0;
  while (start !== null) {
    const page: motorhead.TranscriptPage = await answerOf(motorhead.getMessages({ path, query: { start, limit: 4 } }));
    assert.deepEqual(page.gaps, []);
    read.push(...page.messages);
    start = page.next;
  }
  assert.deepEqual(read.map((each) => each.message.content), contents);

  const rebuilt = await answerOf(motorhead.rebuild({ path, body: { wait: true } }));
  assert.equal(rebuilt.messages, summary.summarized);
  await answerOf(motorhead.putSummary({ path, body: { text: 'Anna likes Oslo.', override: true } }));
  const versions = await answerOf(motorhead.getSummaries({ path }));
  assert.equal(versions.at(-1)?.text, 'Anna likes Oslo.');
});

test('a message is edited and forgotten', async () => {
  const path = { session_id: 'corrected' };
  await answerOf(motorhead.postMemory({ path, body: { messages: said('My name is Ana.', 'Hello Ana!') } }));
  const edited = { role: 'Human', content: 'My name is Anna.' };
  assert.deepEqual((await answerOf(motorhead.putMessage({ path: { ...path, seq: '0' }, body: edited }))).messages, [0]);
  const receipt = await answerOf(motorhead.forgetMessages({ path, body: { message_ids: ['Hello Ana!'] } }));
  assert.deepEqual([receipt.messages, receipt.ids, receipt.in_list], [[1], ['Hello Ana!'], 1]);
  const page = await answerOf(motorhead.getMessages({ path }));
  assert.deepEqual(page.messages.map((each) => each.message.content), ['My name is Anna.']);
  assert.deepEqual(page.gaps, [{ first: 1, last: 1, reason: 'forgotten' }]);

  const lines = (await answerOf(motorhead.getExport({ path, parseAs: 'text' }))).trim().split('\n');
  assert.equal(JSON.parse(lines[1] ?? '').session, path.session_id);
});
