// A real OpenID provider, npm's `oidc-provider`, in Keycloak's layout: realms with keys and users of their own.
//
// Usage: node provider.mjs MODULES REALM…
//
//   MODULES  the `node_modules` folder that `scripts/setup oidc` has filled
//   REALM    a realm's name; each has the users `member` and `admin`, whose passwords are their names
//
// Prints its URL as the first line, and ends with its standard input. What tests ask for beyond a provider's own
// endpoints is below `/test`: new keys, and tokens that no provider would issue, signed by a realm's own keys.

import * as crypto from 'node:crypto';
import http from 'node:http';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

// The library's notices are for those who run it in production, and nobody reads more than the first line here.
console.info = console.warn = () => {};

const [modules, ...names] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(path.join(modules, 'oidc-provider/lib/index.js')));

const CLIENT = { id: 'zonda-cli', secret: 'zonda-cli-secret' };
const AUDIENCE = 'zonda';
const ROLES = { member: ['member'], admin: ['member', 'admin'], 'zonda-cli': ['service'] };
// A resource's path is the algorithm, as in `https://zonda.test/ES256`; without one it is RS256.
const RESOURCE = 'https://zonda.test/';
const LIFETIME_SECS = 300;

const realms = new Map();
const generate = promisify(crypto.generateKeyPair);
const base64url = (bytes) => Buffer.from(bytes).toString('base64url');

async function newKeys() {
  const pairs = await Promise.all([
    generate('rsa', { modulusLength: 2048 }),
    generate('ec', { namedCurve: 'P-256' }),
    generate('ec', { namedCurve: 'P-384' }),
  ]);
  return pairs.map(({ privateKey }) => ({
    ...privateKey.export({ format: 'jwk' }), use: 'sig', kid: crypto.randomUUID(),
  }));
}

/** The first of a realm's keys that is for `alg`. */
function keyFor(realm, alg) {
  const curve = { ES256: 'P-256', ES384: 'P-384' }[alg];
  return realm.keys.find((key) => (curve ? key.crv === curve : key.kty === 'RSA'));
}

function resourceServer(realm, resource) {
  const alg = resource.startsWith(RESOURCE) && resource.slice(RESOURCE.length) || 'RS256';
  return {
    scope: 'profile',
    audience: resource.startsWith(RESOURCE) ? AUDIENCE : resource,
    accessTokenFormat: 'jwt',
    accessTokenTTL: LIFETIME_SECS,
    jwt: { sign: { alg, kid: keyFor(realm, alg).kid } },
  };
}

function serve(name, keys) {
  const realm = { name, keys, issuer: `${url}/realms/${name}` };
  const endpoints = '/protocol/openid-connect';
  const provider = new Provider(realm.issuer, {
    jwks: { keys },
    clients: [{
      client_id: CLIENT.id,
      client_secret: CLIENT.secret,
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: ['client_credentials', 'password'],
      response_types: [],
      redirect_uris: [],
    }],
    scopes: ['openid', 'profile'],
    routes: { jwks: `${endpoints}/certs`, token: `${endpoints}/token` },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        getResourceServerInfo: (ctx, resource) => resourceServer(realm, resource),
      },
    },
    extraTokenClaims: (ctx, token) => {
      const user = token.accountId ?? token.clientId;
      return {
        typ: 'Bearer', azp: token.clientId, preferred_username: user, realm_access: { roles: ROLES[user] },
      };
    },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  });
  // Keycloak's "direct access grant", which python-mistralclient uses.
  provider.registerGrantType('password', async (ctx, next) => {
    const { username, password, resource } = ctx.oidc.params;
    if (!['member', 'admin'].includes(username) || password !== username) {
      ctx.status = 401;
      ctx.body = { error: 'invalid_grant', error_description: 'Invalid user credentials' };
      return;
    }
    const { AccessToken, ResourceServer } = ctx.oidc.provider;
    const wanted = resource ?? RESOURCE;
    const token = new AccessToken({
      accountId: username, client: ctx.oidc.client, gty: 'password', scope: 'profile',
    });
    token.resourceServer = new ResourceServer(wanted, resourceServer(realm, wanted));
    ctx.body = {
      access_token: await token.save(), expires_in: token.expiration, token_type: token.tokenType,
    };
    await next();
  }, ['username', 'password', 'scope', 'resource']);
  realm.handle = provider.callback();
  realms.set(name, realm);
}

/** `base` with the members of `changes`; a null takes one out. */
function changed(base, changes = {}) {
  return Object.fromEntries(Object.entries({ ...base, ...changes }).filter(([, value]) => value !== null));
}

/** A token of `realm` for the user `member`, as `how` wants it. */
function forge(realm, { alg = 'RS256', header, claims }) {
  const key = keyFor(realm, alg);
  const now = Math.floor(Date.now() / 1000);
  const parts = [
    changed({ alg, kid: key.kid, typ: 'JWT' }, header),
    changed({
      iss: realm.issuer, aud: AUDIENCE, exp: now + LIFETIME_SECS, iat: now, sub: 'member', typ: 'Bearer',
      preferred_username: 'member', realm_access: { roles: ROLES.member },
    }, claims),
  ];
  const message = parts.map((part) => base64url(JSON.stringify(part))).join('.');
  return `${message}.${base64url(signature(alg, key, message))}`;
}

function signature(alg, jwk, message) {
  if (alg === 'none') return '';
  if (alg.startsWith('HS')) {
    const pem = crypto.createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    return crypto.createHmac(`sha${alg.slice(2)}`, pem).update(message).digest();
  }
  const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_DIGEST: saltLength } = crypto.constants;
  return crypto.sign(`sha${alg.slice(2)}`, Buffer.from(message), {
    key: crypto.createPrivateKey({ key: jwk, format: 'jwk' }),
    dsaEncoding: 'ieee-p1363',
    ...(alg.startsWith('PS') ? { padding, saltLength } : {}),
  });
}

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

const orders = {
  /** A token signed by a realm's own keys: `{realm, alg, header, claims}`. */
  sign: ({ realm, ...how }) => ({ token: forge(realms.get(realm), how) }),
  /** New keys for a realm, in front of its old ones or in their place: `{realm, keep}`. */
  async rotate({ realm, keep }) {
    const old = keep ? realms.get(realm).keys : [];
    serve(realm, [...await newKeys(), ...old]);
    return {};
  },
  /** How often each realm's keys were asked for. */
  asked: () => Object.fromEntries(asked),
};
const asked = new Map();

const server = http.createServer(async (request, response) => {
  try {
    const [, order] = /^\/test\/(\w+)$/.exec(request.url) ?? [];
    if (order) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(await orders[order](await body(request))));
      return;
    }
    const [, name, rest] = /^\/realms\/([^/]+)(\/.*)$/.exec(request.url) ?? [];
    if (rest?.endsWith('/certs')) asked.set(name, (asked.get(name) ?? 0) + 1);
    const realm = realms.get(name);
    if (!realm) {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"error":"Realm does not exist"}');
      return;
    }
    request.originalUrl = request.url;
    request.url = rest;
    realm.handle(request, response);
  } catch (error) {
    response.writeHead(500);
    response.end(String(error));
  }
});

// A busy machine may leave a connection idle for long, and one that closes under a request would fail the test.
server.keepAliveTimeout = 0;
await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
const url = `http://127.0.0.1:${server.address().port}`;
await Promise.all(names.map(async (name) => serve(name, await newKeys())));
process.stdin.on('end', () => process.exit()).resume();
console.log(url);
