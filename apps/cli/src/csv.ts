/**
 * CSV (RFC 4180): finds the records and, in each, the one column; every other byte goes out as it came in, quotes that
 * were not needed included. That, exact byte offsets for resuming, and malformed records kept in their place are why this
 * is no library: csv-parse tells neither where a field stands nor where a malformed record ends, and its raw text loses
 * the LF of a CRLF. The tests hold this reader against csv-parse and csv-stringify.
 */
import { CliError } from './cli-error.ts'
import {
  byteOrderMark,
  decoded,
  encoded,
  type Format,
  longestRecord,
  type Opening,
  type Rejection,
  type Row,
} from './row.ts'

export interface CsvOptions {
  /** A name in the header; without a header a number, from 1. */
  readonly column: string
  readonly header: boolean
  /** One ASCII character. */
  readonly delimiter: string
}

/** CliError `no-such-column` when the header (or, without one, the first record) has no such column, or has it twice. */
export function openCsv(options: CsvOptions, text: string, final: boolean): Opening | undefined {
  if (text.length < byteOrderMark.length && !final) return undefined
  const mark = text.startsWith(byteOrderMark) ? byteOrderMark.length : 0
  const first = readRecord(text, mark, options.delimiter, 0, 1, final)
  if (!first) {
    if (!final) return undefined
    if (options.header) throw new CliError('no-such-column', 'the file is empty: it has no header')
    return { prologue: text, format: csvFormat(options, 0, 0, '') }
  }
  if (first.malformed)
    throw new CliError(
      'record-unreadable',
      'the first line has a quote where RFC 4180 allows none',
      'Mend that line, or give the right --delimiter.',
    )
  const fields = Array.from({ length: first.fields }, (_, i) => fieldOf(text, mark, options.delimiter, i, final))
  const column = options.header ? columnNamed(fields, options.column) : columnNumbered(fields.length, options.column)
  const end = options.header ? first.end : mark
  const header = options.header ? text.slice(mark, end) : fields.map((_, i) => i + 1).join(options.delimiter)
  return { prologue: text.slice(0, end), format: csvFormat(options, fields.length, column, header) }
}

function csvFormat({ delimiter }: CsvOptions, fields: number, column: number, header: string): Format {
  const aside = (line: string, { code, reason }: Rejection, original: string) =>
    [line, code, quoted(reason, delimiter), original].join(delimiter)

  return {
    rejectedHeader: ended(aside('line', { code: 'code', reason: 'reason' }, header)),

    split(text, line, final) {
      const rows: Row[] = []
      let at = 0
      while (at < text.length) {
        const record = readRecord(text, at, delimiter, column, line, final)
        if (!record) break
        const row = rowOf(text.slice(at, record.end), line, record, fields, at)
        rows.push(row)
        line += row.lines
        at = record.end
      }
      return rows
    },

    replace({ raw, start, stop }, value) {
      const text = encoded(value)
      const wasQuoted = raw[start] === '"'
      return raw.slice(0, start) + (wasQuoted ? inQuotes(text) : quoted(text, delimiter)) + raw.slice(stop)
    },

    // A record that could not be read stands as one field, so that the side file itself can be.
    rejected: (row, rejection) =>
      row.kind === 'fault'
        ? ended(
            aside(
              `${row.line}`,
              rejection,
              inQuotes(row.raw.replace(/\r?\n$/, '')) + delimiter.repeat(Math.max(0, fields - 1)),
            ),
          )
        : ended(aside(`${row.line}`, rejection, row.raw)),
  }
}

interface CsvRecord {
  /** Where the next record begins. */
  readonly end: number
  readonly fields: number
  /** Where the column stands, quotes included; -1 when the record is too short. */
  readonly start: number
  readonly stop: number
  readonly lines: number
  readonly malformed: boolean
}

const quote = 0x22
const newline = 0x0a
const carriageReturn = 0x0d

