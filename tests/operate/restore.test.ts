import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createWhenMissing } from '@littlebox/kit/store'
import type { DomainOwner } from '@littlebox/pseudonym'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { copyTo, domain, type Installation, install, restoreFrom } from './installation.ts'

// docs/operate/backup-and-restore.md and recover.md, done: cold copies by `cp -a`, with real services. In this order.

const patient = '85073003328'
let installation: Installation
let copies: string
let everything: readonly string[]
/** What the backend stored for the patient before anything went wrong. */
let stored: string

/** What the backend would store for the patient now, by parties that remember nothing. */
async function pseudonymiseAnew(): Promise<string> {
  const care = await (await installation.openCare()).domain(domain)
  return (await installation.openBackend()).atRest(await care.pseudonymise(patient))
}

async function identify(backend: DomainOwner): Promise<unknown> {
  const care = await (await installation.openCare()).domain(domain)
  return care.identify(await backend.inTransit(stored))
}

async function start(): Promise<void> {
  await installation.startDatabase()
  await installation.startService()
}

async function destroy(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { recursive: true })
}

async function checks(): Promise<unknown> {
  const response = await fetch(`${installation.stack.gateway.targets[0]}/readyz`)
  return (await response.json()).checks
}

beforeAll(async () => {
  copies = await mkdtemp(join(tmpdir(), 'littlebox-copies-'))
  installation = await install()
  const passphrase = join(installation.stack.directory, 'box.passphrase')
  everything = [...installation.databaseFiles, installation.boxFile, passphrase]
  stored = await pseudonymiseAnew()
  await installation.stop()
  await copyTo(copies, everything)
})

afterAll(async () => {
  await installation?.end()
  await rm(copies, { recursive: true, force: true })
})

describe('backup-and-restore.md: everything is lost, and restored from the copies', () => {
  let backend: DomainOwner

  it('a database that is not there is an error, and none is made', async () => {
    await start()
    expect(await installation.administer('POST', `/${domain}/rotate`)).toMatchObject({ status: 200 })
    backend = await installation.openBackend()
    await installation.stop()
    await destroy(everything)
    await expect(installation.startDatabase()).rejects.toMatchObject({ code: 'database-missing' })
  })

  it('pseudonyms stored before and made after agree, and the stored ones identify', async () => {
    await restoreFrom(copies, everything)
    await start()
    expect(await pseudonymiseAnew()).toBe(stored)
    expect(await identify(await installation.openBackend())).toBe(patient)
  })

  it('descriptions and journal are back', async () => {
    const { body } = await installation.administer('GET', `/${domain}`)
    expect(body).toMatchObject({ domain, state: 'active', owner: { clientIds: ['backend'] } })
    expect(await installation.query(`select 1 from journal where operation = 'create-domain'`)).toHaveLength(1)
  })

  it('an owner with a transit key younger than the copy is refused until it reads the domain document', async () => {
    await expect(identify(backend)).rejects.toMatchObject({ code: 'invalid-transit-info' })
    await backend.refresh()
    expect(await identify(backend)).toBe(patient)
  })
})

describe('recover.md: the box file is lost', () => {
  it('a service that runs is not ready, and goes on when the file is back', async () => {
    await destroy([installation.boxFile])
    await vi.waitFor(async () => expect(await checks()).toEqual({ database: 'ok', box: 'failed' }), 2_000)
    await restoreFrom(copies, [installation.boxFile])
    await vi.waitFor(async () => expect(await checks()).toEqual({ database: 'ok', box: 'ok' }), 2_000)
  })

  it('a service that starts refuses, and makes no new box', async () => {
    await installation.stop()
    await destroy([installation.boxFile])
    await installation.startDatabase()
    await expect(installation.startService()).rejects.toThrow('stopped with code 1')
    expect(await readFile(join(installation.stack.directory, 'pseudonyms.log'), 'utf8')).toContain('no box at')
    await restoreFrom(copies, [installation.boxFile])
    await installation.startService()
    expect(await pseudonymiseAnew()).toBe(stored)
  })
})

describe('backup-and-restore.md: the box copied before the database', () => {
  it('a domain made in between has no key and answers 503; the others go on', async () => {
    expect(await installation.createDomain('vaccines_v1')).toMatchObject({ status: 201 })
    await installation.stop()
    await destroy([installation.boxFile])
    await restoreFrom(copies, [installation.boxFile])
    await start()
    const care = await (await installation.openCare()).domain('vaccines_v1')
    await expect(care.pseudonymise(patient)).rejects.toMatchObject({ code: 'service-away' })
    expect(await pseudonymiseAnew()).toBe(stored)
  })

  it('retired, it no longer counts for readiness', async () => {
    expect(await installation.administer('POST', '/vaccines_v1/retire')).toMatchObject({ status: 200 })
    await vi.waitFor(async () => expect(await checks()).toEqual({ database: 'ok', box: 'ok' }), 2_000)
  })
})

describe('recover.md: the database is lost, and there is no copy of it', () => {
  it('a domain of the old name is refused: an old key does not silently serve a new domain', async () => {
    await installation.stop()
    await destroy(installation.databaseFiles)
    await installation.startDatabase(createWhenMissing)
    await installation.startService()
    const { status, body } = await installation.createDomain(domain)
    expect(status).toBe(409)
    expect(body).toMatchObject({ type: 'urn:problem-type:littlebox:key-without-domain' })
  })

  it('the row that recover.md puts in lets the same creation take the old key: pseudonyms agree', async () => {
    const recovery = await readFile(join(import.meta.dirname, '../../docs/operate/recover.md'), 'utf8')
    const [insert] = /insert into domain[^;]*;/s.exec(recovery) ?? []
    await installation.query(insert!)
    expect(await installation.createDomain(domain)).toMatchObject({ status: 201 })
    expect(await pseudonymiseAnew()).toBe(stored)
    expect(await identify(await installation.openBackend())).toBe(patient)
  })
})
