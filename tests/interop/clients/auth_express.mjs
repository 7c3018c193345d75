// Auth.js by @auth/express: the usage of its documentation, with a provider of type "oidc" and every default.
import { ExpressAuth, getSession } from '@auth/express';
import express from 'express';

const { ISSUER: issuer, CLIENT_ID: clientId, CLIENT_SECRET: clientSecret, SCOPE: scope, SESSION_KEY, FLOW, PORT } = process.env;
const config = {
  secret: SESSION_KEY,
  trustHost: true,
  providers: [
    {
      id: 'ciconia',
      name: 'Ciconia',
      type: 'oidc',
      issuer,
      clientId,
      clientSecret,
      authorization: { params: { scope } },
      ...(FLOW.includes('checks') ? { checks: ['pkce', 'state', 'nonce'], idToken: false } : {}),
    },
  ],
  callbacks: {
    // What a page is to know of the profile goes through the token into the session, as its guide says
    jwt: ({ token, profile }) => (profile ? { ...token, profile } : token),
    session: ({ session, token }) => ({ ...session, profile: token.profile }),
  },
};

const app = express();
app.set('trust proxy', true);
app.use('/auth/*', ExpressAuth(config));
app.get('/', async (request, response) => response.json((await getSession(request, config))?.profile ?? {}));
app.listen(Number(PORT), '127.0.0.1');
