// compare says where what came through the gateway is not what the upstream itself said.
import { untrue } from './truth.mjs';

// Differences that are meant, with their reason: key, client, upstream, and what came.
const meant = [
  // Both fail. The server closes the stream of the call and cannot resume it: the SDKs wait until
  // their time is over, the gateway says at once that there is no answer.
  { key: /tool test_reconnection$/, through: /-31002/ },
  // go-sdk's tools that ask in the middle of a call can do so in the legacy era alone. The gateway
  // speaks the modern one to a server that has both; `era: legacy` is the other choice.
  {
    upstream: /^go-stdio$/, client: /legacy$/, through: /cannot be sent while serving a request/,
    key: /tool test_(sampling|elicitation)/,
  },
  // Both jobs fail in any case. A modern server wants to hear from the client that it can take a
  // task, which no legacy client can say; of a legacy server the gateway takes it itself.
  { upstream: /^ours/, key: /tool (failing|protocol_error)_job$/ },
  // What it does for a client that cannot be asked: a legacy server hears in initialize what the
  // clients of the gateway can, all together.
  { client: /inspector/, key: /tool (simulate-research-query|test_\w+_capabilities)$/ },
  // A prompt that its server adds and removes while it is listed, whose result is none.
  { key: /__transient_/ },
];

// unasked: the Inspector's command line can do nothing that it is asked for, so both fail, each in
// its words, or a client that can did not. Of what comes beside an answer it shows nothing.
const unasked = (d) => failed(d.through) && (failed(d.direct) || /"asks":\["/.test(d.direct));

export function compare(w, walks) {
  const { client, upstream } = w;
  const name = `${client.name} ${client.era} onto ${upstream.name}`;
  if (w.failed) {
    const why = `${w.failed.stack ?? w.failed}`;
    return { line: `FAIL    ${name}: ${why.split('\n')[0]}`, bad: true, detail: [why] };
  }
  const base = baselines(w, walks);
  const found = [
    ...untrue(upstream.name, w.own.outcomes),
    ...differences('own', base, w.own),
    ...differences('all', base, w.all, (key, value) => ofOthers(key, value, w, walks)),
  ];
  const sorted = { differs: [], meant: [], better: [] };
  for (const d of found) sorted[verdict(d, w)].push(d);
  const { differs, meant: excused, better } = sorted;
  const { tools, resources, templates, prompts } = w.own.count;
  const line = `${differs.length ? 'FAIL  ' : 'ok    '}  ${name}: ${tools} tools, ` +
    `${resources} resources, ${templates} templates, ${prompts} prompts, ` +
    `${w.own.outcomes.size} + ${w.all.outcomes.size} outcomes; ` +
    `${differs.length} differ, ${excused.length} meant, ${better.length} better ` +
    `(${w.seconds.toFixed(1)} s)`;
  const detail = Object.entries(sorted).flatMap(([what, all]) => all.flatMap((d) => [
    `  ${what} ${d.path} ${d.key}`, `    direct:  ${d.direct}`, `    through: ${d.through}`,
  ]));
  return { line, bad: differs.length > 0, detail };
}

// baselines are what the upstream says without the gateway: to this client first, and then to the
// SDK v2 in either era, since the gateway may speak another one to it than its client.
function baselines(w, walks) {
  const twin = w.upstream.like ?? w.upstream.name;
  const of = (name, upstream, era) => walks.find((o) => o.client.name === name &&
    o.upstream.name === upstream && o.client.era === era)?.direct;
  return [
    w.direct, of(w.client.name, twin, w.client.era), of(w.client.name, twin, 'legacy'),
    ...w.upstream.direct ? [] : [walks.find((o) => o.upstream === w.upstream)?.own],
    ...['modern', 'legacy'].map((era) => of('sdk v2', w.upstream.name, era)),
    ...['modern', 'legacy'].map((era) => of('sdk v2', twin, era)),
  ].filter(Boolean).map((walked) => walked.outcomes);
}

function differences(path, base, { outcomes, session }, elsewhere = () => false) {
  const found = [];
  for (const key of new Set([...base[0]?.keys() ?? [], ...outcomes.keys()])) {
    const through = outcomes.get(key);
    if (through === undefined && !session.complete && /^complete|^watch|^hear/.test(key)) continue;
    if (path === 'all' && key === 'server') continue;
    if (like(base, key, through, session.complete ? bare : answer)) continue;
    if (through === undefined || !elsewhere(key, through)) {
      found.push({ path, key, direct: base[0]?.get(key), through });
    }
  }
  return found;
}

// like: an outcome is that of one of the baselines, but no failure where the client has none.
function like(base, key, through, plain) {
  const direct = base[0]?.get(key);
  if (direct === through) return true;
  if (through === undefined || failed(through) && !failed(direct)) return false;
  return base.some((b) => b.has(key) && plain(b.get(key)) === plain(through));
}

// bare is an outcome less what only one era knows: how long a result is good, the id of a page to
// open, and what a tool is called as a task by, which is the gateway's to do.
const bare = (outcome) => outcome.replace(/"(cacheScope":"\w+"|ttlMs":\d+),?/g, '')
  .replace(/\\"elicitationId\\":\\"\w+\\",/, '')
  .replace(/"_meta":\{"io.modelcontextprotocol\/related-task":\{[^}]*\}\},?/, '')
  .replace(/"execution":\{[^}]*\},?/, '').replace(/,\}/g, '}');

// answer is bare without what came beside the answer.
function answer(outcome) {
  const { asks, logs, progress, ...rest } = JSON.parse(bare(outcome));
  return JSON.stringify(rest);
}

// ofOthers: on the path of all, what several upstreams have under one URI is that of one of them.
function ofOthers(key, value, w, walks) {
  const mine = walks.filter((o) => o.client === w.client);
  if (key === 'hear') {
    return mine.some((o) => o.all?.outcomes.get(key) === value.replace('false', 'true'));
  }
  const plain = w.own.session.complete ? bare : answer;
  const resource = key.replace(/^link \S+/, 'resource'); // one that a tool's result is a link to
  return mine.some((o) => baselines(o, walks)
    .some((b) => b.has(resource) && plain(b.get(resource)) === plain(value)));
}

function verdict(d, { client, upstream }) {
  const fits = (m) => d.key.match(m.key ?? '') && upstream.name.match(m.upstream ?? '') &&
    `${client.name} ${client.era}`.match(m.client ?? '') && `${d.through}`.match(m.through ?? '') &&
    `${d.direct}`.match(m.direct ?? '');
  if (meant.some(fits) || client.name === 'inspector' && unasked(d)) return 'meant';
  return failed(d.direct) && d.through && !failed(d.through) ? 'better' : 'differs';
}

// failed: an error, or a result that is one, or nothing that was to be heard.
const failed = (outcome) => outcome === undefined || /"error":\{|"isError":true|"heard":false/
  .test(outcome);
