// npm `@node-saml/node-saml` as a service provider, spoken to by lines of JSON. For the way back, its own signing and npm
// `xml-encryption`, which it decrypts with, make responses of text that is given.
//
// KEY, CERT   its key and certificate (PEM files)     OURS   our certificate     IDP, SP, SSO, ACS, SLO, SUBJECT, ...
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { SAML } = require('@node-saml/node-saml');
const inside = path.dirname(require.resolve('@node-saml/node-saml'));
const { signXml } = require(path.join(inside, 'xml.js'));
const xmlenc = require(require.resolve('xml-encryption', { paths: [inside] }));

const { KEY, CERT, OURS, IDP, SP, SSO, ACS, SLO, SUBJECT, SESSION, PERSISTENT, RELAY_STATE } = process.env;
const privateKey = fs.readFileSync(KEY, 'utf8');
const ours = fs.readFileSync(OURS, 'utf8');
const settings = (binding, more) => ({
  callbackUrl: ACS,
  entryPoint: SSO,
  logoutUrl: SLO,
  issuer: SP,
  audience: SP,
  idpIssuer: IDP,
  idpCert: ours,
  privateKey,
  decryptionPvk: privateKey,
  signatureAlgorithm: 'sha256',
  digestAlgorithm: 'sha256',
  identifierFormat: PERSISTENT,
  authnContext: ['http://eidas.europa.eu/LoA/substantial'],
  racComparison: 'minimum',
  validateInResponseTo: 'ifPresent',
  authnRequestBinding: binding === 'post' ? 'HTTP-POST' : 'HTTP-Redirect',
  // The signature that is asked for must be there; the other may be
  wantAuthnResponseSigned: false,
  wantAssertionsSigned: false,
  // By POST the message is not deflated
  skipRequestCompression: binding === 'post',
  ...more,
});
const cacheProvider = new SAML(settings('redirect')).cacheProvider;
const saml = Object.fromEntries(['redirect', 'post'].map((binding) => [binding, new SAML(settings(binding, { cacheProvider }))]));

const redirected = (url) => ({ binding: 'redirect', query: new URL(url).search.slice(1) });
const fieldsOf = (message) => (message.binding === 'post' ? message.fields : Object.fromEntries(new URLSearchParams(message.query)));
const heard = (message) =>
  message.binding === 'post'
    ? message.fields.SAMLResponse
      ? saml.post.validatePostResponseAsync(message.fields)
      : saml.post.validatePostRequestAsync(message.fields)
    : saml.redirect.validateRedirectAsync(fieldsOf(message), message.query);

const tasks = {
  async answer({ xml, signed_at: signedAt, encrypted }) {
    const options = { privateKey, signatureAlgorithm: 'sha256', digestAlgorithm: 'sha256' };
    const sign = (text, name) => {
      const place = `//*[local-name(.)="${name}" and not(ancestor::*[local-name(.)="${name}"])]`;
      return signXml(text, place, { reference: `${place}/*[local-name(.)="Issuer"]`, action: 'after' }, options);
    };
    const assertion = /<saml:Assertion .*<\/saml:Assertion>/s;
    let text = signedAt === 'response' ? xml : sign(xml, 'Assertion');
    if (encrypted) {
      const plain = text.match(assertion)[0];
      const data = await new Promise((resolve, reject) =>
        xmlenc.encrypt(
          plain,
          {
            rsa_pub: require('crypto').createPublicKey(ours),
            pem: ours,
            encryptionAlgorithm: 'http://www.w3.org/2009/xmlenc11#aes256-gcm',
            keyEncryptionAlgorithm: 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p',
          },
          (error, made) => (error ? reject(error) : resolve(made)),
        ),
      );
      text = text.replace(assertion, () => `<saml:EncryptedAssertion>${data.trim()}</saml:EncryptedAssertion>`);
    }
    if (signedAt !== 'assertion') text = sign(text, 'Response');
    return { binding: 'post', fields: { SAMLResponse: Buffer.from(text).toString('base64') } };
  },
  async ask({ binding }) {
    if (binding === 'redirect') return redirected(await saml.redirect.getAuthorizeUrlAsync(RELAY_STATE, '', {}));
    return { binding, fields: await saml.post.getAuthorizeMessageAsync(RELAY_STATE, '', {}) };
  },
  async hear({ answer }) {
    return { said: (await heard(answer)).profile.nameID };
  },
  async begin_logout() {
    const user = { nameID: SUBJECT, nameIDFormat: PERSISTENT, sessionIndex: SESSION };
    return redirected(await saml.redirect.getLogoutUrlAsync(user, RELAY_STATE, {}));
  },
  async hear_logout({ answer }) {
    const { loggedOut } = await heard(answer);
    return loggedOut ? { said: '' } : { refused: 'no logout' };
  },
  async end_logout({ request }) {
    const { profile } = await heard(request);
    return redirected(await saml.redirect.getLogoutResponseUrlAsync(profile, fieldsOf(request).RelayState, {}, true));
  },
};

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const question = JSON.parse(line);
  const said = await tasks[question.do](question).catch((error) => ({ refused: String(error.message) }));
  console.log(JSON.stringify(said));
});
