/** The six commands over one column, and what their options say. */
import type { ProfileOptions } from './profile-options.ts'

export type ColumnCommandName = 'pseudonymise' | 'receive' | 'return' | 'identify' | 'convert' | 'evaluate'

export interface ColumnOptions extends ProfileOptions {
  readonly column: string
  readonly domain: string
  readonly to?: string
  readonly atRest?: boolean
  readonly out?: string
  readonly rejected?: string
  readonly resume?: boolean
  readonly force?: boolean
  readonly format?: 'csv' | 'ndjson'
  readonly header: boolean
  readonly delimiter: string
  readonly batchSize: number
  readonly wait: boolean
}
