// samlify as a service provider: its guide for service providers, and what it says of signed and encrypted answers.
import express from 'express';
import fs from 'node:fs';
import samlify from 'samlify';

const { BASE, PORT, FLOW, KEY, CERT, BROKER_METADATA } = process.env;
const POST = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST';
const [key, certificate] = [KEY, CERT].map((path) => fs.readFileSync(path, 'utf8'));
const encrypted = FLOW.includes('encrypted');
const binding = FLOW.includes('POST') ? 'post' : 'redirect';
// Its guide leaves the choice of a validator to whoever runs it
samlify.setSchemaValidator({ validate: () => Promise.resolve('skipped') });
const escaped = (text) => text.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);

// Where it signs a request: with wantMessageSigned it would look for a Response to sign
const place = { reference: "/*[local-name(.)='AuthnRequest']/*[local-name(.)='Issuer']", action: 'after' };
const sp = samlify.ServiceProvider({
  entityID: `${BASE}/metadata`,
  authnRequestsSigned: true,
  wantAssertionsSigned: true,
  wantMessageSigned: true,
  signatureConfig: { prefix: 'ds', location: place },
  nameIDFormat: ['urn:oasis:names:tc:SAML:2.0:nameid-format:transient'],
  privateKey: key,
  signingCert: certificate,
  ...(encrypted ? { encPrivateKey: key, encryptCert: certificate } : {}),
  singleLogoutService: [{ Binding: POST.replace('POST', 'Redirect'), Location: `${BASE}/gone` }],
  wantLogoutRequestSigned: true,
  wantLogoutResponseSigned: true,
  assertionConsumerService: [{ Binding: POST, Location: `${BASE}/acs` }],
});
const idp = samlify.IdentityProvider({
  metadata: fs.readFileSync(BROKER_METADATA),
  isAssertionEncrypted: encrypted,
  wantLogoutRequestSigned: true,
  wantLogoutResponseSigned: true,
  messageSigningOrder: 'encrypt-then-sign',
});

let person, asked;
const app = express();
app.use(express.urlencoded({ extended: false }));
app.get('/metadata', (_, response) => response.type('application/samlmetadata+xml').send(sp.getMetadata()));
app.get('/login', (_, response) => {
  const { context, entityEndpoint } = sp.createLoginRequest(idp, binding);
  if (binding === 'redirect') return response.redirect(context);
  return response.type('html').send(`<!doctype html><title>samlify</title><form method="post" action="${escaped(entityEndpoint)}"><input type="hidden" name="SAMLRequest" value="${context}"><button>Continue</button></form>`);
});
app.post('/acs', async (request, response) => {
  try {
    const { extract } = await sp.parseLoginResponse(idp, 'post', request);
    person = { logoutNameID: extract.nameID, sessionIndex: extract.sessionIndex.sessionIndex };
    response.json(extract.attributes);
  } catch (error) {
    console.error(error);
    response.status(403).type('html').send(`<p>Refused: ${escaped(String(error.message ?? error))}</p>`);
  }
});
app.get('/logout', (_, response) => {
  const { id, context } = sp.createLogoutRequest(idp, 'redirect', person);
  asked = id;
  response.redirect(context);
});
app.get('/gone', async (request, response) => {
  try {
    // What was signed: the query before its signature, as it came
    const octetString = request.url.split('?')[1].split('&Signature=')[0];
    if (request.query.SAMLRequest) {
      const read = await sp.parseLogoutRequest(idp, 'redirect', { query: request.query, octetString });
      if (read.extract.nameID !== person.logoutNameID) throw new Error('a logout of somebody else');
      person = undefined;
      return response.redirect(sp.createLogoutResponse(idp, read, 'redirect').context);
    }
    const { extract } = await sp.parseLogoutResponse(idp, 'redirect', { query: request.query, octetString });
    if (extract.response.inResponseTo !== asked) throw new Error('an answer to another request');
    response.send('<p>signed out</p>');
  } catch (error) {
    console.error(error);
    response.status(403).type('html').send(`<p>Refused: ${escaped(String(error.message ?? error))}</p>`);
  }
});
app.listen(Number(PORT), '127.0.0.1');
