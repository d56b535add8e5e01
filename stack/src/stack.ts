/**
 * A whole Littlebox on this machine: PostgreSQL from npm, the stand-in identity provider, an owner's published keys, and
 * replicas of the pseudonymisation service on one `file` box. For evaluation, tests and benchmarks; every part is the real
 * one, in a process of its own, on free ports.
 */
import { randomBytes } from 'node:crypto'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createFileBox, evaluationGrant, evaluationOnly } from '@littlebox/box/file'
import { engine } from '@littlebox/curve'
import { addClient, createClients, createSigningKey, newClient, start as startIdentity } from '@littlebox/identity'
import { createWhenMissing, type EmbeddedPostgres, startEmbeddedPostgres } from '@littlebox/kit/store'
import { logger } from '@littlebox/kit/telemetry'
import { makeWrappingKey } from '@littlebox/pseudonyms'
import { type Exchange, type Gateway, startGateway } from './gateway.ts'
import { type Owner, publishOwner } from './owner.ts'
import { type ServiceProcess, startService } from './service-process.ts'

export interface StackOptions {
  /** Where everything is kept; made when it is not there. */
  readonly directory: string
  readonly replicas?: number
  /** Of the address that parties use; a free one when left out. */
  readonly port?: number
  /** Sees what passes between the parties and the pseudonymisation service. */
  readonly record?: (exchange: Exchange) => void
  /** Sees what passes between everybody and the identity provider. */
  readonly recordIdentity?: (exchange: Exchange) => void
  /** More settings for the pseudonymisation service. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Client {
  readonly clientId: string
  readonly organisation: string
  readonly roles?: readonly string[]
  /** Roles in the API `pseudonyms`, which the access rules made here look at. */
  readonly access?: readonly string[]
  readonly dpop?: 'required' | 'plain-bearer'
  /** The directory of an owner's keys, for the profile. */
  readonly owner?: Owner
  /** Base URLs for the profile, instead of the stack's. */
  readonly service?: readonly string[]
}

export interface Stack {
  readonly directory: string
  readonly issuer: string
  /** The audience of access tokens for the service. */
  readonly audience: string
  /** The address that parties use; requests go to the replicas in turn. */
  readonly url: string
  readonly gateway: Gateway
  /** Running since the last start. */
  readonly postgres: EmbeddedPostgres
  readonly replicas: readonly ServiceProcess[]
  startReplica(env?: Readonly<Record<string, string>>): Promise<ServiceProcess>
  /** Starts PostgreSQL again, on the same data and port, after `postgres.stop()`. */
  startPostgres(): Promise<void>
  /** Enrols a client and gives the path of its profile, a file the `littlebox` command reads. */
  enrol(client: Client): Promise<string>
  /** Keys of an owner, published at an address that the service may fetch. */
  owner(name: string): Promise<Owner>
  stop(): Promise<void>
}

const audience = 'https://pseudonyms.littlebox.example'

export async function startStack(options: StackOptions): Promise<Stack> {
  const { directory, replicas: count = 1, record } = options
  const place = (name: string) => join(directory, name)
  await mkdir(place('profiles'), { recursive: true })
  let postgres = await startEmbeddedPostgres({ directory: place('postgres'), whenMissing: createWhenMissing })
  const { url: databaseUrl } = postgres
  const identityGateway = await startGateway(options.recordIdentity)
  const identity = await startStandIn(place('identity'), identityGateway.url, place('identity.log'))
  identityGateway.targets = [identity.url]
  const gateway = await startGateway(record, options.port)
  const owners: Owner[] = []
  const replicas: ServiceProcess[] = []
  await makeBox(directory)

  const stack: Stack = {
    directory,
    issuer: identity.issuer,
    audience,
    url: gateway.url,
    gateway,
    get postgres() {
      return postgres
    },
    replicas,

    async startReplica(env = {}) {
      const replica = await startService({
        main: 'stack/src/replica.ts',
        args: [],
        log: place('pseudonyms.log'),
        env: {
          DATABASE_URL: databaseUrl,
          LITTLEBOX_PUBLIC_URL: gateway.url,
          LITTLEBOX_ISSUER: identity.issuer,
          LITTLEBOX_AUDIENCE: audience,
          LITTLEBOX_BOX: 'file-evaluation-only',
          LITTLEBOX_BOX_FILE: place('box.json'),
          LITTLEBOX_BOX_PASSPHRASE_FILE: place('box.passphrase'),
          LITTLEBOX_BEARER_CLIENTS: 'ehealth-client',
          LITTLEBOX_JWKS_ORIGINS: owners.map(owner => new URL(owner.jku).origin).join(','),
          PORT: '0',
          ...options.env,
          ...env,
        },
      })
      replicas.push(replica)
      gateway.targets = replicas.map(one => one.url)
      return replica
    },

    async startPostgres() {
      postgres = await startEmbeddedPostgres({ directory: place('postgres'), port: Number(new URL(databaseUrl).port) })
    },

    async enrol({ clientId, organisation, roles = [], access = [], dpop = 'required', owner, service }) {
      const { entry, profile } = await newClient({
        issuer: identity.issuer,
        clientId,
        organisation,
        resources: [audience],
        roles,
        resourceAccess: { pseudonyms: access },
        dpop,
      })
      const path = place(`profiles/${clientId}.json`)
      const littleboxProfile = {
        service: service ?? [gateway.url],
        issuer: profile.issuer,
        resource: audience,
        clientId,
        privateKey: profile.privateJwk,
        ...(owner && {
          owner: {
            privateKeys: [join(owner.directory, 'encryption-key.jwk.json')],
            atRestKeys: { active: join(owner.directory, 'at-rest-key.json') },
          },
        }),
      }
      await writeFile(path, JSON.stringify(littleboxProfile, undefined, 2), { mode: 0o600, flag: 'wx' })
      await addClient(place('identity'), entry)
      return path
    },

    async owner(name) {
      const owner = await publishOwner(place(`owners/${name}`))
      owners.push(owner)
      return owner
    },

    async stop() {
      await Promise.all(replicas.map(replica => replica.stop()))
      await Promise.all([gateway.close(), identityGateway.close(), ...owners.map(owner => owner.close())])
      await identity.close()
      await postgres.stop()
    },
  }
  for (let i = 0; i < count; i++) await stack.startReplica()
  return stack
}

async function startStandIn(directory: string, issuer: string, log: string) {
  if (!existsSync(join(directory, 'signing-key.json'))) {
    await createSigningKey(directory)
    await createClients(directory)
  }
  return startIdentity({ directory, port: 0, issuer, log: logger('identity', createWriteStream(log, { flags: 'a' })) })
}

async function makeBox(directory: string): Promise<void> {
  const path = join(directory, 'box.json')
  if (existsSync(path)) return
  const passphrase = randomBytes(32).toString('base64url')
  await writeFile(join(directory, 'box.passphrase'), passphrase, { mode: 0o600, flag: 'wx' })
  const box = await createFileBox({ path, passphrase: Buffer.from(passphrase), engine: await engine() }, evaluationOnly)
  await makeWrappingKey(box, evaluationGrant(evaluationOnly))
}
