/**
 * The contract's routes for pseudonyms, wired to the rooms behind them. `answerPoints` reads as the protocol, and its
 * order is the security: authenticate, parse, find the domain, check the right, check points and transit information, ask
 * whether the box could, charge the quota, and only then have it multiply; record, then answer.
 */
import type { RouteConfig } from '@hono/zod-openapi'
import type { Box, KeyRef } from '@littlebox/box'
import type { Engine } from '@littlebox/curve'
import type { Caller, CallerVerifier } from '@littlebox/kit/caller'
import { Problem, problemBody } from '@littlebox/kit/problem'
import type { ServiceApp, ServiceEnv } from '@littlebox/kit/server'
import type { Context } from 'hono'
import type { Charges } from './charges.ts'
import { checkItems } from './checks.ts'
import * as contract from './contract.ts'
import { documentOf } from './description.ts'
import type { Directory, Domain } from './directory.ts'
import { checkConversion } from './domains.ts'
import { checkBlinded, evaluatePoints, readBlinded } from './evaluation.ts'
import { parseObject, readBatch } from './items.ts'
import { type Accepted, keysOf, type Multiplier, type Operation, perform, requireUsable } from './operations.ts'
import { askBox, askDatabase, problem } from './problems.ts'
import type { Recorder, Request } from './record.ts'

export interface Service extends Multiplier {
  readonly verifier: CallerVerifier
  readonly directory: Directory
  readonly charges: Charges
  readonly box: Box
  readonly engine: Engine
  readonly recorder: Recorder
  /** The most items of a batch. */
  readonly batch: number
}

export function pseudonymRoutes(app: ServiceApp, service: Service): void {
  const points = (route: RouteConfig, kind: Operation['kind'], form: 'one' | 'many') =>
    on(app, service, route, { operation: kind, type: 'use' }, (context, request) =>
      answerPoints(service, context, request, kind, form),
    )
  points(contract.pseudonymize, 'pseudonymize', 'one')
  points(contract.pseudonymizeMultiple, 'pseudonymize', 'many')
  points(contract.identify, 'identify', 'one')
  points(contract.identifyMultiple, 'identify', 'many')
  points(contract.convertTo, 'convert', 'one')
  points(contract.convertMultipleTo, 'convert', 'many')
  on(app, service, contract.evaluate, { operation: 'evaluate', type: 'use' }, (context, request) =>
    answerEvaluation(service, context, request),
  )
  on(app, service, contract.getDocument, { operation: 'document', type: 'use' }, async (context, request) => {
    const caller = await authenticated(service, context, request)
    const domain = known(service.directory, context.req.param('domain'), request, 'domain')
    const document = documentOf(domain, domain.isOwner(caller.clientId), service.box.prove !== undefined, Date.now())
    await service.recorder.done(request)
    return context.json(document)
  })
}

/** A route of the contract: documented, and its refusals recorded. */
export function on(
  app: ServiceApp,
  { recorder }: Pick<Service, 'recorder'>,
  route: RouteConfig,
  about: Pick<Request, 'operation' | 'type'>,
  handle: (context: Context<ServiceEnv>, request: Request) => Promise<Response>,
): void {
  app.openAPIRegistry.registerPath(route)
  app.on(route.method, route.path.replaceAll(/\{(\w+)\}/g, ':$1'), async context => {
    const request: Request = { ...about, correlation: context.get('correlation') }
    try {
      return await handle(context, request)
    } catch (error) {
      if (error instanceof Problem) await recorder.refused(request, error)
      throw error
    }
  })
}

export async function authenticated(
  { verifier }: Pick<Service, 'verifier'>,
  context: Context<ServiceEnv>,
  request: Request,
): Promise<Caller> {
  request.caller = await verifier.verify({
    method: context.req.method,
    url: context.req.path,
    headers: { get: name => context.req.header(name) ?? null },
  })
  return request.caller
}

