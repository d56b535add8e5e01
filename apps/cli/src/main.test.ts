import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Fixture, problem, startFixture } from './fixture.ts'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))

let fixture: Fixture
beforeAll(async () => {
  fixture = await startFixture()
})
afterAll(() => fixture[Symbol.asyncDispose]())
beforeEach(() => {
  fixture.instead = () => undefined
  fixture.requests.length = 0
})

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

function start(words: readonly string[], stdin = ''): { child: ChildProcess; ended: Promise<Ended> } {
  const env = { ...process.env, LITTLEBOX_PROFILE: fixture.profile, LITTLEBOX_DEBUG: '1' }
  const child = spawn(process.execPath, ['--conditions=littlebox:source', main, ...words], {
    env,
    cwd: fixture.directory,
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  child.stdin.end(stdin)
  const ended = new Promise<Ended>(resolve => {
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  return { child, ended }
}

const littlebox = (...words: string[]) => start(words).ended
const overHttp = (...words: string[]) => littlebox(...words, '--allow-insecure-http')
const read = (name: string) => readFile(fixture.path(name), 'utf8')
const exists = (name: string) =>
  stat(fixture.path(name)).then(
    () => true,
    () => false,
  )
const inPeople = ['--column', 'ssn', '--domain', 'people_v1']

/** Made-up numbers with right check digits (serials from 900, as in the shared synthetic patients). */
function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const nine = `${50 + (i % 50)}0203${900 + (Math.floor(i / 50) % 99)}`.slice(0, 9)
    return nine + `${97 - (Number(nine) % 97)}`.padStart(2, '0')
  })
}

const table = (ssns: readonly string[]) => `\ufeffssn,note\r\n${ssns.map((ssn, i) => `${ssn},"é, ${i}"\r\n`).join('')}`
const column = (text: string) => parse(text, { columns: true, bom: true }).map(row => (row as { ssn: string }).ssn)

describe('--help', () => {
  it('has an example for every command', async () => {
    for (const command of [
      'pseudonymise',
      'receive',
      'return',
      'identify',
      'convert',
      'evaluate',
      'domain create',
      'owner init',
    ]) {
      const { code, stdout } = await littlebox(...command.split(' '), '--help')
      expect(code).toBe(0)
      expect(stdout).toContain(`$ littlebox ${command} `)
    }
  })
})

describe('from the care provider to the owner and back', () => {
  it('gives every identifier again, and leaves the other columns alone', async () => {
    const ssns = numbers(60)
    const file = table([...ssns, ssns[0]!])
    await writeFile(fixture.path('patients.csv'), file)
    const made = [
      await overHttp('pseudonymise', 'patients.csv', ...inPeople, '--batch-size', '25'),
      await overHttp('receive', 'patients.in-transit.csv', ...inPeople, '--out', 'stored.csv'),
      await overHttp('return', 'stored.csv', ...inPeople, '--out', 'returned.csv'),
      await overHttp('identify', 'returned.csv', ...inPeople, '--out', 'again.csv'),
    ]
    expect(made.map(({ code, stderr }) => [code, stderr.includes('61 rows')])).toEqual(made.map(() => [0, true]))
    expect(await read('again.csv')).toBe(file)
    const stored = column(await read('stored.csv'))
    expect(new Set(stored).size).toBe(60)
    expect(stored[60]).toBe(stored[0])
    for (const { stdout, stderr } of made) for (const ssn of ssns) expect(stdout + stderr).not.toContain(ssn)
    expect(
      fixture.requests
        .filter(({ path }) => path.endsWith('pseudonymizeMultiple'))
        .map(({ items }) => items)
        .sort(),
    ).toEqual([11, 25, 25])
  })

  it('converts to another domain, in transit and at rest, to the same person', async () => {
    await writeFile(fixture.path('c.csv'), table(numbers(5)))
    await overHttp('pseudonymise', 'c.csv', ...inPeople)
    await overHttp('receive', 'c.in-transit.csv', ...inPeople, '--out', 'c.stored.csv')
    const to = [...inPeople, '--to', 'others_v1']
    expect((await overHttp('convert', 'c.in-transit.csv', ...to)).code).toBe(0)
    expect((await overHttp('convert', 'c.stored.csv', '--at-rest', ...to)).code).toBe(0)
    const inOthers = ['--column', 'ssn', '--domain', 'others_v1', '--out']
    await overHttp('receive', 'c.in-transit.converted.csv', ...inOthers, 'c1.csv')
    await overHttp('receive', 'c.stored.converted.csv', ...inOthers, 'c2.csv')
    expect(await read('c1.csv')).toBe(await read('c2.csv'))
    expect(await read('c1.csv')).not.toBe(await read('c.stored.csv'))
  })

  it('over newline-delimited JSON and pipes', async () => {
    const lines = numbers(3).map(ssn => `{"n": 1.0, "ssn": "${ssn}"}\n`)
    const through = async (command: string, stdin: string) => {
      const words = [command, '-', ...inPeople, '--format', 'ndjson', '--rejected', 'none.csv', '--allow-insecure-http']
      return (await start(words, stdin).ended).stdout
    }
    const sent = await through('pseudonymise', lines.join(''))
    expect(sent.match(/"n": 1.0/g)).toHaveLength(3)
    expect(await through('identify', sent)).toBe(lines.join(''))
    expect(await exists('none.csv')).toBe(false)
  })

  it('evaluates when told that the caller learns the pseudonym (RFC 9497, 32 bytes on P-256)', async () => {
    await writeFile(fixture.path('e.csv'), table([...numbers(3), '1']))
    const words = ['evaluate', 'e.csv', '--column', 'ssn', '--domain', 'study_v1']
    expect((await overHttp(...words)).code).toBe(2)
    expect((await overHttp(...words, '--caller-learns-pseudonym')).code).toBe(3)
    expect((await overHttp(...words, '--caller-learns-pseudonym', '--out', 'e2.csv')).code).toBe(3)
    expect(column(await read('e.evaluated.csv')).map(text => Buffer.from(text, 'base64url').length)).toEqual([
      32, 32, 32,
    ])
    expect(await read('e.evaluated.csv')).toBe(await read('e2.csv'))
  })
})

describe('rejected rows', () => {
  it('stand in the side file with line and reason; exit code 3, and --json counts them', async () => {
    const [one, two] = numbers(2)
    await writeFile(fixture.path('r.csv'), `ssn,note\n${one},a\n85073003329,"b, c"\n${two}\n${two},d\n`)
    const { code, stdout, stderr } = await overHttp(
      'pseudonymise',
      'r.csv',
      ...inPeople,
      '--json',
      '--out',
      'r.out.csv',
    )
    expect(code).toBe(3)
    expect(JSON.parse(stdout)).toMatchObject({
      command: 'pseudonymise',
      ending: 'rejected-rows',
      exitCode: 3,
      rows: 4,
      rejected: { 'invalid-value': 1, 'wrong-column-count': 1 },
      rejectedFile: 'r.out.csv.rejected.csv',
    })
    expect(stdout + stderr).not.toContain('85073003329')
    const side = parse(await read('r.out.csv.rejected.csv'))
    expect(side.map(row => [row[0], row[1], row[3], row[4]])).toEqual([
      ['line', 'code', 'ssn', 'note'],
      ['3', 'invalid-value', '85073003329', 'b, c'],
      ['4', 'wrong-column-count', two, ''],
    ])
    expect(column(await read('r.out.csv'))).toHaveLength(2)
  })
})

describe('an existing output', () => {
  it('is left alone without --resume or --force', async () => {
    await writeFile(fixture.path('x.csv'), table(numbers(2)))
    await writeFile(fixture.path('x.out.csv'), 'mine')
    const words = ['pseudonymise', 'x.csv', ...inPeople, '--out', 'x.out.csv']
    const { code, stderr } = await overHttp(...words)
    expect(code).toBe(1)
    expect(stderr).toMatch(/x\.out\.csv exists[\s\S]*--resume[\s\S]*--force/)
    expect(await read('x.out.csv')).toBe('mine')
    expect((await overHttp(...words, '--force')).code).toBe(0)
    expect(column(await read('x.out.csv'))).toHaveLength(2)
  })

  it('is never the input', async () => {
    await writeFile(fixture.path('y.csv'), table(numbers(2)))
    expect((await overHttp('pseudonymise', 'y.csv', ...inPeople, '--out', 'y.csv', '--force')).code).toBe(2)
  })
})

const pause = (ms: number) => new Promise<undefined>(resolve => setTimeout(() => resolve(undefined), ms))

describe('an output that another run is writing', () => {
  it.each(['--resume', '--force'])('is left to it, also with %s', async flag => {
    const name = `two${flag}.csv`
    await writeFile(fixture.path(name), table(numbers(20)))
    const words = ['pseudonymise', name, ...inPeople, '--out', `${name}.out.csv`]
    let second: Promise<Ended> | undefined
    fixture.instead = async path => {
      if (!path.endsWith('pseudonymizeMultiple')) return undefined
      second ??= overHttp(...words, flag)
      await second
      return undefined
    }
    expect((await overHttp(...words)).code).toBe(0)
    expect(await second).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/another run is writing two[\s\S]*process \d+[\s\S]*out\.csv\.lock/),
    })
    expect(column(await read(`${name}.out.csv`))).toHaveLength(20)
    expect(await exists(`${name}.out.csv.lock`)).toBe(false)
  })
})

