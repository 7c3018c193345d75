// The quick start of openid-client's README, between the two routes of an Express app.
import express from 'express';
import * as client from 'openid-client';

const { ISSUER, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI: redirect_uri, SCOPE: scope, PORT } = process.env;
const options = { execute: [client.allowInsecureRequests] };
const config = await client.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, undefined, options);

// One login at a time: a session would keep these
let code_verifier, state;
const app = express();

app.get('/login', async (_, response) => {
  code_verifier = client.randomPKCECodeVerifier();
  const code_challenge = await client.calculatePKCECodeChallenge(code_verifier);
  const parameters = { redirect_uri, scope, code_challenge, code_challenge_method: 'S256' };
  if (!config.serverMetadata().supportsPKCE()) {
    state = client.randomState();
    parameters.state = state;
  }
  response.redirect(client.buildAuthorizationUrl(config, parameters).href);
});

app.get('/callback', async (request, response, next) => {
  try {
    const current = new URL(request.originalUrl, redirect_uri);
    const tokens = await client.authorizationCodeGrant(config, current, {
      pkceCodeVerifier: code_verifier,
      expectedState: state,
    });
    response.json(await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub));
  } catch (error) {
    next(error);
  }
});

app.listen(Number(PORT), '127.0.0.1');
