// The client of these tests, with an API key. It notes which requests were sent.
import { appendFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

import { client } from './motorhead/client.gen.ts';

const { CALLED, MOTORHEAD_API_KEY, MOTORHEAD_URL } = process.env;
if (!CALLED || !MOTORHEAD_API_KEY || !MOTORHEAD_URL) throw new Error('pytest runs these tests');

export const url: string = MOTORHEAD_URL;

client.setConfig({ baseUrl: url, auth: () => MOTORHEAD_API_KEY });
client.interceptors.request.use((request, options) => {
  appendFileSync(CALLED, `${request.method} ${options.url}\n`);
  return request;
});

/** Returns what a request answers, and throws what it fails with. */
export async function answerOf<Data>(request: Promise<{ data: Data; error: unknown }>): Promise<NonNullable<Data>> {
  const { data, error } = await request;
  if (data === undefined || data === null) throw new Error(JSON.stringify(error));
  return data;
}

/** Returns the status and the code that a request fails with. */
export async function failureOf(
  request: Promise<{ error: { code: string; error: string } | undefined; response?: Response }>,
): Promise<string> {
  const { error, response } = await request;
  return `${response?.status} ${error?.code}`;
}

/** Waits until something holds. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('it never held');
    await setTimeout(20);
  }
}
