/**
 * eHealth's public npm client, unmodified. It does not load as plain Node ESM (a named import of a CommonJS package), so it
 * is bundled first. GPL/LGPL: loaded here, by tests and benchmarks, and by nothing that is shipped.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

/** What the tests use of it. (Its own declarations import without file endings, which TypeScript refuses here.) */
export interface EhealthModule {
  readonly PseudonymisationHelper: new (
    client: EhealthTransport,
  ) => {
    createDomain(name: string, curve: unknown, audience: string, bufferSize: number): EhealthDomain
  }
  readonly Curve: { readonly P521: unknown }
  readonly EHealthProblem: new () => EhealthProblem
}

/** Its network: each takes the body as JSON text and gives the answer's. */
export type EhealthTransport = Readonly<
  Record<
    'identify' | 'identifyMultiple' | 'pseudonymize' | 'pseudonymizeMultiple',
    (domain: string, payload: string) => Promise<string>
  > & { getDomain: (domain: string) => Promise<string> }
>

export interface EhealthDomain {
  readonly valueFactory: {
    getMaxValueSize(): number
    fromArray(value: Uint8Array): EhealthValue
    fromString(value: string): EhealthValue
    multiple(values: readonly EhealthValue[]): { pseudonymize(): Promise<EhealthBatch<EhealthPseudonymInTransit>> }
  }
  readonly pseudonymInTransitFactory: {
    fromSec1AndTransitInfo(text: string): EhealthPseudonymInTransit
    multiple(pseudonyms: readonly EhealthPseudonymInTransit[]): { identify(): Promise<EhealthBatch<EhealthValue>> }
  }
}

export interface EhealthValue {
  asBytes(): Uint8Array
  asString(): string
  pseudonymize(): Promise<EhealthPseudonymInTransit>
}

export interface EhealthPseudonymInTransit {
  /** Uncompressed. */
  asString(): string
  /** Compressed. */
  asShortString(): string
  identify(): Promise<EhealthValue>
}

export interface EhealthBatch<T> {
  lengthPoints(): number
  getPoint(index: number): T | EhealthProblem
}

export interface EhealthProblem {
  readonly type: string
  readonly title: string
  readonly status: string
  readonly detail: string
}

const name = '@smals-belgium-shared/pseudo-helper'

/** The bundle's text, for this platform. */
export async function bundleEhealthClient(platform: 'node' | 'browser'): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `export * from '${name}'`, resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    format: 'esm',
    platform,
    banner: platform === 'node' ? { js: requireInEsm } : {},
  })
  return outputFiles[0]!.text
}

export async function loadEhealthClient(): Promise<EhealthModule> {
  const folder = mkdtempSync(join(tmpdir(), 'littlebox-ehealth-'))
  const file = join(folder, 'client.mjs')
  writeFileSync(file, await bundleEhealthClient('node'))
  try {
    return await import(pathToFileURL(file).href)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const requireInEsm = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"
