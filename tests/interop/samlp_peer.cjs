// npm `samlp` as an identity provider, spoken to by lines of JSON, without a web server in between.
//
// KEY, CERT   its key and certificate (PEM files)     OURS   our certificate     IDP, SP, SLO (ours), SUBJECT, SESSION, ...
const fs = require('fs');
const readline = require('readline');
const { promisify } = require('util');
const samlp = require('samlp');
const SessionParticipants = require('samlp/lib/sessionParticipants');

const { KEY, CERT, OURS, IDP, SP, ACS, SLO, SUBJECT, SESSION, PERSISTENT, RELAY_STATE } = process.env;
const [key, cert, ours] = [KEY, CERT, OURS].map((file) => fs.readFileSync(file, 'utf8'));
const BINDINGS = {
  post: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
  redirect: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
};
const browser = { session: {} };

// samlp's own mapper speaks the names of WS-Federation
function mapper(person) {
  return {
    getClaims: () => person,
    getNameIdentifier: () => ({ nameIdentifier: SUBJECT, nameIdentifierFormat: PERSISTENT }),
  };
}
mapper.prototype = { metadata: [] };

function asRequest(message) {
  const query = message && message.binding === 'redirect' ? Object.fromEntries(new URLSearchParams(message.query)) : {};
  return { method: query.SAMLRequest ? 'GET' : 'POST', query, body: (message && message.fields) || {}, session: browser.session };
}

// What it would have sent to a browser
const run = (middleware, req) =>
  new Promise((resolve, reject) => {
    const res = {
      set() {},
      redirect: (url) => resolve({ binding: 'redirect', query: new URL(url).search.slice(1) }),
      send: (page) => {
        const inputs = [...String(page).matchAll(/name="([^"]+)"\s+value="([^"]*)"/g)].map(([, name, value]) => [name, value]);
        const unescaped = (text) => text.replace(/&#x2F;/g, '/').replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(code)).replace(/&amp;/g, '&');
        resolve({ binding: 'post', fields: Object.fromEntries(inputs.map(([name, value]) => [name, unescaped(value)])) });
      },
    };
    middleware(req, res, reject);
  });

const logout = (binding, sessions) =>
  samlp.logout({
    deflate: true,
    issuer: IDP,
    protocolBinding: BINDINGS[binding],
    key,
    cert,
    signatureAlgorithm: 'rsa-sha256',
    digestAlgorithm: 'sha256',
    sessionParticipants: sessions,
  });
const participants = (binding) =>
  new SessionParticipants([
    {
      serviceProviderId: SP,
      nameId: SUBJECT,
      nameIdFormat: PERSISTENT,
      sessionIndex: SESSION,
      serviceProviderLogoutURL: SLO,
      cert: ours,
      binding: BINDINGS[binding],
    },
  ]);
let begun;

const tasks = {
  async answer({ request, signed_at: signedAt, encrypted, level, attributes }) {
    const req = asRequest(request);
    const asked = await promisify(samlp.parseRequest)(req, { signingCert: ours, relayState: req.query.RelayState });
    const options = {
      issuer: IDP,
      key,
      cert,
      signatureAlgorithm: 'rsa-sha256',
      digestAlgorithm: 'sha256',
      lifetimeInSeconds: 300,
      audience: asked.issuer,
      destination: ACS,
      recipient: ACS,
      inResponseTo: asked.id,
      authnContextClassRef: level,
      profileMapper: mapper,
      signResponse: signedAt !== 'assertion',
      signAssertion: signedAt !== 'response',
      ...(encrypted && {
        encryptionCert: ours,
        encryptionPublicKey: ours,
        encryptionAlgorithm: 'http://www.w3.org/2009/xmlenc11#aes256-gcm',
      }),
    };
    const xml = await promisify(samlp.getSamlResponse)(options, attributes);
    return { binding: 'post', fields: { SAMLResponse: Buffer.from(xml).toString('base64') } };
  },
  async begin_logout({ binding }) {
    begun = logout(binding, participants(binding));
    return run(begun, asRequest());
  },
  async hear_logout({ answer }) {
    // It ends its own session once every participant has answered well
    const req = asRequest(answer);
    return new Promise((resolve, reject) => begun(req, { send: () => resolve({ said: '' }) }, reject));
  },
  async end_logout({ request }) {
    return run(logout(request.binding, participants(request.binding)), asRequest(request));
  },
};

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const question = JSON.parse(line);
  const said = await tasks[question.do](question).catch((error) => ({ refused: String((error && error.message) || error) }));
  console.log(JSON.stringify(said));
});
