// Both SDKs over HTTP as they are fastest: on node:http itself, not on Express, and with a body
// that is parsed before they see it (Express's json() does no more), which saves them a web stream
// of their own.
import { createServer } from "node:http";

// serve lets handle(req, res, body) answer at host:port.
export function serve(addr, handle) {
  const { hostname, port } = new URL(`http://${addr}`);
  const server = createServer(async (req, res) => {
    try {
      const text = await bodyOf(req);
      await handle(req, res, text === "" ? undefined : JSON.parse(text));
    } catch (e) {
      if (!res.headersSent) res.writeHead(400);
      res.end(String(e));
    }
  });
  server.listen(Number(port), hostname);
}

// bodyOf costs less than for await.
function bodyOf(req) {
  return new Promise((resolve, reject) => {
    let text = "";
    req.setEncoding("utf8");
    req.on("data", (part) => (text += part));
    req.on("end", () => resolve(text));
    req.on("error", reject);
  });
}
