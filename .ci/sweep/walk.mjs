// walk uses everything that a server offers, and keeps what came of it.
import { promptArguments, toolArguments, uriOf, variables } from './arguments.mjs';

// settling is how long what an upstream logs of a subscription may take, ms. While others call it
// the gateway could take it for theirs.
const settling = 100;
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// walk(session, prefix, run) uses what has the prefix: tools and prompts by name, of resources all.
// It returns a map from what was done to what came of it, as text with sorted keys; run is what
// stands in the arguments for what is new in each walk. With another walk only its resources count.
export async function walk(session, prefix, run, turns, only) {
  const walked = new Walk(session, prefix, run, turns, only);
  walked.keep('server', { instructions: session.instructions, server: session.server });
  await walked.lists();
  await walked.watch();
  await walked.tools();
  await walked.resources();
  await walked.prompts();
  return walked;
}

class Walk {
  outcomes = new Map();
  count = { tools: 0, resources: 0, templates: 0, prompts: 0 };

  constructor(session, prefix, run, turns, only) {
    Object.assign(this, { session, prefix, run, turns, only });
  }

  keep(key, outcome) {
    this.outcomes.set(this.plain(key), this.plain(JSON.stringify(sorted(outcome))));
  }

  // plain is text as it is in every walk.
  plain(s) {
    return s.replaceAll(this.run, 'RUN')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replace(/\d{1,2}:\d\d:\d\d( [AP]M)?/g, 'TIME')
      .replace(/\b[A-Z2-7]{26}\b/g, 'UUID')
      .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID');
  }

  // attempt keeps what a request brings: its result or error, and what is heard meanwhile.
  async attempt(key, request, settle = 0) {
    const { heard } = this.session;
    heard.asks.length = heard.logs.length = heard.progress.length = 0;
    const outcome = {};
    const alone = key === 'watch' || this.prefix && !/^(tool|prompt) /.test(key);
    try {
      outcome.result = result(key, await this.turns[alone ? 'alone' : 'shared'](request));
    } catch (e) { // data of the client's own errors are its own
      const data = typeof e.code === 'number' ? e.data : undefined;
      outcome.error = { code: e.code, message: e.message, data };
    }
    if (settle) await pause(settle);
    const asks = asked(key, heard.asks);
    const logs = key === 'watch' ? [] : logged(key, heard.logs);
    this.keep(key, { ...outcome, asks, logs, progress: heard.progress });
    return outcome;
  }

  async lists() {
    const { session, prefix } = this;
    const of = async (can, method, key) => (can ? session.list(method, key) : []);
    const mine = (all) => all.filter((x) => x.name.startsWith(prefix));
    const also = (kind, key, all) => all.filter((x) => !this.only ||
      this.only.all[kind].some((o) => o[key] === x[key]));
    const { can } = session;
    this.all = {
      tools: mine(await of(can.tools, 'listTools', 'tools')),
      resources: also('resources', 'uri', await of(can.resources, 'listResources', 'resources')),
      templates: also('templates', 'uriTemplate',
        await of(can.resources, 'listResourceTemplates', 'resourceTemplates')),
      prompts: mine(await of(can.prompts, 'listPrompts', 'prompts')),
    };
    for (const [kind, list] of Object.entries(this.all)) {
      this.count[kind] = list.length;
      for (const x of list) {
        const id = x.uri ?? x.uriTemplate ?? this.own(x);
        this.keep(`define ${kind} ${id}`, x.uri ?? x.uriTemplate ? x : { ...x, name: id });
      }
    }
  }

  own(x) { return x.name.slice(this.prefix.length); }

  find(own) { return this.all.tools.find((t) => this.own(t) === own); }

  async tools() {
    for (const tool of this.all.tools) await this.call(tool);
  }

  async call(tool) {
    const own = this.own(tool);
    const settle = /log|emit|steps/.test(own) ? 60 : 0; // a log may come behind its answer
    const args = toolArguments(tool, own, this.run);
    const { result: got } = await this.attempt(`tool ${own}`, () => this.session.call(tool, args),
      settle);
    for (const { type, uri } of got?.content ?? []) {
      if (type !== 'resource_link') continue;
      await this.attempt(`link ${own} ${uri}`, () => this.session.read(uri));
    }
    if (own.startsWith('toggle-')) await this.session.call(tool, args); // off again
  }

