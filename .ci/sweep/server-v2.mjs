// A server on the TypeScript SDK v2 with one of each thing that a client can use. Clients of both
// eras are served; over HTTP a server is made for each request, and keeps nothing.
//   node server-v2.mjs stdio | node server-v2.mjs http PORT
import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  McpServer, ResourceTemplate, acceptedContent, completable, createMcpHandler, inputRequired,
  inputResponse,
} from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';

const [door, port] = process.argv.slice(2);
let touched = () => {}; // tells who listens to notes://today
if (door === 'stdio') {
  serveStdio(make);
} else {
  const handler = createMcpHandler(make);
  touched = () => handler.notify.resourceUpdated('notes://today');
  createServer(toNodeHandler(handler)).listen(Number(port), '127.0.0.1');
}

const text = (t) => ({ content: [{ type: 'text', text: t }] });
const say = (t) => ({ messages: [{ role: 'user', content: { type: 'text', text: t } }] });
const cities = ['Oslo', 'Osaka', 'Paris'];
const begun = (all) => (value) => all.filter((v) => v.startsWith(value));

function make() {
  const server = new McpServer({ name: 'sweep-v2', version: '1', title: 'Sweep' }, {
    capabilities: { logging: {}, resources: { subscribe: true } }, instructions: 'Try all of it.',
  });
  addTools(server);
  addAsking(server);
  addResources(server);
  addPrompts(server);
  return server;
}

function addTools(server) {
  server.registerTool('echo', {
    title: 'Echo', description: 'gives back message', annotations: { readOnlyHint: true },
    inputSchema: z.object({ message: z.string() }),
  }, ({ message }) => text(message));
  server.registerTool('weather', {
    description: 'structured', inputSchema: z.object({ city: z.enum(cities) }),
    outputSchema: z.object({ city: z.string(), degrees: z.number() }),
  }, ({ city }) => ({ ...text(city), structuredContent: { city, degrees: 1.5 } }));
  server.registerTool('picture', { description: 'what is no text' }, () => ({
    content: [
      { type: 'image', data: 'AAAA', mimeType: 'image/png' },
      { type: 'audio', data: 'AAAA', mimeType: 'audio/wav' },
      { type: 'resource', resource: { uri: 'notes://today', text: 'sunny' } },
      { type: 'resource_link', uri: 'notes://city/Oslo', name: 'Oslo' },
    ],
  }));
  server.registerTool('fails', { description: 'throws' }, () => { throw new Error('no luck'); });
  server.registerTool('steps', { description: 'progress and logs' }, async (ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    for (let progress = 1; progress <= 3; progress++) {
      await ctx.mcpReq.log('info', `step ${progress}`, 'steps');
      if (progressToken === undefined) continue;
      await ctx.mcpReq.notify({
        method: 'notifications/progress', params: { progressToken, progress, total: 3 },
      });
    }
    return text('done');
  });
  server.registerTool('touch', { description: 'changes notes://today' }, async () => {
    touched();
    if (door === 'stdio') await server.server.sendResourceUpdated({ uri: 'notes://today' });
    return text('touched');
  });
}

function addAsking(server) {
  const name = z.object({ name: z.string() });
  server.registerTool('greet', { description: 'asks for a name' }, (ctx) => {
    const who = acceptedContent(ctx.mcpReq.inputResponses, 'who', name);
    if (who) return text(`Hello, ${who.name}!`);
    return inputRequired({
      inputRequests: {
        who: inputRequired.elicit({ message: 'Who are you?', requestedSchema: name }),
      },
    });
  });
  server.registerTool('ask-all', { description: 'asks three at once' }, (ctx) => {
    const responses = ctx.mcpReq.inputResponses;
    const [model, roots, page] = ['model', 'roots', 'page'].map((k) => inputResponse(responses, k));
    if (model.kind !== 'missing') return text(JSON.stringify([model, roots, page]));
    return inputRequired({
      requestState: 'asked',
      inputRequests: {
        model: inputRequired.createMessage({
          maxTokens: 10, messages: [{ role: 'user', content: { type: 'text', text: 'Hi' } }],
        }),
        roots: inputRequired.listRoots(),
        page: inputRequired.elicitUrl({ message: 'Sign in', url: 'https://example.com/' }),
      },
    });
  });
}

function addResources(server) {
  server.registerResource('today', 'notes://today', { mimeType: 'text/plain', title: 'Today' },
    (uri) => ({ contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'sunny' }] }));
  server.registerResource('bytes', 'notes://bytes', { mimeType: 'application/octet-stream' },
    (uri) => ({ contents: [{ uri: uri.href, blob: 'AAAA' }] }));
  server.registerResource('city', new ResourceTemplate('notes://city/{city}', {
    list: undefined, complete: { city: begun(cities) },
  }), { description: 'a city' }, (uri, { city }) => (
    { contents: [{ uri: uri.href, text: city }] }));
}

function addPrompts(server) {
  server.registerPrompt('plain', { description: 'no arguments' }, () => say('plain'));
  server.registerPrompt('travel', {
    title: 'Travel', description: 'completes',
    argsSchema: z.object({ city: completable(z.string(), begun(cities)), name: z.string() }),
  }, ({ city, name }) => say(`${name} goes to ${city}`));
}
