// @node-saml/node-saml as a service provider: the options of its README, behind express.
import express from 'express';
import fs from 'node:fs';
import { SAML, ValidateInResponseTo } from '@node-saml/node-saml';

const { BASE, PORT, FLOW, KEY, CERT, BROKER, BROKER_URL, BROKER_METADATA } = process.env;
const [key, certificate] = [KEY, CERT].map((path) => fs.readFileSync(path, 'utf8'));
const metadata = fs.readFileSync(BROKER_METADATA, 'utf8');
const encrypted = FLOW.includes('encrypted');
const saml = new SAML({
  callbackUrl: `${BASE}/acs`,
  entryPoint: BROKER_URL,
  logoutUrl: `${BROKER}/logout`,
  logoutCallbackUrl: `${BASE}/gone`,
  issuer: `${BASE}/metadata`,
  idpCert: [...metadata.matchAll(/X509Certificate>([^<]+)</g)].map(([, text]) => text.replace(/\s/g, '')),
  idpIssuer: BROKER,
  privateKey: key,
  publicCert: certificate,
  ...(encrypted ? { decryptionPvk: key } : {}),
  signatureAlgorithm: 'sha256',
  digestAlgorithm: 'sha256',
  // Of a LogoutResponse by POST it finds no InResponseTo, and says that one is missing
  validateInResponseTo: FLOW.includes('ifPresent') ? ValidateInResponseTo.ifPresent : ValidateInResponseTo.always,
  authnRequestBinding: FLOW.includes('POST') ? 'HTTP-POST' : 'HTTP-Redirect',
  ...(FLOW.includes('identifierFormat') ? { identifierFormat: null } : {}),
  disableRequestedAuthnContext: FLOW.includes('disableRequestedAuthnContext'),
  skipRequestCompression: FLOW.includes('skipRequestCompression'),
});

let person;
const app = express();
app.use(express.urlencoded({ extended: false }));
const told = (route) => (request, response) =>
  route(request, response).catch((error) => {
    console.error(error);
    response.status(403).type('html').send(`<p>Refused: ${String(error.message).replace(/</g, '&lt;')}</p>`);
  });
app.get('/metadata', (_, response) => {
  response.type('application/samlmetadata+xml').send(saml.generateServiceProviderMetadata(encrypted ? certificate : null, certificate));
});
app.get('/login', told(async (_, response) => {
  if (FLOW.includes('POST')) response.type('html').send(await saml.getAuthorizeFormAsync('/'));
  else response.redirect(await saml.getAuthorizeUrlAsync('/', undefined, {}));
}));
app.post('/acs', told(async (request, response) => {
  const { profile } = await saml.validatePostResponseAsync(request.body);
  person = profile;
  response.json(profile.attributes);
}));
app.get('/logout', told(async (_, response) => response.redirect(await saml.getLogoutUrlAsync(person, '/', {}))));
app.post('/gone', told(async (request, response) => {
  if (request.body.SAMLRequest) {
    const { profile } = await saml.validatePostRequestAsync(request.body);
    const known = profile.nameID === person?.nameID;
    if (known) person = undefined;
    response.redirect(await saml.getLogoutResponseUrlAsync(profile, request.body.RelayState, {}, known));
    return;
  }
  const { loggedOut } = await saml.validatePostResponseAsync(request.body);
  response.send(loggedOut ? '<p>signed out</p>' : '<p>no answer</p>');
}));
app.listen(Number(PORT), '127.0.0.1');
