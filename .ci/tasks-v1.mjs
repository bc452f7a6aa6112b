// The experimental tasks of 2025-11-25, by the TypeScript SDK v1.
//   node tasks-v1.mjs http URL | stdio SERVER [ARGUMENTS]
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import {
  CallToolResultSchema, ElicitRequestSchema, TaskStatusNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';

const [kind, target, ...args] = process.argv.slice(2);
const connect = async () => {
  const client = new Client({ name: 'tasks', version: '1.0.0' }, {
    capabilities: { elicitation: { form: {} } },
  });
  client.told = [];
  client.setNotificationHandler(TaskStatusNotificationSchema,
    (n) => { client.told.push(n.params.status); });
  client.setRequestHandler(ElicitRequestSchema, (request) => {
    client.related = request.params._meta['io.modelcontextprotocol/related-task'].taskId;
    return { action: 'accept', content: { confirm: true } };
  });
  await client.connect(kind === 'http' ? new StreamableHTTPClientTransport(new URL(target))
    : new StdioClientTransport({ command: target, args }));
  return client;
};
const step = async (name, run) => {
  try {
    console.log('ok  ', name, JSON.stringify(await run())?.slice(0, 110));
  } catch (e) {
    console.log('FAIL', name, e.code ?? '', e.message?.slice(0, 200));
    process.exitCode = 1;
  }
};
const want = (ok, what) => { if (!ok) throw new Error(`not as wanted: ${JSON.stringify(what)}`); };

const client = await connect();
const { tasks } = client.experimental;
// stream calls a tool as a task and returns what came.
const stream = async (name, args) => {
  const all = [];
  for await (const m of tasks.callToolStream({ name, arguments: args }, CallToolResultSchema,
    { task: { ttl: 60000 } })) all.push(m);
  return all;
};
const create = async (name, args) => {
  for await (const m of tasks.callToolStream({ name, arguments: args }, CallToolResultSchema,
    { task: { ttl: 60000 } })) return m.task;
};

await step('tasks are declared', async () => {
  const { list, cancel, requests } = client.getServerCapabilities().tasks;
  want(list && cancel && requests.tools.call, requests);
  const tool = (await client.listTools()).tools.find((t) => t.name === 'slow_compute');
  want(tool.execution.taskSupport === 'optional', tool);
});
await step('task stream', async () => {
  const all = await stream('slow_compute', { seconds: 0.2, label: 'x' });
  want(all[0].type === 'taskCreated' && all[0].task.ttl === 60000, all);
  const last = all.at(-1);
  want(last.type === 'result' && last.result.content[0].text.startsWith('x computed'), last);
  return last.result._meta;
});
await step('task get, result, list', async () => {
  const { taskId } = await create('slow_compute', { seconds: 0.3, label: 'y' });
  want((await tasks.getTask(taskId)).status === 'working', taskId);
  const result = await tasks.getTaskResult(taskId, CallToolResultSchema);
  want(result._meta['io.modelcontextprotocol/related-task'].taskId === taskId, result);
  want((await tasks.getTask(taskId)).status === 'completed', taskId);
  want((await tasks.listTasks()).tasks.some((t) => t.taskId === taskId), 'the list');
});
await step('task input', async () => {
  const all = await stream('confirm_delete', { filename: 'a.txt' });
  const last = all.at(-1);
  want(client.related === all[0].task.taskId, client.related);
  want(last.type === 'result' && last.result.content[0].text === 'a.txt was deleted', last);
});
await step('task cancel', async () => {
  const { taskId } = await create('slow_compute', { seconds: 60 });
  want((await tasks.cancelTask(taskId)).status === 'cancelled', taskId);
  const again = await tasks.cancelTask(taskId).catch((e) => e.code);
  want(again === -32602, again);
});
await step('task failed', async () => {
  const all = await stream('failing_job', {});
  want(all.at(-1).type === 'error' && all.at(-2).task.status === 'failed', all.slice(-2));
  return all.at(-2).task.statusMessage;
});
await step('task required', async () => {
  const code = await client.request({ method: 'tools/call', params: { name: 'failing_job' } },
    CallToolResultSchema).catch((e) => e.code);
  want(code === -32601, code);
});
await step('task status', async () => {
  want(client.told.includes('completed') && client.told.includes('cancelled'), client.told);
});
await step('task isolation', async () => {
  const { taskId } = await create('slow_compute', { seconds: 60 });
  const other = await connect();
  const got = await other.experimental.tasks.getTask(taskId).catch((e) => e.code);
  want(got === -32602, got);
  want((await other.experimental.tasks.listTasks()).tasks.length === 0, 'the list');
  await other.close();
  await tasks.cancelTask(taskId);
});
await client.close();
process.exit();
