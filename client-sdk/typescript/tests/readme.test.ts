// The examples of the README that need no agent are programs that run.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { URL_OF_SERVER, person } from './world.ts';

const CLOSING = 'live.release();\nawait client.close();\n';
const IMPORTED = 'import { IonfluxClient,';

await test('the examples of the README run', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1] ?? '');
  const first = examples[0] ?? '';
  const more = examples.slice(1).filter((example) => !example.includes('agentId'));
  assert.equal(more.length, 3);
  const program = [first.replace(CLOSING, '').replace(IMPORTED, `${IMPORTED} ApiProblem,`), ...more, CLOSING];
  const file = new URL('./readme.example.ts', import.meta.url);
  await writeFile(file, program.join('\n'));
  try {
    const { access } = await person('Ann');
    const env = { ...process.env, IONFLUX_TOKEN: access };
    const { stdout } = await promisify(execFile)(process.execPath, [file.pathname], { env });
    const [saved, event] = stdout.split('\n');
    assert.equal(saved, `saved on ${new URL(URL_OF_SERVER).host}`);
    assert.match(event ?? '', /^page\.created page:/);
  } finally {
    await rm(file);
  }
});
