// A REST API that says what it was asked, as notes.openapi.yaml describes it.
//   node rest.mjs PORT
import { createServer } from 'node:http';

createServer(async (req, res) => {
  let body = '';
  for await (const part of req) body += part;
  const { pathname, searchParams } = new URL(req.url, 'http://rest');
  const send = (status, type, text) => res.writeHead(status, { 'Content-Type': type }).end(text);
  if (pathname === '/broken') return send(404, 'text/plain', 'it is broken');
  if (req.method === 'DELETE') return res.writeHead(204).end();
  if (pathname.endsWith('/picture')) return send(200, 'image/png', Buffer.from('AAAA', 'base64'));
  if (pathname.endsWith('/text')) return send(200, 'text/plain', 'a text');
  const query = {};
  for (const key of searchParams.keys()) query[key] = searchParams.getAll(key).join();
  const said = { method: req.method, path: pathname, query, body };
  if (req.headers['x-trace']) said.query.trace = req.headers['x-trace'];
  return send(200, 'application/json', JSON.stringify(said));
}).listen(Number(process.argv[2]), '127.0.0.1');
