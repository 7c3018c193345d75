// openid-client by the FAPI 2.0 Security Profile: its README's pushed requests, DPoP and private_key_jwt, in an Express app.
import { readFileSync } from 'node:fs';
import { createPrivateKey, webcrypto } from 'node:crypto';
import express from 'express';
import * as client from 'openid-client';

const { ISSUER, CLIENT_ID, CLIENT_KEY, REDIRECT_URI: redirect_uri, SCOPE, FLOW, PORT } = process.env;
const der = createPrivateKey(readFileSync(CLIENT_KEY)).export({ type: 'pkcs8', format: 'der' });
const key = await webcrypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
const config = await client.discovery(
  new URL(ISSUER),
  CLIENT_ID,
  { id_token_signed_response_alg: 'ES256' },
  client.PrivateKeyJwt(key),
  { execute: [client.allowInsecureRequests] },
);
const refreshes = FLOW.includes('refresh');
const scope = refreshes ? `${SCOPE} offline_access` : SCOPE;
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));

// One login at a time: a session would keep these
let pkceCodeVerifier, expectedState, expectedNonce, idToken;
const app = express();
const told = (route) => (request, response) =>
  route(request, response).catch((error) => {
    console.error(error);
    response.status(403).json({ refused: error.error ?? error.code ?? String(error) });
  });

app.get('/login', told(async (_, response) => {
  pkceCodeVerifier = client.randomPKCECodeVerifier();
  [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const parameters = {
    redirect_uri,
    scope,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...(refreshes ? { prompt: 'consent' } : {}),
  };
  response.redirect((await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP })).href);
}));

app.get('/callback', told(async (request, response) => {
  const current = new URL(request.originalUrl, redirect_uri);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  const tokens = await client.authorizationCodeGrant(config, current, checks, undefined, { DPoP });
  if (tokens.token_type !== 'dpop') throw new Error(`a token of type ${tokens.token_type}`);
  idToken = tokens.id_token;
  const person = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP });
  if (refreshes) {
    const again = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
    if (again.claims().sub !== person.sub) throw new Error('a refresh of somebody else');
    // The profile keeps one refresh token, which is worth nothing once it is given back
    const kept = again.refresh_token ?? tokens.refresh_token;
    await client.tokenRevocation(config, kept, { token_type_hint: 'refresh_token' });
    const late = await client.refreshTokenGrant(config, kept, undefined, { DPoP }).catch((error) => error);
    if (late.error !== 'invalid_grant') throw new Error(`a refresh after its end: ${late.error ?? late.token_type ?? late}`);
  }
  response.json(person);
}));

app.get('/logout', (_, response) => {
  const bye = new URL('/bye', redirect_uri).href;
  const parameters = { id_token_hint: idToken, post_logout_redirect_uri: bye, state: client.randomState() };
  response.redirect(client.buildEndSessionUrl(config, parameters).href);
});
app.get('/bye', (_, response) => response.json({}));
app.listen(Number(PORT), '127.0.0.1');