async function answerPoints(
  service: Service,
  context: Context<ServiceEnv>,
  request: Request,
  kind: Operation['kind'],
  form: 'one' | 'many',
): Promise<Response> {
  const { engine, recorder } = service
  const caller = await authenticated(service, context, request)
  const body = await context.req.text()
  const inputs = form === 'many' ? readBatch(body, service.batch) : [parseObject(body)]
  request.points = inputs.length
  const operation = permitted(kind, service.directory, context, request, caller)
  const now = Date.now()
  const { outcomes, ids } = await checkItems(engine, operation, caller, inputs, now)
  const accepted = outcomes.filter(isAccepted)
  if (form === 'one' && outcomes[0] instanceof Problem) throw outcomes[0]
  request.points = accepted.length
  request.refusals = countedReasons(outcomes)
  const use = { caller, domain: operation.domain, operation: kind, points: accepted.length, keys: keysOf(operation) }
  const outputs =
    accepted.length > 0 ? await charged(service, use, () => perform(service, operation, accepted, now)) : []
  await recorder.done(request)
  if (form === 'one') return context.json(outputs[0])
  let next = 0
  return context.json({
    outputs: outcomes.map((outcome, i) =>
      outcome instanceof Problem ? { ...problemBody(outcome), inResponseTo: ids[i] } : outputs[next++],
    ),
  })
}

async function answerEvaluation(service: Service, context: Context<ServiceEnv>, request: Request): Promise<Response> {
  const { box, engine, recorder, directory } = service
  const caller = await authenticated(service, context, request)
  const blinded = readBlinded(await context.req.text(), service.batch)
  request.points = blinded.length
  const domain = usable(known(directory, context.req.param('domain'), request, 'domain'))
  if (!domain.access.allows({ operation: 'evaluate' }, caller.claims)) throw problem('no-right')
  if (!domain.settings.evaluate) throw problem('not-evaluable')
  const points = await checkBlinded(engine, domain, blinded)
  const use = { caller, domain, operation: 'evaluate', points: points.length, keys: [domain.forward] }
  const answer = await charged(service, use, () => evaluatePoints(box, domain, points))
  await recorder.done(request)
  return context.json(answer)
}

/** The domains of the request, when its rules allow the caller the operation and it can be done at all. */
function permitted(
  kind: Operation['kind'],
  directory: Directory,
  context: Context<ServiceEnv>,
  request: Request,
  { claims }: Caller,
): Operation {
  if (kind !== 'convert') {
    const domain = usable(known(directory, context.req.param('domain'), request, 'domain'))
    if (!domain.access.allows({ operation: kind }, claims)) throw problem('no-right')
    if (kind === 'identify' && domain.back === undefined) throw problem('no-way-back')
    return { kind, domain }
  }
  const domain = usable(known(directory, context.req.param('from'), request, 'domain'))
  const to = usable(known(directory, context.req.param('to'), request, 'to'))
  const leaves = domain.access.allows({ operation: 'convert', to: to.name }, claims)
  const enters = to.access.allows({ operation: 'convertFrom', from: domain.name }, claims)
  if (!leaves || !enters) throw problem('no-right')
  checkConversion(domain.settings, to.settings)
  return { kind, domain, to }
}

export function known(
  directory: Directory,
  name: string | undefined,
  request: Request,
  member: 'domain' | 'to',
): Domain {
  const domain = name === undefined ? undefined : directory.find(name)
  if (!domain) throw problem('unknown-domain')
  request[member] = domain.name
  return domain
}

function usable(domain: Domain): Domain {
  if (domain.state !== 'active') throw problem('domain-retired')
  return domain
}

interface Use {
  readonly caller: Caller
  readonly domain: Domain
  readonly operation: string
  readonly points: number
  readonly keys: readonly KeyRef[]
}

/** `work` of the box, charged for. Problem `over-quota`, and those of the box, which cost nothing. */
async function charged<T>({ box, charges }: Service, use: Use, work: () => Promise<T>): Promise<T> {
  const { caller, domain, operation, points, keys } = use
  await askBox(() => requireUsable(box, keys))
  const { clientId, organisation } = caller
  const charge = { caller: clientId, organisation, domain: domain.name, operation, points, quotas: domain.quotas }
  const result = await askDatabase(() => charges.charge(charge))
  if (!result.granted)
    throw problem('over-quota', {
      detail: `Try again in ${result.retryAfter} s, with as many points as the quota allows at once.`,
      headers: { 'retry-after': String(result.retryAfter) },
    })
  try {
    return await askBox(work)
  } catch (error) {
    // Without the database the charge stays: that is never to the attacker's advantage.
    await result.refund().catch(() => undefined)
    throw error
  }
}

function isAccepted(outcome: Accepted | Problem): outcome is Accepted {
  return !(outcome instanceof Problem)
}

function countedReasons(outcomes: readonly (Accepted | Problem)[]): Map<string, number> {
  const reasons = new Map<string, number>()
  for (const outcome of outcomes)
    if (outcome instanceof Problem) reasons.set(outcome.code, (reasons.get(outcome.code) ?? 0) + 1)
  return reasons
}
