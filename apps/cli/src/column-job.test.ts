import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Checkpoint, checkSameRun, loadCheckpoint } from './checkpoint.ts'
import { CliError } from './cli-error.ts'
import { type Convert, runColumnJob } from './column-job.ts'
import { openCsv } from './csv.ts'
import { type Disk, disk } from './disk.ts'
import { openResumableOutput } from './output.ts'
import { silent } from './progress.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'column-job-'))
})
afterEach(() => rm(directory, { recursive: true }))

const path = (name: string) => join(directory, name)
const options = { command: 'test', column: 'ssn' }

/** Puts a letter before; refuses multiples of seven. */
const convert: Convert = async values =>
  values.map(value => (Number(value) % 7 === 0 ? { code: 'sevenfold', reason: 'it is, "really"' } : `p${value}`))

interface Run {
  readonly disk?: Disk
  readonly convert?: Convert
  readonly stop?: AbortSignal
  readonly rowsPerBatch?: number
  readonly saveEvery?: number
}

/** As the command does it: with a checkpoint it goes on, without one it begins. */
async function run(over: Run = {}) {
  const from = await loadCheckpoint(path('out.checkpoint'))
  if (from) await checkSameRun(from, options, path('in.csv'))
  return runColumnJob({
    chunksFrom: start => createReadStream(path('in.csv'), { start, highWaterMark: 50 }),
    open: (text, final) => openCsv({ column: 'ssn', header: true, delimiter: ',' }, text, final),
    prepare: async () => ({
      convert: over.convert ?? convert,
      output: await openResumableOutput({
        disk: over.disk ?? disk,
        input: path('in.csv'),
        output: path('out.csv'),
        sideFile: path('out.rejected.csv'),
        checkpoint: path('out.checkpoint'),
        options,
        from,
        saveEvery: over.saveEvery ?? 0,
      }),
    }),
    rowsPerBatch: over.rowsPerBatch ?? 3,
    batchesAtOnce: 2,
    progress: silent,
    stop: over.stop ?? new AbortController().signal,
  })
}

const lines = (rows: number) => Array.from({ length: rows }, (_, i) => `${i + 1},"é ${i},\r\n"\r\n`)
const input = (rows: number) => `\ufeffssn,note\r\n${lines(rows).join('')}`
const isRefused = (i: number) => (i + 1) % 7 === 0
const output = (rows: number) =>
  `\ufeffssn,note\r\n${lines(rows)
    .filter((_, i) => !isRefused(i))
    .map(line => `p${line}`)
    .join('')}`
const sideFile = (rows: number) =>
  `line,code,reason,ssn,note\r\n${lines(rows)
    .map((line, i) => `${2 * i + 2},sevenfold,"it is, ""really""",${line}`)
    .filter((_, i) => isRefused(i))
    .join('')}`

const read = (name: string) => readFile(path(name), 'utf8')
const exists = (name: string) =>
  stat(path(name)).then(
    () => true,
    () => false,
  )

/**
 * The real disk of a process that is killed at its n-th operation: that one is done in part or not at all, and no other
 * follows.
 */
function killedAt(operation: number, part: number): Disk {
  let count = 0
  const killed = new Error('killed')
  const step = async <T>(whole: () => Promise<T>, torn: () => Promise<unknown> = async () => {}): Promise<T> => {
    count++
    if (count === operation) await torn()
    if (count >= operation) throw killed
    return whole()
  }
  return {
    openAt: (path, keep) =>
      step(
        async () => {
          const file = await disk.openAt(path, keep)
          return {
            append: bytes =>
              step(
                () => file.append(bytes),
                () => file.append(bytes.subarray(0, Math.floor(part * bytes.length))),
              ),
            sync: () => step(() => file.sync()),
            close: () => file.close(),
          }
        },
        async () => part > 0.5 && (await disk.openAt(path, keep)).close(),
      ),
    replace: (path, text) =>
      step(
        () => disk.replace(path, text),
        () =>
          part > 0.9
            ? disk.replace(path, text)
            : writeFile(`${path}.new`, text.slice(0, Math.floor(part * text.length))),
      ),
    remove: path =>
      step(
        () => disk.remove(path),
        async () => part > 0.5 && disk.remove(path),
      ),
  }
}

