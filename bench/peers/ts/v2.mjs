// The TypeScript SDK v2 as its README shows it: one echo tool. Over HTTP it makes a server for
// each request, in either era; with nothing to stream it answers JSON by itself.
//   node v2.mjs stdio | node v2.mjs http HOST:PORT
import { toNodeHandler } from "@modelcontextprotocol/node";
import { McpServer, createMcpHandler } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";
import { serve } from "./http.mjs";

const [door, addr] = process.argv.slice(2);
if (door === "stdio") serveStdio(echoServer);
else serve(addr, toNodeHandler(createMcpHandler(echoServer)));

function echoServer() {
  const server = new McpServer({ name: "ts-sdk-v2", version: "1" });
  server.registerTool(
    "echo",
    { description: "gives back message", inputSchema: z.object({ message: z.string() }) },
    async ({ message }) => ({ content: [{ type: "text", text: message }] }),
  );
  return server;
}
