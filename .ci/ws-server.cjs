// A legacy MCP server of one tool, over the WebSocket server that most of Node uses:
//   ws-server.cjs PORT
//   ws-server.cjs PORT DIR BACK   over TLS, with DIR/cert.pem and DIR/key.pem; what is no WebSocket
//                                 goes to the HTTP server at port BACK
const { WebSocketServer } = require("ws");
const { readFileSync } = require("fs");
const http = require("http");
const https = require("https");

const [port, dir, back] = process.argv.slice(2);
const web = dir
  ? https.createServer({ cert: readFileSync(`${dir}/cert.pem`), key: readFileSync(`${dir}/key.pem`) })
  : http.createServer();
if (dir) {
  web.on("request", (req, res) => {
    const { method, url: path, headers } = req;
    const to = { host: "127.0.0.1", port: back, method, path, headers };
    const onward = http.request(to, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.pipe(res);
    });
    onward.on("error", () => res.destroy());
    res.on("close", () => onward.destroy());
    req.pipe(onward);
  });
}
web.listen(Number(port), "127.0.0.1");

const server = new WebSocketServer({
  server: web,
  perMessageDeflate: true,
  handleProtocols: (offered) => (offered.has("mcp") ? "mcp" : false),
});

const results = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "node", version: "1" },
  }),
  "tools/list": () => ({
    tools: [{ name: "echo", description: "x".repeat(100000), inputSchema: { type: "object" } }],
  }),
  "tools/call": ({ arguments: { message } }) => ({ content: [{ type: "text", text: message }] }),
};

server.on("connection", (peer) => {
  peer.ping("are you there?");
  peer.on("message", (data) => {
    const { id, method, params } = JSON.parse(data);
    if (id === undefined) return;
    const answer = results[method]
      ? { result: results[method](params) }
      : { error: { code: -32601, message: "method not found" } };
    peer.send(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
  });
});
