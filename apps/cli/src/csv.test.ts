import { parse } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CliError } from './cli-error.ts'
import { type CsvOptions, openCsv } from './csv.ts'
import { batchesOf, openRows } from './reader.ts'
import type { Row } from './row.ts'

const bytes = (text: string) => Buffer.from(text, 'utf8')
const options: CsvOptions = { column: 'ssn', header: true, delimiter: ',' }

async function* inChunks(file: Buffer, size: number) {
  for (let at = 0; at < file.length; at += size) yield file.subarray(at, at + size)
}

async function read(file: Buffer, over: Partial<CsvOptions> = {}, chunk = 7) {
  const opened = await openRows(inChunks(file, chunk), (text, final) => openCsv({ ...options, ...over }, text, final))
  const rows: Row[] = []
  for await (const batch of opened.batches(3)) rows.push(...batch.rows)
  return { ...opened, rows }
}

/** The file with every value of the column changed by `change`. */
async function rewritten(file: string, change: (value: string) => string, over: Partial<CsvOptions> = {}) {
  const { prologue, format, rows } = await read(bytes(file), over)
  const text = rows.map(row => (row.kind === 'cell' ? format.replace(row, change(row.value)) : row.raw)).join('')
  return Buffer.from(prologue + text, 'latin1').toString('utf8')
}

const codes = (rows: readonly Row[]) => rows.map(row => (row.kind === 'fault' ? row.rejection.code : row.kind))

describe('RFC 4180 §2', () => {
  it('replaces the column and leaves every other byte', async () => {
    const file = 'ssn,name,note\r\n1,"Zoë, ""Z""",""\r\n"2",é,\r\n'
    expect(await rewritten(file, value => `p${value}`)).toBe('ssn,name,note\r\np1,"Zoë, ""Z""",""\r\n"p2",é,\r\n')
  })

  it.each([
    ['no line break at the end', 'ssn,a\n1,x\n2,y', 'ssn,a\np1,x\np2,y'],
    ['a byte order mark', '\ufeffssn,a\n1,x\n', '\ufeffssn,a\np1,x\n'],
    ['a quoted header', '"ssn","a,b"\n1,x\n', '"ssn","a,b"\np1,x\n'],
    ['a line break within quotes', 'a,ssn\n"x\ny",1\nz,2\n', 'a,ssn\n"x\ny",p1\nz,p2\n'],
    ['mixed line endings', 'ssn,a\r\n1,x\n2,y\r\n', 'ssn,a\r\np1,x\np2,y\r\n'],
    ['empty lines', 'ssn,a\n\n1,x\n\n', 'ssn,a\n\np1,x\n\n'],
    ['an empty value', 'a,ssn\nx,\ny,""\n', 'a,ssn\nx,p\ny,"p"\n'],
    ['only a header', 'ssn,a\n', 'ssn,a\n'],
  ])('keeps %s', async (_, file, expected) => {
    expect(await rewritten(file, value => `p${value}`)).toBe(expected)
  })

  it('quotes a new value that needs it', async () => {
    expect(await rewritten('a,ssn\nx,1\n', () => 'Zoë "Z", 1')).toBe('a,ssn\nx,"Zoë ""Z"", 1"\n')
  })

  it('takes a column by number where there is no header', async () => {
    const over = { header: false, column: '2' }
    expect(await rewritten('x,1\ny,2\n', value => `p${value}`, over)).toBe('x,p1\ny,p2\n')
  })

  it('takes another delimiter', async () => {
    const over = { delimiter: ';' }
    expect(await rewritten('a;ssn\n"x;y";1,2\n', value => `p${value};`, over)).toBe('a;ssn\n"x;y";"p1,2;"\n')
  })

  it('leaves bytes alone that are no UTF-8, outside the column', async () => {
    const { rows, format } = await read(Buffer.from('ssn,name\n1,Zo\xeb\n\xeb,x\n', 'latin1'))
    expect(codes(rows)).toEqual(['cell', 'not-utf-8'])
    expect(rows[0]!.kind === 'cell' && format.replace(rows[0]!, 'p')).toBe('p,Zo\xeb\n')
  })
})

