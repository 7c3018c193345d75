// npm `openid-client` as a relying party: discovery, PKCE, state, nonce, and every check of its own on the answer.
//
// Lines of JSON, one question and one answer at a time. It reads {"begin": {...}} and says {"url": ...}; the citizen's way
// through the broker is somebody else's; it then reads {"answer": url, "body": text or absent} and says {"claims", "userinfo",
// "header"} or {"refused": code, "said": error}. `forget` in "answer" names what it shall have remembered wrongly.
import dns from 'node:dns';
import readline from 'node:readline';
import { webcrypto } from 'node:crypto';
import * as oidc from 'openid-client';

// `*.localhost` is this machine, which node's resolver does not know by itself
const lookup = dns.lookup;
dns.lookup = (host, options, done) => {
  const [given, called] = typeof options === 'function' ? [{}, options] : [options, done];
  if (!String(host).endsWith('.localhost')) return lookup(host, given, called);
  return given.all ? called(null, [{ address: '127.0.0.1', family: 4 }]) : called(null, '127.0.0.1', 4);
};

let configuration, remembered;

async function authentication({ secret, key, kid }) {
  if (secret) return oidc.ClientSecretBasic(secret);
  const der = Buffer.from(key.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  const signing = await webcrypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
  return oidc.PrivateKeyJwt({ key: signing, kid });
}

async function begin(asked) {
  const metadata = { id_token_signed_response_alg: asked.alg, require_auth_time: true, ...asked.metadata };
  configuration = await oidc.discovery(new URL(asked.issuer), asked.client_id, metadata, await authentication(asked), {
    // Plain http is for loopback alone; the signature of the id_token is checked although it came from the token endpoint
    execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
  });
  if (asked.decryption) {
    const der = Buffer.from(asked.decryption.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
    const key = await webcrypto.subtle.importKey('pkcs8', der, { name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits']);
    oidc.enableDecryptingResponses(configuration, ['A256GCM'], { key, kid: asked.decryption_kid });
  }
  remembered = { verifier: oidc.randomPKCECodeVerifier(), state: oidc.randomState(), nonce: oidc.randomNonce() };
  // With a key of its own: the request is pushed under a proof, which binds the code and the tokens to it
  if (asked.dpop) remembered.DPoP = oidc.getDPoPHandle(configuration, await oidc.randomDPoPKeyPair());
  const parameters = {
    redirect_uri: asked.redirect_uri,
    scope: asked.scope,
    code_challenge: await oidc.calculatePKCECodeChallenge(remembered.verifier),
    code_challenge_method: 'S256',
    state: remembered.state,
    nonce: remembered.nonce,
    ...asked.parameters,
  };
  const url = asked.dpop
    ? await oidc.buildAuthorizationUrlWithPAR(configuration, parameters, { DPoP: remembered.DPoP })
    : oidc.buildAuthorizationUrl(configuration, parameters);
  return { url: url.href };
}

async function finish({ answer, body, forget }) {
  const expected = { ...remembered, ...(forget ? { [forget]: 'something-else-entirely-of-forty-three-signs-x' } : {}) };
  const form = { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' } };
  const came = body === undefined ? new URL(answer) : new Request(answer, form);
  const options = { DPoP: forget === 'key' ? oidc.getDPoPHandle(configuration, await oidc.randomDPoPKeyPair()) : remembered.DPoP };
  const tokens = await oidc.authorizationCodeGrant(configuration, came, {
    pkceCodeVerifier: expected.verifier,
    expectedState: expected.state,
    expectedNonce: expected.nonce,
    idTokenExpected: true,
  }, undefined, options);
  const claims = tokens.claims();
  const header = JSON.parse(Buffer.from(tokens.id_token.split('.')[0], 'base64url').toString());
  const userinfo = await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub, options);
  return { claims, userinfo, header, type: tokens.token_type };
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const said = JSON.parse(line);
  try {
    console.log(JSON.stringify(said.begin ? await begin(said.begin) : await finish(said)));
  } catch (error) {
    console.log(JSON.stringify({ refused: error.code ?? error.name, said: error.error ?? String(error.cause?.message ?? error.message) }));
  }
}
