// examples/browser in Chromium: SITE is where a backend serves it, OTHER_SITE the same under an origin that the
// bucket's CORS rules don't know, EXPIRED a URL whose time is over. ONLY names the parts to run.
import { contentOf, digest, fileOf, is, MiB, ok, openPage, paint, run, shoot, startBrowser } from './browser.mjs'

const { SITE, OTHER_SITE, EXPIRED, ONLY } = process.env
const browser = await startBrowser()

const LARGE = 'Holiday 2026.mp4'
const large = fileOf(LARGE, 17 * MiB)
const PART = /partNumber=/

const upload = (page, name) => page.locator('#upload-list li', { hasText: name })
const words = (page, name) => upload(page, name).locator('.words')
const file = (page, name) => page.locator('#file-list li', { hasText: name })
const arrived = (page, name) => file(page, name).first().waitFor()
const choose = (page, ...paths) => page.setInputFiles('#chooser', paths)

const unseen = (site) =>
  `The bucket did not take the file, and this page may not see why: probably its CORS rules do not let ${site} in.`

// Parts after the first are sent, and nobody answers.
const hold = async (page) => {
  const held = []
  await page.route(/partNumber=[^1]/, (route) => held.push(route))
  return async () => {
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    await Promise.all(held.map((route) => route.abort().catch(() => {})))
  }
}

async function firstPartIsThere(page) {
  await page.waitForResponse((reply) => /partNumber=1&/.test(reply.url()) && reply.request().method() === 'PUT' && reply.ok())
}

