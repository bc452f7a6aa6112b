// The TypeScript SDK v1 as its README shows it: one echo tool.
//   node v1.mjs stdio | node v1.mjs http HOST:PORT
import { randomUUID } from "node:crypto";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { z } from "zod";
import { serve } from "./http.mjs";

const sessions = new Map();
const [door, addr] = process.argv.slice(2);
if (door === "stdio") await echoServer().connect(new StdioServerTransport());
else serve(addr, answer);

function echoServer() {
  const server = new McpServer({ name: "ts-sdk-v1", version: "1" });
  server.registerTool(
    "echo",
    { description: "gives back message", inputSchema: { message: z.string() } },
    async ({ message }) => ({ content: [{ type: "text", text: message }] }),
  );
  return server;
}

// answer keeps a server for each session: without sessions the SDK wants a new one for each
// request, which costs more than the call.
async function answer(req, res, body) {
  let transport = sessions.get(req.headers["mcp-session-id"]);
  if (!transport) {
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      enableJsonResponse: true,
      onsessioninitialized: (id) => sessions.set(id, transport),
    });
    await echoServer().connect(transport);
  }
  await transport.handleRequest(req, res, body);
}
