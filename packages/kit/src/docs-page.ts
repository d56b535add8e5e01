/**
 * An OpenAPI 3.1 document as one readable page: no script, nothing fetched, light and dark, from 360 px wide.
 *
 * Everything in the document is escaped; the page may be served with a policy that allows its style and nothing else.
 */

import { createHash } from 'node:crypto'
import { z } from 'zod'

const schema = z.looseObject({})
const media = z.record(z.string(), z.looseObject({ schema: schema.optional() }))
const operation = z.looseObject({
  summary: z.string().optional(),
  description: z.string().optional(),
  security: z.array(z.looseObject({})).optional(),
  parameters: z
    .array(
      z.looseObject({
        name: z.string(),
        in: z.string(),
        required: z.boolean().optional(),
        description: z.string().optional(),
        schema: schema.optional(),
      }),
    )
    .optional(),
  requestBody: z.looseObject({ content: media }).optional(),
  responses: z.record(z.string(), z.looseObject({ description: z.string().optional(), content: media.optional() })),
})

/** The part of OpenAPI 3.1 that the page shows. */
const document = z.looseObject({
  info: z.looseObject({ title: z.string(), version: z.string(), description: z.string().optional() }),
  paths: z.record(z.string(), z.record(z.string(), operation)).default({}),
  components: z.looseObject({ schemas: z.record(z.string(), schema).optional() }).optional(),
})

type Operation = z.infer<typeof operation>
type Media = z.infer<typeof media>

const style = `
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--page:#fff;--block:#f6f8fa;--mark:#0b57d0}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--line:#30363d;--page:#0d1117;--block:#161b22;--mark:#7ab7ff}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:56rem;font:1rem/1.55 system-ui,sans-serif;color:var(--ink);background:var(--page)}
h1,h2,h3{line-height:1.25}h2{margin-top:2.5rem;border-bottom:1px solid var(--line);padding-bottom:.3rem}
h3{font-size:1rem;overflow-wrap:anywhere}
a{color:var(--mark)}p{overflow-wrap:anywhere}small,dt small{color:var(--soft)}
code,pre{font:.875rem/1.5 ui-monospace,monospace}
pre{background:var(--block);border:1px solid var(--line);border-radius:.4rem;padding:.75rem;overflow-x:auto}
nav ul{list-style:none;padding:0}nav li{overflow-wrap:anywhere;padding:.1rem 0}
dl{margin:.5rem 0}dt{font-weight:600}dd{margin:0 0 .6rem 1rem}
details{margin:.5rem 0}summary{cursor:pointer}
.method{display:inline-block;min-width:3.5rem;font-weight:700;text-transform:uppercase;color:var(--mark)}
`

/** For the page's Content-Security-Policy. */
export const docsPolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; frame-ancestors 'none'`

export function docsPage(openApi: object): string {
  const { info, paths, components } = document.parse(openApi)
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({ path, method, described })),
  )
  const schemas = Object.entries(components?.schemas ?? {})
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(info.title)}</title><style>${style}</style></head>
<body>
<header><h1>${escapeHtml(info.title)} <small>${escapeHtml(info.version)}</small></h1>${prose(info.description)}
<p><a href="openapi.json">OpenAPI 3.1 document</a></p></header>
<nav aria-label="Operations"><ul>
${operations.map(({ path, method }) => `<li><a href="#${anchor(method, path)}">${heading(method, path)}</a></li>`).join('\n')}
</ul></nav>
<main>
<h2>Operations</h2>
${operations.map(({ path, method, described }) => operationSection(method, path, described)).join('\n')}
${schemas.length === 0 ? '' : '<h2>Schemas</h2>'}
${schemas.map(([name, described]) => `<section id="schema-${escapeHtml(name)}"><h3>${escapeHtml(name)}</h3>${json(described)}</section>`).join('\n')}
</main>
</body>
</html>
`
}

function operationSection(method: string, path: string, described: Operation): string {
  const parameters = described.parameters ?? []
  return `<section id="${anchor(method, path)}">
<h3>${heading(method, path)}</h3>
${prose(described.summary)}${prose(described.description)}
${described.security?.length ? '<p><small>Needs an access token.</small></p>' : ''}
${parameters.length === 0 ? '' : `<dl>${parameters.map(parameterItem).join('')}</dl>`}
${described.requestBody === undefined ? '' : `<details><summary>Request body</summary>${contents(described.requestBody.content)}</details>`}
<dl>${Object.entries(described.responses).map(responseItem).join('')}</dl>
</section>`
}

function parameterItem(parameter: NonNullable<Operation['parameters']>[number]): string {
  const kind = `${parameter.in}${parameter.required ? ', required' : ''}`
  return `<dt><code>${escapeHtml(parameter.name)}</code> <small>${escapeHtml(kind)}</small></dt>
<dd>${escapeHtml(parameter.description ?? '')}${parameter.schema ? json(parameter.schema) : ''}</dd>`
}

function responseItem([status, response]: [string, Operation['responses'][string]]): string {
  const body = response.content ? `<details><summary>Body</summary>${contents(response.content)}</details>` : ''
  return `<dt>${escapeHtml(status)}</dt><dd>${escapeHtml(response.description ?? '')}${body}</dd>`
}

function contents(content: Media): string {
  return Object.entries(content)
    .map(([type, { schema }]) => `<p><small>${escapeHtml(type)}</small></p>${schema ? json(schema) : ''}`)
    .join('')
}

function json(value: object): string {
  const text = escapeHtml(JSON.stringify(value, null, 2))
  const reference = /#\/components\/schemas\/([\w.-]+)/g
  return `<pre tabindex="0">${text.replace(reference, '<a href="#schema-$1">$&</a>')}</pre>`
}

function heading(method: string, path: string): string {
  return `<span class="method">${escapeHtml(method)}</span> <code>${escapeHtml(path)}</code>`
}

function anchor(method: string, path: string): string {
  return `${method}-${path}`.replace(/[^\w-]+/g, '-')
}

function prose(text: string | undefined): string {
  if (text === undefined) return ''
  return text
    .split(/\n\s*\n/)
    .map(paragraph => `<p>${escapeHtml(paragraph)}</p>`)
    .join('')
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
  return text.replace(/[&<>"']/g, character => entities[character] ?? '')
}
