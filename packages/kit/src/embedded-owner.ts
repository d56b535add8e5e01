/**
 * One owner at a time for a directory: `owner`, a symbolic link whose target says which process runs the cluster in it,
 * so that it is there as a whole or not at all. What a dead owner left is buried by exactly one other: the right to bury
 * it is a link of its own, under the dead one's nonce.
 *
 * A process is told from a later one with the same number by its start time, so that an owner that was killed (or a
 * container that started again) never locks out the next. Says nothing about whether PostgreSQL itself still runs.
 */

import { randomUUID } from 'node:crypto'
import { readFile, readlink, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { StoreError } from './store-error.ts'

export interface Ownership {
  release(): Promise<void>
}

const attempts = 10
const interval = 20 // ms

/** Takes the directory, or throws `database-in-use` when a living process has it. */
export async function own(directory: string): Promise<Ownership> {
  const path = join(directory, 'owner')
  const mine = `${process.pid} ${await startOf(process.pid)} ${randomUUID()}`
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (await makeExclusively(path, mine)) return { release: () => rm(path, { force: true }) }
    const holder = await holderOf(path)
    if (await lives(holder)) {
      throw new StoreError('database-in-use', `Process ${holder?.pid} runs the database in ${directory}.`)
    }
    await buryDead(path, mine)
    await delay(interval)
  }
  throw new StoreError('database-in-use', `${path} can't be taken. If no process runs the database, remove it.`)
}

/** The burial of a burier that was killed in its turn is buried in the same way. */
async function buryDead(path: string, mine: string): Promise<void> {
  const dead = await holderOf(path)
  if (dead === undefined || (await lives(dead))) return
  const burial = `${path}.${dead.nonce}`
  if (!(await makeExclusively(burial, mine))) return buryDead(burial, mine)
  try {
    // Read again: whoever held this burial before us has removed the dead one, and a living one may be there by now.
    if ((await holderOf(path))?.nonce === dead.nonce) await rm(path, { force: true })
  } finally {
    await rm(burial, { force: true })
  }
}

interface Holder {
  readonly pid: number
  readonly started: string
  readonly nonce: string
}

/** `undefined` when there is none, or none of ours. */
async function holderOf(path: string): Promise<Holder | undefined> {
  const [, pid, started, nonce] = /^(\d+) (\d*) ([\da-f-]{36})$/.exec(await readlink(path).catch(() => '')) ?? []
  if (pid === undefined || started === undefined || nonce === undefined) return undefined
  return { pid: Number(pid), started, nonce }
}

async function makeExclusively(path: string, text: string): Promise<boolean> {
  try {
    await symlink(text, path)
    return true
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') return false
    throw new StoreError('no-place', `${path} can't be made.`, { cause })
  }
}

/** Empty where the system doesn't tell (macOS): the process number alone decides there. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // proc_pid_stat(5): field 22; the name in field 2 may hold spaces and brackets, so count from behind it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

async function lives(holder: Holder | undefined): Promise<boolean> {
  return holder !== undefined && processExists(holder.pid) && (await startOf(holder.pid)) === holder.started
}

export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
