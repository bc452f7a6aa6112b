// Arguments for tools, prompts, templates and forms: from their schemas, but where a name says
// that a value has a meaning. RUN stands for what is new in each walk.

// What a tool gets in place of, or beside, what its schema makes of it.
const tools = {
  'trigger-long-running-operation': { duration: 0.2, steps: 2 },
  'gzip-file-as-resource': {
    name: 'sweep.gz', data: 'data:text/plain,hello', outputType: 'resourceLink',
  },
  'trigger-url-elicitation': { url: 'https://example.com/page', elicitationId: 'RUN' },
  'simulate-research-query': { topic: 'python', ambiguous: true },
  append: { key: 'RUN', value: 'one' },
  read: { key: 'RUN' },
  emit: { key: 'RUN', n: 3, log: 'note' },
  count: { n: 3 },
  slow_compute: { seconds: 0.1, label: 'sum' },
  json_schema_2020_12_tool: {
    name: 'n', contactMethod: 'email', email: 'a@example.com', address: { city: 'Oslo' },
  },
  test_x_mcp_header: { region: 'us-wést 1', level: 3 },
  find: { pattern: '*.yaml' },
  addNote: { body: { title: 'park', stars: 1 } },
};

// What arguments of prompts and variables of templates are, by name.
const texts = {
  resourceType: 'Text', resourceId: '1', city: 'Oslo', department: 'Sales', name: 'Alice',
  resourceUri: 'test://example', key: 'none', id: '7', path: 'notes.openapi.yaml',
};

// fill puts run in place of RUN.
export const fill = (value, run) => JSON.parse(JSON.stringify(value).replaceAll('RUN', run));

export function toolArguments(tool, name, run) {
  const made = fromSchema(tool.inputSchema ?? {});
  return fill({ ...made, ...tools[name] }, run);
}

export function promptArguments(prompt, run) {
  const all = (prompt.arguments ?? []).map((a) => [a.name, text(a.name)]);
  return fill(Object.fromEntries(all), run);
}

// variables of a template: {id}, {+path}, {?q,lang}.
export function variables(template) {
  return [...template.matchAll(/\{[+#./;?&]?([^}]*)\}/g)]
    .flatMap((m) => m[1].split(',').map((v) => v.replace(/[*:].*/, '')));
}

export function uriOf(template, run) {
  const uri = template.replace(/\{[+#./;?&]?([^}]*)\}/g, (_, names) => text(names));
  return fill(uri, run);
}

const text = (name) => texts[name] ?? 'p';

// form fills in what an elicitation asks for.
export function form(schema) {
  const out = {};
  for (const [name, s] of Object.entries(schema.properties ?? {})) out[name] = fromSchema(s);
  return out;
}

// fromSchema is the least that fits, with every property of an object. Properties that have a
// default are left out, so that the server puts them in.
function fromSchema(s) {
  if ('default' in s) return s.default;
  if (s.enum) return s.enum[0];
  if (s.oneOf?.[0] && 'const' in s.oneOf[0]) return s.oneOf[0].const;
  switch (s.type) {
    case 'object': return form(s);
    case 'array': return [fromSchema(s.items?.anyOf
      ? { oneOf: s.items.anyOf } : s.items ?? { type: 'string' })];
    case 'boolean': return true;
    case 'integer': case 'number': return Math.max(s.minimum ?? 1, 1);
    default: return ofFormat(s.format);
  }
}

function ofFormat(format) {
  switch (format) {
    case 'email': return 'a@example.com';
    case 'uri': return 'https://example.com/';
    case 'date': return '2026-11-27';
    case 'date-time': return '2026-11-27T12:00:00Z';
    default: return 'park';
  }
}
