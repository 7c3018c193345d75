// npm `samlp` as a country's identity provider: it verifies our AuthnRequest and answers as it is told to.
//
// KEY, CERT         its key and certificate (PEM files)
// SAYS              a JSON file, read again for each answer: the person's attributes by wire name, and what to do wrong
// HOST, PORT        its name on loopback, and its port; any where none is named
// SIGN_IN           it asks for a password where nobody is signed in, and where it is forced; BROKER is our entity id
//
// SAYS: {"attributes": {name: value}, "loa": URI, "signResponse": bool, "signAssertion": bool, "signingCert": PEM of the
// broker or null, "otherKey": PEM files of a stranger, "status": URI, "spoil": [from, to], and whatever option of samlp's own
// is to differ: audience, recipient, destination, issuer, inResponseTo, lifetimeInSeconds, signatureAlgorithm, digestAlgorithm}
const crypto = require('crypto');
const express = require('express');
const fs = require('fs');
const samlp = require('samlp');
const session = require('express-session');
const SessionParticipants = require('samlp/lib/sessionParticipants');

const { KEY, CERT, SAYS, HOST, SIGN_IN, BROKER } = process.env;
const TRANSIENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient';
const app = express();
app.use(express.urlencoded({ extended: false, limit: '256kb' }));
if (SIGN_IN) app.use(session({ secret: crypto.randomUUID(), resave: false, saveUninitialized: true }));
const waiting = new Map();
// Who has been told of a sign-in here
const told = new SessionParticipants();
let base;

// samlp's own mapper speaks the names of WS-Federation
function Mapper(person) {
  this.getClaims = () => person;
  this.getNameIdentifier = () => ({ nameIdentifier: '_once', nameIdentifierFormat: TRANSIENT });
}
Mapper.prototype.metadata = [];
const mapper = (person) => new Mapper(person);
mapper.prototype = Mapper.prototype;

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');

function posted(res, target, fields) {
  const inputs = Object.entries(fields).map(([name, value]) => `<input type="${name === 'password' ? name : 'hidden'}" name="${name}" value="${escaped(value)}">`);
  res.set('Content-Type', 'text/html; charset=utf-8');
  res.send(`<!doctype html><title>samlp</title><form method="post" action="${escaped(target)}">${inputs.join('')}<button>Continue</button></form>`);
}

function answer(req, res, next) {
  const { attributes, loa, spoil, otherKey, status, ...says } = JSON.parse(fs.readFileSync(SAYS, 'utf8'));
  const relayState = { ...req.query, ...req.body }.RelayState || (SIGN_IN ? 'parking' : '');
  const send = (target, xml) => {
    let text = xml.toString();
    if (spoil && !text.includes(spoil[0])) return next(new Error('nothing to spoil'));
    if (spoil) text = text.replaceAll(spoil[0], spoil[1]);
    posted(res, target, { SAMLResponse: Buffer.from(text).toString('base64'), RelayState: relayState });
  };
  samlp.parseRequest(req, { signingCert: says.signingCert }, (error, asked) => {
    if (error) return next(error);
    if (SIGN_IN && (!req.session.person || (asked || {}).forceAuthn === 'true') && !req.fresh_sign_in) {
      const name = crypto.randomUUID();
      waiting.set(name, { query: req.query, body: req.body });
      return posted(res, '/sign-in', { id: name, password: '' });
    }
    const target = asked ? asked.assertionConsumerServiceURL : req.query.to;
    if (SIGN_IN) participates(req.session.person);
    const options = {
      issuer: base + '/metadata',
      key: fs.readFileSync(otherKey ? otherKey[0] : KEY),
      cert: fs.readFileSync(otherKey ? otherKey[1] : CERT),
      signatureAlgorithm: 'rsa-sha256',
      digestAlgorithm: 'sha256',
      lifetimeInSeconds: 300,
      destination: target,
      recipient: target,
      authnContextClassRef: loa,
      profileMapper: mapper,
      sessionIndex: SIGN_IN ? req.session.person : undefined,
      getUserFromRequest: () => attributes,
      getPostURL: (_audience, _request, _req, done) => done(null, target),
      responseHandler: (xml, _options, _req, _res) => send(target, xml),
      ...(asked ? {} : { audience: BROKER }),
      ...says,
    };
    if (status) {
      const failure = { ...options, inResponseTo: asked.id, RelayState: relayState, error: { code: status }, getPostURL: (_req, done) => done(null, target) };
      return samlp.sendError(failure)(req, res, next);
    }
    samlp.auth(options)(req, res, next);
  });
}

function participates(index) {
  told._participants = [
    {
      serviceProviderId: BROKER,
      sessionIndex: index,
      nameId: '_once',
      nameIdFormat: TRANSIENT,
      serviceProviderLogoutURL: JSON.parse(fs.readFileSync(SAYS, 'utf8')).logoutUrl,
      cert: JSON.parse(fs.readFileSync(SAYS, 'utf8')).signingCert,
    },
  ];
}

function logout(req, res, next) {
  samlp.logout({
    deflate: true,
    issuer: base + '/metadata',
    protocolBinding: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect',
    cert: fs.readFileSync(CERT),
    key: fs.readFileSync(KEY),
    sessionParticipants: told,
  })(req, res, next);
}

app.post('/sign-in', (req, res, next) => {
  Object.assign(req, waiting.get(req.body.id), { fresh_sign_in: true });
  req.session.person = '_' + crypto.randomUUID();
  answer(req, res, next);
});
app.get('/unasked', answer);
app.get('/logout', logout);
app.get('/gone', logout);
app.get('/sso', answer);
app.post('/sso', answer);
app.get('/metadata', (req, res, next) =>
  samlp.metadata({
    issuer: base + '/metadata',
    cert: fs.readFileSync(CERT),
    profileMapper: mapper,
    redirectEndpointPath: '/sso',
    postEndpointPath: '/sso',
    logoutEndpointPaths: { redirect: '/gone' },
  })(req, res, next),
);
app.use((error, _req, res, _next) => res.status(400).send(`<h1>Refused</h1><p>${escaped(String(error.message))}</p>`));

const server = app.listen(Number(process.env.PORT || 0), '127.0.0.1', () => {
  base = `http://${HOST}:${server.address().port}`;
  console.log(JSON.stringify({ ready: base }));
});
