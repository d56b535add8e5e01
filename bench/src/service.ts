/**
 * The pseudonymisation service with PostgreSQL (pseudonyms.md §12). Its cost is CPU seconds of service and database, so that
 * the client on the same machine counts out: items a CPU second, times the cores, is the capacity of such a machine.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { bearerToken, createDomain, openService, startStack } from '@littlebox/stack'
import { cpuSeconds, residentMegabytes } from './cpu.ts'
import { median, opensslSpeed, report, reportLimit } from './measure.ts'
import { closedLoop, type Load, openLoop, pseudonymiseLoad } from './service-load.ts'

const rounds = 3
const seconds = 5
const minutes = Number(process.env.LITTLEBOX_BENCH_MINUTES ?? 1)
const cores = availableParallelism()
const unlimited = '1000000000'

const directory = mkdtempSync(join(tmpdir(), 'littlebox-bench-'))
const stack = await startStack({
  directory,
  replicas: 0,
  env: {
    LITTLEBOX_CALLER_BURST: unlimited,
    LITTLEBOX_CALLER_PER_DAY: unlimited,
    LITTLEBOX_ORGANISATION_BURST: unlimited,
    LITTLEBOX_ORGANISATION_PER_DAY: unlimited,
  },
})
try {
  const owner = await stack.owner('bench')
  const replica = await stack.startReplica()
  const admin = await openService(
    await stack.enrol({ clientId: 'admin', organisation: 'bench', roles: ['domain-admin'] }),
  )
  for (const crv of ['P-521', 'P-256'] as const)
    await createDomain(admin, { domain: name(crv), jku: owner.jku, ownerClient: 'backend', crv, valueFormat: 'bytes' })
  const client = { clientId: 'ehealth-client', organisation: 'bench', access: ['care'], dpop: 'plain-bearer' } as const
  const token = await bearerToken(await stack.enrol(client))
  const load = (crv: 'P-521' | 'P-256', size: number) => pseudonymiseLoad(replica.url, name(crv), crv, size, token)

  for (const crv of ['P-521', 'P-256'] as const) {
    const batches = await load(crv, 100)
    const { ours, peer } = await perCpuSecond(batches, 100, 4, crv)
    const goal = crv === 'P-521' ? 0.75 : 0.35
    report({
      name: `service/batch-100/${crv}`,
      goal,
      ours: ours * cores,
      peer: peer * cores,
      of: `${cores} × openssl speed`,
    })
  }

  const singles = await load('P-521', 1)
  const single = await perCpuSecond(singles, 1, 32, 'P-521')
  report({ name: 'service/single/P-521', goal: 1, ours: single.ours * 2, peer: 2500, of: 'the goal for two cores' })
  const capacity = await closedLoop(singles, 32, seconds * 1000)
  console.log(`service/single/P-521 measured ${Math.round(capacity)}/s with the client on the same cores`)
  // The first seconds open connections; they are not what is asked.
  await openLoop(singles, 0.7 * capacity, 3000)
  const p99s: number[] = []
  for (let round = 0; round < 5; round++) {
    const { answered, failed } = await openLoop(singles, 0.7 * capacity, seconds * 1000)
    if (failed > 0) console.log(`${failed} of ${answered.length + failed} failed`)
    p99s.push(answered[Math.floor(answered.length * 0.99)]!)
  }
  reportLimit('service/single/P-521/p99-at-70%', median(p99s), 20, 'ms')

  // A fresh process: what an overload has left behind is another question (tests/faults/too-much).
  await replica.stop()
  const fresh = await stack.startReplica()
  await memory(await pseudonymiseLoad(fresh.url, name('P-521'), 'P-521', 100, token), fresh.pid)
} finally {
  await stack.stop()
  rmSync(directory, { recursive: true, force: true })
}
process.exit()

function name(curve: string): string {
  return `bench_${curve.replace('-', '').toLowerCase()}`
}

/** Items a CPU second of service and database, and of `openssl speed`, in turn. */
async function perCpuSecond(load: Load, items: number, callers: number, curve: 'P-521' | 'P-256') {
  await closedLoop(load, callers, 2000)
  const ours: number[] = []
  const peer: number[] = []
  for (let round = 0; round < rounds; round++) {
    peer.push(opensslSpeed(curve))
    const before = cpuSeconds([replicaPid(), stack.postgres.pid])
    const begin = performance.now()
    const rate = await closedLoop(load, callers, seconds * 1000)
    const done = (rate * (performance.now() - begin)) / 1000
    ours.push((done * items) / (cpuSeconds([replicaPid(), stack.postgres.pid]) - before))
  }
  return { ours: median(ours), peer: median(peer) }
}

function replicaPid(): number {
  return stack.replicas[0]!.pid
}

/** Under full load for `minutes`: the highest memory, and the last third against the first. */
async function memory(load: Load, pid: number): Promise<void> {
  const samples: number[] = []
  const timer = setInterval(() => samples.push(residentMegabytes(pid)), 500)
  await closedLoop(load, 4, minutes * 60_000)
  clearInterval(timer)
  const third = Math.floor(samples.length / 3)
  reportLimit('service/memory', Math.max(...samples), 250, 'MB')
  const growth = median(samples.slice(-third)) - median(samples.slice(third, 2 * third))
  reportLimit(`service/memory-growth/${minutes}-minutes`, Math.max(growth, 0.1), 10, 'MB')
}
