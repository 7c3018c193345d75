// passport-openidconnect: the usage of its README in an Express app with a session.
import express from 'express';
import session from 'express-session';
import passport from 'passport';
import OpenIDConnectStrategy from 'passport-openidconnect';

const { ISSUER: issuer, CLIENT_ID: clientID, CLIENT_SECRET: clientSecret, REDIRECT_URI: callbackURL, SCOPE } = process.env;

passport.use(
  new OpenIDConnectStrategy(
    {
      issuer,
      authorizationURL: `${issuer}/authorize`,
      tokenURL: `${issuer}/token`,
      userInfoURL: `${issuer}/userinfo`,
      clientID,
      clientSecret,
      callbackURL,
      // It has no PKCE: a nonce keeps a code from being used for somebody else's login
      nonce: true,
      // It writes "openid" itself
      scope: SCOPE.replace('openid ', ''),
    },
    // A profile has names and addresses alone: other claims stand in the id_token, which it hands on when it has judged it
    (_issuer, profile, _context, idToken, done) => {
      const claims = JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url'));
      done(null, { id: profile.id, claims });
    },
  ),
);
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user, done) => done(null, user));

const app = express();
app.use(session({ secret: process.env.SESSION_KEY, resave: false, saveUninitialized: false }));
app.use(passport.session());
app.get('/login', passport.authenticate('openidconnect'));
app.get('/cb', passport.authenticate('openidconnect', { failureRedirect: '/failed', failureMessage: true }), (_, response) => {
  response.redirect('/');
});
app.get('/failed', (request, response) => response.status(401).json(request.session.messages ?? []));
app.get('/', (request, response) => response.json({ ...request.user?.claims, sub: request.user?.id }));
app.listen(Number(process.env.PORT), '127.0.0.1');
