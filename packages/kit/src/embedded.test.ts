import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { createWhenMissing, type EmbeddedPostgres, startEmbeddedPostgres } from './embedded.ts'
import { processExists } from './embedded-owner.ts'

const asRoot = process.getuid?.() === 0
const cleanUp: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean()
})

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'kit-embedded-'))
  await chmod(made, 0o755)
  cleanUp.push(() => rm(made, { recursive: true, force: true }))
  return made
}

async function start(directory: string): Promise<EmbeddedPostgres> {
  const running = await startEmbeddedPostgres({ directory, whenMissing: createWhenMissing })
  cleanUp.push(async () => {
    await running.stop()
    await rm(dirname(running.data), { recursive: true, force: true })
  })
  return running
}

async function ask(url: string, query: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(query)).rows
  } finally {
    await client.end()
  }
}

async function gone(pid: number): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (!processExists(pid)) return true
    await new Promise(done => setTimeout(done, 25))
  }
  return false
}

/** Another process that starts the database in `directory`, prints its server's number, and stays. */
async function ownerProcess(directory: string): Promise<{ child: ChildProcess; server: number }> {
  const module = new URL('./embedded.ts', import.meta.url).href
  const code = `
    const { startEmbeddedPostgres, createWhenMissing } = await import(${JSON.stringify(module)})
    const running = await startEmbeddedPostgres({ directory: ${JSON.stringify(directory)}, whenMissing: createWhenMissing })
    console.log(running.pid)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--conditions=littlebox:source', '--input-type=module', '-e', code], {
    cwd: dirname(fileURLToPath(import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line]: unknown[] = await once(child.stdout.setEncoding('utf8'), 'data')
  return { child, server: Number(line) }
}

describe('startEmbeddedPostgres', () => {
  test('nothing is created that nobody asked for: database-missing', async () => {
    const directory = join(await folder(), 'db')
    await expect(startEmbeddedPostgres({ directory })).rejects.toMatchObject({ code: 'database-missing' })
    await expect(readdir(directory)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('data stays from start to start; fsync is on; it listens on this machine only', async () => {
    const directory = join(await folder(), 'db')
    const first = await start(directory)
    await ask(first.url, 'create table kept as select 42 as answer')
    await first.stop()
    expect(await gone(first.pid)).toBe(true)
    const second = await startEmbeddedPostgres({ directory })
    cleanUp.push(() => second.stop())
    expect(await ask(second.url, 'select * from kept')).toEqual([{ answer: 42 }])
    expect(await ask(second.url, "select current_setting('fsync') as fsync")).toEqual([{ fsync: 'on' }])
    expect(await ask(second.url, 'show listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }])
  })

  test('the password is random, asked for, and in a file of ours only', async () => {
    const directory = join(await folder(), 'db')
    const { url } = await start(directory)
    expect((await stat(join(directory, 'cluster.json'))).mode & 0o777).toBe(0o600)
    await expect(ask(url.replace(/:[\w-]{43}@/, ':wrong@'), 'select 1')).rejects.toMatchObject({ code: '28P01' })
  })

  test('the log quotes no row', async () => {
    const directory = join(await folder(), 'db')
    const { url } = await start(directory)
    await ask(url, 'create table people (ssn text primary key)')
    await ask(url, "insert into people values ('85073003328')")
    await expect(ask(url, "insert into people values ('85073003328')")).rejects.toMatchObject({ code: '23505' })
    const log = await readFile(join(directory, 'postgres.log'), 'utf8')
    expect(log).toContain('duplicate key')
    expect(log).not.toContain('85073003328')
  })

  test('a directory has one owner: database-in-use', async () => {
    const directory = join(await folder(), 'db')
    await start(directory)
    await expect(startEmbeddedPostgres({ directory })).rejects.toMatchObject({ code: 'database-in-use' })
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)(
    'after %s to its owner no server is left behind',
    async signal => {
      const directory = join(await folder(), 'db')
      const { child, server } = await ownerProcess(directory)
      expect(processExists(server)).toBe(true)
      child.kill(signal)
      expect(await gone(server)).toBe(true)
      const next = await start(directory)
      expect(await ask(next.url, 'select 1 as one')).toEqual([{ one: 1 }])
    },
  )

  test('a server whose owner and watcher were killed is stopped by the next owner', async () => {
    const directory = join(await folder(), 'db')
    const { child, server } = await ownerProcess(directory)
    const watchers = await watchersOf(server)
    expect(watchers).toHaveLength(1)
    for (const watcher of watchers) process.kill(watcher, 'SIGKILL')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(processExists(server)).toBe(true)
    const next = await start(directory)
    expect(await gone(server)).toBe(true)
    expect(await ask(next.url, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('a postmaster.pid that names somebody else’s process does not keep it from starting', async () => {
    const directory = join(await folder(), 'db')
    const first = await start(directory)
    await first.stop()
    await writeFile(join(first.data, 'postmaster.pid'), `${process.pid}\n${first.data}\n`)
    const second = await startEmbeddedPostgres({ directory })
    cleanUp.push(() => second.stop())
    expect(await ask(second.url, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  test('data or password that went missing are not made anew: database-lost', async () => {
    const directory = join(await folder(), 'db')
    const first = await start(directory)
    await first.stop()
    await rename(join(directory, 'cluster.json'), join(directory, 'aside'))
    const again = () => startEmbeddedPostgres({ directory, whenMissing: createWhenMissing })
    await expect(again()).rejects.toMatchObject({ code: 'database-lost' })
    await rename(join(directory, 'aside'), join(directory, 'cluster.json'))
    await rename(first.data, `${first.data}.aside`)
    await expect(again()).rejects.toMatchObject({ code: 'database-lost' })
  })

  test.runIf(asRoot)('below a folder of root’s alone, programs and data stand where the server can go', async () => {
    const closed = await mkdtemp(join(tmpdir(), 'kit-closed-'))
    cleanUp.push(() => rm(closed, { recursive: true, force: true }))
    const directory = join(closed, 'a', 'db')
    await mkdir(directory, { recursive: true })
    const first = await start(directory)
    expect(first.data).toMatch(/^\/var\/lib\/littlebox\/clusters\//)
    expect((await stat(first.data)).uid).not.toBe(0)
    await ask(first.url, 'create table kept as select 42 as answer')
    await first.stop()
    const second = await startEmbeddedPostgres({ directory })
    cleanUp.push(() => second.stop())
    expect(await ask(second.url, 'select * from kept')).toEqual([{ answer: 42 }])
  })

  test.runIf(asRoot)('nobody but root can change the programs that are run', async () => {
    await start(join(await folder(), 'db'))
    for (const entry of await readdir('/var/lib/littlebox', { recursive: true, withFileTypes: true })) {
      if (!entry.parentPath.includes('/postgresql-') || entry.isSymbolicLink()) continue
      const { uid, mode } = await stat(join(entry.parentPath, entry.name))
      expect({ name: entry.name, uid, writable: mode & 0o022 }).toEqual({ name: entry.name, uid: 0, writable: 0 })
    }
  })
})

/** The `sh` whose last argument is the server's number. */
async function watchersOf(server: number): Promise<number[]> {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
    if (line.startsWith('/bin/sh\0') && line.endsWith(`watcher\0${server}\0`)) found.push(Number(name))
  }
  return found
}
