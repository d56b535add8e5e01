import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openNdjson } from './ndjson.ts'
import { openRows } from './reader.ts'
import type { Row } from './row.ts'

async function* inChunks(file: Buffer, size: number) {
  for (let at = 0; at < file.length; at += size) yield file.subarray(at, at + size)
}

async function read(file: string, column = 'ssn', chunk = 7) {
  const opened = await openRows(inChunks(Buffer.from(file), chunk), (text, final) =>
    openNdjson({ column }, text, final),
  )
  const rows: Row[] = []
  for await (const batch of opened.batches(3)) rows.push(...batch.rows)
  return { ...opened, rows }
}

async function rewritten(file: string, change: (value: string) => string, column = 'ssn', chunk = 7) {
  const { prologue, format, rows } = await read(file, column, chunk)
  const text = rows.map(row => (row.kind === 'cell' ? format.replace(row, change(row.value)) : row.raw)).join('')
  return Buffer.from(prologue + text, 'latin1').toString('utf8')
}

describe('the member is replaced where it stands', () => {
  it('and long numbers, escapes, spaces and order stay', async () => {
    const file = '{ "n": 12345678901234567890.10, "ssn" : "1", "s": "\\u00e9é\\"ssn\\":" }\r\n\n{"ssn":"2"}'
    const expected = file.replace('"1"', '"p1"').replace('"2"', '"p2"')
    expect(await rewritten(file, value => `p${value}`)).toBe(expected)
  })

  it('on the top level only', async () => {
    const file = '{"a":{"ssn":"x"},"b":[{"ssn":"y"}],"ssn":"1"}\n'
    expect(await rewritten(file, () => 'p')).toBe('{"a":{"ssn":"x"},"b":[{"ssn":"y"}],"ssn":"p"}\n')
  })

  it('whatever the object and the column are called', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.string({ unit: 'grapheme' }),
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()),
        fc.integer({ min: 1, max: 50 }),
        fc.constantFrom(undefined, 1),
        async (column, value, others, chunk, indent) => {
          const object = JSON.parse(JSON.stringify({ ...others, [column]: value }))
          const file = `${JSON.stringify(object, null, indent).replaceAll('\n', ' ')}\n`
          const output = await rewritten(file, found => `${found}!`, column, chunk)
          expect(JSON.parse(output)).toEqual({ ...object, [column]: `${value}!` })
        },
      ),
    )
  })
})

describe('lines that can not be used are faults', () => {
  it.each([
    ['malformed-row', '{"ssn":'],
    ['malformed-row', '["1"]'],
    ['malformed-row', '{"ssn":"1","ssn":"2"}'],
    ['no-value', '{"a":1}'],
    ['no-value', '{"ssn":null}'],
    ['not-text', '{"ssn":85073003328}'],
  ])('%s', async (code, line) => {
    const { rows, format } = await read(`${line}\n{"ssn":"3"}\n`)
    expect(rows.map(row => row.kind)).toEqual(['fault', 'cell'])
    const [row] = rows
    if (row?.kind !== 'fault') throw new Error('no fault')
    expect(row.rejection.code).toBe(code)
    expect(format.rejected(row, row.rejection)).toContain(`1,${code},"`)
    expect(format.rejected(row, row.rejection)).toContain(line.replaceAll('"', '""'))
  })
})
