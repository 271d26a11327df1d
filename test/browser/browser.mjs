// What the tests of pages share: Chromium, TAP's words, and files to upload.
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const work = process.env.WORK ?? tmpdir()
const shots = process.env.SCREENSHOTS
const TIMEOUT = 90_000 // a busy machine

export const MiB = 1024 * 1024

export const ok = (yes, name, more = '') => {
  console.log(`${yes ? 'ok' : 'not ok'} - ${name}`)
  if (!yes) console.log(`# ${String(more).replace(/\n/g, '\n# ')}`)
}
export const is = (got, expected, name) =>
  ok(got === expected, name, `got ${JSON.stringify(got)}, expected ${JSON.stringify(expected)}`)

const folder = join(work, 'files')
mkdirSync(folder, { recursive: true })
export function fileOf(name, content) {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'number' ? randomBytes(content) : content)
  return path
}
export const digest = (content) => createHash('sha256').update(content).digest('hex')
export const contentOf = (path) => readFileSync(path)

export async function startBrowser() {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] })
  return browser
}

// A page of a context of its own, what it complained of, and the preflights that it sent.
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, acceptDownloads: true, reducedMotion: 'reduce', ...options })
  context.setDefaultTimeout(TIMEOUT)
  const page = await context.newPage()
  const seen = { complaints: [], preflights: 0, puts: [] }
  page.on('pageerror', (error) => seen.complaints.push(error.message))
  page.on('request', (request) => { if (request.method() === 'PUT') seen.puts.push(request.url()) })
  const devtools = await context.newCDPSession(page)
  await devtools.send('Network.enable')
  devtools.on('Network.requestWillBeSent', ({ request }) => { if (request.method === 'OPTIONS') seen.preflights++ })
  await page.goto(url)
  return { context, page, seen, devtools }
}

export async function shoot(page, name) {
  if (shots) await page.screenshot({ path: join(shots, `${name}.png`) })
}

// A picture, painted by the browser itself.
export async function paint(browser, name, css) {
  const page = await browser.newPage({ viewport: { width: 640, height: 480 } })
  await page.setContent(`<body style="margin:0;height:100vh;background:${css}">`)
  const path = fileOf(name, await page.screenshot())
  await page.close()
  return path
}

// Runs the parts one after another; one that throws fails, and the others go on.
export async function run(parts) {
  for (const [name, part] of Object.entries(parts)) {
    try {
      await part()
    } catch (error) {
      ok(false, `${name} went to its end`, error.stack)
    }
  }
  console.log('done')
}
