/**
 * What the tests that cross parts begin with: a whole stack in a folder of its own, an administrator, a care provider, a
 * domain owner with published keys, and as many domains as asked for. Everything is gone when it is closed.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { PseudonymService } from '@littlebox/pseudonym'
import {
  createDomain,
  type NewDomain,
  type Owner,
  openService,
  repository,
  type ServiceProcess,
  type Stack,
  type StackOptions,
  startStack,
} from '@littlebox/stack'
import { directCaller } from './direct-caller.ts'

export interface Scene {
  readonly directory: string
  readonly stack: Stack
  readonly keys: Owner
  readonly admin: PseudonymService
  /** Profiles: the role `care`, and the domains' owner with the role `owner`. */
  readonly care: string
  readonly owner: string
  /** One more replica, which joins the balancer's. */
  startReplica(env?: Readonly<Record<string, string>>): Promise<ServiceProcess>
  createDomain(domain: Omit<NewDomain, 'jku' | 'ownerClient'>): Promise<void>
  close(): Promise<void>
}

export type SceneOptions = Omit<StackOptions, 'directory' | 'replicas'> & {
  readonly replicas?: number
  /** More base URLs of the service, beside the stack's own. */
  readonly publicUrls?: readonly string[]
}

/** More than any test asks for; a test of quotas gives its domain its own. */
const ampleQuotas = {
  LITTLEBOX_CALLER_BURST: '1000000',
  LITTLEBOX_CALLER_PER_DAY: '10000000',
  LITTLEBOX_ORGANISATION_BURST: '1000000',
  LITTLEBOX_ORGANISATION_PER_DAY: '10000000',
}

export async function openScene({ replicas = 1, publicUrls = [], ...options }: SceneOptions = {}): Promise<Scene> {
  const directory = mkdtempSync(join(tmpdir(), 'littlebox-test-'))
  // PostgreSQL's user passes through here, when we are root and it is not.
  chmodSync(directory, 0o755)
  const env = { ...ampleQuotas, ...options.env }
  const stack = await startStack({ ...options, env, directory, replicas: 0 })
  const keys = await stack.owner('owner')
  const addresses = { LITTLEBOX_PUBLIC_URL: [stack.url, ...publicUrls].join(',') }
  const startReplica = (more = {}) => stack.startReplica({ ...addresses, ...more })
  for (let i = 0; i < replicas; i++) await startReplica()
  const administrator = await stack.enrol({
    clientId: 'administrator',
    organisation: 'agency',
    roles: ['domain-admin'],
  })
  const admin = await openService(administrator)
  const direct = await directCaller(administrator)
  const service = publicUrls.length > 0 ? { service: publicUrls } : {}
  return {
    directory,
    stack,
    keys,
    admin,
    care: await stack.enrol({ clientId: 'practice', organisation: 'practice', access: ['care'], ...service }),
    owner: await stack.enrol({ clientId: 'backend', organisation: 'agency', access: ['owner'], owner: keys }),
    startReplica,
    async createDomain(domain) {
      await createDomain(admin, { ...domain, jku: keys.jku, ownerClient: 'backend' })
      // The other replicas see it within a quarter of a second.
      for (const target of stack.gateway.targets)
        while (!(await direct.get(`/pseudo/v2/domains/${domain.domain}`, target)).ok) await setTimeout(20)
    },
    async close() {
      await stack.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** The folder of the synthetic patients, made when it is not there. */
export function patientsFolder(): string {
  const folder = join(repository, 'examples', 'patients')
  if (!existsSync(join(folder, 'prescriptions.csv'))) execFileSync(process.execPath, ['generate.mjs'], { cwd: folder })
  return folder
}