describe('interrupted', () => {
  const words = (name: string) => ['pseudonymise', name, ...inPeople, '--batch-size', '10', '--allow-insecure-http']
  const identified = async (name: string) => {
    expect(
      (await overHttp('identify', name, ...inPeople, '--out', `${name}.again`, '--force', '--format', 'csv')).code,
    ).toBe(0)
    return read(`${name}.again`)
  }

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('by %s: keeps a checkpoint, says how to go on, ends with %i, and goes on', async (signal, expected) => {
    const name = `${signal}.csv`
    await writeFile(fixture.path(name), table(numbers(300)))
    let answered = 0
    const { child, ended } = start(words(name))
    fixture.instead = path => {
      if (path.endsWith('pseudonymizeMultiple') && ++answered === 8) child.kill(signal)
      return pause(5)
    }
    const { code, stderr } = await ended
    expect(code).toBe(expected)
    expect(stderr).toContain(`littlebox ${words(name).join(' ')} --resume`)
    const out = `${signal}.in-transit.csv`
    expect(await exists(`${out}.checkpoint`)).toBe(true)
    expect((await start([...words(name)]).ended).code).toBe(1)
    expect((await start([...words(name), '--resume']).ended).code).toBe(0)
    expect(await exists(`${out}.checkpoint`)).toBe(false)
    expect(await identified(out)).toBe(table(numbers(300)))
    expect(await start([...words(name), '--resume']).ended).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('nothing is left'),
    })
  })

  it('by SIGKILL, again and again: no row twice, none lost, order kept', async () => {
    await writeFile(fixture.path('k.csv'), table(numbers(400)))
    fixture.instead = path => (path.endsWith('pseudonymizeMultiple') ? pause(60) : undefined)
    let killed = 0
    for (let run = 0; ; run++) {
      const { child, ended } = start([...words('k.csv'), '--resume'])
      const timer = setTimeout(() => child.kill('SIGKILL'), 250 + 150 * run)
      const { code, signal, stderr } = await ended
      clearTimeout(timer)
      if (signal === 'SIGKILL') killed++
      else {
        expect([code, stderr]).toEqual([0, expect.any(String)])
        break
      }
    }
    expect(killed).toBeGreaterThanOrEqual(2)
    fixture.instead = () => undefined
    expect(await identified('k.in-transit.csv')).toBe(table(numbers(400)))
  })
})

