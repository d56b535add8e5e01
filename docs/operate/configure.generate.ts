/**
 * Renders the reference in configure.md from what the service itself prints (`main.ts --help`), between two marks. Run:
 * node --conditions=littlebox:source docs/operate/configure.generate.ts
 */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const configure: string = join(import.meta.dirname, 'configure.md')

const [begin, end] = ['<!-- settings: generated -->\n', '<!-- end of settings -->']

/** The document with the reference as it is now. */
export async function rendered(document: string): Promise<string> {
  const [before, rest] = document.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined) throw new Error('configure.md has lost its marks')
  return `${before}${begin}\n${await reference()}\n${end}${after}`
}

async function reference(): Promise<string> {
  const main = join(import.meta.dirname, '../../services/pseudonyms/src/main.ts')
  const { stdout } = await promisify(execFile)(process.execPath, ['--conditions=littlebox:source', main, '--help'])
  const table = stdout.indexOf('| variable |')
  if (table < 0) throw new Error('the service prints no settings')
  return stdout.slice(table)
}

if (import.meta.main) await writeFile(configure, await rendered(await readFile(configure, 'utf8')))
