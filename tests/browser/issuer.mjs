// A real OpenID Connect issuer, npm's oidc-provider, on loopback: `node issuer.mjs PORT`. Prints `ready`, then takes lines
// with the ids of the keys that it shall have from then on, the signing one first, and prints each line back when done.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

import Provider from "oidc-provider";

const port = Number(process.argv[2]);
const issuer = `http://localhost:${port}`;
const keys = new Map();

function key(kid) {
  if (!keys.has(kid)) {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    keys.set(kid, { ...privateKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" });
  }
  return keys.get(kid);
}

/** A program's client; its tokens name its role. */
const program = (role) => ({
  client_id: role,
  client_secret: "a secret of the test",
  grant_types: ["client_credentials"],
  redirect_uris: [],
  response_types: [],
});

const page = {
  client_id: "scope",
  application_type: "native",
  token_endpoint_auth_method: "none",
  grant_types: ["authorization_code"],
  redirect_uris: ["http://localhost/api/v1/sign-in/oidc/callback"],
  response_types: ["code"],
};

function provider(kids) {
  return new Provider(issuer, {
    clients: [...["operator", "user", "viewer", "guest"].map(program), page],
    cookies: { keys: ["a secret of the test"] },
    jwks: { keys: kids.map(key) },
    pkce: { required: () => true },
    claims: { openid: ["sub", "role"] },
    conformIdTokenClaims: false,
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, role: id }) }),
    extraTokenClaims: (_context, token) => ({
      role: [token.clientId],
      ...(token.clientId === "user" && { limits: { pipelines: ["echo"], max_seconds: 60 } }),
    }),
    ttl: { ClientCredentials: 600, IdToken: 600, AccessToken: 600, Session: 600, Grant: 600, Interaction: 600 },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, audience) => ({
          audience,
          scope: "",
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  }).callback();
}

let answer = provider(["first"]);
createServer((request, response) => answer(request, response)).listen(port, "localhost", () => console.log("ready"));
for await (const line of createInterface({ input: process.stdin })) {
  answer = provider(line.trim().split(" "));
  console.log(line);
}
process.exit();
