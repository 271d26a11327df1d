// The page: what was dropped, what is under way, what is there.
import { backend } from './backend.js'
import { Upload } from './upload.js'

const UPLOADS_AT_ONCE = 2
const LINGER = 4000 // milliseconds that a finished upload stays in sight
const FRESH = 45 * 60 * 1000 // milliseconds after which links are asked for again; they end after an hour

const element = (id) => document.getElementById(id)
const uploads = new Map() // Upload: its list item
const files = new Map() // id: list item, and when its links were made
let unfinished = [] // begun before this page was loaded: { objectKey, name, size, item }

// ------------------------------------------------------------------ words

function sizeInWords(bytes) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  for (; bytes >= 1024 && unit < units.length - 1; unit++) bytes /= 1024
  return `${unit && bytes < 100 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`
}

function stateInWords(upload) {
  const percent = Math.floor((100 * upload.sent) / (upload.file.size || 1))
  switch (upload.state) {
    case 'waiting': return 'Waiting'
    case 'sending': return `${percent} %`
    case 'checking': return 'Checking'
    case 'paused': return `Paused at ${percent} %`
    case 'failed': return upload.error.message
    case 'done': return 'Done'
    default: return 'Cancelled'
  }
}

const announce = (words) => { element('status').textContent = words }

function fromTemplate(id, { name, size }) {
  const item = element(id).content.firstElementChild.cloneNode(true)
  item.querySelector('.name').textContent = name
  item.querySelector('.name').title = name
  const place = item.querySelector('.size')
  if (place) place.textContent = sizeInWords(size)
  return item
}

// ------------------------------------------------------------------ uploads

function addFiles(chosen) {
  for (const file of chosen) {
    const earlier = unfinished.find(({ name, size }) => name === file.name && size === file.size)
    if (earlier) forget(earlier)
    addUpload(new Upload(file, show, earlier?.objectKey))
  }
  runNext()
}

function addUpload(upload) {
  const item = fromTemplate('upload-template', upload.file)
  item.querySelector('progress').setAttribute('aria-label', upload.file.name)
  const actions = {
    pause: () => upload.pause(),
    resume: () => { upload.wait(); runNext() },
    cancel: () => { remove(upload); upload.cancel().then(runNext) },
    dismiss: () => remove(upload),
  }
  for (const button of item.querySelectorAll('[data-do]')) {
    button.setAttribute('aria-label', `${button.textContent} ${upload.file.name}`)
    button.addEventListener('click', () => { actions[button.dataset.do](); keepFocus(item, button) })
  }
  uploads.set(upload, item)
  element('upload-list').append(item)
  show(upload)
}

// A button that hides takes the focus of the keyboard with it: the next one of its row gets it.
function keepFocus(item, button) {
  if (!button.hidden && button.isConnected) return
  const next = item.isConnected ? item.querySelector('button:not([hidden])') : element('chooser')
  next?.focus()
}

function remove(upload) {
  uploads.get(upload)?.remove()
  uploads.delete(upload)
  showUploads()
}

function show(upload) {
  const item = uploads.get(upload)
  if (!item) return
  const { state, inParts } = upload
  const hopeless = state === 'failed' && !upload.objectKey && !upload.error.passing
  const words = stateInWords(upload)
  item.dataset.state = state
  item.querySelector('progress').value = upload.file.size ? upload.sent / upload.file.size : Number(state === 'done')
  if (item.querySelector('.words').textContent !== words) item.querySelector('.words').textContent = words
  const buttons = {
    pause: inParts && state === 'sending',
    resume: state === 'paused' || (state === 'failed' && !hopeless),
    cancel: state !== 'done' && !hopeless,
    dismiss: state === 'done' || hopeless,
  }
  for (const button of item.querySelectorAll('[data-do]')) button.hidden = !buttons[button.dataset.do]
  item.querySelector('[data-do=resume]').textContent = state === 'failed' && !inParts ? 'Try again' : 'Resume'
  if (state === 'done' || state === 'failed') announce(`${upload.file.name}: ${words}`)
  if (state === 'done') setTimeout(() => { if (!item.contains(document.activeElement)) remove(upload) }, LINGER)
  showUploads()
}

function showUploads() { element('uploads').hidden = uploads.size + unfinished.length === 0 }

