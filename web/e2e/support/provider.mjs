/**
 * A real provider of OpenID Connect, at which whoever comes is Ada, once they have pressed a button.
 *
 * It prints its address, reads a line with the address to send people back to, and prints `ready`.
 */

import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

/** What the server is known by. */
const CLIENT = { client_id: "allo", client_secret: "a secret of more than thirty-two letters" };

let answer = (_request, response) => response.end();
const server = createServer((request, response) => answer(request, response));
server.listen(0, "localhost", () => {
  const issuer = `http://localhost:${server.address().port}`;
  process.stdout.write(`${issuer}\n`);
  createInterface({ input: process.stdin }).once("line", (redirectUri) => {
    answer = answers(issuer, redirectUri);
    process.stdout.write("ready\n");
  });
});

function answers(issuer, redirectUri) {
  const provider = new Provider(issuer, {
    clients: [{ ...CLIENT, redirect_uris: [redirectUri] }],
    claims: { openid: ["sub"], profile: ["name"] },
    cookies: { keys: ["a key for this test alone"] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    findAccount: (_context, accountId) => ({
      accountId,
      claims: () => ({ sub: accountId, name: "Ada Lovelace" }),
    }),
  });
  const callback = provider.callback();
  return (request, response) => {
    if (!request.url.startsWith("/interaction/")) return callback(request, response);
    if (request.method === "GET") return page(response);
    finish(provider, request, response);
    return undefined;
  };
}

function page(response) {
  response.setHeader("content-type", "text/html");
  response.end('<title>Provider</title><form method="post"><button>Go on as Ada</button></form>');
}

/** Signs Ada in, and lets the server know her name. */
async function finish(provider, request, response) {
  const { params } = await provider.interactionDetails(request, response);
  const grant = new provider.Grant({ accountId: "ada", clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const result = { login: { accountId: "ada" }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result);
}
