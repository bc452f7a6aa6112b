// A session by the TypeScript SDK v2, of either era.
import { Client, SSEClientTransport, StreamableHTTPClientTransport }
  from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import * as answers from './answers.mjs';
import { hearProgress } from './progress.mjs';

const timeout = 8000; // of a call, ms
const modernRevision = '2026-07-28';

// connect(target, era) opens a session; target is { url, sse } or { command, args }.
export async function connect(target, era) {
  const mode = era === 'modern' ? { pin: modernRevision } : 'legacy';
  const client = new Client({ name: 'sweep-v2', version: '1' },
    { capabilities: answers.capabilities, versionNegotiation: { mode } });
  const heard = { asks: [], logs: [], updates: [], progress: [] };
  const answer = (method, how) => client.setRequestHandler(method, ({ params }) => {
    const { _meta: _, ...said } = params ?? {}; // a token for the progress of the answer
    heard.asks.push({ method, params: said });
    return how(said);
  });
  answer('sampling/createMessage', answers.sampled);
  answer('elicitation/create', answers.elicited);
  answer('roots/list', () => answers.roots);
  client.setNotificationHandler('notifications/message', (n) => { heard.logs.push(n.params); });
  client.setNotificationHandler('notifications/resources/updated',
    (n) => { heard.updates.push(n.params.uri); });
  await client.connect(transport(target));
  hearProgress(client.transport, heard.progress);
  const can = client.getServerCapabilities();
  const modern = era === 'modern';
  if (can.logging && !modern) await client.setLoggingLevel('debug');
  const _meta = modern ? { 'io.modelcontextprotocol/logLevel': 'debug' } : undefined;
  return {
    heard, can, instructions: client.getInstructions(), server: client.getServerVersion(),
    list: async (method, key) => (await client[method]())[key], // all pages of it
    call: (tool, args) => client.callTool({ name: tool.name, arguments: args, _meta },
      { onprogress() {}, timeout, toolDefinition: tool }),
    read: (uri) => client.readResource({ uri }, { cacheMode: 'bypass' }),
    prompt: (name, args) => client.getPrompt({ name, arguments: args }),
    complete: (ref, argument) => client.complete({ ref, argument }),
    async watch(uri) {
      if (modern) {
        const listening = await client.listen({ resourceSubscriptions: [uri] });
        return () => listening.close();
      }
      await client.subscribeResource({ uri });
      return () => client.unsubscribeResource({ uri });
    },
    async close() {
      if (!modern) await client.transport.terminateSession?.();
      await client.close();
    },
  };
}

function transport({ url, sse, command, args }) {
  if (command) return new StdioClientTransport({ command, args, stderr: 'ignore' });
  return new (sse ? SSEClientTransport : StreamableHTTPClientTransport)(new URL(url));
}
