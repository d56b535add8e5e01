/**
 * eHealth's wire form (pseudonyms.md §6): items, outputs and problems. Coordinates are base64 with padding at the curve's
 * full width, because existing clients read them as signed integers. Nothing read here is trusted: the shapes are checked,
 * and points still have to pass `Engine.parse`.
 */
import { type CurveName, curve, type Point, xOf, yOf } from '@littlebox/curve'
import { fromBase64, toBase64 } from '#base64'
import type { Refusal } from './pseudonym-error.ts'

/** A request to the service, for any HTTP client: `path` begins with `/pseudo/`, `body` is JSON. */
export interface ServiceRequest {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: unknown
  /** Must not be carried out twice: never sent again once it may have arrived. */
  readonly once?: true
}

/** The service's answer, its body parsed as JSON; undefined when it was none. */
export interface ServiceResponse {
  readonly status: number
  readonly body: unknown
  readonly retryAfterSeconds?: number
}

export interface Item {
  readonly id: string
  readonly crv: CurveName
  readonly x: string
  readonly y: string
  readonly transitInfo?: string
}

export interface Output {
  readonly id: string
  readonly domain: string
  readonly crv: CurveName
  /** Seconds since 1970. */
  readonly iat: number
  readonly exp: number
  readonly x: string
  readonly y: string
  readonly transitInfo?: string
  readonly inResponseTo: string
}

/** RFC 9457, all four members always there. */
export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
}

export const domainsPath = '/pseudo/v1/domains'

export interface Coordinates {
  readonly crv: CurveName
  readonly x: string
  readonly y: string
}

export function coordinates(point: Point): Coordinates {
  return { crv: point.curve, x: toBase64(xOf(point)), y: toBase64(yOf(point)) }
}

/** Uncompressed SEC 1 of two coordinates, unchecked: for `Engine.parse`. undefined when either has another width. */
export function uncompressed(name: CurveName, x: string, y: string): Uint8Array | undefined {
  const { width } = curve(name)
  // A bound on the text first: nobody makes us decode megabytes to refuse them.
  if (x.length > 2 * width || y.length > 2 * width) return undefined
  const [xBytes, yBytes] = [fromBase64(x), fromBase64(y)]
  if (xBytes?.length !== width || yBytes?.length !== width) return undefined
  const sec1 = new Uint8Array(1 + 2 * width)
  sec1[0] = 4
  sec1.set(xBytes, 1)
  sec1.set(yBytes, 1 + width)
  return sec1
}

/** What a problem says, reduced to what may be repeated; undefined for what is none. */
export function readProblem(body: unknown): Refusal | undefined {
  if (typeof body !== 'object' || body === null) return undefined
  const { type, status } = body as Record<string, unknown>
  if (typeof status !== 'number' || !Number.isInteger(status) || status < 400 || status > 599) return undefined
  const code = typeof type === 'string' ? /^urn:problem-type:[a-z-]+:([a-z0-9-]{1,64})$/.exec(type)?.[1] : undefined
  return { status, code: code ?? 'unknown' }
}
