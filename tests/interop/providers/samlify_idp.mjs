// samlify as an identity provider: its guide for identity providers, with a template of attributes and one person.
import express from 'express';
import fs from 'node:fs';
import samlify from 'samlify';

const { BASE, PORT, FLOW, KEY, CERT, BROKER_METADATA } = process.env;
const PASSWORD = 'urn:oasis:names:tc:SAML:2.0:ac:classes:Password';
const BINDING = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-';
const PERSON = {
  'urn:oid:2.5.4.4': 'Lindqvistsson',
  'urn:oid:2.5.4.42': 'Astrid-Margareta',
  'urn:oid:1.3.6.1.4.1.25178.1.2.3': '19820311',
  'urn:oid:1.3.6.1.4.1.25178.1.2.15': 'SE-19820311-2384',
  'urn:oid:0.9.2342.19200300.100.1.3': 'astrid.lindqvistsson@post.example',
  'urn:oid:2.5.4.7': 'Storkhaven',
  'urn:oid:2.5.4.6': 'NL',
};
// Its guide leaves the choice of a validator to whoever runs it
samlify.setSchemaValidator({ validate: () => Promise.resolve('skipped') });

const encrypted = FLOW.includes('encrypted');
const { AES_128_GCM } = samlify.Constants.algorithms.encryption.data;
const statement = `<saml:AuthnStatement AuthnInstant="{IssueInstant}" SessionIndex="{ID}"><saml:AuthnContext><saml:AuthnContextClassRef>${PASSWORD}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>`;
const context = samlify.SamlLib.defaultLoginResponseTemplate.context.replace('{AuthnStatement}', statement);
const attributes = Object.keys(PERSON).map((name, index) => ({
  name,
  valueTag: `v${index}`,
  nameFormat: 'urn:oasis:names:tc:SAML:2.0:attrname-format:uri',
  valueXsiType: 'xs:string',
}));
const idp = samlify.IdentityProvider({
  entityID: `${BASE}/metadata`,
  privateKey: fs.readFileSync(KEY),
  signingCert: fs.readFileSync(CERT),
  wantAuthnRequestsSigned: true,
  isAssertionEncrypted: encrypted,
  nameIDFormat: ['urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress'],
  singleSignOnService: ['Redirect', 'POST'].map((name) => ({ Binding: BINDING + name, Location: `${BASE}/sso` })),
  loginResponseTemplate: { context, attributes },
  ...(FLOW.includes('aes128-gcm') ? { dataEncryptionAlgorithm: AES_128_GCM } : {}),
});
const sp = samlify.ServiceProvider({
  metadata: fs.readFileSync(BROKER_METADATA),
  // A Response in which something is encrypted is signed after that
  wantMessageSigned: encrypted || FLOW.startsWith('both'),
});

function filled(asked) {
  return (template) => {
    const id = idp.entitySetting.generateID();
    const acs = sp.entityMeta.getAssertionConsumerService('post');
    const now = new Date();
    const later = new Date(now.getTime() + 5 * 60 * 1000).toISOString();
    const tags = {
      ID: id,
      AssertionID: idp.entitySetting.generateID(),
      Destination: acs,
      Audience: sp.entityMeta.getEntityID(),
      SubjectRecipient: acs,
      Issuer: idp.entityMeta.getEntityID(),
      IssueInstant: now.toISOString(),
      StatusCode: 'urn:oasis:names:tc:SAML:2.0:status:Success',
      ConditionsNotBefore: now.toISOString(),
      ConditionsNotOnOrAfter: later,
      SubjectConfirmationDataNotOnOrAfter: later,
      NameIDFormat: idp.entitySetting.nameIDFormat[0],
      NameID: PERSON['urn:oid:0.9.2342.19200300.100.1.3'],
      InResponseTo: asked.extract.request.id,
    };
    // What it makes of a valueTag
    Object.values(PERSON).forEach((value, index) => (tags[`attrV${index}`] = value));
    return { id, context: samlify.SamlLib.replaceTagsByValue(template, tags) };
  };
}

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');
const app = express();
app.use(express.urlencoded({ extended: false, limit: '256kb' }));

async function answer(req, res, binding, request, relayState) {
  const asked = await idp.parseLoginRequest(sp, binding, request);
  const made = await idp.createLoginResponse(sp, asked, 'post', {}, { customTagReplacement: filled(asked), encryptThenSign: encrypted });
  const fields = { SAMLResponse: made.context, RelayState: relayState };
  const inputs = Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${escaped(value)}">`);
  res.set('Content-Type', 'text/html; charset=utf-8');
  res.send(`<!doctype html><title>samlify</title><form method="post" action="${escaped(made.entityEndpoint)}">${inputs.join('')}<button>Continue</button></form>`);
}

app.get('/metadata', (_req, res) => res.type('application/samlmetadata+xml').send(idp.getMetadata()));
app.get('/sso', (req, res, next) => {
  const { SAMLRequest, RelayState, SigAlg } = req.query;
  // What its guide has for Redirect: the octets that the signature covers
  const octetString = Object.entries({ SAMLRequest, RelayState, SigAlg }).map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  answer(req, res, 'redirect', { query: req.query, octetString }, RelayState).catch(next);
});
app.post('/sso', (req, res, next) => answer(req, res, 'post', { body: req.body }, req.body.RelayState).catch(next));
app.use((error, _req, res, _next) => {
  console.error(error);
  res.status(400).send(`<h1>Refused</h1><p>${escaped(String(error.message || error))}</p>`);
});
app.listen(Number(PORT), '127.0.0.1');
