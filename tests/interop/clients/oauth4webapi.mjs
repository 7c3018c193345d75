// oauth4webapi by the FAPI 2.0 Security Profile: each request and each check is a call of its own, as in its examples.
import { readFileSync } from 'node:fs';
import { createPrivateKey, webcrypto } from 'node:crypto';
import express from 'express';
import * as oauth from 'oauth4webapi';

const { ISSUER, CLIENT_ID, CLIENT_KEY, REDIRECT_URI, SCOPE, PORT } = process.env;
const der = createPrivateKey(readFileSync(CLIENT_KEY)).export({ type: 'pkcs8', format: 'der' });
const key = await webcrypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
// The stage has no TLS
const plain = { [oauth.allowInsecureRequests]: true };
const issuer = new URL(ISSUER);
const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, plain));
const client = { client_id: CLIENT_ID, id_token_signed_response_alg: 'ES256' };
const authentication = oauth.PrivateKeyJwt(key);
const options = { ...plain, DPoP: oauth.DPoP(client, await oauth.generateKeyPair('ES256')) };

// Once more where the broker asks for a nonce, which the handle has kept by then
async function asked(send, read) {
  try {
    return await read(await send());
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return read(await send());
  }
}

// One login at a time: a session would keep these
let verifier, state, nonce;
const app = express();
const told = (route) => (request, response) =>
  route(request, response).catch((error) => {
    console.error(error);
    response.status(403).json({ refused: error.error ?? error.code ?? String(error) });
  });

app.get('/login', told(async (_, response) => {
  verifier = oauth.generateRandomCodeVerifier();
  [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const parameters = {
    client_id: CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope: SCOPE,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  };
  const { request_uri } = await asked(
    () => oauth.pushedAuthorizationRequest(server, client, authentication, parameters, options),
    (answer) => oauth.processPushedAuthorizationResponse(server, client, answer),
  );
  const url = new URL(server.authorization_endpoint);
  url.search = new URLSearchParams({ client_id: CLIENT_ID, request_uri }).toString();
  response.redirect(url.href);
}));

app.get('/callback', told(async (request, response) => {
  const answered = oauth.validateAuthResponse(server, client, new URL(request.originalUrl, REDIRECT_URI), state);
  const tokens = await asked(
    () => oauth.authorizationCodeGrantRequest(server, client, authentication, answered, REDIRECT_URI, verifier, options),
    async (answer) => {
      const checked = { expectedNonce: nonce, requireIdToken: true };
      const found = await oauth.processAuthorizationCodeResponse(server, client, answer, checked);
      // It leaves the signature to who does not trust the line that the token came by
      await oauth.validateApplicationLevelSignature(server, answer, plain);
      return found;
    },
  );
  const { sub } = oauth.getValidatedIdTokenClaims(tokens);
  response.json(
    await asked(
      () => oauth.userInfoRequest(server, client, tokens.access_token, options),
      (answer) => oauth.processUserInfoResponse(server, client, sub, answer),
    ),
  );
}));
app.listen(Number(PORT), '127.0.0.1');
