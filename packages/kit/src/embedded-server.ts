/**
 * The server process of an embedded cluster: starting, watching and stopping it.
 *
 * The caller holds the directory (`own`), so a server found here belongs to nobody: it is waited for, then stopped. No
 * exit hooks and no signal handlers: the watcher's pipe ends with our process, and only then it stops the server.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { open, readFile, readlink, realpath, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { processExists } from './embedded-owner.ts'
import type { ClusterUser } from './embedded-place.ts'
import { StoreError } from './store-error.ts'

export interface ClusterRun {
  readonly postgres: string
  readonly data: string
  readonly log: string
  readonly user: ClusterUser | undefined
  readonly port?: number
}

export interface RunningCluster {
  readonly pid: number
  readonly port: number
  stop(): Promise<void>
}

const graceMs = 3_000
const stopMs = 30_000
const recoverMs = 120_000

export async function runCluster(run: ClusterRun): Promise<RunningCluster> {
  // Between finding a free port and listening on it somebody else may take it.
  const attempts = run.port === undefined ? 5 : 1
  for (let attempt = 1; ; attempt++) {
    const port = run.port ?? (await freePort())
    const server = await spawnServer(run, port)
    if (await isReady(server, run.data)) return watched(server, port, run.user)
    const said = (await readFile(run.log, 'utf8').catch(() => '')).slice(-2000).trim()
    const taken = said.includes('Address already in use')
    if (!taken || attempt === attempts) {
      throw new StoreError('cannot-start', `PostgreSQL did not start on port ${port}. ${run.log} says: ${said}`)
    }
  }
}

/** Stops the server that an owner left behind in `data`, and clears a postmaster.pid that means nobody. */
export async function endOrphan(data: string): Promise<void> {
  const orphan = await readServerPid(data)
  if (orphan === undefined) return
  // Its own watcher is normally about to stop it.
  if (!(await ended(orphan, data, graceMs))) {
    process.kill(orphan, 'SIGINT')
    if (!(await ended(orphan, data, stopMs))) {
      throw new StoreError('database-in-use', `PostgreSQL (process ${orphan}) still runs in ${data} and won't stop.`)
    }
  }
  // After a restart of the machine the number may be another process's: PostgreSQL would refuse to start.
  await rm(join(data, 'postmaster.pid'), { force: true })
}

async function spawnServer(run: ClusterRun, port: number): Promise<ChildProcess> {
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    logging_collector: 'off',
    log_error_verbosity: 'terse',
    log_min_error_statement: 'panic',
    log_parameter_max_length_on_error: 0,
    log_statement: 'none',
  }
  const log = await open(run.log, 'w', 0o600)
  try {
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const child = spawn(run.postgres, ['-D', run.data, ...options], {
      cwd: '/',
      env: { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' },
      stdio: ['ignore', log.fd, log.fd],
      // A session of its own: Ctrl-C goes to us, who finish our work before the database goes.
      detached: true,
      ...run.user,
    })
    await new Promise<void>((started, failed) => child.once('spawn', started).once('error', failed))
    child.unref()
    return child
  } catch (cause) {
    throw new StoreError('cannot-start', `${run.postgres} could not be run.`, { cause })
  } finally {
    await log.close()
  }
}

/** Line 8 of postmaster.pid tells (postmaster: LOCK_FILE_LINE_PM_STATUS). Crash recovery may take its time. */
async function isReady(server: ChildProcess, data: string): Promise<boolean> {
  const deadline = Date.now() + recoverMs
  while (server.exitCode === null && server.signalCode === null) {
    const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
    if (lines[0] === String(server.pid) && lines[7]?.trim() === 'ready') return true
    if (Date.now() > deadline) {
      server.kill('SIGQUIT')
      return false
    }
    await pause(15)
  }
  return false
}

function watched(server: ChildProcess, port: number, user: ClusterUser | undefined): RunningCluster {
  const pid = server.pid
  if (pid === undefined) throw new StoreError('cannot-start', 'PostgreSQL has no process number.')
  const script = 'read -r _; kill -INT "$1"'
  const stdio = ['pipe', 'ignore', 'ignore'] as const
  const watcher = spawn('/bin/sh', ['-c', script, 'watcher', String(pid)], {
    cwd: '/',
    env: {},
    stdio: [...stdio],
    detached: true,
    ...user,
  })
  watcher.unref()
  if (watcher.stdin !== null && 'unref' in watcher.stdin && typeof watcher.stdin.unref === 'function') {
    watcher.stdin.unref()
  }
  // Once the server has gone its number may be anybody's: the watcher must not outlive it.
  const gone = new Promise<void>(done => server.once('exit', () => done())).then(() => void watcher.kill('SIGKILL'))
  return {
    pid,
    port,
    async stop() {
      server.ref()
      server.kill('SIGINT')
      const late = setTimeout(() => server.kill('SIGQUIT'), stopMs)
      await gone
      clearTimeout(late)
    },
  }
}

async function readServerPid(data: string): Promise<number | undefined> {
  const text = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')
  const pid = Number.parseInt(text, 10)
  return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined
}

async function ended(pid: number, data: string, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs
  while (await runsIn(pid, data)) {
    if (Date.now() > deadline) return false
    await pause(25)
  }
  return true
}

/** A server works in its data directory; where /proc doesn't say so, the process number has to do. */
async function runsIn(pid: number, data: string): Promise<boolean> {
  if (!processExists(pid)) return false
  if (process.platform !== 'linux') return true
  const at = await readlink(`/proc/${pid}/cwd`).catch(() => undefined)
  return at !== undefined && at === (await realpath(data))
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(0, '127.0.0.1', listening))
  const address = server.address()
  await new Promise(closed => server.close(closed))
  if (typeof address !== 'object' || address === null) throw new StoreError('cannot-start', 'There is no free port.')
  return address.port
}

async function pause(ms: number): Promise<void> {
  await new Promise(done => setTimeout(done, ms))
}
