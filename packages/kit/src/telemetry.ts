/**
 * Logs and metrics that can't tell on anybody.
 *
 * A log line has a message written in the source, fields from a closed list with strict patterns, and of an error its
 * name and code: an error's message may quote a row, a header or a point. What doesn't fit is dropped, and the line
 * says how many fields were (`withheld`), so that the mistake is seen. Metrics are counted by route, never by path.
 *
 * Whoever reads the logs learns which services called, when and how much.
 */

import { type DestinationStream, pino } from 'pino'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { isCode, isCorrelation, isName, isParty, isSmallNumber, looksSecret } from './record-fields.ts'

/** Everything that a log line may say, beside its message. */
export interface LogFields {
  readonly correlation?: string
  readonly caller?: string
  readonly organisation?: string
  readonly domain?: string
  readonly operation?: string
  /** A problem's code. */
  readonly code?: string
  readonly check?: string
  readonly outcome?: string
  readonly version?: string
  readonly engine?: string
  readonly signal?: string
  readonly method?: string
  /** As the contract writes it: `/pseudo/v1/domains/{domain}`. */
  readonly route?: string
  /** This service's own base URL or address, without user, query and fragment. */
  readonly address?: string
  readonly status?: number
  readonly port?: number
  readonly points?: number
  readonly count?: number
  readonly durationMs?: number
  /** Reduced to name and code, and those of its causes. */
  readonly error?: unknown
}

export interface Logger {
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

const fieldRules: Readonly<Record<Exclude<keyof LogFields, 'error'>, (value: unknown) => boolean>> = {
  correlation: isCorrelation,
  caller: isParty,
  organisation: isParty,
  domain: isName,
  operation: isName,
  code: isCode,
  check: isCode,
  outcome: isCode,
  version: value => matches(value, /^\d{1,4}(\.\d{1,4}){0,3}(-[a-z0-9.]{1,20})?$/),
  engine: isCode,
  signal: value => matches(value, /^SIG[A-Z0-9]{1,10}$/),
  method: value => matches(value, /^[A-Z]{1,10}$/),
  route: value => matches(value, /^[\w/{}:*.-]{1,128}$/),
  address: value => matches(value, /^https?:\/\/[\w.:[\]-]{1,100}(\/[\w./-]{0,60})?$/),
  status: isSmallNumber,
  port: isSmallNumber,
  points: isSmallNumber,
  count: isSmallNumber,
  durationMs: isSmallNumber,
}

/** Lines go to standard output as JSON, or to `destination`. */
export function logger(service: string, destination?: DestinationStream): Logger {
  const options = {
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  const out = destination === undefined ? pino(options) : pino(options, destination)
  return {
    info: (message, fields) => out.info(allowed(fields), safeMessage(message)),
    warn: (message, fields) => out.warn(allowed(fields), safeMessage(message)),
    error: (message, fields) => out.error(allowed(fields), safeMessage(message)),
  }
}

/** A registry of its own, with the process's figures. */
export function metrics(): Registry {
  const register = new Registry()
  collectDefaultMetrics({ register })
  return register
}

/** Words, not values: values have fields. */
function safeMessage(message: string): string {
  const words =
    /^[A-Za-z][A-Za-z ,.'’:;()-]{0,199}$/.test(message) && message.split(' ').every(word => word.length <= 32)
  return words ? message : 'message withheld'
}

function allowed(fields: LogFields = {}): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  let withheld = 0
  for (const [field, value] of Object.entries(fields)) {
    if (value === undefined) continue
    if (field === 'error') kept.error = errorNames(value)
    else if (isAllowedField(field) && fieldRules[field](value)) kept[field] = value
    else withheld++
  }
  return withheld === 0 ? kept : { ...kept, withheld }
}

function isAllowedField(field: string): field is keyof typeof fieldRules {
  return Object.hasOwn(fieldRules, field)
}

interface ErrorNames {
  readonly name: string
  readonly code?: string
  readonly cause?: ErrorNames
}

function errorNames(error: unknown, depth = 0): ErrorNames {
  if (!(error instanceof Error)) return { name: 'unknown' }
  const name = matches(error.name, /^[A-Za-z]{1,64}$/) ? error.name : 'Error'
  const code = 'code' in error && matches(error.code, /^[A-Za-z0-9_-]{1,64}$/) ? { code: String(error.code) } : {}
  const cause = error.cause === undefined || depth >= 3 ? {} : { cause: errorNames(error.cause, depth + 1) }
  return { name, ...code, ...cause }
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value) && !looksSecret(value)
}
