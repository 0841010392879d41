// `MotorheadMemory` of LangChain for JavaScript, as it comes from npm.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { MotorheadMemory, type MotorheadMemoryInput } from '@langchain/community/memory/motorhead_memory';
import { AIMessage, HumanMessage } from '@langchain/core/messages';
import { FakeListChatModel } from '@langchain/core/utils/testing';

import { ConversationChain, history } from './version.ts';

const { MOTORHEAD_API_KEY, MOTORHEAD_URL, MOTORHEAD_URL_WITH_KEY, PREFIX } = process.env;
if (!MOTORHEAD_API_KEY || !MOTORHEAD_URL || !MOTORHEAD_URL_WITH_KEY) throw new Error('pytest runs these tests');

// However slow the machine is.
const patient = { timeout: 60_000 };

/** Returns the memory of a session, as it is read at the start of a program. */
async function memoryOf(name: string, fields: Partial<MotorheadMemoryInput> = {}): Promise<MotorheadMemory> {
  const session = { sessionId: `${PREFIX}-${name}`, url: MOTORHEAD_URL };
  const memory = new MotorheadMemory({ ...session, ...patient, ...history(), ...fields });
  await memory.init();
  return memory;
}

/** Returns what the server has of a session. */
async function stored(name: string): Promise<{ content: string; role: string }[]> {
  const answer = await fetch(`${MOTORHEAD_URL}/sessions/${PREFIX}-${name}/memory`);
  return ((await answer.json()) as { messages: { content: string; role: string }[] }).messages.toReversed();
}

test('a conversation is saved, and read by the next program', async () => {
  const memory = await memoryOf('saved');
  assert.deepEqual(await memory.loadMemoryVariables({}), { history: '' });
  assert.equal(memory.context, undefined);
  await memory.saveContext({ input: 'Hi, I am Bob.' }, { output: 'Hello Bob!' });
  assert.deepEqual(await stored('saved'), [
    { role: 'Human', content: 'Hi, I am Bob.' },
    { role: 'AI', content: 'Hello Bob!' },
  ]);

  const text = { history: 'Human: Hi, I am Bob.\nAI: Hello Bob!' };
  assert.deepEqual(await memory.loadMemoryVariables({}), text);
  assert.deepEqual(await (await memoryOf('saved')).loadMemoryVariables({}), text);
  const loaded = await (await memoryOf('saved', { returnMessages: true })).loadMemoryVariables({});
  assert.ok(loaded['history'][0] instanceof HumanMessage && loaded['history'][1] instanceof AIMessage);
});

test('a chain remembers', async () => {
  const llm = new FakeListChatModel({ responses: ['Hello Bob!', 'You are Bob.'] });
  await new ConversationChain({ llm, memory: await memoryOf('chain') }).invoke({ input: 'Hi, I am Bob.' });
  const next = await new ConversationChain({ llm, memory: await memoryOf('chain') }).invoke({ input: 'Who am I?' });
  assert.equal(next['response'], 'You are Bob.');
  assert.deepEqual(
    (await stored('chain')).map((each) => each.content),
    ['Hi, I am Bob.', 'Hello Bob!', 'Who am I?', 'You are Bob.'],
  );
});

test('the summary of what has left the window is the context', async () => {
  const memory = await memoryOf('long');
  for (let at = 0; at < 5; at++) {
    await memory.saveContext({ input: `Anna has been to Oslo ${at} times.` }, { output: `${at} times.` });
  }
  const end = Date.now() + 60_000;
  let read = await memoryOf('long');
  while (read.context === undefined) {
    assert.ok(Date.now() < end);
    await setTimeout(20);
    read = await memoryOf('long');
  }
  assert.match(read.context, /Oslo/);
  const messages = await read.chatHistory.getMessages();
  assert.ok(messages.length > 0 && messages.length <= 4);
  assert.equal(messages.at(-1)?.content, '4 times.');
});

test('clearing a memory leaves the session on the server', async () => {
  const memory = await memoryOf('cleared');
  await memory.saveContext({ input: 'one' }, { output: 'two' });
  await memory.clear();
  assert.deepEqual(await memory.loadMemoryVariables({}), { history: '' });
  assert.deepEqual(await (await memoryOf('cleared')).loadMemoryVariables({}), { history: 'Human: one\nAI: two' });
});

test('a server with API keys gets the key from a class of its own', async () => {
  class KeyedMemory extends MotorheadMemory {
    override _getHeaders(): HeadersInit {
      return { ...super._getHeaders(), Authorization: `Bearer ${MOTORHEAD_API_KEY}` };
    }
  }
  const fields = { sessionId: `${PREFIX}-keyed`, url: MOTORHEAD_URL_WITH_KEY, ...patient };
  const memory = new KeyedMemory({ ...fields, ...history() });
  await memory.saveContext({ input: 'one' }, { output: 'two' });
  const read = new KeyedMemory({ ...fields, ...history() });
  await read.init();
  assert.deepEqual(await read.loadMemoryVariables({}), { history: 'Human: one\nAI: two' });

  const without = new MotorheadMemory(fields);
  await without.init();
  assert.deepEqual(await without.loadMemoryVariables({}), { history: '' });
});
