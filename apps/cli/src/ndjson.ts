/**
 * Newline-delimited JSON: one object a line. Finds the member and replaces its value where it stands, so that numbers,
 * escapes, spaces and the order of members go out as they came in (JSON.parse and stringify would lose the digits of a
 * long number). Members of the top level only.
 */
import { CliError } from './cli-error.ts'
import { byteOrderMark, decoded, encoded, type Format, longestRecord, type Opening, type Row } from './row.ts'

export function openNdjson({ column }: { readonly column: string }, text: string, final: boolean): Opening | undefined {
  if (text.length < byteOrderMark.length && !final) return undefined
  const prologue = text.startsWith(byteOrderMark) ? byteOrderMark : ''
  return { prologue, format: ndjsonFormat(column) }
}

function ndjsonFormat(column: string): Format {
  return {
    rejectedHeader: 'line,code,reason,row\n',

    split(text, line, final) {
      const rows: Row[] = []
      for (let at = 0; at < text.length; line++) {
        const newline = text.indexOf('\n', at)
        if (newline < 0 && !final) {
          if (text.length - at > longestRecord)
            throw new CliError(
              'record-unreadable',
              `line ${line} is longer than 1 MiB`,
              'Is this one JSON object a line?',
            )
          break
        }
        const end = newline < 0 ? text.length : newline + 1
        rows.push(rowOf(text.slice(at, end), line, column))
        at = end
      }
      return rows
    },

    replace: ({ raw, start, stop }, value) => raw.slice(0, start) + encoded(JSON.stringify(value)) + raw.slice(stop),

    rejected: ({ line, raw }, { code, reason }) =>
      `${line},${code},"${reason.replaceAll('"', '""')}","${raw.replace(/\r?\n$/, '').replaceAll('"', '""')}"\n`,
  }
}

function rowOf(raw: string, line: number, column: string): Row {
  const place = { line, lines: 1, raw }
  const fault = (code: string, reason: string): Row => ({ ...place, kind: 'fault', rejection: { code, reason } })

  if (/^[ \t\r\n]*$/.test(raw)) return { ...place, kind: 'blank' }
  const text = decoded(raw)
  if (text === undefined) return fault('not-utf-8', 'the line is not UTF-8 text')
  if (!isObject(text)) return fault('malformed-row', 'the line is not a JSON object')
  const found = membersNamed(raw, column)
  if (found.length > 1) return fault('malformed-row', 'the object has the column twice')
  const [span] = found
  const value: unknown = span && JSON.parse(decoded(raw.slice(span.start, span.stop))!)
  if (!span || value === null) return fault('no-value', 'the object has no value for the column')
  if (typeof value !== 'string') return fault('not-text', 'the value is not a JSON string; numbers lose leading zeros')
  return { ...place, kind: 'cell', ...span, value }
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

interface Span {
  readonly start: number
  readonly stop: number
}

/** Where the values of the members of this name stand. `raw` is known to be one JSON object (RFC 8259 §4). */
function membersNamed(raw: string, name: string): Span[] {
  const found: Span[] = []
  let at = afterSpace(raw, raw.indexOf('{') + 1)
  while (raw[at] !== '}') {
    const nameStop = afterValue(raw, at)
    const isIt = JSON.parse(decoded(raw.slice(at, nameStop))!) === name
    const start = afterSpace(raw, raw.indexOf(':', nameStop) + 1)
    const stop = afterValue(raw, start)
    if (isIt) found.push({ start, stop })
    at = afterSpace(raw, stop)
    if (raw[at] === ',') at = afterSpace(raw, at + 1)
  }
  return found
}

function afterSpace(raw: string, at: number): number {
  while (' \t\r\n'.includes(raw[at]!)) at++
  return at
}

function afterValue(raw: string, at: number): number {
  if (raw[at] === '"') return afterString(raw, at)
  let depth = 0
  for (;;) {
    const character = raw[at]!
    if (character === '"') {
      at = afterString(raw, at)
      continue
    }
    if (character === '{' || character === '[') depth++
    if (depth === 0 && ',}] \t\r\n'.includes(character)) return at
    if ((character === '}' || character === ']') && --depth === 0) return at + 1
    at++
  }
}

function afterString(raw: string, open: number): number {
  let at = open + 1
  while (raw[at] !== '"') at += raw[at] === '\\' ? 2 : 1
  return at + 1
}
