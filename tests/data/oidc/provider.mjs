// A provider of OpenID Connect on loopback, for tests: node provider.mjs FOLDER. FOLDER has oidc-provider, see .ci/oidc-provider.
// Prints its issuer. Ends with its standard input. What a person does in a browser, the paths below /test/ do.
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const modules = (path) => import(pathToFileURL(`${process.argv[2]}/node_modules/${path}`));
const { Provider } = await modules('oidc-provider/lib/index.js');
const { SignJWT, exportJWK, generateKeyPair } = await modules('jose/dist/webapi/index.js');

const people = {
  raj: { email: 'raj@example.com', email_verified: true, groups: ['dev'], name: 'Moira' },
  eve: { email: 'raj@example.com', email_verified: false, groups: ['dev'], name: 'raj' },
  guest: { email: 'guest@example.com', email_verified: true, groups: ['guests'] },
};
const device = 'urn:ietf:params:oauth:grant-type:device_code';
// Where browsers come back to.
let back = 'https://localhost/';
const client = (client_id, secret) => ({
  client_id,
  ...(secret ? { client_secret: secret } : { token_endpoint_auth_method: 'none' }),
  grant_types: [device, 'refresh_token', 'authorization_code'],
  redirect_uris: [back],
  response_types: ['code'],
});
let keys = 0;
let signing;
let provider;

/** A provider with one new key. What it promised before stays: the storage belongs to the process. */
async function renew(issuer) {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  signing = { privateKey, kid: `key-${(keys += 1)}` };
  await begin(issuer);
}

async function begin(issuer) {
  const { privateKey, kid } = signing;
  provider = new Provider(issuer, {
    clients: [client('trunkline'), client('other'), client('browsers', 'a secret: 100% & more')],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid, use: 'sig', alg: 'RS256' }] },
    cookies: { keys: ['test'] },
    features: {
      deviceFlow: { enabled: true },
      // Its forms for a login take any password.
      devInteractions: { enabled: true },
      revocation: { enabled: true },
    },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'], profile: ['name'] },
    conformIdTokenClaims: false,
    rotateRefreshToken: true,
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...people[sub] }) }),
  });
  // So a test waits no longer than it must.
  provider.use(async (context, next) => {
    await next();
    if (context.oidc?.route === 'device_authorization' && context.body?.device_code) context.body.interval = 1;
  });
}

/** The person approves or refuses a login by the code that the device shows. */
async function decide({ user_code, sub, error }) {
  const code = await provider.DeviceCode.findByUserCode(user_code.replace(/\W/g, ''));
  if (error) {
    Object.assign(code, { error });
  } else {
    const grant = new provider.Grant({ accountId: sub, clientId: code.clientId });
    grant.addOIDCScope(code.params.scope);
    const authTime = Math.floor(Date.now() / 1000);
    Object.assign(code, { accountId: sub, grantId: await grant.save(), scope: code.params.scope, authTime });
  }
  await code.save();
}

const acts = {
  '/test/decide': async (asked) => decide(asked),
  '/test/rotate': async () => renew(provider.issuer),
  '/test/back': async (asked) => {
    back = asked.address;
    await begin(provider.issuer);
  },
  // Whatever a provider could sign.
  '/test/sign': async ({ claims }) => {
    const jwt = new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: signing.kid, typ: 'JWT' });
    return jwt.sign(signing.privateKey);
  },
};

const server = createServer(async (request, response) => {
  const act = acts[request.url];
  if (!act) return provider.callback()(request, response);
  let body = '';
  for await (const chunk of request) body += chunk;
  response.end((await act(JSON.parse(body || '{}'))) ?? '');
});
server.listen(0, '127.0.0.1', async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  await renew(issuer);
  console.log(issuer);
});
process.stdin.on('end', () => process.exit(0)).resume();