  async resources() {
    const { session, run } = this;
    for (const { uri } of this.all.resources) {
      await this.attempt(`resource ${uri}`, () => session.read(uri));
    }
    for (const { uriTemplate } of this.all.templates) {
      const uri = uriOf(uriTemplate, run);
      await this.attempt(`template ${uriTemplate}`, () => session.read(uri));
      for (const name of variables(uriTemplate)) {
        await this.complete(`template ${uriTemplate}`, { type: 'ref/resource', uri: uriTemplate },
          name);
      }
    }
  }

  async prompts() {
    const { session, run } = this;
    for (const prompt of this.all.prompts) {
      const args = promptArguments(prompt, run);
      await this.attempt(`prompt ${this.own(prompt)}`, () => session.prompt(prompt.name, args));
      for (const { name } of prompt.arguments ?? []) {
        await this.complete(`prompt ${this.own(prompt)}`,
          { type: 'ref/prompt', name: prompt.name }, name);
      }
    }
  }

  async complete(key, ref, name) {
    const { session } = this;
    if (!session.complete || !session.can.completions) return;
    for (const value of ['', 'p', '1', 'O']) {
      await this.attempt(`complete ${key} ${name}=${value}`,
        () => session.complete(ref, { name, value }));
    }
  }

  // watch listens to a resource that a tool changes, or that changes by itself, until it has heard.
  async watch() {
    const { session, run } = this;
    if (!session.watch) return;
    const by = [['append', `test://ledger/${run}`], ['touch', 'notes://today'],
      ['toggle-subscriber-updates', 'demo://resource/static/document/architecture.md'],
      [undefined, 'test://watched-resource']];
    const [own, uri] = by.find(([tool, u]) => (tool ? this.find(tool)
      : this.all.resources.some((r) => r.uri === u))) ?? [];
    if (!uri) return;
    session.heard.updates.length = 0;
    let stop;
    const done = await this.attempt('watch', async () => {
      stop = await session.watch(uri);
      await pause(settling);
    });
    if (done.error) return;
    if (own) await this.call(this.find(own));
    for (let i = 0; i < 400 && !session.heard.updates.includes(uri); i++) await pause(10);
    this.keep('hear', { uri, heard: session.heard.updates.includes(uri) });
    await this.turns.alone(async () => {
      await stop();
      await pause(settling);
    });
  }
}

// result is what a request brought, less what differs from one walk to the next: the name of the
// server, which is the gateway where it has all; the token of its progress; the environment; times.
function result(key, got) {
  const { _meta: { 'io.modelcontextprotocol/serverInfo': _, ...meta } = {}, ...rest } = got ?? {};
  if (rest.resultType === 'complete') delete rest.resultType; // some clients show it, some do not
  const first = rest.content?.[0];
  if (/ test_(tool_with_progress|streaming_elicitation)$/.test(key)) first.text = typeof first.text;
  if (/ get-env$/.test(key)) first.text = `${'PATH' in JSON.parse(first.text)}`;
  for (const c of rest.contents ?? []) {
    if (c.blob && c.mimeType === 'text/plain') c.blob = Buffer.from(c.blob, 'base64').toString();
  }
  return Object.keys(meta).length > 0 ? { ...rest, _meta: meta } : rest;
}

// asking are tools that ask for roots; server-everything asks when it likes, once for a session.
const asking = /_(list_roots|multiple_inputs|capabilities)$|ask-all/;

// asked is what a server asked in one round, which has no order.
function asked(key, asks) {
  return asks.filter((a) => a.method !== 'roots/list' || asking.test(key))
    .map((a) => JSON.stringify(sorted(a))).sort();
}

// logged is what came as logs, less what no call has caused and what is random.
function logged(key, logs) {
  const caused = logs.filter((l) => l.logger !== 'everything-server');
  return / toggle-simulated-logging$/.test(key) ? caused.length > 0 : [...caused];
}

function sorted(v) {
  if (Array.isArray(v)) return v.map(sorted);
  if (v === null || typeof v !== 'object') return v;
  return Object.fromEntries(Object.keys(v).sort().map((k) => [k, sorted(v[k])]));
}
