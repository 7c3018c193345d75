// oidc-client-ts in a page: the UserManager of its documentation. This serves the page, and has no part in the protocol.
import { readFileSync } from 'node:fs';
import express from 'express';

const { ISSUER: authority, BASE, CLIENT_ID: client_id, REDIRECT_URI: redirect_uri, SCOPE: scope, PORT } = process.env;
const settings = JSON.stringify({
  authority,
  client_id,
  redirect_uri,
  scope,
  loadUserInfo: true,
  post_logout_redirect_uri: `${BASE}/bye`,
});
const library = readFileSync('node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js');
const page = (script) => `<!doctype html><meta charset="utf-8"><title>A single-page app</title>
<pre></pre><script src="/oidc-client-ts.js"></script>
<script>
const manager = new oidc.UserManager(${settings});
const say = (told) => { document.querySelector('pre').textContent = JSON.stringify(told); };
${script}
</script>`;

const app = express();
app.get('/oidc-client-ts.js', (_, response) => response.type('js').send(library));
app.get('/login', (_, response) =>
  response.send(page("manager.signinRedirect().catch((error) => say({ refused: String(error) }));")),
);
app.get('/callback', (_, response) =>
  response.send(page('manager.signinCallback().then((user) => say(user.profile), (error) => say({ refused: String(error) }));')),
);
app.get('/logout', (_, response) =>
  response.send(page("manager.signoutRedirect().catch((error) => say({ refused: String(error) }));")),
);
app.get('/bye', (_, response) =>
  response.send(page(
    'manager.signoutCallback().then(() => manager.getUser()).then((user) => say({ user }), (error) => say({ refused: String(error) }));',
  )),
);
app.listen(Number(PORT), '127.0.0.1');