describe('a whole run', () => {
  it('writes rows in order, rejected ones aside with their line, and leaves no checkpoint', async () => {
    await writeFile(path('in.csv'), input(20))
    const { finished, done } = await run()
    expect(finished).toBe(true)
    expect(done).toMatchObject({ rows: 20, rejected: { sevenfold: 2 } })
    expect(await read('out.csv')).toBe(output(20))
    expect(await read('out.rejected.csv')).toBe(sideFile(20))
    expect(await exists('out.checkpoint')).toBe(false)
  })

  it('makes no side file where nothing is rejected', async () => {
    await writeFile(path('in.csv'), input(6))
    await run()
    expect(await exists('out.rejected.csv')).toBe(false)
  })

  it('makes files that only their user can read', async () => {
    await writeFile(path('in.csv'), input(8))
    await run()
    for (const name of ['out.csv', 'out.rejected.csv']) expect((await stat(path(name))).mode & 0o777).toBe(0o600)
  })
})

describe('killed at any operation and resumed', () => {
  it('gives what an uninterrupted run gives: no row twice, none lost, order kept', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ at: fc.integer({ min: 1, max: 60 }), part: fc.double({ min: 0, max: 1, noNaN: true }) }), {
          minLength: 1,
          maxLength: 5,
        }),
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(0, 1e9),
        async (kills, rows, rowsPerBatch, saveEvery) => {
          for (const name of ['out.csv', 'out.rejected.csv', 'out.checkpoint']) await rm(path(name), { force: true })
          await writeFile(path('in.csv'), input(rows))
          for (const { at, part } of kills) {
            const killed = await run({ disk: killedAt(at, part), rowsPerBatch, saveEvery }).then(
              () => false,
              () => true,
            )
            // Without a checkpoint the command would say that nothing is left, or begin when there is no output either.
            if (!killed || (!(await exists('out.checkpoint')) && (await exists('out.csv')))) break
          }
          if ((await exists('out.checkpoint')) || !(await exists('out.csv'))) await run({ rowsPerBatch })
          expect(await read('out.csv')).toBe(output(rows))
          if (rows >= 7) expect(await read('out.rejected.csv')).toBe(sideFile(rows))
          else expect(await exists('out.rejected.csv')).toBe(false)
          expect(await exists('out.checkpoint')).toBe(false)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('at every single operation of one run', async () => {
    for (let at = 1; ; at++) {
      for (const name of ['out.csv', 'out.rejected.csv', 'out.checkpoint']) await rm(path(name), { force: true })
      await writeFile(path('in.csv'), input(15))
      const finished = await run({ disk: killedAt(at, (at % 10) / 10) }).then(
        () => true,
        () => false,
      )
      if (finished) {
        expect(at).toBeGreaterThan(20)
        break
      }
      if ((await exists('out.checkpoint')) || !(await exists('out.csv'))) await run()
      expect(await read('out.csv')).toBe(output(15))
      expect(await read('out.rejected.csv')).toBe(sideFile(15))
    }
  })
})

describe('stopped', () => {
  it('finishes what is under way, keeps a checkpoint, and goes on from there', async () => {
    await writeFile(path('in.csv'), input(30))
    const stop = new AbortController()
    let batches = 0
    const stopping: Convert = async values => {
      if (++batches === 4) stop.abort()
      return convert(values)
    }
    const first = await run({ convert: stopping, stop: stop.signal })
    expect(first.finished).toBe(false)
    expect(first.done.rows).toBe(12)
    const second = await run()
    expect(second).toMatchObject({ finished: true, done: { rows: 30, rejected: { sevenfold: 4 } } })
    expect(await read('out.csv')).toBe(output(30))
  })

  it('by an error keeps what was done before it', async () => {
    await writeFile(path('in.csv'), input(30))
    let batches = 0
    const failing: Convert = async values => {
      if (++batches === 5) throw new CliError('service-away', 'no answer')
      return convert(values)
    }
    await expect(run({ convert: failing, saveEvery: 1e9 })).rejects.toMatchObject({ code: 'service-away' })
    expect((await loadCheckpoint(path('out.checkpoint')))?.done.rows).toBe(12)
    await run()
    expect(await read('out.csv')).toBe(output(30))
    expect(await read('out.rejected.csv')).toBe(sideFile(30))
  })
})

