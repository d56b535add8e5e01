import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { CurveName } from '../curve.ts'
import { generator } from '../point.ts'
import { portableEngine } from '../portable.ts'
import { randomScalar } from '../scalar.ts'
import type { Job } from './job.ts'
import { startPool } from './pool.ts'

/** A job that no engine sends, of which the thread dies: there is no such curve. */
function deadly(): Job {
  return { curve: 'P-999' as CurveName, count: 1, kind: 'multiply-base', scalars: new Uint8Array(32) }
}

function job(): { job: Job; expected: Promise<Uint8Array> } {
  const scalar = randomScalar('P-256')
  return {
    job: { curve: 'P-256', count: 1, kind: 'multiply-base', scalars: Uint8Array.from(scalar.bytes) },
    expected: portableEngine.multiply([generator('P-256')], [[scalar]]).then(([point]) => point!.bytes),
  }
}

describe('threads', () => {
  it('a thread that dies fails its jobs, and another takes its place', async () => {
    const pool = startPool(1)
    const { job: first, expected } = job()
    expect(await pool.run(first)).toEqual(await expected)
    for (let round = 0; round < 3; round++) {
      await expect(pool.run(deadly())).rejects.toMatchObject({ code: 'engine-unavailable' })
      const { job: next, expected: right } = job()
      expect(await pool.run(next)).toEqual(await right)
    }
  })

  it('a thread that dies before its first answer is not replaced without end; the next job tries again', async () => {
    const pool = startPool(1)
    await expect(pool.run(deadly())).rejects.toMatchObject({ code: 'engine-unavailable' })
    const { job: next, expected } = job()
    expect(await pool.run(next)).toEqual(await expected)
  })

  it('idle threads let the process end', async () => {
    const file = new URL('./pool.ts', import.meta.url).href
    const script = `import { startPool } from '${file}'; startPool(2)`
    await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { timeout: 10_000 })
  })

  it('the sender keeps no copy of the scalars', async () => {
    const { job: sent, expected } = job()
    expect(await startPool(1).run(sent)).toEqual(await expected)
    expect('scalars' in sent && sent.scalars.length).toBe(0)
  })
})
