/**
 * How everything here is measured: ours and its peer in turn, several rounds in one run, medians, and one closing line a
 * measure: `NAME ratio=1.23 goal>=1.00 (ours 123/s, peer 100/s)`. Machines are noisy; ratios of one run are what counts.
 */
import { spawnSync } from 'node:child_process'

export interface Measure {
  readonly name: string
  /** The least ratio that the design asks for. */
  readonly goal: number
  /** Units a second. */
  readonly ours: number
  readonly peer: number
  /** What the peer is: a program, a limit. */
  readonly of: string
}

export function report({ name, goal, ours, peer, of }: Measure): boolean {
  const ratio = ours / peer
  const met = ratio >= goal
  console.log(
    `${name} ratio=${ratio.toFixed(2)} goal>=${goal.toFixed(2)} (ours ${rate(ours)}/s, peer ${rate(peer)}/s: ${of})${met ? '' : ' MISSED'}`,
  )
  return met
}

/** A figure with an upper limit of its own, such as a latency or memory; ratio = limit / ours. */
export function reportLimit(name: string, ours: number, limit: number, unit: string): boolean {
  const ratio = limit / ours
  console.log(
    `${name} ratio=${ratio.toFixed(2)} goal>=1.00 (ours ${ours.toFixed(1)} ${unit}, limit ${limit} ${unit})${ratio >= 1 ? '' : ' MISSED'}`,
  )
  return ratio >= 1
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Runs ours and the peer in turn, `rounds` times, and gives the median rate of each. */
export async function inTurn(
  rounds: number,
  ours: () => Promise<number> | number,
  peer: () => Promise<number> | number,
): Promise<{ ours: number; peer: number }> {
  const results = { ours: [] as number[], peer: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    results.peer.push(await peer())
    results.ours.push(await ours())
  }
  return { ours: median(results.ours), peer: median(results.peer) }
}

/** Repeats `work`, which does `units` units, for about `ms`; units per second of wall time. */
export async function wallRate(ms: number, units: number, work: () => Promise<unknown>): Promise<number> {
  await work()
  const begin = performance.now()
  let count = 0
  for (; performance.now() - begin < ms; count += units) await work()
  return (count * 1000) / (performance.now() - begin)
}

/** The same per second of CPU time, of all threads of this process. */
export async function cpuRate(ms: number, units: number, work: () => Promise<unknown>): Promise<number> {
  await work()
  const begin = performance.now()
  const before = process.cpuUsage()
  let count = 0
  for (; performance.now() - begin < ms; count += units) await work()
  const used = process.cpuUsage(before)
  return (count * 1e6) / (used.user + used.system)
}

const speedNames = { 'P-256': 'ecdhp256', 'P-384': 'ecdhp384', 'P-521': 'ecdhp521' } as const

/** `openssl speed`: ECDH operations per CPU second of one core, the limit on stock libraries. */
export function opensslSpeed(curve: keyof typeof speedNames, seconds = 1): number {
  const { stdout, status, error } = spawnSync(
    'openssl',
    ['speed', '-mr', '-seconds', String(seconds), speedNames[curve]],
    {
      encoding: 'utf8',
    },
  )
  const rate = /^\+F5:\d+:\d+:([\d.]+)/m.exec(stdout ?? '')?.[1]
  if (status !== 0 || rate === undefined)
    throw new Error('openssl speed gave no figure; install openssl', { cause: error })
  return Number(rate)
}

function rate(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1)
}
