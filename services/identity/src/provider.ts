/**
 * oidc-provider, with one door open: client_credentials by private_key_jwt (RFC 7523), tokens bound to a key by DPoP
 * (RFC 9449), for exactly one resource (RFC 8707), as signed JWTs (RFC 9068).
 *
 * The client proves a key; the token says which organisation it belongs to and which roles it has. Nobody signs in
 * here: no account, session, cookie or consent exists. The routes that oidc-provider mounts regardless are closed in
 * http.ts.
 */
import Provider, { type Adapter, type AdapterPayload, type Configuration, errors } from 'oidc-provider'
import type { ClientEntry, Clients } from './clients.ts'
import { replayAdapter, replayMemory } from './replay.ts'
import type { SigningKey } from './signing-key.ts'

const tokenLifetime = 300
export const standInNotice = 'STAND-IN FOR EVALUATION: this is no identity provider for production'

/** The paths that http.ts lets through. */
export const providerPaths: ReadonlySet<string> = new Set([
  '/token',
  '/jwks',
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server',
])

/** `issuer` without a path. The clients are asked anew at every request. */
export function identityProvider(issuer: string, signingKey: SigningKey, clients: Clients): Provider {
  const provider = new Provider(issuer, configuration(signingKey, clients))
  // http.ts sets Host and X-Forwarded-* to the issuer's, whatever the caller wrote there.
  provider.proxy = true
  provider.use(async (context, next) => {
    await next()
    if (context.path.startsWith('/.well-known/')) context.body = withoutSignIn(context.body)
  })
  return provider
}

function configuration(signingKey: SigningKey, clients: Clients): Configuration {
  return {
    adapter: adapters(clients),
    jwks: { keys: [signingKey] },
    clientAuthMethods: ['private_key_jwt'],
    clockTolerance,
    clientBasedCORS: () => false,
    responseTypes: ['none'],
    scopes: [],
    claims: {},
    pkce: { required: () => true },
    features: {
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => {
          throw new errors.InvalidTarget('name the resource that the token is for (RFC 8707)')
        },
        getResourceServerInfo: async (_context, resource, client) => {
          const { resources } = await enrolled(clients, client.clientId)
          if (!resources.includes(resource)) throw new errors.InvalidTarget()
          return {
            scope: '',
            audience: resource,
            accessTokenFormat: 'jwt',
            accessTokenTTL: tokenLifetime,
            jwt: { sign: { alg: 'ES256', kid: signingKey.kid } },
          }
        },
      },
      devInteractions: { enabled: false },
      introspection: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      registration: { enabled: false },
      revocation: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
    },
    ttl: { ClientCredentials: tokenLifetime },
    async extraTokenClaims(_context, token) {
      const { organisation, roles, resource_access } = await enrolled(clients, token.clientId)
      return { organisation, roles, resource_access }
    },
    assertJwtClientAuthClaimsAndHeader(_context, claims) {
      // RFC 7519 allows a list; one that names us among others could be played on by any of them.
      if (typeof claims.aud !== 'string') throw new errors.InvalidClientAuth('aud must be one string')
      const now = Math.floor(Date.now() / 1000)
      if (typeof claims.exp !== 'number' || claims.exp > now + assertionLifetime + clockTolerance) {
        throw new errors.InvalidClientAuth('the assertion lives too long')
      }
    },
    renderError(context, out) {
      context.body = out
    },
    enabledJWA: {
      clientAuthSigningAlgValues: ['ES256'],
      dPoPSigningAlgValues: ['ES256'],
      idTokenSigningAlgValues: ['ES256'],
    },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    discovery: { littlebox_stand_in: standInNotice },
  }
}

/** Seconds. */
const assertionLifetime = 300
const clockTolerance = 15

async function enrolled(clients: Clients, clientId: string | undefined): Promise<ClientEntry> {
  const entry = clientId === undefined ? undefined : await clients.find(clientId)
  // Taken out of the file between authentication and answer.
  if (entry === undefined) throw new errors.InvalidClientAuth('client not found')
  return entry
}

/** The only state: who is enrolled, and what was used once. Tokens are JWTs and are stored nowhere. */
function adapters(clients: Clients): (model: string) => Adapter {
  const uses = replayAdapter(replayMemory(100_000))
  return model => {
    switch (model) {
      case 'Client':
        return { ...stateless, find: async id => metadata(await clients.find(id)) }
      case 'ReplayDetection':
        return { ...stateless, ...uses }
      default:
        return stateless
    }
  }
}

function metadata(entry: ClientEntry | undefined): AdapterPayload | undefined {
  return (
    entry && {
      client_id: entry.client_id,
      jwks: entry.jwks,
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      dpop_bound_access_tokens: entry.dpop === 'required',
    }
  )
}

const unused = (): never => {
  throw new Error('the stand-in keeps no such state')
}

const stateless: Adapter = {
  upsert: async () => unused(),
  find: async () => unused(),
  findByUid: async () => unused(),
  findByUserCode: async () => unused(),
  consume: async () => unused(),
  destroy: async () => unused(),
  revokeByGrantId: async () => unused(),
}

/** RFC 8414 §2: authorization_endpoint is left out when no grant type uses it. */
function withoutSignIn(document: unknown): unknown {
  if (typeof document !== 'object' || document === null) return document
  const {
    authorization_endpoint: _endpoint,
    code_challenge_methods_supported: _challenge,
    response_modes_supported: _modes,
    claims_supported: _claims,
    claims_parameter_supported: _parameter,
    id_token_signing_alg_values_supported: _algorithms,
    authorization_response_iss_parameter_supported: _iss,
    ...rest
  } = document as Record<string, unknown>
  return { ...rest, response_types_supported: [] }
}
