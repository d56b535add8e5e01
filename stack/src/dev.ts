/**
 * `./run dev`: the services on this machine with an administrator, a practice, a backend and the domain prescriptions_v1,
 * made anew whenever a source file changes.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createDomain } from './domains.ts'
import { freePort } from './free-port.ts'
import { openService } from './parties.ts'
import { repository } from './service-process.ts'
import { startStack } from './stack.ts'

const domain = 'prescriptions_v1'
const directory = join(repository, '.littlebox', 'dev')
await rm(directory, { recursive: true, force: true })
const stack = await startStack({ directory, replicas: 0, port: await freePort(4400) })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stack.stop().then(() => process.exit(0)))

const keys = await stack.owner('backend')
await stack.startReplica()
const admin = await stack.enrol({ clientId: 'administrator', organisation: 'health-agency', roles: ['domain-admin'] })
await stack.enrol({ clientId: 'practice', organisation: 'practice-voorbeeld', access: ['care'] })
await stack.enrol({ clientId: 'backend', organisation: 'health-agency', access: ['owner'], owner: keys })
await createDomain(await openService(admin), { domain, jku: keys.jku, ownerClient: 'backend' })

console.log(`${stack.url}/docs: the pseudonymisation service, with the domain ${domain}`)
console.log(`${stack.issuer}: the stand-in identity provider`)
console.log(`${directory}: profiles/{administrator,practice,backend}.json for the command line, and logs`)
