/**
 * The service's administration (`/pseudo/v2/domains`), for a client with the role domain-admin: what is asked, and how the
 * answer is shown. Domains hold no persons: all of it may be printed.
 */
import { readFile } from 'node:fs/promises'
import type { ServiceResponse } from '@littlebox/pseudonym'
import { z } from 'zod'
import { CliError } from './cli-error.ts'
import { connect } from './connect.ts'
import type { DomainOptions } from './domain-options.ts'
import { explain } from './explain.ts'
import type { Profile } from './profile.ts'
import type { ProfileOptions } from './profile-options.ts'
import { printJson, say } from './terminal.ts'

export interface Administration {
  create(name: string, options: DomainOptions): Promise<void>
  list(): Promise<void>
  show(name: string): Promise<void>
  rotate(name: string): Promise<void>
}

const base = '/pseudo/v2/domains'

const descriptionSchema = z.looseObject({
  domain: z.string(),
  description: z.string(),
  crv: z.string(),
  encoding: z.string(),
  valueFormat: z.string(),
  back: z.boolean(),
  evaluate: z.boolean(),
  timeToLiveInTransit: z.string(),
  jku: z.array(z.string()),
  owner: z.object({ clientIds: z.array(z.string()) }),
  state: z.string(),
  audience: z.string(),
  publicKey: z.string(),
  transitKeys: z.array(
    z.object({ kid: z.string(), active: z.boolean(), createdAt: z.string(), retiresAt: z.string().optional() }),
  ),
  createdAt: z.string(),
})

type Description = z.infer<typeof descriptionSchema>

const problemSchema = z.object({ type: z.string(), title: z.string(), detail: z.string() })

export async function openAdministration(options: ProfileOptions): Promise<Administration> {
  const { profile, service } = await connect(options)
  const show = <T>(value: T, text: (value: T) => string) =>
    options.json ? printJson(value) : void process.stdout.write(`${text(value)}\n`)

  async function ask<T>(method: 'GET' | 'POST', path: string, schema: z.ZodType<T>, body?: unknown): Promise<T> {
    // A second try of what may have been done would make a second key, or a refusal that hides the success.
    const request = body === undefined ? { method, path } : { method, path, body, once: true as const }
    const response = await service.send(request).catch((error: unknown) => {
      throw explain(error, profile)
    })
    if (response.status >= 400) throw refusalOf(response, profile)
    const parsed = schema.safeParse(response.body)
    if (parsed.success) return parsed.data
    throw new CliError('answer-unreadable', `${profile.service.join(', ')}: an answer that does not fit the contract`)
  }

  return {
    async create(name, create) {
      const description = await ask('POST', base, descriptionSchema, {
        domain: name,
        description: create.description,
        crv: create.curve,
        encoding: create.encoding,
        valueFormat: create.valueFormat,
        back: create.back,
        evaluate: create.evaluate ?? false,
        bufferSize: create.bufferSize,
        timeToLiveInTransit: create.timeToLive,
        jku: create.jku,
        owner: { clientIds: create.ownerClient },
        accessRule: await readJson(create.accessRule),
        ...(create.quotas === undefined ? {} : { quotas: await readJson(create.quotas) }),
      })
      if (!options.quiet) say(`Made ${name}.`)
      show(description, described)
    },
    async list() {
      const { domains } = await ask('GET', base, z.object({ domains: z.array(descriptionSchema) }))
      show({ domains }, () => domains.map(listed).join('\n') || 'No domains.')
    },
    show: async name => show(await ask('GET', `${base}/${encodeURIComponent(name)}`, descriptionSchema), described),
    async rotate(name) {
      const path = `${base}/${encodeURIComponent(name)}/rotate`
      show(
        await ask('POST', path, z.object({ kid: z.string() }), {}),
        ({ kid }) => `${name}: transit key ${kid} in use`,
      )
    },
  }
}

function refusalOf({ status, body }: ServiceResponse, { service }: Profile): CliError {
  const problem = problemSchema.safeParse(body)
  const what = problem.success ? `${problem.data.title}: ${problem.data.detail}` : 'no reason given'
  return new CliError('refused', `${service.join(', ')} refused (${status}): ${what}`, adviceFor(status))
}

function adviceFor(status: number): string | undefined {
  if (status === 401) return "Check the profile's issuer and resource."
  if (status === 403) return 'Your client needs the role domain-admin, and the domain to be of your organisation.'
  return undefined
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new CliError('usage', `${path} can't be read as JSON`, undefined, cause)
  }
}

function listed({ domain, state, crv, description }: Description): string {
  return `${domain}  ${crv}  ${state}  ${description}`
}

function described(domain: Description): string {
  const can = [domain.back ? 'back' : 'one way', ...(domain.evaluate ? ['evaluate'] : [])].join(', ')
  const keys = domain.transitKeys.map(({ kid, active, createdAt, retiresAt }) => {
    const until = retiresAt === undefined ? '' : `, retires ${retiresAt}`
    return `  ${kid}  ${active ? 'in use' : 'former'}, made ${createdAt}${until}`
  })
  return [
    `${domain.domain} (${domain.state}): ${domain.description}`,
    `curve        ${domain.crv}, ${domain.encoding}, ${can}`,
    `values       ${domain.valueFormat}`,
    `in transit   ${domain.timeToLiveInTransit}`,
    `audience     ${domain.audience}`,
    `public key   ${domain.publicKey}`,
    `owner        ${domain.owner.clientIds.join(', ')}; keys at ${domain.jku.join(', ')}`,
    `made         ${domain.createdAt}`,
    'transit keys',
    ...keys,
  ].join('\n')
}
