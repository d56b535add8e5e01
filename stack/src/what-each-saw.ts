/** What each party of the demo saw of one person: values from files and from recorded exchanges, shortened for a terminal. */
import { readFile } from 'node:fs/promises'
import { parse } from 'csv-parse/sync'
import type { Exchange } from './gateway.ts'

export interface FirstPerson {
  readonly number: string
  readonly inTransit: string
  readonly atRest: string
}

/** The first row's column `ssn` in each file. */
export async function firstPerson(files: { source: string; transit: string; atRest: string }): Promise<FirstPerson> {
  const first = async (path: string): Promise<string> => (await rowsOf(path))[0]?.ssn ?? ''
  return { number: await first(files.source), inTransit: await first(files.transit), atRest: await first(files.atRest) }
}

export async function compareFiles(one: string, other: string): Promise<{ rows: number; same: number }> {
  const [a, b] = [await rowsOf(one), await rowsOf(other)]
  const same = a.filter((row, i) => JSON.stringify(row) === JSON.stringify(b[i])).length
  return { rows: Math.max(a.length, b.length), same }
}

/** A table in plain text. */
export function whatEachSaw(person: FirstPerson, exchange: Exchange | undefined): string {
  const [asked, answered] = [firstOf(exchange?.requestBody, 'inputs'), firstOf(exchange?.responseBody, 'outputs')]
  const [point, token] = person.inTransit.split(':')
  const none = '—'
  const rows = [
    ['', 'care provider', 'pseudonymisation service', 'domain owner'],
    ['national number', person.number, none, none],
    ['blinded point, asked', brief(asked?.x), brief(asked?.x), none],
    ['blinded point, answered', brief(answered?.x), brief(answered?.x), none],
    ['pseudonym in transit', brief(point), none, brief(point)],
    ['its scalar r', 'sealed', 'made, not kept', `opened from ${brief(token)}`],
    ['pseudonym at rest', none, none, brief(person.atRest)],
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows.map(row => `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd()).join('\n')
}

function brief(text: string | undefined): string {
  if (text === undefined) return '—'
  return text.length > 22 ? `${text.slice(0, 12)}…${text.slice(-8)}` : text
}

function firstOf(body: Buffer | undefined, list: 'inputs' | 'outputs'): { x: string } | undefined {
  return body && JSON.parse(body.toString())[list]?.[0]
}

async function rowsOf(path: string): Promise<Record<string, string>[]> {
  return parse(await readFile(path), { columns: true, bom: true })
}
