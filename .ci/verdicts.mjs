// Prints a line for each scenario of one run of the conformance suite: "ok NAME" when none of
// its checks failed or warned, else "bad NAME", and what the checks said on standard error.
//   node verdicts.mjs DIRECTORY
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [directory] = process.argv.slice(2);
const runs = existsSync(directory) ? readdirSync(directory) : [];
for (const run of runs.sort()) {
  const file = join(directory, run, 'checks.json');
  if (!existsSync(file)) continue;
  const name = run.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
  const checks = JSON.parse(readFileSync(file, 'utf8'));
  const wrong = checks.filter((c) => c.status === 'FAILURE' || c.status === 'WARNING');
  for (const c of wrong) {
    console.error(`     ${name}: ${c.status} ${c.id} ${c.errorMessage ?? ''}`.slice(0, 200));
  }
  console.log(`${wrong.length === 0 && checks.length > 0 ? 'ok' : 'bad'} ${name}`);
}
