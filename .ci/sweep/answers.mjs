// What the clients of the sweep answer to what servers ask of them, the same in each of them.
import { form } from './arguments.mjs';

export const capabilities = {
  sampling: { tools: {} }, elicitation: { form: {}, url: {} }, roots: { listChanged: true },
};

export const roots = { roots: [{ uri: 'file:///work', name: 'work' }] };

export function elicited(params) {
  if (params.mode === 'url') return { action: 'accept' };
  return { action: 'accept', content: form(params.requestedSchema) };
}

// sampled uses the first of the tools it is given, once, and then answers in text.
export function sampled(params) {
  const said = { role: 'assistant', model: 'm', stopReason: 'endTurn' };
  const last = [params.messages.at(-1)?.content].flat();
  if (params.tools?.length > 0 && !last.some((c) => c?.type === 'tool_result')) {
    const use = { type: 'tool_use', id: 'u1', name: params.tools[0].name, input: { a: 2, b: 5 } };
    return { ...said, stopReason: 'toolUse', content: [use] };
  }
  const heard = last.map((c) => c?.text ?? JSON.stringify(c?.content ?? c)).join();
  return { ...said, content: { type: 'text', text: `heard: ${heard}` } };
}
