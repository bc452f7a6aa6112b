// A legacy MCP server of one tool, over the WebSocket server that most of Node uses: ws-server.cjs PORT
const { WebSocketServer } = require("ws");

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.argv[2]),
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