const parts = {
  async keyboard() {
    const { context, page, seen } = await openPage(browser, SITE)
    const chooser = page.waitForEvent('filechooser')
    await page.locator('#empty').waitFor()
    await page.keyboard.press('Tab')
    is(await page.evaluate(() => document.activeElement.id), 'chooser', 'Tab reaches the chooser')
    await page.keyboard.press('Enter')
    const names = ['Harbour at dawn.png', 'Forest.png', 'Größe & "Maße" 100%.txt']
    const pictures = [
      await paint(browser, names[0], 'linear-gradient(165deg, #f6d365, #fda085 48%, #30507a 49%, #16283f)'),
      await paint(browser, names[1], 'linear-gradient(178deg, #bfe3ff, #eef7ee 42%, #3f7d4a 43%, #17402a)'),
      fileOf(names[2], 'ein Text\n'),
    ]
    await (await chooser).setFiles(pictures)
    for (const name of names) await arrived(page, name)
    is(await page.locator('#file-list li').count(), 3, 'several files at once, chosen with the keyboard')
    ok(seen.preflights > 0, 'the browser asked the bucket first')
    await page.waitForFunction(() => [...document.images].filter((image) => image.complete && image.naturalWidth > 0).length === 2)
    ok(true, 'thumbnails come through presigned links')

    const download = page.waitForEvent('download')
    await file(page, 'Größe').locator('[data-do=download]').focus()
    await page.keyboard.press('Enter')
    const saved = await download
    is(saved.suggestedFilename(), names[2].replaceAll('"', '_'), 'a download has the original name (quotes are _ to Chromium)')
    is(digest(contentOf(await saved.path())), digest(contentOf(pictures[2])), '... and content')

    await file(page, 'Forest').locator('[data-do=remove]').focus()
    await page.keyboard.press('Enter')
    is(await page.evaluate(() => document.activeElement.textContent), 'Keep it', 'deleting asks, and Enter keeps the file')
    await page.keyboard.press('Enter')
    is(await file(page, 'Forest').count(), 1, '... it is kept')
    await file(page, 'Größe').locator('[data-do=remove]').focus()
    await page.keyboard.press('Enter')
    await shoot(page, 'delete')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await file(page, 'Größe').waitFor({ state: 'detached' })
    ok(true, '... and Tab, Enter deletes it')
    await page.reload()
    await arrived(page, 'Forest')
    is(await page.locator('#file-list li').count(), 2, 'after a reload it is still gone')
    is(seen.complaints.join(), '', 'no script failed')
    await context.close()
  },

  async drop() {
    const { context, page } = await openPage(browser, SITE)
    const data = await page.evaluateHandle(() => {
      const transfer = new DataTransfer()
      for (const name of ['dropped 1.txt', 'dropped 2.csv']) transfer.items.add(new File(['a,b\n'], name))
      return transfer
    })
    await page.dispatchEvent('body', 'dragover', { dataTransfer: data })
    ok(await page.locator('#drop.over').count(), 'the page shows that it takes what is dragged over it')
    await page.dispatchEvent('body', 'drop', { dataTransfer: data })
    await arrived(page, 'dropped 1.txt')
    await arrived(page, 'dropped 2.csv')
    ok(true, 'dropped files arrive; their types come from their names where the browser knows none')
    await context.close()
  },

  async progress() {
    const { context, page, devtools, seen } = await openPage(browser, SITE)
    await devtools.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 3 * MiB })
    const steps = page.evaluate(() => new Promise((resolve) => {
      const values = []
      const look = setInterval(() => {
        const bar = document.querySelector('#upload-list progress')
        if (bar) values.push(bar.value)
        if (bar?.value === 1) { clearInterval(look); resolve(values) }
      }, 50)
    }))
    await choose(page, large)
    const values = await steps
    const between = new Set(values.filter((value) => value > 0 && value < 1))
    ok(between.size >= 3, 'the progress bar moves', values.join())
    ok(values.every((value, i) => i === 0 || value >= values[i - 1]), '... forward', values.join())
    await arrived(page, LARGE)
    is(seen.puts.filter((url) => PART.test(url)).length, 3, 'a large file goes in parts')
    const link = await file(page, LARGE).first().locator('[data-do=download]').getAttribute('href')
    is(digest(Buffer.from(await (await fetch(link)).arrayBuffer())), digest(contentOf(large)), '... and is whole')
    await context.close()
  },

  async pause() {
    const { context, page, seen } = await openPage(browser, SITE)
    const go = await hold(page)
    const first = firstPartIsThere(page)
    await choose(page, large)
    await first
    await choose(page, fileOf('Notes.txt', 'small\n'))
    await arrived(page, 'Notes.txt')
    await upload(page, LARGE).locator('[data-do=pause]').focus()
    await page.keyboard.press('Enter')
    ok(/^Paused at [1-9]\d* %$/.test(await words(page, LARGE).textContent()), 'an upload pauses', await words(page, LARGE).textContent())
    is(await page.evaluate(() => document.activeElement.dataset.do), 'resume', '... and the keyboard is where it resumes')
    await go()
    seen.puts.length = 0
    await page.keyboard.press('Enter')
    await upload(page, LARGE).filter({ hasText: 'Done' }).waitFor()
    is(seen.puts.length, 2, '... with the parts that were missing')
    await context.close()
  },

  async 'lost part'() {
    const { context, page, seen } = await openPage(browser, SITE)
    let lost = 0
    await page.route(/partNumber=2/, (route) => (lost++ ? route.continue() : route.abort('connectionreset')))
    await choose(page, large)
    await upload(page, LARGE).filter({ hasText: 'Done' }).waitFor()
    ok(lost >= 2, 'a lost part is sent again by itself')
    await page.unrouteAll()

    // it stays lost, until the person in front of the page says so
    await page.route(/partNumber=3/, (route) => route.fulfill({ status: 403, headers: { 'access-control-allow-origin': '*' },
      body: '<Error><Code>AccessDenied</Code></Error>' }))
    const name = 'Lost.mp4'
    await choose(page, fileOf(name, 17 * MiB))
    await upload(page, name).filter({ hasText: 'The bucket refused the file (HTTP 403, AccessDenied).' }).waitFor()
    ok(true, 'a part that the bucket refuses is told')
    await page.unrouteAll()
    seen.puts.length = 0
    await upload(page, name).locator('[data-do=resume]').click()
    await arrived(page, name)
    is(seen.puts.length, 1, '... and Resume sends only what is missing')
    await context.close()
  },

  async reload() {
    const { context, page, seen } = await openPage(browser, SITE)
    const name = 'Reloaded.mp4'
    const path = fileOf(name, 17 * MiB)
    await hold(page)
    const first = firstPartIsThere(page)
    await choose(page, path)
    await first
    let asked = false
    page.on('dialog', (dialog) => { asked = true; dialog.accept() })
    await page.reload()
    ok(asked, 'leaving the page under an upload asks')
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    await words(page, name).filter({ hasText: 'Not finished' }).waitFor()
    ok(true, 'an upload that a reload stopped is still there')
    await shoot(page, 'unfinished')
    await upload(page, name).locator('input').setInputFiles(fileOf('Other.mp4', 10))
    await words(page, name).filter({ hasText: 'That is another file' }).waitFor()
    ok(true, '... another file is refused')
    seen.puts.length = 0
    await upload(page, name).locator('input').setInputFiles(path)
    await arrived(page, name)
    is(seen.puts.length, 2, '... the same one goes on where it stopped')
    const link = await file(page, name).locator('[data-do=download]').getAttribute('href')
    is(digest(Buffer.from(await (await fetch(link)).arrayBuffer())), digest(contentOf(path)), '... and is whole')

    await hold(page)
    await choose(page, fileOf('Given up.mp4', 17 * MiB))
    await upload(page, 'Given up').locator('[data-do=pause]').click()
    const aborted = page.waitForResponse((reply) => new URL(reply.url()).pathname === '/uploads/abort')
    await upload(page, 'Given up').locator('[data-do=cancel]').click()
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    await aborted
    is(await page.evaluate(async () => (await (await fetch('/uploads')).json()).length), 0, 'one that is cancelled is gone from the database')
    await context.close()
  },

  async failures() {
    const { context, page, seen } = await openPage(browser, SITE)
    const fails = async (name, expected, path = fileOf(name, 'some text\n')) => {
      await choose(page, path)
      await upload(page, name).and(page.locator('[data-state=failed]')).waitFor()
      is(await words(page, name).textContent(), expected, `${name}: says so`)
    }
    await fails('page.html', 'Files of this type are not accepted here.')
    const data = await page.evaluateHandle(() => {
      const file = new File(['x'], 'huge.mp4', { type: 'video/mp4' })
      Object.defineProperty(file, 'size', { value: 3 * 2 ** 30 })
      return [file]
    })
    await page.evaluate((files) => {
      const event = new Event('drop', { bubbles: true, cancelable: true })
      event.dataTransfer = { files }
      document.body.dispatchEvent(event)
    }, data)
    await words(page, 'huge.mp4').filter({ hasText: 'The file is too large for this site.' }).waitFor()
    ok(true, 'huge.mp4: says so')

    await page.route('**/uploads', async (route) => {
      if (route.request().method() !== 'POST') return route.continue()
      const reply = await route.fetch()
      return route.fulfill({ response: reply, json: { ...(await reply.json()), url: EXPIRED, headers: {} } })
    })
    await fails('expired.txt', 'The upload link has expired.')
    await page.unrouteAll()
    await upload(page, 'expired.txt').locator('[data-do=resume]').click()
    await arrived(page, 'expired.txt')
    ok(true, '... and trying again gets a new one')

    // as Amazon says it; Ceph's refusals come without CORS headers, and no page can read them
    await page.route(/X-Amz-/, (route) => route.fulfill({ status: 403, headers: { 'access-control-allow-origin': '*' },
      body: '<Error><Code>SignatureDoesNotMatch</Code></Error>' }))
    await fails('other type.txt', 'The bucket refused the file: its type or size is not what was announced.')
    await page.unrouteAll()
    await page.route('**/uploads', async (route) => {
      if (route.request().method() !== 'POST') return route.continue()
      const reply = await route.fetch()
      const begun = await reply.json()
      return route.fulfill({ response: reply, json: { ...begun, headers: { ...begun.headers, 'content-type': 'image/png' } } })
    })
    await fails('unsigned type.txt', unseen(SITE))
    await page.unrouteAll()

    await page.route(/X-Amz-/, (route) => route.abort('connectionrefused'))
    await page.route((url) => url.pathname === '/' && url.origin !== new URL(SITE).origin, (route) => route.abort('connectionrefused'))
    await fails('no bucket.txt', 'The bucket does not answer.')
    await page.unrouteAll()
    await page.route('**/uploads', (route) => route.abort('connectionrefused'))
    await fails('no site.txt', 'This site does not answer.')
    await page.unrouteAll()
    await context.setOffline(true)
    await fails('offline.txt', 'You are offline.')
    await context.setOffline(false)
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.setViewportSize({ width: 1100, height: 1150 })
    await shoot(page, 'failures-dark')
    is(seen.complaints.join(), '', 'no script failed')
    await context.close()

    const other = await openPage(browser, OTHER_SITE)
    await choose(other.page, fileOf('cors.txt', 'some text\n'))
    await upload(other.page, 'cors.txt').and(other.page.locator('[data-state=failed]')).waitFor()
    is(await words(other.page, 'cors.txt').textContent(),
      unseen(OTHER_SITE), 'another origin: says so')
    await other.context.close()
  },

  async looks() {
    const { context, page } = await openPage(browser, SITE)
    await page.evaluate(async () => {
      for (const { id } of await (await fetch('/files')).json()) await fetch(`/files/${id}`, { method: 'DELETE' })
    })
    await page.reload()
    await page.locator('#empty').waitFor()
    await choose(page, fileOf('Minutes of the meeting.pdf', '%PDF-1.4\n%%EOF\n'),
      await paint(browser, 'Dunes.png', 'linear-gradient(172deg, #f4e3c1, #f6c667 46%, #c9803a 47%, #7a4419)'),
      await paint(browser, 'Northern lights.png', 'linear-gradient(170deg, #0b1030, #12355b 35%, #2bd49c 55%, #0b1030 78%)'),
      await paint(browser, 'Harbour at dawn.png', 'linear-gradient(165deg, #f6d365, #fda085 48%, #30507a 49%, #16283f)'))
    for (const name of ['Minutes', 'Dunes', 'Northern', 'Harbour']) await arrived(page, name)
    await page.locator('#uploads').waitFor({ state: 'hidden' })
    await hold(page)
    const first = firstPartIsThere(page)
    await choose(page, large, fileOf('page.html', '<p>'))
    await first
    await upload(page, 'page.html').and(page.locator('[data-state=failed]')).waitFor()
    await page.waitForFunction(() => [...document.images].every((image) => image.complete))
    await page.setViewportSize({ width: 1100, height: 960 })
    await page.evaluate(() => scrollTo(0, 0))
    await shoot(page, 'page-light')
    await page.setViewportSize({ width: 390, height: 900 })
    await page.emulateMedia({ colorScheme: 'dark' })
    is(await page.evaluate(() => document.documentElement.scrollWidth), 390, 'a narrow page does not scroll sideways')
    await shoot(page, 'page-dark-narrow')
    const unnamed = await page.evaluate(() => [...document.querySelectorAll('button, a, input')].filter((control) =>
      control.offsetParent && !(control.ariaLabel || control.textContent.trim() || control.labels?.length)).length)
    is(unnamed, 0, 'every control has a name')
    await upload(page, LARGE).locator('[data-do=cancel]').click()
    await page.unrouteAll({ behavior: 'ignoreErrors' })
    await context.close()
  },

  async 'without JavaScript'() {
    const { context, page } = await openPage(browser, SITE, { javaScriptEnabled: false })
    ok(await page.locator('noscript a[href="/form"], a[href="/form"]').count(), 'the page leads to the plain form')
    await page.goto(`${SITE}/form`)
    await page.setInputFiles('input[name=file]', fileOf('plain form.txt', 'no script\n'))
    await page.getByRole('button', { name: 'Upload' }).click()
    await page.getByRole('link', { name: 'plain form.txt' }).waitFor()
    is(new URL(page.url()).pathname, '/form', 'the bucket sends the browser back')
    await shoot(page, 'plain-form')
    const download = page.waitForEvent('download')
    await page.getByRole('link', { name: 'plain form.txt' }).click()
    is(contentOf(await (await download).path()).toString(), 'no script\n', 'a form uploads, and a link downloads')
    await context.close()
  },
}

const chosen = ONLY ? ONLY.split(',') : Object.keys(parts)
await run(Object.fromEntries(chosen.map((name) => [name, parts[name]])))
await browser.close()
