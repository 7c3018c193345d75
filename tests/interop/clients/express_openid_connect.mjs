// express-openid-connect: the configuration of its README. By default it asks for an id_token by form_post, without a code;
// with a secret it takes the code flow, which its documentation calls "obtaining access tokens".
import express from 'express';
import auth from 'express-openid-connect';

const { ISSUER, BASE, CLIENT_ID, CLIENT_SECRET, SCOPE, SESSION_KEY, FLOW, PORT } = process.env;
const app = express();
// Before what asks for a sign-in
app.get('/bye', (_, response) => response.json({}));
app.use(
  auth.auth({
    issuerBaseURL: ISSUER,
    baseURL: BASE,
    clientID: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    secret: SESSION_KEY,
    authorizationParams: { response_type: 'code', scope: SCOPE },
    pushedAuthorizationRequests: FLOW.includes('pushedAuthorizationRequests'),
    idpLogout: FLOW.includes('idpLogout'),
    routes: { postLogoutRedirect: '/bye' },
  }),
);
app.get('/', async (request, response) => response.json(await request.oidc.fetchUserInfo()));
app.listen(Number(PORT), '127.0.0.1');
