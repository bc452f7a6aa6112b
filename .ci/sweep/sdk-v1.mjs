// A session by the TypeScript SDK v1, of the legacy era.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CallToolResultSchema, CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema,
  LoggingMessageNotificationSchema, ResourceUpdatedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import * as answers from './answers.mjs';
import { hearProgress } from './progress.mjs';

const timeout = 8000; // of a call, ms

// connect(target) opens a session; target is { url, sse } or { command, args }.
export async function connect(target) {
  const client = new Client({ name: 'sweep-v1', version: '1' },
    { capabilities: answers.capabilities });
  const heard = { asks: [], logs: [], updates: [], progress: [] };
  const answer = (schema, how) => client.setRequestHandler(schema, ({ method, params }) => {
    const { _meta: _, ...said } = params ?? {}; // a token for the progress of the answer
    heard.asks.push({ method, params: said });
    return how(said);
  });
  answer(CreateMessageRequestSchema, answers.sampled);
  answer(ElicitRequestSchema, answers.elicited);
  answer(ListRootsRequestSchema, () => answers.roots);
  client.setNotificationHandler(LoggingMessageNotificationSchema,
    (n) => { heard.logs.push(n.params); });
  client.setNotificationHandler(ResourceUpdatedNotificationSchema,
    (n) => { heard.updates.push(n.params.uri); });
  await client.connect(transport(target));
  hearProgress(client.transport, heard.progress);
  const can = client.getServerCapabilities();
  if (can.logging) await client.setLoggingLevel('debug');
  return {
    heard, can, instructions: client.getInstructions(), server: client.getServerVersion(),
    list: (method, key) => pages((cursor) => client[method](cursor && { cursor }), key),
    call: (tool, args) => call(client, tool, args),
    read: (uri) => client.readResource({ uri }),
    prompt: (name, args) => client.getPrompt({ name, arguments: args }),
    complete: (ref, argument) => client.complete({ ref, argument }),
    async watch(uri) {
      await client.subscribeResource({ uri });
      return () => client.unsubscribeResource({ uri });
    },
    async close() {
      await client.transport.terminateSession?.();
      await client.close();
    },
  };
}

function transport({ url, sse, command, args }) {
  if (command) return new StdioClientTransport({ command, args, stderr: 'ignore' });
  return new (sse ? SSEClientTransport : StreamableHTTPClientTransport)(new URL(url));
}

async function pages(get, key) {
  const all = [];
  for (let cursor, first = true; first || cursor; first = false) {
    const page = await get(cursor);
    all.push(...page[key]);
    cursor = page.nextCursor;
  }
  return all;
}

// call makes a task of it where the tool wants one, as clients of 2025-11-25 must.
async function call(client, tool, args) {
  const params = { name: tool.name, arguments: args };
  if (tool.execution?.taskSupport !== 'required') {
    return client.callTool(params, undefined, { onprogress() {}, timeout });
  }
  let last;
  const { tasks } = client.experimental;
  for await (const m of tasks.callToolStream(params, CallToolResultSchema, { task: {} })) last = m;
  if (last.type === 'error') throw last.error;
  return last.result;
}
