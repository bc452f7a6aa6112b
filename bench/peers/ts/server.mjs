// The TypeScript SDK v1 as its README shows it: one echo tool over stdin and stdout.
// Install beside this file with `npm install --no-package-lock`, start with `node server.mjs`.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { z } from "zod";

const server = new McpServer({ name: "ts-sdk-v1", version: "1" });
server.registerTool(
  "echo",
  { description: "gives back message", inputSchema: { message: z.string() } },
  async ({ message }) => ({ content: [{ type: "text", text: message }] }),
);
await server.connect(new StdioServerTransport());
