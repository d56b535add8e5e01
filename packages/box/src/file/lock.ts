/**
 * One writer at a time: `{box}.lock`, a symbolic link whose target says who has it, so that a lock is there as a whole or
 * not at all. A process is told from a later one with the same number (in a container it is always the same) by its start
 * time. A lock whose process has died on this machine is buried by exactly one other: the right to bury it is a link of
 * its own, under the dead lock's nonce. Readers need no lock: the box file is only ever replaced as a whole.
 */
import { randomUUID } from 'node:crypto'
import { readFile, readlink, rm, symlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { BoxError } from '../box-error.ts'

const patience = 5_000 // ms
const interval = 20 // ms

/** Runs `work` as the only writer. BoxError `busy` after 5 s, naming the file; `box-away` when its folder is gone. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`
  const mine = `${hostname()} ${process.pid} ${await startOf(process.pid)} ${randomUUID()}`
  const deadline = performance.now() + patience
  while (!(await makeExclusively(lock, mine))) {
    await buryDead(lock)
    if (performance.now() > deadline)
      throw new BoxError('busy', `another process is writing to the box; if none is, remove ${lock}`)
    await delay(interval)
  }
  try {
    return await work()
  } finally {
    await rm(lock, { force: true })
  }
}

async function buryDead(lock: string): Promise<void> {
  const holder = await holderOf(lock)
  const [host, pid, started, nonce] = holder.split(' ')
  if (nonce === undefined || host !== hostname()) return
  if (isAlive(Number(pid)) && (await startOf(Number(pid))) === started) return
  const burial = `${lock}.${nonce}`
  if (!(await makeExclusively(burial, nonce))) return
  try {
    // Read again: whoever held this burial before us has removed the dead lock, and it may be a new one by now.
    if ((await holderOf(lock)) === holder) await rm(lock)
  } finally {
    await rm(burial, { force: true })
  }
}

/** Empty when there is no lock, or none of ours. */
function holderOf(lock: string): Promise<string> {
  return readlink(lock).catch(() => '')
}

async function makeExclusively(path: string, text: string): Promise<boolean> {
  try {
    await symlink(text, path)
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new BoxError('box-away', 'the box can not be written to', cause)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

/** Empty where the system doesn't tell (macOS): the process number alone decides there. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // proc_pid_stat(5): field 22; the name in field 2 may hold spaces and brackets, so count from behind it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}
