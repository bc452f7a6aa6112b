// The sweep: every client uses everything that every upstream offers, by itself, through the
// gateway under the upstream's own names, and through the gateway among all others; what comes must
// be the same.
//   node main.mjs OUT GATEWAY CLIENTFILE OTHER OTHERFILE
// OTHERFILE names the upstreams of OTHER, which no client's file can have, and what is behind them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compare } from './compare.mjs';
import { connect as inspector } from './inspector.mjs';
import { connect as v1 } from './sdk-v1.mjs';
import { connect as v2 } from './sdk-v2.mjs';
import { Turns } from './turns.mjs';
import { walk } from './walk.mjs';

const [out, gateway, file, other, otherFile] = process.argv.slice(2);
const legacy = /^ts-|^go-stateful|-legacy$/; // these speak no other era, or shall not
const like = { // the same server behind another door: the Inspector asks that one
  ours: 'ours-http', 'ours-legacy': 'ours-http',
  'ts-stdio': 'ts-http', 'ts-sse': 'ts-http', 'v2-stdio': 'v2-http',
};
const tests = new Turns(); // ours and go-sdk's have the same URIs
const families = { ts: new Turns(), v2: new Turns(), go: tests, ours: tests };
const upstreamsOf = (path, through) => {
  const { mcpServers } = JSON.parse(readFileSync(path, 'utf8'));
  return Object.entries(mcpServers).map(([name, { command, args = [], url, type }]) => ({
    name, gateway: through, like: like[name],
    eras: legacy.test(name) ? ['legacy'] : ['legacy', 'modern'],
    direct: command ? { command, args } : url && { url, sse: type === 'sse' },
    turns: families[name.split('-')[0]] ?? new Turns(),
  }));
};
const upstreams = [...upstreamsOf(file, gateway), ...upstreamsOf(otherFile, other)];
const atOnce = 8; // upstreams
const clients = [
  { name: 'sdk v1', era: 'legacy', connect: v1 },
  { name: 'sdk v2', era: 'legacy', connect: v2 },
  { name: 'sdk v2', era: 'modern', connect: v2 },
  { name: 'inspector', era: 'legacy', connect: inspector },
  { name: 'inspector', era: 'modern', connect: inspector },
].filter((c) => `${c.name} ${c.era}`.match(process.env.SWEEP_CLIENTS ?? ''));

const longest = 90_000; // that a walk may take, ms
let runs = 0;
// visit walks over a target as a client, and is what came of it.
async function visit(client, target, prefix, turns, only) {
  const run = `walk${++runs}x`;
  const session = await client.connect(target, client.era);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${client.name} has not come to an end`)), longest);
  });
  try {
    return await Promise.race([late, walk(session, prefix, run, turns, only)]);
  } finally {
    clearTimeout(timer);
    const enough = new Promise((resolve) => { setTimeout(resolve, 1000); });
    await Promise.race([enough, session.close().catch(() => {})]);
  }
}

// asksItself: the Inspector starts a server for each request, or waits for ever where a modern
// server asks it something. It is compared with others then.
const asksItself = (client, upstream) => upstream.eras.includes(client.era) &&
  (client.name !== 'inspector' || client.era === 'legacy' && !upstream.like);

const walks = []; // { client, upstream, direct, own, all }, all of them
// sweep visits one upstream as every client, one after the other: they share it.
async function sweep(upstream) {
  for (const client of clients) {
    const w = { client, upstream };
    walks.push(w);
    const begin = Date.now();
    try {
      if (upstream.direct && asksItself(client, upstream)) {
        w.direct = await visit(client, upstream.direct, '', new Turns());
      }
      const { name, turns } = upstream;
      w.own = await visit(client, { url: `${upstream.gateway}/${name}` }, '', turns);
      w.all = await visit(client, { url: upstream.gateway }, `${name}__`, turns, w.own);
    } catch (e) {
      w.failed = e;
    }
    w.seconds = (Date.now() - begin) / 1000;
    if (process.env.SWEEP_VERBOSE) console.log(upstream.name, client.name, client.era, w.seconds);
  }
}

const waiting = upstreams.filter((u) => u.name.match(process.env.SWEEP_UPSTREAMS ?? ''));
const work = async () => { while (waiting.length > 0) await sweep(waiting.shift()); };
await Promise.all(Array.from({ length: atOnce }, work));

let failed = 0;
const details = [];
for (const w of walks) {
  const { line, bad, detail } = compare(w, walks);
  console.log(line);
  if (bad) failed++;
  details.push(line, ...detail);
}
writeFileSync(join(out, 'sweep.txt'), `${details.join('\n')}\n`);
console.log(`sweep: ${walks.length - failed} of ${walks.length} without differences`);
process.exit(failed ? 1 : 0);