describe('errors say what happened, where, and what to do', () => {
  it('over the quota: waits as Retry-After says, or ends with --no-wait and can be resumed', async () => {
    await writeFile(fixture.path('q.csv'), table(numbers(30)))
    const words = ['pseudonymise', 'q.csv', ...inPeople, '--batch-size', '10']
    let asked = 0
    fixture.instead = path =>
      path.endsWith('pseudonymizeMultiple') && ++asked === 3
        ? problem(429, 'over-quota', { 'retry-after': '3600' })
        : undefined
    const { code, stderr } = await overHttp(...words, '--no-wait')
    expect(code).toBe(1)
    expect(stderr).toMatch(/over the quota[\s\S]*1 h[\s\S]*--resume/)
    const { child, ended } = start([...words, '--resume', '--allow-insecure-http'])
    asked = 2
    child.stderr?.on('data', text => `${text}`.includes('Over the quota') && child.kill('SIGINT'))
    expect((await ended).code).toBe(130)
    expect((await overHttp(...words, '--resume')).code).toBe(0)
  })

  it('refused', async () => {
    await writeFile(fixture.path('f.csv'), table(numbers(3)))
    fixture.instead = path => (path.endsWith('pseudonymizeMultiple') ? problem(403, 'forbidden') : undefined)
    const { code, stderr } = await overHttp('pseudonymise', 'f.csv', ...inPeople)
    expect([code, stderr]).toEqual([1, expect.stringMatching(/refused: 403 forbidden[\s\S]*access rule/)])
  })

  it.each(['create', 'rotate'])('domain %s without a clear answer: asked once, and how to look', async what => {
    await writeFile(fixture.path('rule.json'), '{}')
    fixture.instead = path => (path.startsWith('/pseudo/v2/domains') ? problem(503, 'database-away') : undefined)
    const domain = ['--description', 'd', '--access-rule', 'rule.json', '--jku', 'https://x', '--owner-client', 'x']
    const { code, stderr } = await overHttp('domain', what, 'new_v1', ...(what === 'create' ? domain : []))
    expect([code, stderr]).toEqual([1, expect.stringMatching(/did not say[\s\S]*database-away[\s\S]*domain show/)])
    expect(fixture.requests.filter(({ path }) => path.startsWith('/pseudo/v2'))).toHaveLength(1)
  })

  it('an unknown domain: nothing is made', async () => {
    await writeFile(fixture.path('u.csv'), table(numbers(3)))
    const { code, stderr } = await overHttp('pseudonymise', 'u.csv', '--column', 'ssn', '--domain', 'nobody_v1')
    expect([code, stderr]).toEqual([1, expect.stringContaining('404')])
    expect(await exists('u.in-transit.csv')).toBe(false)
    expect(await exists('u.in-transit.csv.checkpoint')).toBe(false)
  })

  it('http without the flag, and a warning with it', async () => {
    await writeFile(fixture.path('h.csv'), table(numbers(3)))
    const without = await littlebox('pseudonymise', 'h.csv', ...inPeople)
    expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('--allow-insecure-http')])
    const withFlag = await overHttp('pseudonymise', 'h.csv', ...inPeople)
    expect([withFlag.code, withFlag.stderr]).toEqual([0, expect.stringContaining('warning')])
  })

  it('usage: an unknown option, a missing one, a column that is not there', async () => {
    expect((await littlebox('pseudonymise', 'h.csv', '--frob')).code).toBe(2)
    expect((await littlebox('pseudonymise', 'h.csv', '--domain', 'people_v1')).code).toBe(2)
    const words = ['--column', 'sn', '--domain', 'people_v1', '--out', 'never.csv']
    const { code, stderr } = await littlebox('pseudonymise', 'h.csv', ...words)
    expect(await exists('never.csv')).toBe(false)
    expect([code, stderr]).toEqual([2, expect.stringContaining('no column "sn"')])
  })
})
