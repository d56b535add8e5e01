/**
 * An installation as an operator has it, for the tests of docs/operate: real PostgreSQL, box file, identity and replicas,
 * one domain with its owner, and the steps of backup-and-restore.md and recover.md over its files.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { type createWhenMissing, type EmbeddedPostgres, startEmbeddedPostgres } from '@littlebox/kit/store'
import type { DomainOwner, PseudonymService, ServiceResponse } from '@littlebox/pseudonym'
import { accessRule, openOwner, openService, type Stack, startStack } from '@littlebox/stack'
import pg from 'pg'

export const domain = 'prescriptions_v1'

export interface Installation {
  readonly stack: Stack
  readonly boxFile: string
  /** Each `open…` makes the party anew, with nothing remembered. */
  openCare(): Promise<PseudonymService>
  openBackend(): Promise<DomainOwner>
  /** As an administrator, below /pseudo/v2/domains. */
  administer(method: 'GET' | 'POST', path: string, body?: unknown): Promise<ServiceResponse>
  createDomain(name: string): Promise<ServiceResponse>
  query(sql: string, values?: readonly unknown[]): Promise<pg.QueryResultRow[]>
  /** Files of the database, stopped: its directory, and its data where that stands elsewhere. */
  readonly databaseFiles: readonly string[]
  /** Replicas, then the database. */
  stop(): Promise<void>
  startDatabase(whenMissing?: typeof createWhenMissing): Promise<void>
  /** Throws, naming the log, when the service refuses to start. */
  startService(): Promise<void>
  end(): Promise<void>
}

export async function install(): Promise<Installation> {
  const directory = await mkdtemp(join(tmpdir(), 'littlebox-operate-'))
  const stack = await startStack({ directory, replicas: 0 })
  const keys = await stack.owner('prescriptions')
  await stack.startReplica()
  const place = (name: string) => join(directory, name)
  const organisation = 'institute'
  const adminProfile = await stack.enrol({ clientId: 'admin', organisation, roles: ['domain-admin'] })
  const careProfile = await stack.enrol({ clientId: 'gp', organisation: 'practice', access: ['care'] })
  const backendProfile = await stack.enrol({ clientId: 'backend', organisation, access: ['owner'], owner: keys })
  const admin = await openService(adminProfile)
  let postgres: EmbeddedPostgres = stack.postgres

  const installation: Installation = {
    stack,
    boxFile: place('box.json'),
    openCare: () => openService(careProfile, { deadline: 3_000 }),
    openBackend: () => openOwner(backendProfile, domain),
    administer: (method, path, body) =>
      admin.send({ method, path: `/pseudo/v2/domains${path}`, ...(body !== undefined && { body }) }),
    createDomain: name => installation.administer('POST', '', newDomain(name, keys.jku)),

    async query(sql, values = []) {
      const client = new pg.Client({ connectionString: postgres.url })
      await client.connect()
      try {
        return (await client.query(sql, [...values])).rows
      } finally {
        await client.end()
      }
    },

    databaseFiles: [place('postgres'), ...outside(place('postgres'), stack.postgres.data)],

    async stop() {
      await Promise.all(stack.replicas.map(replica => replica.stop()))
      await postgres.stop()
    },

    async startDatabase(whenMissing) {
      postgres = await startEmbeddedPostgres({ directory: place('postgres'), ...(whenMissing && { whenMissing }) })
    },

    async startService() {
      const replica = await stack.startReplica({ DATABASE_URL: postgres.url })
      stack.gateway.targets = [replica.url]
    },

    async end() {
      await postgres.stop()
      await stack.stop()
      for (const path of [...installation.databaseFiles, directory]) await rm(path, { recursive: true, force: true })
    },
  }
  const { status } = await installation.createDomain(domain)
  if (status !== 201) throw new Error(`the domain was not made: ${status}`)
  return installation
}

function newDomain(name: string, jku: string) {
  const owner = { clientIds: ['backend'] }
  const rule = accessRule({ domain: name, jku, ownerClient: 'backend' })
  return { domain: name, description: 'For the tests of operation', jku: [jku], owner, accessRule: rule }
}

/** As root, data whose folder PostgreSQL's user can't enter stands below /var/lib/littlebox. */
function outside(directory: string, data: string): string[] {
  return data.startsWith(`${directory}/`) ? [] : [dirname(data)]
}

const run = promisify(execFile)

/** `cp -a` of each path into `folder`; the way back with `restoreFrom`. */
export async function copyTo(folder: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) await run('cp', ['-a', path, join(folder, basename(path))])
}

export async function restoreFrom(folder: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if (existsSync(path)) throw new Error(`${path} is still there`)
    await run('cp', ['-a', join(folder, basename(path)), path])
  }
}
