// A session by the Inspector's command line: each request is a run of it, with a connection of its
// own, but in this process, since it takes half a second to load.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from './node_modules/@modelcontextprotocol/inspector/clients/cli/build/index.js';

const timeout = 6000; // of a run, ms

// connect(target, era) is a session; target is { url, sse } or { command, args }.
export async function connect(target, era) {
  const dir = mkdtempSync(join(tmpdir(), 'inspector-'));
  const result = join(dir, 'result.json');
  const run = async (method, ...args) => {
    rmSync(result, { force: true });
    const to = ['--method', method, ...args, '--output', result, '-q', '--protocol-era', era];
    if (target.command) to.push('--', target.command, ...target.args);
    else to.push('--server-url', target.url, '--transport', target.sse ? 'sse' : 'http');
    let failed, timer;
    const late = new Promise((resolve) => { timer = setTimeout(resolve, timeout); })
      .then(() => { failed = new Error('Request timed out'); });
    await Promise.race([late, runCli(['node', 'inspector', ...to]).catch((e) => { failed = e; })]);
    clearTimeout(timer);
    try {
      return JSON.parse(readFileSync(result, 'utf8'));
    } catch {
      throw failed ?? new Error('the Inspector has written nothing');
    }
  };
  const pairs = (args) => Object.entries(args).map(([k, v]) => `${k}=${v}`);
  const methods = {
    listTools: 'tools/list', listResources: 'resources/list', listPrompts: 'prompts/list',
    listResourceTemplates: 'resources/templates/list',
  };
  const said = await run('initialize');
  return {
    heard: { asks: [], logs: [], updates: [], progress: [] }, can: said.capabilities ?? {},
    instructions: said.instructions, server: said.serverInfo,
    list: async (method, key) => (await run(methods[method]))[key],
    call: (tool, args) => run('tools/call', '--tool-name', tool.name,
      '--tool-args-json', JSON.stringify(args)),
    read: (uri) => run('resources/read', '--uri', uri),
    prompt: (name, args) => run('prompts/get', '--prompt-name', name,
      ...(Object.keys(args).length > 0 ? ['--prompt-args', ...pairs(args)] : [])),
    close: async () => rmSync(dir, { recursive: true }),
  };
}
