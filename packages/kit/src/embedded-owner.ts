/**
 * One owner at a time for a directory: the file `owner` names the process that runs the cluster in it.
 *
 * A process is told from a later one with the same number by its start time, so that an owner that was killed (or a
 * container that started again) never locks out the next. Says nothing about whether PostgreSQL itself still runs.
 */

import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { StoreError } from './store-error.ts'

export interface Ownership {
  release(): Promise<void>
}

const owner = z.object({ pid: z.int().positive(), started: z.string() })

/** Takes the directory, or throws `database-in-use` when a living process has it. */
export async function own(directory: string): Promise<Ownership> {
  const path = join(directory, 'owner')
  const draft = `${path}.${randomUUID()}`
  const mine = JSON.stringify({ pid: process.pid, started: await startOf(process.pid) })
  await writeFile(draft, mine, { mode: 0o600, flag: 'wx' })
  try {
    for (let attempt = 0; attempt < 10; attempt++) {
      // link(2) either makes the name with its whole content or fails because it is there.
      if (await succeeds(link(draft, path))) return { release: () => rm(path, { force: true }) }
      const holder = await readOwner(path)
      if (holder !== undefined && (await lives(holder))) {
        throw new StoreError('database-in-use', `Process ${holder.pid} runs the database in ${directory}.`)
      }
      // Renamed, then removed: of two that find it stale only one can take it away.
      const stale = `${path}.${randomUUID()}`
      if (await succeeds(rename(path, stale))) await rm(stale, { force: true })
    }
    throw new StoreError('database-in-use', `${path} keeps changing hands.`)
  } finally {
    await rm(draft, { force: true })
  }
}

/** Empty where the system doesn't tell (macOS): the process number alone decides there. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // proc_pid_stat(5): field 22; the name in field 2 may hold spaces and brackets, so count from behind it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

async function lives(holder: z.infer<typeof owner>): Promise<boolean> {
  return processExists(holder.pid) && (await startOf(holder.pid)) === holder.started
}

export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

async function readOwner(path: string): Promise<z.infer<typeof owner> | undefined> {
  try {
    return owner.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return undefined
  }
}

async function succeeds(step: Promise<void>): Promise<boolean> {
  return step.then(
    () => true,
    () => false,
  )
}
