/**
 * `littlebox pseudonymise` on 10,000 rows, the whole command against a service on the same cores, as a ratio to three
 * multiplications a row (blind, pseudonymise, unblind) at the native engine's rate on all cores (pseudonyms.md §12); and
 * the command's memory over a long file: LITTLEBOX_BENCH_ROWS of them, 100,000 unless given.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CurveName, randomScalar } from '@littlebox/curve'
import { nativeEngine } from '@littlebox/curve/native'
import {
  createDomain,
  freePort,
  littlebox,
  openService,
  repository,
  startLittlebox,
  startStack,
} from '@littlebox/stack'
import { residentMegabytes } from './cpu.ts'
import { inTurn, report, reportLimit, wallRate } from './measure.ts'

const goals = { 'P-521': 0.6, 'P-256': 0.35 } as const
const rows = 10_000
const longRows = Number(process.env.LITTLEBOX_BENCH_ROWS ?? 100_000)
const patients = join(repository, 'examples', 'patients')
if (!existsSync(join(patients, 'patients.csv'))) execFileSync(process.execPath, ['generate.mjs'], { cwd: patients })

const unlimited = '1000000000'
const directory = mkdtempSync(join(tmpdir(), 'littlebox-bench-'))
const env = {
  LITTLEBOX_CALLER_BURST: unlimited,
  LITTLEBOX_CALLER_PER_DAY: unlimited,
  LITTLEBOX_ORGANISATION_BURST: unlimited,
  LITTLEBOX_ORGANISATION_PER_DAY: unlimited,
}
const stack = await startStack({ directory, replicas: 0, env })
try {
  const owner = await stack.owner('bench')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  await stack.startReplica({ PORT: `${port}`, LITTLEBOX_PUBLIC_URL: `${stack.url},${url}` })
  const admin = await openService(
    await stack.enrol({ clientId: 'admin', organisation: 'bench', roles: ['domain-admin'] }),
  )
  // Straight to the service: the stack's gateway copies every byte once more and is no part of either side.
  const profile = await stack.enrol({
    clientId: 'practice',
    organisation: 'bench',
    access: ['care'],
    service: [url],
  })
  const engine = await nativeEngine()

  for (const curve of ['P-521', 'P-256'] as const) {
    const domain = `bench_${curve.replace('-', '').toLowerCase()}`
    await createDomain(admin, { domain, jku: owner.jku, ownerClient: 'backend', crv: curve, valueFormat: 'be-nrn' })
    const { points, factors } = await batch(curve)
    const { ours, peer } = await inTurn(
      5,
      () => pseudonymise(domain, profile),
      async () => (await wallRate(1000, points.length, () => engine.multiply(points, factors))) / 3,
    )
    report({
      name: `cli/pseudonymise/${curve}`,
      goal: goals[curve],
      ours,
      peer,
      of: 'three multiplications a row, all cores',
    })
  }

  const long = join(directory, 'long.csv')
  await writeRows(long, longRows)
  const megabytes = await highestMemory('bench_p256', profile, long)
  reportLimit(`cli/memory/${longRows}-rows`, megabytes, 300, 'MB')

  async function batch(curve: CurveName) {
    const scalars = Array.from({ length: 512 }, () => randomScalar(curve))
    return { points: await engine.multiplyBase(scalars), factors: scalars.map(scalar => [scalar]) }
  }
} finally {
  await stack.stop()
  rmSync(directory, { recursive: true, force: true })
}
process.exit()

/** Distinct numbers with right check digits, and two columns more. */
async function writeRows(path: string, count: number): Promise<void> {
  const file = createWriteStream(path)
  file.write('ssn,name,postcode\n')
  for (let i = 0; i < count; i++) {
    const nine = 100_000_000 + i * 31
    const line = `${nine}${`${97 - (nine % 97)}`.padStart(2, '0')},Someone ${i},${1000 + (i % 9000)}\n`
    if (!file.write(line)) await once(file, 'drain')
  }
  file.end()
  await once(file, 'finish')
}

/** The most that the command had resident while it pseudonymised the file. */
async function highestMemory(domain: string, profile: string, file: string): Promise<number> {
  const options = ['--column', 'ssn', '--domain', domain, '--force', '--quiet', '--allow-insecure-http']
  const child = startLittlebox(
    ['pseudonymise', file, ...options, '--profile', profile],
    ['ignore', 'ignore', 'inherit'],
  )
  let highest = 0
  const timer = setInterval(() => {
    highest = Math.max(highest, residentMegabytes(child.pid!))
  }, 200)
  const [code] = await once(child, 'exit')
  clearInterval(timer)
  if (code !== 0) throw new Error(`the command ended with code ${code}`)
  return highest
}

/** Rows a second of wall time, start of the command included. */
async function pseudonymise(domain: string, profile: string): Promise<number> {
  const args = ['--column', 'ssn', '--domain', domain, '--out', join(directory, 'out.csv'), '--force', '--quiet']
  const begin = performance.now()
  const { code, errors } = await littlebox([
    'pseudonymise',
    join(patients, 'patients.csv'),
    ...args,
    '--profile',
    profile,
    '--allow-insecure-http',
  ])
  if (code !== 0) throw new Error(errors)
  return (rows * 1000) / (performance.now() - begin)
}
