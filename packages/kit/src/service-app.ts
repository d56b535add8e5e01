/**
 * The rooms that every service has over HTTP: health, metrics, its OpenAPI 3.1 document, a page to read it.
 *
 * A request gets a correlation of our own making (a client's could carry a person); the answer names it. Whoever
 * reaches the port learns which parts are up and how much is asked, and nothing of what is asked; keep `/metrics` from
 * the public at the balancer.
 */

import { randomUUID } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import { OpenAPIHono } from '@hono/zod-openapi'
import { routePath } from 'hono/route'
import { Counter, Histogram, type Registry } from 'prom-client'
import type { z } from 'zod'
import type { Caller } from './caller.ts'
import { docsPage, docsPolicy } from './docs-page.ts'
import { commonProblem, problemHandlers } from './problem.ts'

export interface ServiceEnv {
  Bindings: HttpBindings
  Variables: {
    /** For the answer's `x-correlation-id`, the log and the journal. */
    correlation: string
    /** Set by `authenticate`. */
    caller: Caller
  }
}

export interface ServiceApp extends OpenAPIHono<ServiceEnv> {
  /** Counts a request that was refused before it reached a route: `http_request_duration_seconds` has only the others. */
  refused(reason: string): void
}

export interface ServiceDescription {
  readonly title: string
  readonly version: string
  readonly description: string
  /** What `/readyz` asks, by name. A check that throws or takes two seconds has failed. */
  readonly checks: Readonly<Record<string, () => Promise<boolean>>>
  readonly metrics: Registry
  /** Gets the errors of which the caller is told nothing. */
  readonly report: (error: unknown, correlation: string) => void
}

const checkMs = 2_000
const refusalReasons = ['busy', 'timeout', 'too-large', 'unsupported-media-type']

/** An app to add a contract's routes to. Bodies that don't fit are answered 400 `invalid-request`. */
export function serviceApp(service: ServiceDescription): ServiceApp {
  const refusals = new Counter({
    name: 'littlebox_http_refusals_total',
    help: 'Requests refused before they reached a route, by problem code',
    labelNames: ['reason'],
    registers: [service.metrics],
  })
  // From 0, so that the first refusal is an increase.
  for (const reason of refusalReasons) refusals.inc({ reason }, 0)
  const routes = new OpenAPIHono<ServiceEnv>({
    defaultHook: result => {
      if (!result.success) throw commonProblem('invalid-request', { detail: misfit(result.error) })
    },
  })
  const app: ServiceApp = Object.assign(routes, { refused: (reason: string) => refusals.inc({ reason }) })
  const { onError, notFound } = problemHandlers(service.report)
  app.onError(onError)
  app.notFound(notFound)

  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time to answer, by route as the contract writes it',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [service.metrics],
  })
  app.use(async (context, next) => {
    const start = performance.now()
    const correlation = randomUUID()
    context.set('correlation', correlation)
    await next()
    context.header('x-correlation-id', correlation)
    // The route, never the path: a path could hold anything.
    const route = routePath(context, -1)
    const method = knownMethods.has(context.req.method) ? context.req.method : 'other'
    duration.observe({ method, route, status: context.res.status }, (performance.now() - start) / 1000)
  })

  app.get('/livez', context => context.json({ status: 'alive' }))
  app.get('/readyz', async context => {
    const checks = await runChecks(service.checks)
    const ready = Object.values(checks).every(result => result === 'ok')
    return context.json({ status: ready ? 'ready' : 'not-ready', checks }, ready ? 200 : 503)
  })
  app.get('/metrics', async context =>
    context.body(await service.metrics.metrics(), 200, { 'content-type': service.metrics.contentType }),
  )
  const { title, version, description } = service
  const describe = () => app.getOpenAPI31Document({ openapi: '3.1.0', info: { title, version, description } })
  app.get('/openapi.json', context => context.json(describe()))
  app.get('/docs', context => context.html(docsPage(describe()), 200, { 'content-security-policy': docsPolicy }))
  return app
}

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

async function runChecks(checks: ServiceDescription['checks']): Promise<Record<string, 'ok' | 'failed'>> {
  const results = Object.entries(checks).map(async ([name, check]) => [name, await passes(check)] as const)
  return Object.fromEntries(await Promise.all(results))
}

async function passes(check: () => Promise<boolean>): Promise<'ok' | 'failed'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>(done => {
    timer = setTimeout(done, checkMs, false)
  })
  const result = await Promise.race([check().catch(() => false), late])
  clearTimeout(timer)
  return result ? 'ok' : 'failed'
}

/** Where it doesn't fit and how. Names of unknown fields are the sender's words and are left out. */
function misfit(error: z.core.$ZodError): string {
  const shown = error.issues.slice(0, 5).map(issue => {
    const path = issue.path.map(part => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
    const what = issue.code === 'unrecognized_keys' ? 'has fields that are not known' : issue.message
    return `${path.replace(/^\./, '') || 'the request'}: ${what}`
  })
  const more = error.issues.length - shown.length
  return shown.join('; ') + (more > 0 ? `; and ${more} more` : '')
}
