/**
 * Enrolling a client: an ES256 key pair whose public half goes into the clients file and whose private half goes,
 * with what the client needs to know about itself, into a profile that only the client holds.
 */

import { type ClientEntry, clientEntry, clientsPath, readClients } from './clients.ts'
import { createFile, isSystemError, replaceFile } from './files.ts'
import { IdentityError } from './identity-error.ts'
import { newPrivateJwk, type SigningKey } from './signing-key.ts'

/** What a client keeps to itself. `privateJwk` signs its assertions and, unless it has another key, its proofs. */
export interface ClientProfile {
  readonly issuer: string
  readonly clientId: string
  readonly organisation: string
  readonly resources: readonly string[]
  readonly dpop: ClientEntry['dpop']
  readonly privateJwk: SigningKey
}

export interface NewClient {
  readonly issuer: string
  readonly clientId: string
  readonly organisation: string
  /** The audiences it may ask tokens for (RFC 8707), at least one. */
  readonly resources: readonly string[]
  /** The claim `roles`, such as `domain-admin`. */
  readonly roles?: readonly string[]
  /** The claim `resource_access` as Keycloak writes it: API to roles. */
  readonly resourceAccess?: Readonly<Record<string, readonly string[]>>
  /** `plain-bearer` for clients that can't do DPoP, such as eHealth's. Default `required`. */
  readonly dpop?: ClientEntry['dpop']
}

export interface Enrolment {
  readonly entry: ClientEntry
  readonly profile: ClientProfile
}

/** A client with a fresh key; nothing is written. IdentityError `clients-invalid` when a value doesn't fit. */
export async function newClient(client: NewClient): Promise<Enrolment> {
  const privateJwk = await newPrivateJwk()
  const { d: _private, ...publicJwk } = privateJwk
  const parsed = clientEntry.safeParse({
    client_id: client.clientId,
    organisation: client.organisation,
    jwks: { keys: [publicJwk] },
    roles: client.roles,
    resource_access: client.resourceAccess && asKeycloakWrites(client.resourceAccess),
    resources: client.resources,
    dpop: client.dpop,
  })
  if (!parsed.success) {
    const places = parsed.error.issues.map(issue => `${issue.path.join('.')}: ${issue.message}`)
    throw new IdentityError('clients-invalid', `this is no valid client: ${places.join('; ')}`)
  }
  const entry = parsed.data
  return {
    entry,
    profile: {
      issuer: client.issuer,
      clientId: entry.client_id,
      organisation: entry.organisation,
      resources: entry.resources,
      dpop: entry.dpop,
      privateJwk,
    },
  }
}

/** Makes the empty clients file that `addClient` and the server need; one that is there stays as it is. */
export async function createClients(directory: string): Promise<void> {
  try {
    await createFile(clientsPath(directory), render([]), 0o644)
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error
  }
}

/**
 * Adds the entry, durable once this returns; a running server knows it from its next request on.
 * IdentityError `client-exists`, `clients-busy`, `clients-missing`, `clients-invalid`.
 */
export async function addClient(directory: string, entry: ClientEntry): Promise<void> {
  const path = clientsPath(directory)
  try {
    await replaceFile(path, 0o644, async () => {
      const clients = await readClients(directory)
      if (clients.some(({ client_id }) => client_id === entry.client_id)) {
        throw new IdentityError('client-exists', `${path} has a client ${entry.client_id} already`)
      }
      return render([...clients, entry])
    })
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error
    throw new IdentityError(
      'clients-busy',
      `${path}.new exists: another change is under way, or one was broken off; if so, remove that file`,
    )
  }
}

/** Writes the profile with its private key to a new file, mode 0600. IdentityError `profile-exists`. */
export async function writeProfile(path: string, profile: ClientProfile): Promise<void> {
  try {
    await createFile(path, `${JSON.stringify(profile, undefined, 2)}\n`, 0o600)
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error
    throw new IdentityError('profile-exists', `${path} exists already; a private key is never overwritten`)
  }
}

function asKeycloakWrites(access: Readonly<Record<string, readonly string[]>>): Record<string, { roles: string[] }> {
  return Object.fromEntries(Object.entries(access).map(([api, roles]) => [api, { roles: [...roles] }]))
}

function render(clients: readonly ClientEntry[]): string {
  return `${JSON.stringify({ clients }, undefined, 2)}\n`
}
