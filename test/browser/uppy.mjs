// Uppy in Chromium, through the backend at SITE.
import { contentOf, digest, fileOf, is, MiB, ok, openPage, run, shoot, startBrowser } from './browser.mjs'

const { SITE } = process.env
const browser = await startBrowser()

// The links of the files that are there, by name.
const links = (page) => page.evaluate(async () =>
  Object.fromEntries((await (await fetch('/files')).json()).map(({ name, url }) => [name, url])))
const content = async (url) => digest(Buffer.from(await (await fetch(url)).arrayBuffer()))
const choose = (page, ...paths) => page.locator('input.uppy-Dashboard-input').first().setInputFiles(paths)
const start = (page) => page.getByRole('button', { name: /^Upload \d+ files?$/ }).click()
const complete = (page) => page.getByText('Complete', { exact: true }).first().waitFor()

await run({
  async upload() {
    const { context, page, seen } = await openPage(browser, `${SITE}/uppy/`)
    const asked = []
    page.on('request', (request) => { if (request.method() === 'POST') asked.push(new URL(request.url()).pathname) })
    const small = fileOf('uppy small.txt', 'small\n')
    const large = fileOf('uppy large.mp4', 17 * MiB)
    await choose(page, small, large)
    await start(page)
    await complete(page)
    await shoot(page, 'uppy')
    const found = await links(page)
    is(await content(found['uppy small.txt']), digest(contentOf(small)), 'a small file, as one PUT')
    is(await content(found['uppy large.mp4']), digest(contentOf(large)), 'a large one, in parts')
    is(asked.filter((path) => path === '/uploads/parts').length, 3, '... each part signed by the database')
    is(seen.complaints.join(), '', 'no script failed')
    await context.close()
  },

  async resume() {
    const { context, page, seen } = await openPage(browser, `${SITE}/uppy/`)
    const asked = []
    page.on('request', (request) => { if (request.method() === 'POST') asked.push(new URL(request.url()).pathname) })
    const path = fileOf('uppy paused.mp4', 17 * MiB)
    await page.route(/partNumber=[^1]/, () => {})
    const first = page.waitForResponse((reply) => /partNumber=1&/.test(reply.url()) && reply.request().method() === 'PUT')
    await choose(page, path)
    await start(page)
    await first
    await page.getByRole('button', { name: 'Pause', exact: true }).first().click()
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    seen.puts.length = 0
    await page.getByRole('button', { name: 'Resume', exact: true }).first().click()
    await complete(page)
    is(seen.puts.length, 2, 'after a pause, the missing parts')
    is(await content((await links(page))['uppy paused.mp4']), digest(contentOf(path)), '... and the file is whole')
    await context.close()
  },

  async abort() {
    const { context, page } = await openPage(browser, `${SITE}/uppy/`)
    await page.route(/partNumber=[^1]/, () => {})
    const first = page.waitForResponse((reply) => /partNumber=1&/.test(reply.url()) && reply.request().method() === 'PUT')
    await choose(page, fileOf('uppy aborted.mp4', 17 * MiB))
    await start(page)
    await first
    const listed = await page.evaluate(async () => {
      const [{ objectKey }] = await (await fetch('/uploads')).json()
      const file = window.uppy.getFiles()[0]
      return window.uppy.getPlugin('AwsS3Multipart').opts.listParts(file, { key: objectKey })
    })
    is(listed.map(({ PartNumber }) => PartNumber).join(), '1', 'listParts tells what the bucket has')
    const aborted = page.waitForResponse((reply) => new URL(reply.url()).pathname === '/uploads/abort')
    await page.getByRole('button', { name: 'Cancel', exact: true }).first().click()
    ok((await aborted).ok(), 'Cancel aborts the upload')
    is(await page.evaluate(async () => (await (await fetch('/uploads')).json()).length), 0, '... and its row is gone')
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    await context.close()
  },

  async refusal() {
    const { context, page } = await openPage(browser, `${SITE}/uppy/`)
    await choose(page, fileOf('uppy.html', '<p>'))
    await start(page)
    await page.getByText('Upload failed').first().waitFor()
    const error = await page.evaluate(() => window.uppy.getFiles()[0].error)
    ok(/content type "text\/html" is not among/.test(error), 'what the database refuses is told', error)
    is(await page.evaluate(async () => (await (await fetch('/files')).json()).some(({ name }) => name === 'uppy.html')), false, '... and no row is made')
    await context.close()
  },
})
await browser.close()