function runNext() {
  const all = [...uploads.keys()]
  let free = UPLOADS_AT_ONCE - all.filter(({ state }) => state === 'sending' || state === 'checking').length
  for (const upload of all) {
    if (free < 1 || upload.state !== 'waiting') continue
    free--
    upload.run().then(() => {
      if (upload.state === 'done') showFiles()
      runNext()
    })
  }
}

// ------------------------------------------------------------------ what a reload left

async function findUnfinished() {
  unfinished = await backend.unfinished()
  for (const upload of unfinished) {
    upload.item = fromTemplate('unfinished-template', upload)
    const chooser = upload.item.querySelector('input')
    chooser.setAttribute('aria-label', `Choose ${upload.name} again`)
    chooser.addEventListener('change', () => goOn(upload, chooser.files[0]))
    const discard = upload.item.querySelector('[data-do=discard]')
    discard.setAttribute('aria-label', `Discard ${upload.name}`)
    discard.addEventListener('click', () => { forget(upload); backend.abort(upload.objectKey).catch(() => {}) })
    element('upload-list').append(upload.item)
  }
  showUploads()
}

function goOn(upload, file) {
  if (file.name === upload.name && file.size === upload.size) return addFiles([file])
  const words = upload.item.querySelector('.words')
  words.textContent = `That is another file: this one is called ${upload.name} and has ${sizeInWords(upload.size)}.`
  announce(words.textContent)
}

function forget(upload) {
  unfinished = unfinished.filter((other) => other !== upload)
  upload.item.remove()
  showUploads()
}

// ------------------------------------------------------------------ files

async function showFiles() {
  try {
    const found = await backend.files()
    element('file-list').replaceChildren(...found.map(keptItem))
    element('empty').hidden = found.length > 0
    element('trouble').hidden = true
  } catch (error) {
    element('trouble').textContent = error.message
    element('trouble').hidden = false
  }
}

// Each answer has new links. Those of a picture that is shown stay, so that it is not fetched again.
function keptItem(file) {
  if (!(files.get(file.id)?.made > Date.now() - FRESH)) files.set(file.id, { item: fileItem(file), made: Date.now() })
  return files.get(file.id).item
}

function fileItem(file) {
  const item = fromTemplate('file-template', file)
  const picture = item.querySelector('.picture')
  picture.href = file.url
  picture.setAttribute('aria-label', `Open ${file.name}`)
  picture.append(/^image\//.test(file.type) ? thumbnail(file) : mark(file))
  item.querySelector('small').textContent = `${sizeInWords(file.size)} · ${new Date(file.uploadedAt).toLocaleDateString()}`
  const download = item.querySelector('[data-do=download]')
  download.href = file.downloadUrl
  download.setAttribute('aria-label', `Download ${file.name}`)
  const button = item.querySelector('[data-do=remove]')
  button.setAttribute('aria-label', `Delete ${file.name}`)
  button.addEventListener('click', () => askToRemove(file))
  return item
}

function thumbnail(file) {
  const image = new Image()
  image.loading = 'lazy'
  image.alt = ''
  image.src = file.url
  image.onerror = () => image.replaceWith(mark(file))
  return image
}

function mark({ name }) {
  const extension = document.createElement('span')
  extension.textContent = /\.([^.]{1,5})$/.exec(name)?.[1].toUpperCase() ?? 'FILE'
  return extension
}

function askToRemove(file) {
  const dialog = element('remove')
  element('remove-name').textContent = file.name
  dialog.returnValue = ''
  dialog.onclose = async () => {
    if (dialog.returnValue !== 'remove') return
    try {
      await backend.remove(file.id)
      announce(`${file.name} is deleted`)
    } catch (error) {
      announce(error.message)
    }
    await showFiles()
    element('chooser').focus()
  }
  dialog.showModal()
}

// ------------------------------------------------------------------ dropping

element('chooser').addEventListener('change', ({ target }) => {
  addFiles(target.files)
  target.value = ''
})

const drop = element('drop')
addEventListener('dragover', (event) => {
  if (!event.dataTransfer.types.includes('Files')) return
  event.preventDefault()
  drop.classList.add('over')
})
addEventListener('dragleave', (event) => { if (!event.relatedTarget) drop.classList.remove('over') })
addEventListener('drop', (event) => {
  event.preventDefault()
  drop.classList.remove('over')
  addFiles(event.dataTransfer.files)
})
addEventListener('beforeunload', (event) => {
  if ([...uploads.keys()].some((upload) => upload.active)) event.preventDefault()
})

setInterval(showFiles, FRESH)
await Promise.all([showFiles(), findUnfinished().catch(() => {})])
