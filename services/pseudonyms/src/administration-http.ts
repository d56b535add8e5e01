/**
 * The contract's routes for administrators (pseudonyms.md §6, §7): the role `domain-admin`, and only domains of the
 * caller's own organisation. Another organisation's domain is answered as one that does not exist.
 */
import type { RouteConfig, z } from '@hono/zod-openapi'
import type { Caller } from '@littlebox/kit/caller'
import { commonProblem } from '@littlebox/kit/problem'
import type { ServiceApp, ServiceEnv } from '@littlebox/kit/server'
import type { Context } from 'hono'
import type { Administration } from './administration.ts'
import * as contract from './contract.ts'
import { descriptionOf } from './description.ts'
import type { Domain } from './directory.ts'
import { authenticated, known, on, type Service } from './http.ts'
import { parseObject } from './items.ts'
import { problem } from './problems.ts'
import type { Request } from './record.ts'

export function administrationRoutes(app: ServiceApp, service: Service, administration: Administration): void {
  const { directory, recorder } = service

  const route = (
    config: RouteConfig,
    operation: string,
    handle: (context: Context<ServiceEnv>, caller: Caller, request: Request) => Promise<Response>,
  ) =>
    on(app, service, config, { operation, type: 'administration' }, async (context, request) => {
      const caller = await authenticated(service, context, request)
      if (!caller.roles.includes('domain-admin')) throw problem('administrators-only')
      const response = await handle(context, caller, request)
      await recorder.done(request)
      return response
    })

  const own = (context: Context<ServiceEnv>, caller: Caller, request: Request): Domain => {
    const domain = directory.find(context.req.param('domain') ?? '')
    if (domain?.organisation !== caller.organisation) throw problem('unknown-domain')
    return known(directory, domain.name, request, 'domain')
  }

  const describing = (
    config: RouteConfig,
    operation: string,
    change: (domain: Domain, context: Context<ServiceEnv>) => Promise<Domain>,
  ) =>
    route(config, operation, async (context, caller, request) =>
      context.json(descriptionOf(await change(own(context, caller, request), context), Date.now())),
    )

  route(contract.createDomain, 'create-domain', async (context, caller, request) => {
    const settings = fitting(contract.newDomainSchema, await context.req.text())
    request.domain = settings.domain
    const domain = await administration.create(settings, caller.organisation)
    return context.json(descriptionOf(domain, Date.now()), 201)
  })

  route(contract.listDomains, 'list-domains', async (context, { organisation }) => {
    const domains = directory.all().filter(domain => domain.organisation === organisation)
    return context.json({ domains: domains.map(domain => descriptionOf(domain, Date.now())) })
  })

  describing(contract.describeDomain, 'describe-domain', async domain => domain)

  route(contract.rotateTransitKey, 'rotate-transit-key', async (context, caller, request) =>
    context.json({ kid: await administration.rotate(own(context, caller, request)) }),
  )

  describing(contract.retireDomain, 'retire-domain', administration.retire)

  describing(contract.putAccessRule, 'put-access-rule', async (domain, context) =>
    administration.setAccessRule(domain, fitting(contract.accessRuleSchema, await context.req.text())),
  )

  describing(contract.putQuotas, 'put-quotas', async (domain, context) =>
    administration.setQuotas(domain, fitting(contract.quotasSchema, await context.req.text())),
  )
}

/** The body by its schema. Problem `malformed-json`, `invalid-request` naming where it does not fit. */
function fitting<Schema extends z.ZodType>(schema: Schema, body: string): z.output<Schema> {
  const parsed = schema.safeParse(parseObject(body))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  // Names of unknown members are the sender's words.
  const what = issue?.code === 'unrecognized_keys' ? 'has members that are not known' : issue?.message
  throw commonProblem('invalid-request', { detail: `${issue?.path.map(String).join('.') || 'the body'}: ${what}` })
}