describe('killed at any operation and resumed where the rows do better', () => {
  const everything: Convert = async values => values.map(value => `p${value}`)
  const linesOf = (text: string) => [...text.matchAll(/"é \d+,/g)].map(([line]) => line)

  it('no row stands in the output and in the side file', async () => {
    for (let at = 1; ; at++) {
      for (const name of ['out.csv', 'out.rejected.csv', 'out.checkpoint']) await rm(path(name), { force: true })
      await writeFile(path('in.csv'), input(30))
      const finished = await run({ disk: killedAt(at, 1) }).then(
        () => true,
        () => false,
      )
      if (finished) break
      if ((await exists('out.checkpoint')) || !(await exists('out.csv'))) await run({ convert: everything })
      const rejected = (await exists('out.rejected.csv')) ? await read('out.rejected.csv') : ''
      const rows = [...linesOf(await read('out.csv')), ...linesOf(rejected)]
      expect(rows.sort()).toEqual(linesOf(input(30)).sort())
    }
  })
})

describe('a checkpoint is of one input and one set of options', () => {
  // The checkpoint falls behind the stretch at the beginning that is hashed.
  const content = `ssn,note\n${`1,${'x'.repeat(10_000)}\n`.repeat(20)}`
  async function interrupted() {
    await rewrite(content)
    let batches = 0
    const stop = new AbortController()
    await run({
      stop: stop.signal,
      convert: async values => {
        if (++batches === 3) stop.abort()
        return convert(values)
      },
    })
    return (await loadCheckpoint(path('out.checkpoint')))!
  }
  const refusal = (checkpoint: Checkpoint, over: Record<string, string> = {}) =>
    checkSameRun(checkpoint, { ...options, ...over }, path('in.csv')).then(
      () => undefined,
      (error: CliError) => [error.code, error.message],
    )
  /** With the time that the interrupted run saw. */
  async function rewrite(content: string, seconds = 1e9) {
    await writeFile(path('in.csv'), content)
    await utimes(path('in.csv'), seconds, seconds)
  }

  it('input-changed: another size, another time, another beginning, or other bytes around the place', async () => {
    const checkpoint = await interrupted()
    expect(await refusal(checkpoint)).toBeUndefined()
    await rewrite(`${content}x`)
    expect(await refusal(checkpoint)).toEqual(['input-changed', expect.stringContaining('size')])
    await rewrite(content, 2e9)
    expect(await refusal(checkpoint)).toEqual(['input-changed', expect.stringContaining('modified')])
    await rewrite(content.replace('note', 'nota'))
    expect(await refusal(checkpoint)).toEqual(['input-changed', expect.stringContaining('beginning')])
    const late = checkpoint.done.offset - 100
    await rewrite(`${content.slice(0, late)}y${content.slice(late + 1)}`)
    expect(await refusal(checkpoint)).toEqual(['input-changed', expect.stringContaining('stopped')])
  })

  it('options-changed names the option', async () => {
    const checkpoint = await interrupted()
    expect(await refusal(checkpoint, { column: 'id' })).toEqual(['options-changed', expect.stringContaining('column')])
    expect(await refusal(checkpoint, { to: 'other' })).toEqual(['options-changed', expect.stringContaining('to')])
  })

  it('output-changed: the output is shorter than was written', async () => {
    await interrupted()
    await writeFile(path('out.csv'), 'x')
    await expect(run()).rejects.toMatchObject({ code: 'output-changed' })
  })

  it('output-changed: the side file is shorter than was written', async () => {
    await writeFile(path('in.csv'), input(30))
    const away: Convert = async values => {
      if (values.includes('20')) throw new Error('away')
      return convert(values)
    }
    await expect(run({ convert: away })).rejects.toThrow('away')
    expect((await loadCheckpoint(path('out.checkpoint')))?.sideFile).toBeGreaterThan(1)
    await writeFile(path('out.rejected.csv'), 'x')
    await expect(run({ convert: async values => values.map(() => 'p') })).rejects.toMatchObject({
      code: 'output-changed',
    })
  })

  it('checkpoint-unreadable', async () => {
    await interrupted()
    await writeFile(path('out.checkpoint'), '{"format":"littlebox-checkpoint/2"}')
    await expect(run()).rejects.toMatchObject({ code: 'checkpoint-unreadable' })
  })
})
