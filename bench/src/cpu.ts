/** CPU time and memory of processes, from /proc (Linux): what a benchmark charges to a service and not to its client. */
import { readdirSync, readFileSync } from 'node:fs'

const ticksPerSecond = 100 // USER_HZ, the same on every Linux architecture we run on

interface Stat {
  readonly parent: number
  /** Of the process and of its children that have ended. */
  readonly cpuSeconds: number
}

function stat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name may hold spaces and brackets: count from behind it. Fields 4 (ppid) and 14 to 17 of proc(5).
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const cpu = fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0)
    return { parent: fields[1]!, cpuSeconds: cpu / ticksPerSecond }
  } catch {
    return undefined
  }
}

/** CPU seconds so far of these processes and all below them. */
export function cpuSeconds(pids: readonly number[]): number {
  const all = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
  const stats = new Map(all.map(pid => [pid, stat(pid)] as const))
  const isBelow = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (pids.includes(pid) || isBelow(stats.get(pid)?.parent))
  return all.filter(isBelow).reduce((sum, pid) => sum + (stats.get(pid)?.cpuSeconds ?? 0), 0)
}

/** Resident memory in MB; 0 for a process that has ended. */
export function residentMegabytes(pid: number): number {
  try {
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return Number(kilobytes ?? 0) / 1024
  } catch {
    return 0
  }
}
