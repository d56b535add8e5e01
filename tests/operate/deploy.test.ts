import { execFile, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repository } from '@littlebox/stack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// deploy/ as its own programs read it. Where a program is not installed, the test's name says that it was not run.

const run = promisify(execFile)
const deploy = join(repository, 'deploy')
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'littlebox-deploy-'))
})

afterAll(() => rm(directory, { recursive: true, force: true }))

function installed(program: string): boolean {
  return spawnSync(program, ['--help']).error === undefined
}

function where(program: string): string {
  return installed(program) ? '' : ` (not run: ${program} is not installed)`
}

/** An installation's paths changed to those of this machine; each must be in the file. */
function moved(text: string, moves: Readonly<Record<string, string>>): string {
  return Object.entries(moves).reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`${from} is not in the file`)
    return result.replaceAll(from, to)
  }, text)
}

describe('systemd', () => {
  const verify = async (change: (unit: string) => string) => {
    const names = { 'littlebox-pseudonyms@.service': 'littlebox-pseudonyms@8081.service' }
    const units: string[] = []
    for (const file of ['littlebox-pseudonyms@.service', 'littlebox-pseudonyms-init.service']) {
      const unit = await readFile(join(deploy, 'systemd', file), 'utf8')
      const here = moved(unit, { '/usr/local/bin/node': process.execPath, '/opt/littlebox': repository })
      const path = join(directory, Object.entries(names).find(([from]) => from === file)?.[1] ?? file)
      await writeFile(path, change(here))
      units.push(path)
    }
    return (await run('systemd-analyze', ['verify', '--man=no', ...units])).stderr
  }

  it.runIf(installed('systemd-analyze'))(`takes the units without a word${where('systemd-analyze')}`, async () => {
    expect(await verify(unit => unit)).toBe('')
    expect(await verify(unit => unit.replace('NoNewPrivileges', 'NoNewPriviliges'))).toContain('NoNewPriviliges')
  })
})

describe('nginx', () => {
  it.runIf(installed('nginx'))(`takes nginx.conf${where('nginx')}`, async () => {
    await mkdir(join(directory, 'tls'))
    const [key, certificate] = [join(directory, 'tls/key.pem'), join(directory, 'tls/fullchain.pem')]
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    await run('openssl', ['req', '-x509', ...curve, '-subj', '/CN=test', '-keyout', key, '-out', certificate])
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      of => `${of}_temp_path ${directory}/${of};`,
    )
    const text = moved(await readFile(join(deploy, 'nginx.conf'), 'utf8'), {
      '/etc/littlebox/tls': join(directory, 'tls'),
      '/var/log/nginx': directory,
      '/run/nginx.pid': join(directory, 'nginx.pid'),
      'http {': `http { ${temporary.join(' ')}`,
    })
    await writeFile(join(directory, 'nginx.conf'), text)
    const test = (file: string) => run('nginx', ['-t', '-p', directory, '-c', join(directory, file)])
    expect((await test('nginx.conf')).stderr).toContain('test is successful')
    await writeFile(join(directory, 'wrong.conf'), text.replace('least_conn', 'least_con'))
    await expect(test('wrong.conf')).rejects.toThrow('least_con')
  })
})

describe('Prometheus', () => {
  it.runIf(installed('promtool'))(`takes the alerts, which fire as they should${where('promtool')}`, async () => {
    await run('promtool', ['check', 'rules', join(deploy, 'prometheus-alerts.yml')])
    await run('promtool', ['test', 'rules', join(deploy, 'prometheus-alerts.test.yml')])
  })
})

describe('settings', () => {
  it('pseudonyms.env.example and the units name settings that the service has, and all that it needs', async () => {
    const { stdout } = await run(process.execPath, [
      '--conditions=littlebox:source',
      join(repository, 'services/pseudonyms/src/main.ts'),
      '--help',
    ])
    const rows = [...stdout.matchAll(/^\| `([A-Z_]+)`.*\| (.*) \|$/gm)]
    const known = new Set(rows.map(([, name]) => name))
    const needed = rows.filter(([, , fallback]) => fallback === '**an error**').map(([, name]) => name)
    const example = await readFile(join(deploy, 'pseudonyms.env.example'), 'utf8')
    const unit = await readFile(join(deploy, 'systemd/littlebox-pseudonyms@.service'), 'utf8')
    const set = [...`${example}\n${unit.replaceAll('Environment=', '')}`.matchAll(/^([A-Z_]{4,})=/gm)].map(
      ([, name]) => name,
    )
    const service = set.filter(name => name !== 'NODE_ENV' && name !== 'MALLOC_ARENA_MAX')
    expect(service.filter(name => !known.has(name))).toEqual([])
    expect(needed.filter(name => !service.includes(name))).toEqual([])
    expect(needed.length).toBeGreaterThan(4)
  })
})
