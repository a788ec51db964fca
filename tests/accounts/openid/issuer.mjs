// An issuer of OpenID Connect for tests/accounts: `node issuer.mjs PORT REDIRECT_URI`. Any name and password log in; a
// person's groups are the part of the name after a dot: `olga.operators`.
import Provider from 'oidc-provider';

const [port, redirectUri] = process.argv.slice(2);

const provider = new Provider(`http://localhost:${port}`, {
  clients: [{ client_id: 'airflow', client_secret: 'a-secret-of-the-tests', redirect_uris: [redirectUri] }],
  claims: { openid: ['sub'], profile: ['preferred_username', 'given_name', 'family_name'], email: ['email'], groups: ['groups'] },
  pkce: { required: () => true },
  findAccount: (_context, id) => {
    const [name, ...groups] = id.split('.');
    return { accountId: id, claims: () => ({ sub: name, preferred_username: name, groups }) };
  },
});

provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
