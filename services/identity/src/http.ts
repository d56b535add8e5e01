/**
 * The front door: what may be asked at all, and the sign on it that says stand-in.
 *
 * oidc-provider mounts some routes regardless (authorization, end of session); only the paths named here reach it. It
 * builds its addresses, and what it expects in `htu` and `aud`, from Host and X-Forwarded-*: these are set to the
 * issuer's, so that a caller who writes other ones gains nothing.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type Provider from 'oidc-provider'
import { providerPaths, standInNotice } from './provider.ts'

export interface FrontDoor {
  readonly provider: Provider
  /** Whether tokens can be issued now. */
  readonly ready: () => Promise<boolean>
}

export function frontDoor({ provider, ready }: FrontDoor): RequestListener {
  const issuer = new URL(provider.issuer)
  const toProvider = provider.callback()
  const own: Readonly<Record<string, (response: ServerResponse) => void | Promise<void>>> = {
    '/': response => answer(response, 200, 'text/html; charset=utf-8', page(provider.issuer)),
    '/livez': response => answerJson(response, 200, { status: 'ok' }),
    '/readyz': async response => {
      const clients = await ready()
      answerJson(response, clients ? 200 : 503, { status: clients ? 'ok' : 'failed', checks: { clients } })
    },
  }

  return async (request, response) => {
    setHeaders(response)
    const path = URL.parse(request.url ?? '/', issuer)?.pathname ?? ''
    if (providerPaths.has(path)) {
      request.headers.host = issuer.host
      request.headers['x-forwarded-host'] = issuer.host
      request.headers['x-forwarded-proto'] = issuer.protocol.slice(0, -1)
      request.url = path
      await toProvider(request, response)
      return
    }
    const handler = Object.hasOwn(own, path) ? own[path] : undefined
    if (handler === undefined) return problem(response, 404, 'not-found', 'Nothing is here')
    if (!isRead(request))
      return problem(response, 405, 'method-not-allowed', 'Only GET and HEAD', { allow: 'GET, HEAD' })
    await handler(response)
  }
}

function isRead({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD'
}

function setHeaders(response: ServerResponse): void {
  response.setHeader('X-Littlebox-Stand-In', standInNotice)
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.setHeader('Referrer-Policy', 'no-referrer')
  response.setHeader('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
}

function answerJson(response: ServerResponse, status: number, body: object): void {
  answer(response, status, 'application/json', JSON.stringify(body))
}

/** RFC 9457. */
function problem(
  response: ServerResponse,
  status: number,
  code: string,
  title: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  const body = { type: `urn:problem-type:littlebox:${code}`, title, status, detail: `${title}.` }
  answer(response, status, 'application/problem+json', JSON.stringify(body))
}

/** The issuer is a parsed URL: it holds nothing that HTML would read as markup. */
function page(issuer: string): string {
  return `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Identity (stand-in)</title>
  <style>body { font: 1rem/1.5 sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem }
  strong { background: #b00020; color: #fff; padding: .2em .5em }</style>
</head>
<body>
  <h1>Identity</h1>
  <p><strong>${standInNotice}.</strong></p>
  <p>Production uses the nation's own identity provider.</p>
  <p>Issuer <code>${issuer}</code>:
    <a href="/.well-known/openid-configuration">configuration</a>, <a href="/jwks">keys</a>,
    <a href="/livez">alive</a>, <a href="/readyz">ready</a>.</p>
</body>
</html>
`
}
