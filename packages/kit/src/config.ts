/**
 * A service's settings: environment variables, parsed once by a schema whose keys are their names.
 *
 * Wrong settings are all named in one error, with what to do; their values are not, since some are secret. A secret
 * (`secret(z.string())`) may stand in a file named by NAME_FILE, which others must not be able to read. The same
 * schema renders the reference in the documentation.
 *
 * Does not protect secrets in the environment itself from who may see it (`/proc`, `docker inspect`): use files.
 */

import { readFileSync, statSync } from 'node:fs'
import { z } from 'zod'

export type Environment = Readonly<Record<string, string | undefined>>

/** Keys are variable names in capitals; `.describe()` says what a setting is for. */
export type ConfigSchema = z.ZodObject<z.core.$ZodLooseShape>

export interface WrongSetting {
  readonly name: string
  readonly problem: string
}

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'invalid-configuration'
  readonly wrong: readonly WrongSetting[]

  constructor(wrong: readonly WrongSetting[]) {
    super(`Wrong settings:\n${wrong.map(one => `  ${one.name}: ${one.problem}`).join('\n')}`)
    this.wrong = wrong
  }
}

/** May come from NAME_FILE; is never shown. */
export function secret<Schema extends z.ZodType>(schema: Schema): Schema {
  return schema.meta({ ...schema.meta(), secret: true })
}

/** For `true`, `false`, `1`, `0`, `yes`, `no`: `z.coerce.boolean` would take `false` for true. */
export function flag(): z.ZodType<boolean, string> {
  return z.stringbool().meta({ values: '`true`, `false`' })
}

/** For comma-separated lists; blanks around entries don't count, and empty entries are dropped. */
export function list(): z.ZodType<string[], string> {
  const entries = (text: string) => text.split(',').map(entry => entry.trim())
  return z
    .string()
    .transform(text => entries(text).filter(entry => entry !== ''))
    .meta({ values: 'comma-separated' })
}

/** @throws ConfigError naming every wrong setting. An empty variable is the same as none. */
export function readConfig<Schema extends ConfigSchema>(schema: Schema, env: Environment): z.output<Schema> {
  const wrong: WrongSetting[] = []
  const found: Record<string, string> = {}
  for (const [name, setting] of Object.entries(describe(schema))) {
    const value = setting.secret ? readSecret(name, env, wrong) : env[name] || undefined
    if (value !== undefined) found[name] = value
  }
  const parsed = schema.safeParse(found)
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const name = String(issue.path[0] ?? 'settings')
      const missing = issue.path.length === 1 && !(name in found)
      // A file that could not be read is named once, not as missing as well.
      if (missing && wrong.some(one => one.name === `${name}_FILE`)) continue
      const purpose = describe(schema)[name]?.description
      const problem = missing ? 'is missing' : issue.message
      wrong.push({ name, problem: purpose === undefined ? problem : `${problem}. It is: ${purpose}` })
    }
  }
  if (!parsed.success || wrong.length > 0) throw new ConfigError(wrong)
  return parsed.data
}

/** The settings as a Markdown table, for `docs/operate`. */
export function configReference(schema: ConfigSchema): string {
  const rows = Object.entries(describe(schema)).map(([name, setting]) => {
    const variable = setting.secret ? `\`${name}\` or \`${name}_FILE\`` : `\`${name}\``
    return `| ${variable} | ${cell(setting.description ?? '')} | ${cell(setting.values)} | ${setting.fallback} |`
  })
  return ['| variable | meaning | values | when left out |', '|---|---|---|---|', ...rows, ''].join('\n')
}

interface Setting {
  readonly description: string | undefined
  readonly secret: boolean
  readonly values: string
  readonly fallback: string
}

const described = z.looseObject({
  description: z.string().optional(),
  secret: z.boolean().default(false),
  type: z.string().optional(),
  format: z.string().optional(),
  enum: z.array(z.unknown()).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  values: z.string().optional(),
})

/** What the schema says about its settings, through its JSON Schema: the one public view into a zod type. */
function describe(schema: ConfigSchema): Record<string, Setting> {
  const shape = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return Object.fromEntries(
    Object.entries(shape.properties ?? {}).map(([name, property]) => {
      const setting = described.parse(property)
      const { description, secret } = setting
      return [name, { description, secret, values: valuesOf(setting), fallback: fallbackOf(schema.shape[name]) }]
    }),
  )
}

function fallbackOf(setting: z.core.$ZodType | undefined): string {
  const unset = setting === undefined ? undefined : z.safeParse(setting, undefined)
  if (unset?.success !== true) return '**an error**'
  const text = String(unset.data ?? '')
  return text === '' ? 'none' : `\`${text}\``
}

function valuesOf(setting: z.infer<typeof described>): string {
  if (setting.values !== undefined) return setting.values
  if (setting.enum !== undefined) return setting.enum.map(value => `\`${String(value)}\``).join(', ')
  const { minimum, maximum } = setting
  const kind = setting.format ?? setting.type ?? 'text'
  // zod writes the bounds of safe integers out where none were given.
  const low = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? `from ${minimum}` : ''
  const high = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? `to ${maximum}` : ''
  return [kind, low, high].filter(part => part !== '').join(' ')
}

function readSecret(name: string, env: Environment, wrong: WrongSetting[]): string | undefined {
  const path = env[`${name}_FILE`] || undefined
  if (path === undefined) return env[name] || undefined
  const report = (problem: string) => {
    wrong.push({ name: `${name}_FILE`, problem })
    return undefined
  }
  if (env[name]) return report(`is set, and ${name} is too: set one of them`)
  try {
    const { mode } = statSync(path)
    if ((mode & 0o027) !== 0) return report(`others can read or change ${path}: chmod 0600 or 0440`)
    // Editors and `echo` end a file with a line feed that is not part of the secret.
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch {
    return report(`${path} can't be read`)
  }
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replace(/\s+/g, ' ')
}
