/**
 * What a service answers when it can't do what was asked: RFC 9457 problem details, from one table per service.
 *
 * Every problem has all four of type, title, status and detail: eHealth's Java client reads them unasked. `type` is
 * `urn:problem-type:littlebox:<code>`. An error that is no Problem is answered as `internal` and tells the caller
 * nothing but a correlation to quote; `report` gets the error itself.
 *
 * A detail goes to the caller only, and never into a log; write it for the caller.
 */

import type { Context, ErrorHandler, NotFoundHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'

export interface ProblemKind {
  /** HTTP status, 400 to 599. */
  readonly status: number
  /** The same for every occurrence (RFC 9457 §3.1.3). */
  readonly title: string
}

export interface ProblemOptions extends ErrorOptions {
  /** What is wrong this time and what to do about it; the title when left out. */
  readonly detail?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** RFC 9457 §3.1 */
export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
}

export class Problem<Code extends string = string> extends Error {
  override readonly name = 'Problem'
  readonly code: Code
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly headers: Readonly<Record<string, string>>

  constructor(code: Code, kind: ProblemKind, options: ProblemOptions = {}) {
    super(kind.title, options)
    this.code = code
    this.status = kind.status
    this.title = kind.title
    this.detail = options.detail ?? kind.title
    this.headers = options.headers ?? {}
  }
}

/** A service's closed set: `const problem = defineProblems({ … })`, then `throw problem('invalid-point')`. */
export function defineProblems<Code extends string>(
  table: Readonly<Record<Code, ProblemKind>>,
): <Of extends Code>(code: Of, options?: ProblemOptions) => Problem<Of> {
  return (code, options) => new Problem(code, table[code], options)
}

/** What any service may answer, whatever it is for. */
export const commonProblem = defineProblems({
  'malformed-json': { status: 400, title: 'The body is not JSON' },
  'invalid-request': { status: 400, title: 'The request does not fit its description' },
  unauthenticated: { status: 401, title: 'No valid access token' },
  'not-found': { status: 404, title: 'There is nothing here' },
  timeout: { status: 408, title: 'The request took too long to arrive' },
  'too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body must be application/json' },
  refused: { status: 400, title: 'The request was refused' },
  internal: { status: 500, title: 'The service failed' },
  busy: { status: 503, title: 'Too much at once' },
  'identity-away': { status: 503, title: 'The identity provider does not answer' },
})

export function problemBody(problem: Problem): ProblemBody {
  const { code, title, status, detail } = problem
  return { type: `urn:problem-type:littlebox:${code}`, title, status, detail }
}

export function problemResponse(problem: Problem): Response {
  return new Response(JSON.stringify(problemBody(problem)), {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...problem.headers },
  })
}

export interface ProblemHandlers {
  readonly onError: ErrorHandler
  readonly notFound: NotFoundHandler
}

/** For `app.onError` and `app.notFound`. `report` gets what the caller is not told. */
export function problemHandlers(report: (error: unknown, correlation: string) => void): ProblemHandlers {
  return {
    onError(error, context) {
      const known = error instanceof Problem ? error : fromHono(error)
      if (known !== undefined) return problemResponse(known)
      const correlation = correlationOf(context)
      report(error, correlation)
      const detail = `The service failed. If it lasts, quote ${correlation} to its operator.`
      return problemResponse(commonProblem('internal', { detail }))
    },
    notFound: () => problemResponse(commonProblem('not-found')),
  }
}

/** Hono's own refusals. Its messages may quote the request, so they stay behind. */
function fromHono(error: unknown): Problem | undefined {
  if (!(error instanceof HTTPException) || error.status >= 500) return undefined
  if (error.message === 'Malformed JSON in request body') return commonProblem('malformed-json')
  if (error.status === 404) return commonProblem('not-found')
  if (error.status === 413) return commonProblem('too-large')
  if (error.status === 415) return commonProblem('unsupported-media-type')
  return commonProblem('refused')
}

function correlationOf(context: Context): string {
  const correlation: unknown = context.get('correlation')
  return typeof correlation === 'string' ? correlation : 'none'
}
