// samlify as an identity provider: its guide for identity providers, with a template of attributes and one person, who has
// a cookie once signed in, and is not asked again unless forced.
import crypto from 'node:crypto';
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
const statement = `<saml:AuthnStatement AuthnInstant="{AuthnInstant}" SessionIndex="{ID}"><saml:AuthnContext><saml:AuthnContextClassRef>${PASSWORD}</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>`;
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
  singleLogoutService: [{ Binding: `${BINDING}Redirect`, Location: `${BASE}/gone` }],
  wantLogoutResponseSigned: true,
  loginResponseTemplate: { context, attributes },
  ...(FLOW.includes('aes128-gcm') ? { dataEncryptionAlgorithm: AES_128_GCM } : {}),
});
const sp = samlify.ServiceProvider({
  metadata: fs.readFileSync(BROKER_METADATA),
  // A Response in which something is encrypted is signed after that
  wantMessageSigned: encrypted || FLOW.startsWith('both'),
  wantLogoutRequestSigned: true,
});

const waiting = new Map();
const signedIn = new Map();
let person, loggedOut;

function filled(id, to, since) {
  return (template) => {
    const own = idp.entitySetting.generateID();
    const now = new Date();
    const later = new Date(now.getTime() + 5 * 60 * 1000).toISOString();
    const email = PERSON['urn:oid:0.9.2342.19200300.100.1.3'];
    person = { logoutNameID: email, sessionIndex: own };
    const tags = {
      ID: own,
      AssertionID: idp.entitySetting.generateID(),
      Destination: to,
      Audience: sp.entityMeta.getEntityID(),
      SubjectRecipient: to,
      Issuer: idp.entityMeta.getEntityID(),
      IssueInstant: now.toISOString(),
      AuthnInstant: since,
      StatusCode: 'urn:oasis:names:tc:SAML:2.0:status:Success',
      ConditionsNotBefore: now.toISOString(),
      ConditionsNotOnOrAfter: later,
      SubjectConfirmationDataNotOnOrAfter: later,
      NameIDFormat: idp.entitySetting.nameIDFormat[0],
      NameID: email,
      InResponseTo: id,
    };
    // What it makes of a valueTag
    Object.values(PERSON).forEach((value, index) => (tags[`attrV${index}`] = value));
    const wanted = id ? template : template.replaceAll(' InResponseTo="{InResponseTo}"', '');
    return { id: own, context: samlify.SamlLib.replaceTagsByValue(wanted, tags) };
  };
}

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');
const app = express();
app.use(express.urlencoded({ extended: false, limit: '256kb' }));
const page = (res, target, fields) => {
  const inputs = Object.entries(fields).map(([name, value]) => `<input type="${name === 'password' ? name : 'hidden'}" name="${name}" value="${escaped(value)}">`);
  res.type('html').send(`<!doctype html><title>samlify</title><form method="post" action="${escaped(target)}">${inputs.join('')}<button>Continue</button></form>`);
};

async function answer(res, { id, to, relayState }, since) {
  const asked = { extract: { request: { id } } };
  const made = await idp.createLoginResponse(sp, asked, 'post', {}, { customTagReplacement: filled(id, to, since), encryptThenSign: encrypted });
  page(res, to, { SAMLResponse: made.context, RelayState: relayState });
}

function signIn(req, res, asked, forced) {
  const since = signedIn.get((req.headers.cookie || '').split('=')[1]);
  if (since && !forced) return answer(res, asked, since);
  const name = crypto.randomUUID();
  waiting.set(name, asked);
  return page(res, '/sign-in', { id: name, password: '' });
}

async function sso(req, res, binding, request, relayState) {
  const { extract, samlContent } = await idp.parseLoginRequest(sp, binding, request);
  const { id, assertionConsumerServiceUrl: to } = extract.request;
  // What of a request it does not extract, it leaves to its caller, as it does the judgement of an address
  const { forced } = samlify.Extractor.extract(samlContent, [{ key: 'forced', localPath: ['AuthnRequest'], attributes: ['ForceAuthn'] }]);
  if (![].concat(sp.entityMeta.meta.assertionConsumerService).some(({ location }) => location === to)) throw new Error('no such address');
  await signIn(req, res, { id, to, relayState }, forced === 'true');
}

// What its guide has for Redirect: the octets that the signature covers
const octets = (name, { RelayState, SigAlg, ...rest }) =>
  Object.entries({ [name]: rest[name], ...(RelayState ? { RelayState } : {}), SigAlg }).map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join('&');

app.get('/metadata', (_req, res) => res.type('application/samlmetadata+xml').send(idp.getMetadata()));
app.get('/sso', (req, res, next) => {
  const request = { query: req.query, octetString: octets('SAMLRequest', req.query) };
  sso(req, res, 'redirect', request, req.query.RelayState).catch(next);
});
app.post('/sso', (req, res, next) => sso(req, res, 'post', { body: req.body }, req.body.RelayState).catch(next));
app.post('/sign-in', (req, res, next) => {
  const cookie = crypto.randomUUID();
  signedIn.set(cookie, new Date().toISOString());
  res.cookie('here', cookie);
  answer(res, waiting.get(req.body.id), signedIn.get(cookie)).catch(next);
});
app.get('/unasked', (req, res) => signIn(req, res, { to: req.query.to, relayState: 'parking' }, false));
app.get('/logout', (_req, res) => {
  const { id, context } = idp.createLogoutRequest(sp, 'redirect', person);
  loggedOut = id;
  res.redirect(context);
});
app.get('/gone', (req, res, next) =>
  idp
    .parseLogoutResponse(sp, 'redirect', { query: req.query, octetString: octets('SAMLResponse', req.query) })
    .then(({ extract }) => {
      if (extract.response.inResponseTo !== loggedOut) throw new Error('an answer to another request');
      res.send('<p>signed out</p>');
    })
    .catch(next),
);
app.use((error, _req, res, _next) => {
  console.error(error);
  res.status(400).send(`<h1>Refused</h1><p>${escaped(String(error.message || error))}</p>`);
});
app.listen(Number(PORT), '127.0.0.1');
