// A protected MCP server for .ci/oauth.sh: oidc-provider, a certified authorization server, and a
// door that lets requests with its tokens through to a server behind it.
//   node oauth-server.mjs ISSUER_PORT DOOR_PORT BEHIND_URL KEY_FILE
import { writeFileSync } from "node:fs";
import http from "node:http";
import * as jose from "jose";
import Provider from "oidc-provider";

const [issuerPort, doorPort, behind, keyFile] = process.argv.slice(2);
const issuer = `http://localhost:${issuerPort}`;
const resource = `http://localhost:${doorPort}/mcp`;
const metadata = `http://localhost:${doorPort}/.well-known/oauth-protected-resource/mcp`;

const key = await jose.generateKeyPair("ES256", { extractable: true });
writeFileSync(keyFile, await jose.exportPKCS8(key.privateKey), { mode: 0o600 });
const jwk = { ...(await jose.exportJWK(key.publicKey)), kid: "k1", alg: "ES256", use: "sig" };
const robot = { grant_types: ["client_credentials"], redirect_uris: [], response_types: [] };

const provider = new Provider(issuer, {
  clients: [
    {
      ...robot, client_id: "robot", jwks: { keys: [jwk] },
      token_endpoint_auth_method: "private_key_jwt", token_endpoint_auth_signing_alg: "ES256",
    },
    { ...robot, client_id: "secretive", client_secret: "a+b/c:d e%" },
  ],
  scopes: ["openid", "offline_access", "mcp:tools", "mcp:add"],
  clientAuthMethods: ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
  cookies: { keys: ["for this test"] },
  issueRefreshToken: async () => true,
  pkce: { required: () => true },
  findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, asked) => ({
        scope: "mcp:tools mcp:add", audience: asked, accessTokenFormat: "jwt",
        accessTokenTTL: 4, jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});
for (const event of ["authorization.error", "grant.error", "server_error"]) {
  provider.on(event, (_, fault) => console.log(event, fault.message, fault.error_description));
}
provider.on("grant.success", (ctx) => {
  console.log("granted", ctx.oidc.params.grant_type, ctx.oidc.client.tokenEndpointAuthMethod);
});
http.createServer(provider.callback()).listen(issuerPort, "localhost");

const keys = jose.createRemoteJWKSet(new URL(`${issuer}/jwks`));
const json = { "content-type": "application/json" };

// verdict: undefined when the request may pass, else the status and what the challenge says.
async function verdict(request, body) {
  const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
  let scopes;
  try {
    const { payload } = await jose.jwtVerify(token, keys, { issuer, audience: resource });
    scopes = (payload.scope ?? "").split(" ");
  } catch {
    return [401, ""];
  }
  const call = body.length > 0 ? JSON.parse(body) : {};
  if (call.params?.name === "add" && call.method === "tools/call" && !scopes.includes("mcp:add")) {
    return [403, ', error="insufficient_scope", scope="mcp:add"'];
  }
}

http.createServer(async (request, response) => {
  if (request.url.startsWith("/.well-known/")) {
    response.writeHead(200, json).end(JSON.stringify({
      resource, authorization_servers: [issuer], scopes_supported: ["mcp:tools"],
    }));
    return;
  }
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const refused = await verdict(request, body);
  if (refused) {
    const [status, more] = refused;
    response.writeHead(status, {
      "www-authenticate": `Bearer resource_metadata="${metadata}"${more}`,
    }).end();
    return;
  }
  const { authorization, host, ...headers } = request.headers;
  const on = http.request(behind, { method: request.method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  on.on("error", () => response.destroy());
  response.on("close", () => on.destroy());
  on.end(body);
}).listen(doorPort, "localhost", () => console.log("ready"));
