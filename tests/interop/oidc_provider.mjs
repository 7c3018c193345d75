// npm `oidc-provider`, a certified OpenID provider, as the upstream of ours: it signs in whoever comes, as one made-up person.
//
// It reads one line of JSON, {"clients": [...]}, and says {"issuer": ...} once it listens.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import readline from 'node:readline';
import Provider from 'oidc-provider';

const SUBSTANTIAL = 'http://eidas.europa.eu/LoA/substantial';
const PERSON = { given_name: 'Mari', family_name: 'Tamm', birthdate: '1987-03-14' };

async function start({ clients }) {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const issuer = `http://op.localhost:${server.address().port}`;
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys: [{ ...key, use: 'sig', alg: 'ES256', kid: 'op-1' }] },
    acrValues: [SUBSTANTIAL],
    claims: { openid: ['sub'], acr: null, auth_time: null, profile: Object.keys(PERSON) },
    cookies: { keys: ['a key of a test'] },
    enabledJWA: { requestObjectSigningAlgValues: ['ES256'], dPoPSigningAlgValues: ['ES256'],
      userinfoSigningAlgValues: ['ES256'], idTokenSigningAlgValues: ['ES256'] },
    features: {
      devInteractions: { enabled: false }, claimsParameter: { enabled: true }, requestObjects: { enabled: true },
      dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => true },
      jwtUserinfo: { enabled: true }, encryption: { enabled: true },
    },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...PERSON }) }),
  });
  const callback = provider.callback();
  server.on('request', async (request, response) => {
    if (!request.url.startsWith('/interaction/')) return callback(request, response);
    const { params, session } = await provider.interactionDetails(request, response);
    const accountId = session?.accountId ?? 'subject-1';
    const grant = new provider.Grant({ accountId, clientId: params.client_id });
    grant.addOIDCScope('openid profile');
    grant.addOIDCClaims(Object.keys(PERSON));
    const result = { login: { accountId, acr: SUBSTANTIAL }, consent: { grantId: await grant.save() } };
    return provider.interactionFinished(request, response, result);
  });
  console.log(JSON.stringify({ issuer }));
}

readline.createInterface({ input: process.stdin }).once('line', (line) => start(JSON.parse(line)));