describe('agrees with csv-parse and csv-stringify', () => {
  const field = fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', '\n', '\r\n', ' ', '0', '🙂'), maxLength: 8 })
  const table = fc
    .integer({ min: 2, max: 4 })
    .chain(width => fc.array(fc.array(field, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 }))

  it('on any table, in any chunks', async () => {
    await fc.assert(
      fc.asyncProperty(table, fc.integer({ min: 1, max: 40 }), fc.boolean(), async (rows, chunk, quoted) => {
        const width = rows[0]!.length
        const header = Array.from({ length: width }, (_, i) => (i === 1 ? 'ssn' : `c${i}`))
        const file = stringify([header, ...rows], { quoted, quoted_match: /[\r\n]/, record_delimiter: 'windows' })
        const read1 = await read(bytes(file), {}, chunk)
        const values = read1.rows.map(row => (row.kind === 'cell' ? row.value : row.kind))
        const output = read1.rows.map(row =>
          row.kind === 'cell' ? read1.format.replace(row, 'a "new", one') : row.raw,
        )
        const again = parse(Buffer.from(read1.prologue + output.join(''), 'latin1'), { record_delimiter: '\r\n' })
        expect(values).toEqual(parse(file, { from: 2, record_delimiter: '\r\n' }).map(row => row[1]))
        expect(again.slice(1)).toEqual(rows.map(row => row.map((cell, i) => (i === 1 ? 'a "new", one' : cell))))
      }),
    )
  })
})

describe('positions', () => {
  it('are byte offsets and line numbers behind each batch, from which reading goes on', async () => {
    const file = bytes('\ufeffssn,a\r\n1,"é\r\n\r\n"\r\n2,y\r\n3,🙂\r\n4,z')
    const opened = await openRows(inChunks(file, 5), (text, final) => openCsv(options, text, final))
    const all: Row[] = []
    const ends = [opened.start]
    for await (const { rows, end } of opened.batches(1)) {
      all.push(...rows)
      ends.push(end)
    }
    expect(ends.map(end => end.line)).toEqual([2, 5, 6, 7, 8])
    for (const [i, end] of ends.entries()) {
      const rest: Row[] = []
      for await (const { rows } of batchesOf(inChunks(file.subarray(end.offset), 5), opened.format, end, 2))
        rest.push(...rows)
      expect(rest).toEqual(all.slice(i))
    }
  })
})

describe('rows that can not be read', () => {
  it('are faults in their place, and cost the others nothing', async () => {
    const { rows } = await read(bytes('ssn,a\n1,x\n2\n3,y,z\n4,a"b\n"5"6,y\n7,z\n'))
    expect(codes(rows)).toEqual([
      'cell',
      'wrong-column-count',
      'wrong-column-count',
      'malformed-row',
      'malformed-row',
      'cell',
    ])
    expect(rows.map(row => row.line)).toEqual([2, 3, 4, 5, 6, 7])
  })

  it('stand in a side file that is CSV itself, with the original row', async () => {
    const { rows, format } = await read(bytes('ssn,a\r\n1,"x, y"\r\n4,a"b\r\n9\r\n'))
    const rejection = { code: 'invalid-value', reason: 'it has 1, not 11 digits' }
    const file =
      format.rejectedHeader +
      rows.map(row => format.rejected(row, row.kind === 'fault' ? row.rejection : rejection)).join('')
    expect(parse(file, { record_delimiter: ['\r\n', '\n'] })).toEqual([
      ['line', 'code', 'reason', 'ssn', 'a'],
      ['2', 'invalid-value', 'it has 1, not 11 digits', '1', 'x, y'],
      ['3', 'malformed-row', 'a quote stands where RFC 4180 allows none', '4,a"b', ''],
      ['4', 'wrong-column-count', '1 columns where the first line has 2', '9', ''],
    ])
  })
})

describe('refuses', () => {
  const refusal = async (file: string, over: Partial<CsvOptions> = {}, chunk?: number) => {
    const error = await read(bytes(file), over, chunk).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(CliError)
    return error as CliError
  }

  it('a column that is not there, or there twice', async () => {
    expect((await refusal('a,b\n1,2\n')).code).toBe('no-such-column')
    expect((await refusal('ssn,ssn\n1,2\n')).code).toBe('no-such-column')
    expect((await refusal('')).code).toBe('no-such-column')
    expect((await refusal('1,2\n', { header: false, column: '3' })).code).toBe('no-such-column')
    expect((await refusal('1,2\n', { header: false, column: 'ssn' })).code).toBe('no-such-column')
  })

  it('a quote that is never closed, naming the line and no value', async () => {
    const error = await refusal('ssn,a\n1,x\n85073003328,"y\n3,z\n')
    expect(error.code).toBe('record-unreadable')
    expect(error.message).toContain('line 3')
    expect(error.message).not.toContain('85073003328')
  })

  it('a record over 1 MiB, before it fills the memory', async () => {
    const error = await refusal(`ssn,a\n1,"${'y\n'.repeat(1 << 20)}`, {}, 65_536)
    expect(error.code).toBe('record-unreadable')
  })

  it('a header with a stray quote', async () => {
    expect((await refusal('ssn,a"b\n1,2\n')).code).toBe('record-unreadable')
  })
})
