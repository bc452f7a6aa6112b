// What tools must bring that no MCP server has: parts of the result, or the error, of each.
const said = (method, path, query, body) => [
  `"structuredContent":{"body":${JSON.stringify(body)},"method":"${method}","path":"${path}",` +
  `"query":${JSON.stringify(query)}}`,
];

export const truth = {
  notes: {
    'tool listNotes': said('GET', '/notes', { limit: '1', tag: 'park', trace: 'park' }, ''),
    'tool addNote': said('POST', '/notes', {}, '{"title":"park","stars":1}'),
    'tool getNote': said('GET', '/notes/park', {}, ''),
    'tool renameNote': said('PUT', '/notes/park', {}, 'title=park'),
    'tool removeNote': ['"content":['],
    'tool pictureOf': ['"data":"AAAA","mimeType":"image/png","type":"image"'],
    'tool textOf': ['"text":"a text"'],
    'tool broken': ['"isError":true', '404', 'it is broken'],
  },
  web: {
    'tool note': ['"structuredContent":{"method":"GET","path":"/notes/park"}'],
    'tool add': ['POST', 'title', 'park'],
  },
  run: { 'tool measure': ['4'], 'tool find': ['notes.openapi.yaml'] },
  docs: {
    'resource file:///docs/notes.openapi.yaml': ['openapi: 3.1.0', '"uri":"file:///docs/notes'],
    'template file:///docs/{+path}': ['openapi: 3.1.0'],
  },
};

// untrue lists what a walk lacks of it.
export function untrue(name, outcomes) {
  return Object.entries(truth[name] ?? {}).flatMap(([key, parts]) => {
    const outcome = outcomes.get(key) ?? '';
    return parts.filter((part) => !outcome.includes(part))
      .map((part) => ({ path: 'own', key, direct: part, through: outcome || undefined }));
  });
}
