/**
 * `./run demo`: a whole Littlebox on this machine and 10,000 people who do not exist, pseudonymised and back before your
 * eyes by the `littlebox` command, then what each party saw of it, taken from the bytes that passed.
 */
import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { startLittlebox } from './command.ts'
import { accessRule } from './domains.ts'
import { freePort } from './free-port.ts'
import type { Exchange } from './gateway.ts'
import { repository } from './service-process.ts'
import { type Stack, startStack } from './stack.ts'
import { compareFiles, firstPerson, whatEachSaw } from './what-each-saw.ts'

const directory = join(repository, '.littlebox', 'demo')
const running = `${directory}.pid`
const patients = join(repository, 'examples', 'patients')
const domain = 'prescriptions_v1'
const bold = (text: string) => (process.stdout.isTTY ? `\x1b[1m${text}\x1b[0m` : text)

const recorded: Exchange[] = []
// The care provider's first exchange is all that the table at the end needs.
const record = (exchange: Exchange) => {
  if (recorded.length < 50 && exchange.path.includes('pseudonymize')) recorded.push(exchange)
}

say(
  'Littlebox, for evaluation on this machine. Nobody in the data exists. The identity provider is a stand-in and the box a',
)
say('file: neither is for production. Commands warn that they speak http, since nothing here leaves this machine.')
await refuseSecond()
await rm(directory, { recursive: true, force: true })
if (!existsSync(join(patients, 'patients.csv'))) execFileSync(process.execPath, ['generate.mjs'], { cwd: patients })

say('\nStarting PostgreSQL, the stand-in identity provider and the pseudonymisation service …')
// Ten thousand people at once is more than the defaults allow a caller.
const env = { LITTLEBOX_CALLER_BURST: '50000', LITTLEBOX_ORGANISATION_BURST: '50000' }
const stack = await startStack({ directory, replicas: 0, record, env, port: await freePort(4400) })
let stopping = false
let underWay: ChildProcess | undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop(0))

try {
  await scenario(stack)
  say(`\n${bold('Still here.')} The service's interface, for reading: ${bold(`${stack.url}/docs`)}`)
  say(`  OpenAPI ${stack.url}/openapi.json · metrics ${stack.replicas[0]?.url}/metrics · identity ${stack.issuer}`)
  say(`  Yours to try:  ./run littlebox pseudonymise ${join('examples', 'patients', 'hospital.csv')} --column ssn \\`)
  say(
    `                   --domain ${domain} --profile ${profile('practice').replace(`${repository}/`, '')} --allow-insecure-http --out /tmp/out.csv`,
  )
  say('  Ctrl-C ends it.')
} catch (error) {
  if (!stopping) {
    say(`\nThe demo failed: ${error instanceof Error ? error.message : error}\nLogs: ${directory}/*.log`)
    await stop(1)
  }
}

async function scenario({ enrol, owner, startReplica }: Stack): Promise<void> {
  const keys = await owner('prescriptions')
  await startReplica()
  await enrol({ clientId: 'administrator', organisation: 'health-agency', roles: ['domain-admin'] })
  await enrol({ clientId: 'practice', organisation: 'practice-voorbeeld', access: ['care'] })
  await enrol({ clientId: 'backend', organisation: 'health-agency', access: ['owner'], owner: keys })

  step('An administrator creates a domain; its key is made in the box')
  const rule = join(directory, 'access-rule.json')
  await writeFile(rule, JSON.stringify(accessRule({ domain, jku: keys.jku, ownerClient: 'backend' }), undefined, 2))
  const described = [
    '--description',
    'Prescriptions',
    '--access-rule',
    rule,
    '--jku',
    keys.jku,
    '--owner-client',
    'backend',
  ]
  await run(['domain', 'create', domain, ...described], 'administrator')

  const [source, transit, atRest, back, identified] = [
    join(patients, 'patients.csv'),
    ...['in-transit', 'at-rest', 'in-transit-back', 'identified'].map(name => join(directory, `${name}.csv`)),
  ] as [string, string, string, string, string]
  step('Care provider: 10,000 national numbers become pseudonyms in transit')
  await column('pseudonymise', source, transit, 'practice')
  step('Domain owner: pseudonyms in transit become its own, sealed at rest; the service is not asked')
  await column('receive', transit, atRest, 'backend')
  step('Domain owner: hands its people out again, as fresh pseudonyms in transit')
  await column('return', atRest, back, 'backend')
  step('Care provider: identifies them')
  await column('identify', back, identified, 'practice')

  const { rows, same } = await compareFiles(source, identified)
  say(`\n${bold(`${same.toLocaleString('en')} of ${rows.toLocaleString('en')}`)} rows came back as they were.`)
  if (same !== rows) throw new Error('some rows came back changed')
  step('What each party saw of the first person, from the bytes that passed')
  say(whatEachSaw(await firstPerson({ source, transit, atRest }), recorded[0]))
}

/** The folder is made anew: a demo that runs from it would lose its floor. */
async function refuseSecond(): Promise<void> {
  const pid = Number(await readFile(running, 'utf8').catch(() => '0'))
  if (pid > 0 && isAlive(pid)) {
    say(`A demo runs from this folder already (process ${pid}). End it with Ctrl-C first.`)
    process.exit(1)
  }
  await mkdir(dirname(running), { recursive: true })
  await writeFile(running, `${process.pid}`)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function column(command: string, file: string, out: string, who: string): Promise<void> {
  await run([command, file, '--column', 'ssn', '--domain', domain, '--out', out], who)
}

async function run(args: readonly string[], who: string): Promise<void> {
  const as = ['--profile', profile(who), '--allow-insecure-http']
  say(`  $ ./run littlebox ${[...args, ...as].map(arg => arg.replace(`${repository}/`, '')).join(' ')}`)
  const child = startLittlebox([...args, ...as], ['ignore', 'inherit', 'inherit'])
  underWay = child
  const [code] = await once(child, 'close')
  underWay = undefined
  if (code !== 0) throw new Error(`littlebox ${args[0]} ended with code ${code}`)
}

function profile(who: string): string {
  return join(directory, 'profiles', `${who}.json`)
}

function step(text: string): void {
  say(`\n${bold(text)}`)
}

function say(text: string): void {
  console.log(text)
}

async function stop(code: number): Promise<void> {
  if (stopping) return
  stopping = true
  say('\nStopping …')
  // In a terminal Ctrl-C has reached the command as well; it ends what it has begun, and gives the screen back.
  if (underWay) {
    underWay.kill('SIGTERM')
    await once(underWay, 'close')
  }
  await stack.stop()
  await rm(running, { force: true })
  say(`Stopped. What it made is in ${directory.replace(`${repository}/`, '')}.`)
  process.exit(code)
}
