import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { littlebox, startLittlebox } from '@littlebox/stack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openScene, patientsFolder, type Scene } from '../scene.ts'
import { seededRandom } from '../seeded-random.ts'

// The `littlebox` command over a file, killed again and again, and on a full disk: what it leaves behind is gone on with,
// and comes to the same in the end. What one run and another send differs in every byte, so it is the owner who compares.

const domain = 'prescriptions_v1'
const rows = 15_000
const kills = 20

let scene: Scene
let patients: string
/** What the owner has of an uninterrupted run. */
let expected: string
/** How long that took, in ms. */
let duration: number

beforeAll(async () => {
  scene = await openScene()
  await scene.createDomain({ domain, crv: 'P-256', valueFormat: 'be-nrn' })
  patients = place('patients.csv')
  // Long enough that many kills come after a checkpoint, of which there is one a second.
  const [header, ...people] = readFileSync(join(patientsFolder(), 'patients.csv'), 'utf8').trimEnd().split('\n')
  writeFileSync(patients, `${[header, ...people, ...people.slice(0, rows - people.length)].join('\n')}\n`)
  const began = performance.now()
  expect(await littlebox(pseudonymise('whole.csv'))).toMatchObject({ code: 0 })
  duration = performance.now() - began
  expected = await received('whole.csv')
  expect(expected.trimEnd().split('\n')).toHaveLength(1 + rows)
})

afterAll(() => scene?.close())

it(`SIGKILLed at ${kills} random moments and resumed: the owner has what an uninterrupted run gives, no row twice`, async () => {
  const random = seededRandom('the moments at which the command is killed')
  const moments: number[] = []
  const keptRows: number[] = []
  for (let file = 0, isFinished = false; moments.length < kills || !isFinished; ) {
    const out = `killed-${file}.csv`
    const child = startLittlebox([...pseudonymise(out), '--resume', '--quiet'], ['ignore', 'ignore', 'ignore'])
    const moment = moments.length < kills ? Math.round(random.next() * duration) : undefined
    const timer = moment === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), moment)
    const [code, signal] = await once(child, 'exit')
    clearTimeout(timer)
    isFinished = signal === null
    if (!isFinished) {
      moments.push(moment!)
      keptRows.push(checkpointed(out))
      continue
    }
    expect(code).toBe(0)
    expect(await received(out)).toBe(expected)
    file++
  }
  console.info(
    `killed after ${moments.join(', ')} ms of ${Math.round(duration)}; kept were ${keptRows.join(', ')} rows`,
  )
  expect(keptRows.filter(kept => kept > 0).length).toBeGreaterThan(1)
}, 300_000)

describe('on a full disk', () => {
  it('the output ends with a clear error, and is gone on with when there is room', async () => {
    const disk = place('disk')
    mkdirSync(disk)
    if (!mounted(disk)) return console.info('no tmpfs can be mounted here: /dev/full alone has to do')
    try {
      const { code, errors } = await littlebox(pseudonymise('disk/out.csv'))
      expect(code).toBe(1)
      expect(errors).toMatch(/out\.csv.* can't be written \(ENOSPC\)[\s\S]*Make room[\s\S]*--resume/)
      execFileSync('mount', ['-o', 'remount,size=64m', disk])
      expect(await littlebox([...pseudonymise('disk/out.csv'), '--resume'])).toMatchObject({ code: 0 })
      expect(await received('disk/out.csv')).toBe(expected)
    } finally {
      execFileSync('umount', [disk])
    }
  })

  it('stdout that takes nothing (/dev/full): a clear error', async () => {
    const args = pseudonymise('-', '--rejected', place('rejected.csv'))
    const child = startLittlebox(args, ['ignore', openSync('/dev/full', 'w'), 'pipe'])
    let errors = ''
    child.stderr!.setEncoding('utf8').on('data', text => {
      errors += text
    })
    const [code] = await once(child, 'close')
    expect([code, errors]).toEqual([1, expect.stringContaining('ENOSPC')])
  })
})

function pseudonymise(out: string, ...more: string[]): string[] {
  const column = ['--column', 'ssn', '--domain', domain, '--out', out === '-' ? out : place(out)]
  return ['pseudonymise', patients, ...column, ...more, '--profile', scene.care, '--allow-insecure-http']
}

async function received(file: string): Promise<string> {
  const out = `${place(file)}.received.csv`
  const column = ['--column', 'ssn', '--domain', domain, '--out', out]
  const args = ['receive', place(file), ...column, '--profile', scene.owner, '--allow-insecure-http', '--quiet']
  expect(await littlebox(args)).toMatchObject({ code: 0 })
  return readFileSync(out, 'utf8')
}

/** Rows that the next run does not do again. */
function checkpointed(out: string): number {
  const path = `${place(out)}.checkpoint`
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).done.rows : 0
}

function place(name: string): string {
  return join(scene.directory, name)
}

/** A disk of 256 KiB; it needs root. */
function mounted(disk: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', disk], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
