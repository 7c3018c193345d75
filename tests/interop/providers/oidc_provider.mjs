// npm `oidc-provider`, a certified OpenID provider, with one client and one made-up person, who is signed in unasked.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const { BASE, PORT, FLOW, CALLBACK, CLIENT_ID, CLIENT_SECRET, BROKER_JWKS, PERSON } = process.env;
const SUBSTANTIAL = 'http://eidas.europa.eu/LoA/substantial';
const person = JSON.parse(PERSON);
const common = { client_id: CLIENT_ID, redirect_uris: [CALLBACK], id_token_signed_response_alg: 'ES256' };
const client = FLOW.includes('private_key_jwt')
  ? {
      ...common,
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: JSON.parse(BROKER_JWKS),
      id_token_encrypted_response_alg: 'ECDH-ES',
      id_token_encrypted_response_enc: 'A128GCM',
      userinfo_signed_response_alg: 'ES256',
      userinfo_encrypted_response_alg: 'ECDH-ES',
      userinfo_encrypted_response_enc: 'A128GCM',
      request_object_signing_alg: 'ES256',
      require_signed_request_object: true,
      require_pushed_authorization_requests: true,
      dpop_bound_access_tokens: true,
    }
  : { ...common, client_secret: CLIENT_SECRET, token_endpoint_auth_method: 'client_secret_basic' };
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const algorithms = ['ES256'];
const provider = new Provider(BASE, {
  clients: [client],
  jwks: { keys: [{ ...key, use: 'sig', alg: 'ES256', kid: 'op-1' }, { ...rsa, use: 'sig', alg: 'RS256', kid: 'op-2' }] },
  acrValues: [SUBSTANTIAL],
  claims: { openid: ['sub'], acr: null, auth_time: null, profile: Object.keys(person), email: ['email'], address: ['address'] },
  cookies: { keys: ['a key of this stage'] },
  enabledJWA: {
    requestObjectSigningAlgValues: algorithms,
    dPoPSigningAlgValues: algorithms,
    userinfoSigningAlgValues: algorithms,
    idTokenSigningAlgValues: [...algorithms, 'RS256'],
  },
  features: {
    devInteractions: { enabled: false },
    claimsParameter: { enabled: true },
    requestObjects: { enabled: true },
    dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => true },
    jwtUserinfo: { enabled: true },
    encryption: { enabled: true },
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...person }) }),
});
const callback = provider.callback();
createServer(async (request, response) => {
  if (!request.url.startsWith('/interaction/')) return callback(request, response);
  const { params } = await provider.interactionDetails(request, response);
  const grant = new provider.Grant({ accountId: 'subject-1', clientId: params.client_id });
  grant.addOIDCScope('openid profile email address');
  grant.addOIDCClaims(Object.keys(person));
  const result = { login: { accountId: 'subject-1', acr: SUBSTANTIAL }, consent: { grantId: await grant.save() } };
  return provider.interactionFinished(request, response, result);
}).listen(Number(PORT), '127.0.0.1');