/** The record that begins at `from`; `undefined` when it does not end in `text` and more may follow. */
function readRecord(
  text: string,
  from: number,
  delimiter: string,
  column: number,
  line: number,
  final: boolean,
): CsvRecord | undefined {
  const separator = delimiter.charCodeAt(0)
  const { length } = text
  let at = from
  let fields = 0
  let start = -1
  let stop = -1
  let lines = 0
  let malformed = false
  if (at >= length) return undefined

  for (;;) {
    const begin = at
    if (text.charCodeAt(at) === quote) {
      at = afterClosingQuote(text, at)
      if (at < 0 || (at >= length && !final)) return incomplete(text, from, line, final)
      for (let i = begin; i < at; i++) if (text.charCodeAt(i) === newline) lines++
    }
    // After a closing quote, anything but a delimiter or a line break is malformed; so is a quote within a bare field.
    const bare = at
    while (at < length) {
      const character = text.charCodeAt(at)
      if (character === separator || character === newline) break
      if (character === quote) malformed = true
      at++
    }
    if (at >= length && !final) return incomplete(text, from, line, final)
    const ends = at >= length || text.charCodeAt(at) === newline
    const fieldEnd = ends && at > bare && at < length && text.charCodeAt(at - 1) === carriageReturn ? at - 1 : at
    if (bare > begin && fieldEnd > bare) malformed = true
    if (fields === column) {
      start = begin
      stop = fieldEnd
    }
    fields++
    if (ends) return { end: Math.min(at + 1, length), fields, start, stop, lines: lines + 1, malformed }
    at++
  }
}

/** RFC 4180 §2.7: a doubled quote stands for one and does not close. -1 when nothing closes. */
function afterClosingQuote(text: string, open: number): number {
  let close = text.indexOf('"', open + 1)
  while (close >= 0 && text.charCodeAt(close + 1) === quote) close = text.indexOf('"', close + 2)
  return close < 0 ? -1 : close + 1
}

function incomplete(text: string, from: number, line: number, final: boolean): undefined {
  if (final)
    throw new CliError(
      'record-unreadable',
      `the record that begins on line ${line} has a quote that is never closed`,
      'Mend that line, then start again with --force.',
    )
  if (text.length - from > longestRecord)
    throw new CliError(
      'record-unreadable',
      `the record that begins on line ${line} is longer than 1 MiB`,
      'Look for a quote that is not closed, or another delimiter (--delimiter).',
    )
  return undefined
}

function rowOf(raw: string, line: number, record: CsvRecord, fields: number, at: number): Row {
  const { lines } = record
  const fault = (code: string, reason: string): Row => ({
    line,
    lines,
    raw,
    kind: 'fault',
    rejection: { code, reason },
  })

  if (fields > 1 && (raw === '\n' || raw === '\r\n')) return { line, lines, raw, kind: 'blank' }
  if (record.malformed) return fault('malformed-row', 'a quote stands where RFC 4180 allows none')
  if (record.fields !== fields)
    return fault('wrong-column-count', `${record.fields} columns where the first line has ${fields}`)
  const start = record.start - at
  const stop = record.stop - at
  const value = decoded(unquoted(raw.slice(start, stop)))
  if (value === undefined) return fault('not-utf-8', 'the column is not UTF-8 text')
  return { line, lines, raw, kind: 'cell', start, stop, value }
}

function fieldOf(text: string, from: number, delimiter: string, column: number, final: boolean): string {
  const record = readRecord(text, from, delimiter, column, 1, final)!
  return unquoted(text.slice(record.start, record.stop))
}

function columnNamed(names: readonly string[], name: string): number {
  const wanted = encoded(name)
  const column = names.indexOf(wanted)
  if (column < 0)
    throw new CliError(
      'no-such-column',
      `the header has no column "${name}" among its ${names.length}`,
      'Check its spelling and the --delimiter; for a file without a header use --no-header and a column number.',
    )
  if (names.indexOf(wanted, column + 1) >= 0)
    throw new CliError('no-such-column', `the header has the column "${name}" twice`, 'Rename one of them.')
  return column
}

function columnNumbered(count: number, number: string): number {
  const column = Number(number)
  if (Number.isInteger(column) && column >= 1 && column <= count) return column - 1
  throw new CliError(
    'no-such-column',
    `there is no column "${number}" among the ${count} of the first line`,
    'With --no-header, --column is a number from 1.',
  )
}

function unquoted(field: string): string {
  return field.charCodeAt(0) === quote ? field.slice(1, -1).replaceAll('""', '"') : field
}

function quoted(text: string, delimiter: string): string {
  return /["\r\n]/.test(text) || text.includes(delimiter) ? inQuotes(text) : text
}

function inQuotes(text: string): string {
  return `"${text.replaceAll('"', '""')}"`
}

function ended(line: string): string {
  return line.endsWith('\n') ? line : `${line}\n`
}
