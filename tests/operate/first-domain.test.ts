import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { littlebox, openService, type Stack, startStack } from '@littlebox/stack'
import { afterAll, beforeAll, expect, it } from 'vitest'

// docs/operate/install.md, "The first domain": its rule, and its commands but for the addresses.

let directory: string
let stack: Stack

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'littlebox-first-'))
  stack = await startStack({ directory, replicas: 0 })
})

afterAll(async () => {
  await stack?.stop()
  await rm(directory, { recursive: true, force: true })
})

it('the commands of install.md make a domain that its rule opens', async () => {
  const { jku } = await stack.owner('backend') // littlebox owner init, and its JWKS at an address
  await stack.startReplica()
  const install = await readFile(join(import.meta.dirname, '../../docs/operate/install.md'), 'utf8')
  const rule = /```json\n(\s*\{\s*"domain".*?)```/s.exec(install)?.[1]
  await writeFile(join(directory, 'rule.json'), rule!)
  const profile = await stack.enrol({ clientId: 'institute-admin', organisation: 'institute', roles: ['domain-admin'] })
  const ask = (...args: string[]) => littlebox(['domain', ...args, '--profile', profile, '--allow-insecure-http'])

  const where = ['--access-rule', join(directory, 'rule.json'), '--jku', jku, '--owner-client', 'backend']
  expect(await ask('create', 'prescriptions_v1', '--description', 'Prescriptions', ...where)).toMatchObject({ code: 0 })
  expect((await ask('show', 'prescriptions_v1')).output).toContain('prescriptions_v1 (active)')
  expect((await ask('rotate', 'prescriptions_v1')).output).toContain('in use')

  const doctor = await stack.enrol({ clientId: 'doctor', organisation: 'practice', roles: ['prescriber'] })
  const stranger = await stack.enrol({ clientId: 'stranger', organisation: 'practice', roles: ['porter'] })
  const open = async (path: string) => (await openService(path)).domain('prescriptions_v1')
  await expect((await open(doctor)).pseudonymise('85073003328')).resolves.toMatch(/:/)
  await expect((await open(stranger)).pseudonymise('85073003328')).rejects.toMatchObject({ code: 'refused' })
})
